"""The table of laws is complete and up to date, and its gate can turn red."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.laws.held import CHAPTERS
from tests.laws.held.promises import Chapter, law, promise
from tests.laws.table import PAGE, counted, existing_tests, faults, holding, names_in, page

LAWS = [law.name for chapter in CHAPTERS for law in chapter.laws]


def chapter(*laws: object) -> list[Chapter]:
    return [Chapter("Rain", "What falls.", laws)]  # type: ignore[arg-type]


RAIN = {"tests/test_rain.py": ("test_it_falls", "test_it_stops", "TestSnow::test_it_falls")}


def test_every_law_is_held_by_tests_that_exist(record_property: Callable[[str, object], None]) -> None:
    tests = existing_tests()
    print(counted(CHAPTERS, tests))
    record_property("laws held", counted(CHAPTERS, tests))
    if wrong := faults(CHAPTERS, tests):
        pytest.fail("\n".join(wrong), pytrace=False)


def test_the_page_is_up_to_date() -> None:
    if PAGE.read_text(encoding="utf-8") != page(CHAPTERS):
        pytest.fail("docs/laws.md is out of date: run 'python -m tests.laws.table'", pytrace=False)


def test_no_law_of_the_engine_is_left_out() -> None:
    propagation = [f"P{number}" for number in range(1, 11)]
    accounting = [f"A{number}" for number in range(1, 10)]
    isolation = [f"C{number}" for number in range(1, 10)]
    runs = ["S1", "R1", "R2", "R3", "K1"]
    assert LAWS[: len(propagation + accounting + isolation + runs)] == propagation + accounting + isolation + runs


def test_every_test_of_a_law_is_in_the_table() -> None:
    tests = existing_tests()
    ours = {f"{file}::{name}" for file, names in tests.items() if file.startswith("tests/laws/") for name in names}
    gate = {node for node in ours if node.startswith("tests/laws/test_table.py")}
    assert sorted(ours - gate - holding(CHAPTERS, tests)) == []


def test_a_law_that_nobody_holds_is_a_fault() -> None:
    wet = law("R", "Rain", promise("It falls.", {}), promise("It stops.", {"tests/test_rain.py": ""}))
    assert faults(chapter(wet, law("S", "Snow")), RAIN) == [
        "S: promises nothing",
        "R: no test holds 'It falls.'",
        "R: no test holds 'It stops.'",
    ]


def test_a_test_that_does_not_exist_is_a_fault() -> None:
    held = {"tests/test_rain.py": "test_it_falls test_it_fell TestSnow::*", "tests/test_hail.py": "test_*"}
    assert faults(chapter(law("R", "Rain", promise("It falls.", held))), RAIN) == [
        "R: there is no tests/test_rain.py::test_it_fell",
        "R: there is no tests/test_hail.py::test_*",
    ]


def test_two_laws_of_one_name_and_no_laws_at_all_are_faults() -> None:
    rain = law("R", "Rain", promise("It falls.", {"tests/test_rain.py": "test_it_falls"}))
    assert faults(chapter(rain, rain), RAIN) == ["R: two laws have this name"]
    assert faults(chapter(), RAIN) == ["the table has no laws"]


def test_tests_are_found_without_running_them() -> None:
    text = (
        "TEXT = 'def test_in_a_string(): ...'\n"
        "async def test_one(): ...\n"
        "def helper(): ...\n"
        "class TestTwo:\n    def test_three(self): ...\n    def other(self): ...\n"
        "if 1 / 0:\n    print('never')\n"
    )
    assert list(names_in(text)) == ["test_one", "TestTwo::test_three"]


def test_what_a_pattern_stands_for_is_counted_once() -> None:
    rain = law("R", "Rain", promise("It falls.", {"tests/test_*.py": "test_it_* test_it_falls"}))
    assert counted(chapter(rain), RAIN) == "1 laws, 1 promises, held by 2 tests"
