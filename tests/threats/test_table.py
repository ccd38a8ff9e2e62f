"""The table of threats is complete and up to date, and its gate can turn red."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.laws.table import existing_tests
from tests.threats.rows import ROWS, row
from tests.threats.table import PAGE, counted, faults, page

RAIN = {"tests/test_rain.py": ("test_it_falls", "test_it_stops")}


def test_every_fault_is_shown_by_tests_that_exist(record_property: Callable[[str, object], None]) -> None:
    tests = existing_tests()
    print(counted(ROWS, tests))
    record_property("faults shown", counted(ROWS, tests))
    if wrong := faults(ROWS, tests):
        pytest.fail("\n".join(wrong), pytrace=False)


def test_the_page_is_up_to_date() -> None:
    if PAGE.read_text(encoding="utf-8") != page(ROWS):
        pytest.fail("docs/threats.md is out of date: run 'python -m tests.threats.table'", pytrace=False)


def test_a_line_without_tests_and_a_test_that_does_not_exist_are_faults() -> None:
    rows = [row("hail", "breaks", {}), row("snow", "melts", {"tests/test_rain": "test_it_falls test_it_melts"})]
    assert faults(rows, RAIN) == [
        "hail: no test shows what happens",
        "snow: there is no tests/test_rain.py::test_it_melts",
    ]


def test_two_lines_of_one_fault_and_no_lines_at_all_are_faults() -> None:
    rain = row("rain", "wet", {"tests/test_rain": "test_*"})
    assert faults([rain, rain], RAIN) == ["rain: two lines are about this"]
    assert faults([], RAIN) == ["the table has no lines"]


def test_tests_are_counted_once() -> None:
    rain = row("rain", "wet", {"tests/test_rain": "test_* test_it_falls"})
    assert counted([rain], RAIN) == "1 faults, shown by 2 tests"
