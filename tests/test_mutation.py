"""The gate of mutation testing turns red on survivors that nobody knows. No mutant runs here."""

from __future__ import annotations

import tomllib

import pytest

from tests.mutation import SAMPLE, TARGETS
from tests.mutation.mutants import ROOT, Change, NoMutants, change_shown, settings, told
from tests.mutation.survivors import LISTED, Known, judged, known_survivors

ADDS = Change("flujo.money:add", "return a + b", "return a - b")
SUBTRACTS = Change("flujo.money:subtract", "return a - b", "return a + b")
KNOWN = [Known("money", ADDS, "nobody adds")]
GOOD = ["killed"] * 38


def test_a_known_survivor_is_green() -> None:
    one = judged("money", [*GOOD, "timeout", "survived"], [ADDS], KNOWN, least_percent=95)
    assert (one.problems, one.notes) == ((), ())
    assert str(one) == "money: 40 mutants, 38 killed, 1 timeouts, 1 survived (97.5 %)"


def test_an_unknown_survivor_is_red() -> None:
    one = judged("money", [*GOOD, "survived", "no tests"], [ADDS, SUBTRACTS], KNOWN, least_percent=95)
    assert one.problems == ("money: survived: flujo.money:subtract: 'return a - b' -> 'return a + b'",)


def test_a_second_mutant_like_a_known_one_is_red() -> None:
    one = judged("money", [*GOOD, "survived", "survived"], [ADDS, ADDS], KNOWN, least_percent=95)
    assert one.problems == ("money: survived: flujo.money:add: 'return a + b' -> 'return a - b'",)


def test_what_is_known_of_another_target_is_not_known_here() -> None:
    one = judged("sums", [*GOOD, "survived"], [ADDS], KNOWN, least_percent=95)
    assert one.problems == ("sums: survived: flujo.money:add: 'return a + b' -> 'return a - b'",)


def test_a_known_survivor_that_is_killed_by_now_is_told() -> None:
    one = judged("money", [*GOOD, "killed"], [], KNOWN, least_percent=95)
    assert one.problems == ()
    assert one.notes == ("money: killed by now, or gone: flujo.money:add: 'return a + b' -> 'return a - b'",)


def test_too_few_that_are_killed_are_red_though_all_survivors_are_known() -> None:
    one = judged("money", ["killed", "survived"], [ADDS], KNOWN, least_percent=95)
    assert one.problems == ("money: fewer than 95 % of the mutants were killed",)


def test_nothing_to_mutate_is_red() -> None:
    assert judged("money", [], [], [], least_percent=95).problems == ("money: there was nothing to mutate",)


@pytest.mark.parametrize("odd", ["suspicious", "not checked", "skipped"])
def test_a_mutant_without_a_verdict_is_red(odd: str) -> None:
    one = judged("money", [*GOOD, odd], [], [], least_percent=95)
    assert one.problems == (f"money: 1 mutants were {odd}",)


def test_results_of_mutmut_are_read() -> None:
    text = "    flujo.money.x_add__mutmut_1: killed\n    flujo.money.xǁCentǁadd__mutmut_2: no tests\n"
    assert told(text) == {"flujo.money.x_add__mutmut_1": "killed", "flujo.money.xǁCentǁadd__mutmut_2": "no tests"}


def test_a_mutant_is_known_by_what_it_changes() -> None:
    diff = (
        "# flujo.money.xǁCentǁadd__mutmut_2: survived\n--- flujo/money.py\n+++ flujo/money.py\n@@ -1,3 +1,3 @@\n"
        " def add(self, b):\n-    return (\n-        self.a + b)\n+    return (\n+        self.a - b)\n"
    )
    assert change_shown("flujo.money.xǁCentǁadd__mutmut_2", diff) == Change(
        "flujo.money:Cent.add", "return (\nself.a + b)", "return (\nself.a - b)"
    )
    with pytest.raises(NoMutants, match=r"^'flujo.money.add' is no name of a mutant"):
        change_shown("flujo.money.add", diff)


def test_a_survivor_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^money: a survivor has function, was, becomes, a reason"):
        known_survivors('[[money]]\nfunction = "a"\nwas = "b"\nbecomes = "c"\nreason = " "\n')


def test_every_survivor_that_is_listed_belongs_to_a_target() -> None:
    known = known_survivors(LISTED.read_text(encoding="utf-8"))
    assert sorted({row.target for row in known} - TARGETS.keys()) == []
    assert SAMPLE in TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_files_and_tests(name: str) -> None:
    target = TARGETS[name]
    assert [pattern for pattern in (*target.files, *target.tests) if not any(ROOT.glob(pattern))] == []
    table = tomllib.loads(settings(target))["tool"]["mutmut"]
    assert table["only_mutate"] == list(target.files)
    assert [test for test in table["pytest_add_cli_args_test_selection"] if not (ROOT / test).exists()] == []
