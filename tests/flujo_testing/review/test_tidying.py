"""Pruning, migrating and scanning goldens: what is touched, and what is left alone and said so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flujo_testing.golden.errors import GoldenCorrupt, GoldenMisuse, SecretFound
from flujo_testing.golden.findings import digest
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.unused import FILE, forget_used, read_unused, write_unused
from flujo_testing.review.acting import Acted, migrate, prunable, prune
from flujo_testing.review.decision import Desk
from flujo_testing.review.migrating import CURRENT, STEPS, FormatStep
from flujo_testing.review.scanning import scanned
from flujo_testing.transcript import render
from tests.flujo_testing.review.deciding import NOON, Place, three
from tests.flujo_testing.review.stories import story


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    for number in range(3):
        place.write(f"golden/test_rain/test_{number}.yaml", golden(number))
    return place


def golden(number: int) -> str:
    return render(story(f"tests/test_rain.py::test_{number}"))


def path(number: int) -> str:
    return f"test_rain/test_{number}.yaml"


# Pruning ------------------------------------------------------------------------------------------------


def list_unused(place: Place, *numbers: int) -> None:
    write_unused(place.pending, {path(number): digest(golden(number).encode()) for number in numbers})


def test_goldens_without_a_test_are_removed_and_recorded(place: Place) -> None:
    list_unused(place, 0, 2)
    acted = prune(place.desk(), reason="the tests went with the feature", at=NOON)
    assert (acted.done.removed, acted.left, acted.problems) == ([path(0), path(2)], 0, [])
    assert place.goldens() == {path(1): golden(1)}
    assert not (place.pending / FILE).exists()
    assert place.page().partition("\n## ")[2] == (
        "2026-03-01 12:30:05 UTC: pruned: 2 goldens\n\n> the tests went with the feature\n\n"
        "- `test_rain/test_0.yaml`\n- `test_rain/test_2.yaml`\n"
    )


def test_a_listed_golden_that_has_changed_since_is_kept(place: Place) -> None:
    list_unused(place, 0, 2)
    place.write(f"golden/{path(0)}", golden(1))
    acted = prune(place.desk(), reason="gone", at=NOON)
    assert (acted.done.removed, acted.left) == ([path(2)], 1)
    assert acted.problems == [
        "golden/test_rain/test_0.yaml has changed since the last complete run of the tests: run them all again"
    ]
    assert place.goldens() == {path(0): golden(1), path(1): golden(1)}
    assert read_unused(place.pending) == {path(0): digest(golden(0).encode())}


def test_without_a_list_nothing_is_removed(place: Place) -> None:
    before = place.goldens()
    acted = prune(place.desk(), reason="gone", at=NOON)
    assert (acted.done.removed, acted.left, acted.problems) == ([], 0, [])
    assert place.goldens() == before
    assert not (place.path / "golden/CHANGES.md").exists()


def test_a_listed_path_that_leads_elsewhere_is_not_removed(place: Place) -> None:
    victim = place.write("victim.yaml", "old")
    write_unused(place.pending, {"../victim.yaml": digest(b"old")})
    acted = prune(place.desk(), reason="gone", at=NOON)
    assert acted.done.removed == []
    assert acted.problems[0].endswith("victim.yaml, line 1: is a path that leads out of its folder")
    assert victim.read_text() == "old"


@pytest.mark.parametrize("listed", ["CHANGES.md", "audit.yaml", ".pending/a/b.yaml", "a/.b.yaml", "a/b.txt"])
def test_a_listed_file_that_is_no_golden_is_not_removed(place: Place, listed: str) -> None:
    file = place.write(f"golden/{listed}", "old")
    write_unused(place.pending, {listed: digest(b"old")})
    acted = prune(place.desk(), reason="gone", at=NOON)
    why = f"golden/{listed}, line 1: is listed as unused, and no golden lies there"
    assert (acted.done.removed, acted.problems) == ([], [why])
    assert file.read_text() == "old"


def test_a_secret_in_the_reason_is_found_although_the_page_would_escape_it(place: Place) -> None:
    list_unused(place, 0)
    before = place.goldens()
    desk = Desk(place.folder, SecretScan((("the value of API_KEY", b"hunter_2_hunter_2"),)))
    with pytest.raises(
        SecretFound, match=r"^golden/CHANGES\.md was not written: line 1 \(the value of API_KEY\) holds"
    ):
        prune(desk, reason="the key is hunter_2_hunter_2", at=NOON)
    assert (place.goldens(), (place.path / "golden/CHANGES.md").exists()) == (before, False)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        r'{"format": "flujo-unused/1", "goldens": {"\ud800": ""}}',
        '{"format": "flujo-unused/2", "goldens": {}}',
        '{"goldens": 1}',
    ],
)
def test_a_list_that_is_none_is_refused(place: Place, content: str) -> None:
    place.write(f"golden/.pending/{FILE}", content)
    with pytest.raises(GoldenCorrupt, match=r"is no list in the format 'flujo-unused/1': run all tests again$"):
        prunable(place.folder)


def test_what_is_compared_again_leaves_the_list(place: Place) -> None:
    list_unused(place, 0, 2)
    forget_used(place.pending, {path(2), path(1)})
    assert read_unused(place.pending) == {path(0): digest(golden(0).encode())}
    forget_used(place.pending, {path(0)})
    assert not (place.pending / FILE).exists()


# Migrating ----------------------------------------------------------------------------------------------


def renamed(told: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in told.items()}


def older(told: dict[str, Any]) -> str:
    """As a format without blocks for sections would write it."""
    return "".join(f"{line}\n" for line in render(told).splitlines())


ASKED = FormatStep(lambda told: renamed(told, "input", "asked"), lambda told: renamed(told, "asked", "input"), older)
FORGETTING = FormatStep(lambda told: {k: v for k, v in told.items() if k != "input"}, dict, older)
GIVEN = FormatStep(lambda told: renamed(told, "asked", "given"), lambda told: renamed(told, "given", "asked"))


def migrated(place: Place, *steps: FormatStep) -> Acted:
    return migrate(place.desk(), at=NOON, steps=dict(enumerate(steps, 1)), current=1 + len(steps))


def test_goldens_are_brought_through_all_formats_and_recorded_once(place: Place) -> None:
    acted = migrated(place, ASKED, GIVEN)
    assert (acted.done.written, acted.problems) == ([path(0), path(1), path(2)], [])
    assert place.goldens() == {
        path(number): golden(number).replace("golden/1", "golden/3").replace("\ninput: ", "\ngiven: ")
        for number in range(3)
    }
    assert (
        place.page().count("\n## 2026-03-01 12:30:05 UTC: migrated: 3 goldens\n\n> to the format flujo-golden/3\n") == 1
    )
    assert migrated(place, ASKED, GIVEN).done.written == []


def test_goldens_in_the_current_format_stay_as_they_are(place: Place) -> None:
    before = place.goldens()
    acted = migrate(place.desk(), at=NOON)
    assert (CURRENT, STEPS, acted.done.written, acted.problems) == (1, {}, [], [])
    assert place.goldens() == before


def test_a_format_that_would_lose_something_is_refused(place: Place) -> None:
    before = place.goldens()
    acted = migrated(place, FORGETTING)
    assert acted.done.written == []
    assert acted.problems[0] == (
        'golden/test_rain/test_0.yaml, line 1: would say something else in the format 2: input of the run: "rain" -> '
        "nothing"
    )
    assert place.goldens() == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            golden(0).replace('"rain"', "'rain'"),
            "is not written as its format writes it: its test has to write it anew",
        ),
        (golden(0).replace("golden/1", "golden/3"), "was written by a newer version (flujo-golden/3): upgrade"),
        ("a: 1\n", "is no golden: it names no format"),
        ("a: &b 1\n", "holds an anchor: write the value out where it is used"),
    ],
)
def test_a_golden_that_would_change_otherwise_is_left_alone_and_stops_no_other(
    place: Place, text: str, reason: str
) -> None:
    place.write(f"golden/{path(0)}", text)
    acted = migrated(place, ASKED)
    assert acted.done.written == [path(1), path(2)]
    assert [problem.partition(": ")[2][: len(reason)] for problem in acted.problems] == [reason]
    assert place.goldens()[path(0)] == text


def test_open_proposals_come_first(place: Place) -> None:
    three(place)
    before = place.goldens()
    with pytest.raises(GoldenMisuse, match=r"^3 changed goldens wait for a decision, and would fit no more: flujo"):
        migrated(place, ASKED)
    assert place.goldens() == before


# Scanning -----------------------------------------------------------------------------------------------


def test_a_scan_says_what_it_has_looked_at_and_what_it_found(place: Place) -> None:
    assert scanned(place.folder, SecretScan()).files == 3
    place.write(f"golden/{path(0)}", golden(0).replace('"rain"', '"grey-rain"'))
    place.write(f"golden/{path(1)}", "a: 1\n")
    place.write("golden/CHANGES.md", "# Changes\n\nThe grey-rain.\n")
    place.write(f"golden/.pending/{path(2)}.json", "{")
    found = scanned(place.folder, SecretScan((("the value of TOKEN", b"grey-rain"),)))
    assert found.files == 5
    assert found.secrets == [
        "golden/test_rain/test_0.yaml: the field input (the value of TOKEN) holds a secret",
        "golden/CHANGES.md: line 3 (the value of TOKEN) holds a secret",
    ]
    assert [line.replace(f"{place.path}/", "") for line in found.corrupt] == [
        "golden/test_rain/test_1.yaml, line 1: is no golden: its format is None, not 'flujo-golden/1'",
        "golden/.pending/test_rain/test_2.yaml.json, line 1: is not JSON: Expecting property name enclosed in double "
        "quotes",
    ]
