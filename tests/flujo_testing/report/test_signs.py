"""Tests that are red for one reason say the same; those that are not do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo.errors import StepFailedError
from flujo_testing.agents.errors import RunNotEnded, ScriptExhausted
from flujo_testing.conservation import ConservationError
from flujo_testing.golden.errors import GoldenCorrupt, GoldenMismatch
from flujo_testing.report.places import place_of
from flujo_testing.report.signs import Sign, message_of, normal, one_line, sign_of, sign_of_text, strongest

ROOT = Path(__file__).parent


def raised(error: BaseException) -> BaseException:
    """With the traceback of one place in this file."""
    try:
        raise error
    except BaseException as caught:
        return caught


AT = f"{Path(__file__).name}:{raised.__code__.co_firstlineno + 3}"


def sign(error: BaseException) -> Sign:
    return sign_of(raised(error), ROOT)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("assert 'a' == 'b'", "assert … == …"),
        ("assert Decimal('0.00104') == Decimal(\"0.002\")", "assert Decimal(…) == Decimal(…)"),
        ("assert ['a', 'b', 'c'] == ['a']", "assert […, …] == […]"),
        ("assert -1.5e3 == 12_000", "assert N == N"),
        pytest.param("<App object at 0x7f8c0e3c35d0>", "<App object at …>", id="address"),
        ("step w2 isn't done", "step w2 isn't done"),
    ],
)
def test_values_and_addresses_are_no_part_of_a_sign(text: str, told: str) -> None:
    assert normal(text) == told


def test_a_broken_law_is_told_by_its_first_violation_wherever_it_shows() -> None:
    one = sign(ConservationError(["write/attempt:1: paid 3 times", "the run: its cost is 1, its entries add up to 2"]))
    other = sign(ConservationError(["both/branch:a/edit/attempt:2: paid 7 times"]))
    assert (one.kind, one.title, one.example) == ("law", "paid N times", "write/attempt:1: paid 3 times")
    assert (one.key, one.steps, other.steps) == (other.key, ("write",), ("both/branch:a/edit",))
    assert sign(ConservationError(["write: asked twice"])).key != one.key


def test_a_violation_of_an_entry_names_its_step() -> None:
    assert sign(ConservationError(["run-1/write/attempt:1/request:1: two entries of this id"])).steps == ("write",)


def test_a_misused_fake_is_told_by_what_was_misused_and_not_by_who_was_asked() -> None:
    one = sign(ScriptExhausted("writer was asked for answer 2", path="write/attempt:2"))
    other = sign(ScriptExhausted("critic was asked for answer 9", path="review/attempt:1"))
    assert (one.kind, one.title) == ("fake", "a fake was asked more often than its script has answers")
    assert (one.key, one.steps, other.steps) == (other.key, ("write",), ("review",))
    assert sign(RunNotEnded("the run has not ended")).key != one.key


def test_an_assertion_is_told_by_its_place() -> None:
    one, other = sign(AssertionError("assert 1 == 2")), sign(AssertionError("assert 3 == 4"))
    assert one == Sign(other.key, "assertion", f"assert N == N, at {AT}", "assert 1 == 2")
    elsewhere = sign_of_text("AssertionError: assert 1 == 2", None)
    assert (elsewhere.title, elsewhere.key == one.key) == ("assert N == N", False)


COST = (
    "assert Decimal('0.1') == Decimal('0.2')\n"
    " +  where Decimal('0.1') = PipelineResult(status='completed', output='a', error=None).total_cost_usd\n"
    " +  and   Decimal('0.2') = Decimal('0.2')"
)
ATTEMPTS = (
    "too many\nassert 1 == 2\n +  where 1 = StepResult(name='write', path='a/write', status='completed').attempts"
)


def test_what_the_engine_says_of_a_run_is_one_thing_wherever_it_is_asserted() -> None:
    cost = sign(AssertionError(COST))
    assert (cost.title, cost.steps) == ("result.total_cost_usd: assert Decimal(…) == Decimal(…)", ())
    assert sign_of_text(COST, None).key == cost.key
    attempts = sign(AssertionError(ATTEMPTS))
    assert (attempts.title, attempts.example, attempts.steps) == ("step.attempts: too many", "too many", ("a/write",))


def test_what_a_pipeline_put_out_is_not_the_engines_so_the_place_tells() -> None:
    output = COST.replace(".total_cost_usd", ".output")
    assert sign(AssertionError(output)).title == f"assert Decimal(…) == Decimal(…), at {AT}"


def test_an_error_is_told_by_type_and_place_whatever_it_says() -> None:
    one, other = sign(KeyError("rain")), sign(KeyError("snow"))
    assert one == Sign(other.key, "error", f"KeyError: …, at {AT}", "KeyError: 'rain'")
    assert sign(ValueError("rain")).key != one.key


def test_behind_a_failed_step_is_the_error_that_failed_it() -> None:
    failed = sign(StepFailedError("write", 2, raised(KeyError("rain"))))
    assert (failed.key, failed.title, failed.steps) == (
        sign(KeyError("snow")).key,
        f"KeyError: …, at {AT}",
        ("write",),
    )


def test_of_a_group_of_errors_the_one_that_explains_most_is_told() -> None:
    group = ExceptionGroup("two tasks failed", [KeyError("rain"), ConservationError(["write: asked twice"])])
    assert (sign(group).kind, sign(group).title) == ("law", "asked twice")


def test_a_golden_that_cannot_be_compared_is_told_by_why() -> None:
    assert (
        sign(GoldenMismatch("golden/a.yaml tells another story")).title == "a run tells another story than its golden"
    )
    corrupt = sign(GoldenCorrupt("golden/a.yaml", 3, "is no golden"))
    assert (corrupt.kind, corrupt.title) == ("golden", "GoldenCorrupt: golden/a.yaml, line N: is no golden")


def failing_for(error: Exception) -> BaseException:
    try:
        raise error
    except Exception as caught:
        try:
            pytest.fail(str(caught), pytrace=False)
        except pytest.fail.Exception as failed:
            return failed


def test_a_failure_that_stands_for_an_error_about_goldens_is_one() -> None:
    assert sign_of(failing_for(GoldenMismatch("golden/a.yaml tells another story")), ROOT).kind == "golden"
    assert sign_of(failing_for(KeyError("rain")), ROOT).kind == "assertion"


def test_a_test_is_told_under_what_explains_the_others_else_under_what_came_first() -> None:
    assertion, error = sign(AssertionError("assert 1 == 2")), sign(KeyError("rain"))
    law, fake = sign(ConservationError(["write: asked twice"])), sign(ScriptExhausted("asked again"))
    given = ([assertion, error], [error, assertion], [assertion, fake], [fake, law])
    assert [strongest(signs).kind for signs in given] == ["assertion", "error", "fake", "law"]


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("assert 'a' == 'b'\n  - b\n  + a", lambda: AssertionError("assert 'c' == 'd'")),
        ("AssertionError: assert 'a' == 'b'", lambda: AssertionError("assert 'c' == 'd'")),
        ("Failed: no rain", lambda: pytest.fail.Exception("no rain")),
        ("KeyError: 'rain'", lambda: KeyError("snow")),
        ("flujo.errors.MisuseError: no such step", lambda: type("MisuseError", (Exception,), {})("another")),
    ],
)
def test_what_pytest_keeps_of_an_error_gives_the_same_sign(text: str, like: Callable[[], BaseException]) -> None:
    found = raised(like())
    assert sign_of_text(text, place_of(found, ROOT)).key == sign_of(found, ROOT).key


class Untold(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class Unnamed(ScriptExhausted):
    """
    Of a user.
    """


class Undocumented(ScriptExhausted):
    __doc__ = None


def test_errors_that_are_unlike_ours_are_told_all_the_same() -> None:
    assert message_of(Untold()) == "Untold: its text cannot be made (RuntimeError)"
    assert sign(Untold()).title == f"Untold: its text cannot be made (RuntimeError), at {AT}"
    assert [sign(kind("no")).title for kind in (Unnamed, Undocumented)] == ["of a user", "undocumented"]
    assert sign(ConservationError([])).title == f"this run cannot be:, at {AT}"
    noted = KeyError("rain")
    noted.add_note("and snow")
    assert message_of(noted) == "KeyError: 'rain'\nand snow"


@given(st.text(max_size=300))
def test_a_title_is_one_line_of_bounded_length_without_control_characters(text: str) -> None:
    shown = one_line(text)
    assert (len(shown) <= 200, shown.isprintable(), "::" in shown[:2]) == (True, True, False)
    told = sign(AssertionError(text))
    assert (told.title.isprintable(), told.example.isprintable()) == (True, True)
