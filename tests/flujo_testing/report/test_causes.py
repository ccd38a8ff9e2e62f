"""Red tests by cause: largest first, in no order of theirs, and each golden under all that changed in it."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flujo_testing.report.causes import Commands, RedTest, cause_by_test, causes_of
from flujo_testing.report.goldens import ChangedTogether
from flujo_testing.report.signs import GOLDEN, sign
from flujo_testing.review.groups import Group, Instance

COMMANDS = Commands(of_test=lambda test: f"pytest {test}", of_group=lambda key, test: f"diff {key}")
MISMATCH = sign(GOLDEN, "a run tells another story than its golden", "a.yaml tells another story")
LAW = sign("law", "paid twice", "write: paid twice", steps=["write"])
ERROR = sign("error", "KeyError, at app.py:7", "KeyError: 'rain'")


def red(test: str, *signs: object) -> RedTest:
    return RedTest(test, signs)  # type: ignore[arg-type]


def group(key: str, usd: str, *goldens: str) -> Group:
    instances = tuple(Instance(golden, "", (f"{golden}: {key}",), Decimal(usd)) for golden in goldens)
    return Group(key, f"{key} has changed", "output", ("write",), instances, Decimal(usd) * len(goldens))


def test_a_golden_that_differs_in_two_ways_is_told_under_both_and_tests_that_share_one_are_all_told() -> None:
    together = [
        ChangedTogether(group("output", "0", "x.yaml", "y.yaml"), ("a[asyncio]", "a[trio]", "b")),
        ChangedTogether(group("paid", "-0.0031", "y.yaml"), ("b",)),
    ]
    causes = causes_of([red(test, MISMATCH) for test in ("b", "a[trio]", "a[asyncio]")], together, COMMANDS)
    assert [(cause.key, cause.tests, cause.example, cause.command, cause.usd) for cause in causes] == [
        ("output", ("a[asyncio]", "a[trio]", "b"), "x.yaml: output", "diff output", None),
        ("paid", ("b",), "y.yaml: paid", "diff paid", "-0.0031"),
    ]
    assert cause_by_test(causes) == {"a[asyncio]": "output", "a[trio]": "output", "b": "output"}


def test_a_test_whose_golden_changed_and_that_broke_a_law_is_told_under_the_law() -> None:
    together = [ChangedTogether(group("output", "0", "x.yaml"), ("a",))]
    (cause,) = causes_of([red("a", MISMATCH, LAW)], together, COMMANDS)
    assert (cause.kind, cause.tests, cause.steps, cause.command) == ("law", ("a",), ("write",), "pytest a")


def test_a_golden_that_is_in_no_group_is_told_as_it_failed() -> None:
    (cause,) = causes_of([red("a", MISMATCH)], [], COMMANDS)
    assert (cause.kind, cause.title, cause.tests) == (GOLDEN, "a run tells another story than its golden", ("a",))


def test_names_of_tests_are_inert_where_they_are_shown_and_exact_in_commands() -> None:
    (cause,) = causes_of([red("a[\u202e]", ERROR)], [], COMMANDS)
    assert (cause.tests, cause.command) == (("a[\\u202e]",), "pytest a[\u202e]")


TESTS = [red(f"t{n:02}", (LAW, ERROR, MISMATCH)[n % 7 % 3]) for n in range(20)]


@given(st.permutations(TESTS))
def test_the_causes_are_the_same_in_whichever_order_the_tests_ran(tests: list[RedTest]) -> None:
    causes = causes_of(tests, [], COMMANDS)
    assert causes == causes_of(TESTS, [], COMMANDS)
    assert [(cause.kind, len(cause.tests)) for cause in causes] == [("law", 8), ("error", 6), ("golden", 6)]
