"""Lies told beside the laws of a pass: which laws were asked, and which lies said there what the laws say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from flujo import Laws, PluginOutcome, Usage
from flujo.isolation import State
from flujo.laws import DEFAULT
from flujo_testing import default_cost_model
from flujo_testing.audit.endings import Ending
from flujo_testing.audit.seams import Beside, silent_trial
from flujo_testing.audit.trial import State as TrialState
from flujo_testing.audit.trial import Trial
from flujo_testing.faults import Fault, Lie, Reach, lying, noting
from tests.flujo.samples import Ctx

AT = datetime(2026, 3, 1, tzinfo=UTC)


def fault(lie: Lie, name: str = "ours", seam: str = "laws.status_of_run") -> Fault:
    return Fault(name, "ours", "A1", "It is wrong.", seam, "assert ...", lie)


def is_silent(law: str, lie: Callable[..., Any], *given: object, **named: object) -> bool:
    """Whether a lie says what its law says, which is said in any case."""
    lied = fault(lying(**{law: lie}))
    beside = Beside([lied])
    assert getattr(beside.laws, law)(*given, **named) == getattr(DEFAULT, law)(*given, **named)
    return beside.is_silent(lied)


# What is asked ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seam", "asked"),
    [
        ("laws.status_of_run", True),
        ("laws.timeout_of", False),
        ("laws.timeout_of, laws.status_of_run", True),
        ("laws.status_of_run, laws.timeout_of", True),
        ("laws.timeout_of, laws.is_overdue", False),
        ("door", True),
        ("laws.timeout_of, door", True),
    ],
)
def test_a_fault_is_asked_where_one_of_its_laws_was_or_where_only_a_pass_can_tell(seam: str, asked: bool) -> None:
    lied = fault(lying(status_of_run=lambda status: status), seam=seam)
    beside = Beside([lied])
    assert beside.is_asked(lied) is ("door" in seam)
    assert beside.laws.status_of_run("failed") == "failed"
    assert beside.is_asked(lied) is asked


def test_every_law_is_asked_as_it_is_by_default() -> None:
    beside = Beside([])
    assert beside.laws.attempts_allowed(2) == 3
    assert beside.laws.output_after("draft", PluginOutcome(True, new_solution="better")) == "better"
    assert beside.laws.plugins_in_order(["a", "bb"], len) == ["bb", "a"]
    assert [field.name for field in fields(beside.laws)] == [field.name for field in fields(Laws)]


# What is the same ---------------------------------------------------------------------------------------------------

ONE = [1]
OUTCOME = PluginOutcome(False, "too long")


@pytest.mark.parametrize(
    ("law", "lie", "given", "silent"),
    [
        ("attempts_allowed", lambda max_retries: 3, (2,), True),
        ("attempts_allowed", lambda max_retries: 2, (2,), False),
        ("attempts_allowed", lambda max_retries: 3.0, (2,), False),
        ("admits", lambda *amounts: True, (1, 2, 3, 6), True),
        ("admits", lambda *amounts: 1, (1, 2, 3, 6), False),
        ("feedback_of", lambda outcome, plugin: " ".join(["too", "long"]), (OUTCOME, "lint"), True),
        ("loop_of", lambda asked, target: None, ([], 1), True),
        ("loop_of", lambda asked, target: "", ([], 1), False),
        ("output_after", lambda output, outcome: output, (ONE, OUTCOME), True),
        ("output_after", lambda output, outcome: [1], (ONE, OUTCOME), False),
        ("feedback_for_attempt", lambda told: (told[0], told[1]), (("a", ("b", ONE)),), True),
        ("feedback_for_attempt", lambda told: ("a", ("b", ONE)), (("a", ("b", ONE)),), True),
        ("feedback_for_attempt", lambda told: ("a", ("b", [1])), (("a", ("b", ONE)),), False),
        ("feedback_for_attempt", lambda told: ("a",), (("a", "b"),), False),
        ("feedback_for_attempt", lambda told: ("a", "b", "c"), (("a", "b"),), False),
        ("feedback_for_attempt", lambda told: list(told), (("a", "b"),), False),
        ("outputs_of_branches", lambda outputs: dict(outputs), ({"a": 1},), False),
        ("plugins_in_order", lambda plugins, priority: list(plugins), (["bb", "a"], len), True),
        ("plugins_in_order", lambda plugins, priority: list(plugins), (["a", "bb"], len), False),
        ("plugins_in_order", lambda plugins, priority: tuple(plugins), (["bb", "a"], len), False),
        ("branches_to_merge", lambda branches: [("a", 1)], ([("a", 1, True), ("b", 2, False)],), True),
        ("branches_to_merge", lambda branches: [("a", 1), ("b", 2)], ([("a", 1, True), ("b", 2, False)],), False),
        ("logs_in_order", lambda lanes: [*lanes], (["a", "b"],), True),
        ("logs_in_order", lambda lanes: lanes[::-1], (["a", "b"],), False),
        ("input_of_branches", lambda value: value, (ONE,), True),
        ("input_of_branches", lambda value: list(value), (ONE,), False),
        ("timeout_of", lambda timeout_s: 1 / 0, (1.5,), False),
    ],
)
def test_a_lie_is_silent_that_nobody_can_tell_from_its_law(
    law: str, lie: Callable[..., Any], given: tuple[object, ...], silent: bool
) -> None:
    assert is_silent(law, lie, *given) is silent


def test_what_is_given_by_name_is_given_to_the_lie_too() -> None:
    assert (
        is_silent("feedback_of", lambda outcome, plugin: f"{plugin} is silent", PluginOutcome(False), plugin="x")
        is False
    )
    assert is_silent(
        "feedback_of", lambda outcome, plugin: f"{plugin} gave no reason", PluginOutcome(False), plugin="x"
    )


def test_a_context_made_anew_is_never_the_same() -> None:
    lied = fault(lying(context_for_attempt=lambda state: state.fork()))
    beside = Beside([lied])
    assert beside.laws.context_for_attempt(State.take(Ctx(n=1))) == Ctx(n=1)
    assert beside.is_silent(lied) is False


def test_a_lie_that_has_differed_is_not_asked_again() -> None:
    asked: list[float] = []

    def halved(timeout_s: float) -> float:
        asked.append(timeout_s)
        return timeout_s if timeout_s < 2 else timeout_s / 2

    lied = fault(lying(timeout_of=halved))
    beside = Beside([lied])
    assert [beside.laws.timeout_of(number) for number in (1.0, 2.0, 3.0)] == [1.0, 2.0, 3.0]
    assert (asked, beside.is_silent(lied)) == ([1.0, 2.0], False)


def test_each_lie_is_told_by_itself() -> None:
    true, false = fault(lying(timeout_of=lambda time: time), "true"), fault(lying(timeout_of=lambda time: 7.0), "false")
    other = fault(lying(status_of_run=lambda status: "failed"), "other")
    beside = Beside([false, true, other])
    assert beside.laws.timeout_of(1.0) == 1.0
    assert [beside.is_silent(one) for one in (true, false, other)] == [True, False, True]


def test_a_lie_at_several_laws_is_heard_at_any_of_them() -> None:
    lied = fault(lying(timeout_of=lambda time: time, status_of_run=lambda status: "failed"))
    beside = Beside([lied])
    beside.laws.timeout_of(1.0)
    assert beside.is_silent(lied) is True
    beside.laws.status_of_run("completed")
    assert beside.is_silent(lied) is False


class Stopped(BaseException):
    """What ends a task is no Exception."""


def test_where_the_law_itself_raises_every_lie_is_heard() -> None:
    lied = fault(lying(quote=lambda prices, *asked: prices.quote(*asked)))
    beside = Beside([lied])

    class Prices:
        def quote(self, *asked: object) -> object:
            raise Stopped

    with pytest.raises(Stopped):
        beside.laws.quote(Prices(), "test:writer", Usage(), AT, None)  # type: ignore[arg-type]
    assert (beside.is_silent(lied), beside.is_asked(fault(lied.lie, seam="laws.quote"))) == (False, True)


def test_a_lie_with_a_memory_is_heard_once_it_notes_itself() -> None:
    def every_second(reach: Reach) -> Callable[[float], float]:
        asked: list[float] = []

        def timeout_of(timeout_s: float) -> float:
            asked.append(timeout_s)
            if len(asked) == 2:
                reach.note()
            return timeout_s

        return timeout_of

    lied = fault(noting(timeout_of=every_second))
    beside = Beside([lied])
    heard = []
    for _ in range(2):
        beside.laws.timeout_of(1.0)
        heard.append(beside.is_silent(lied))
    assert heard == [True, False]


def test_what_is_no_lie_about_laws_is_never_silent() -> None:
    def elsewhere(reach: Reach) -> AbstractContextManager[None]:
        return nullcontext()

    assert Beside([fault(elsewhere)]).is_silent(fault(elsewhere)) is False
    assert Beside([]).is_silent(fault(lying(timeout_of=lambda time: time))) is True


@pytest.mark.parametrize(
    ("lie", "state"),
    [
        (lying(timeout_of=lambda time: time), TrialState.NOT_INFECTED),
        (noting(timeout_of=lambda reach: lambda time: time), TrialState.NOT_REACHED),
        (lambda reach: nullcontext(), TrialState.NOT_INFECTED),
    ],
    ids=["policies", "policies with a memory", "another lie"],
)
def test_a_silent_fault_comes_to_what_a_pass_under_it_would(lie: Lie, state: TrialState) -> None:
    assert silent_trial(fault(lie)) == Trial("ours", state, Ending.SURVIVED)


# What is done once only ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "silent"),
    [
        (lambda prices, *asked: prices.quote(*asked), True),
        (lambda prices, model, usage, at, context: prices.quote(model, Usage(), at, context), True),
        (lambda prices, *asked: None, False),
        (lambda prices, *asked: prices, False),
    ],
    ids=["the same", "other tokens", "nothing", "the prices"],
)
def test_of_prices_a_lie_hears_what_they_said(lie: Callable[..., Any], silent: bool) -> None:
    prices, usage = default_cost_model(), Usage(input_tokens=100)
    assert is_silent("quote", lie, prices, "test:writer", usage, AT, None) is silent


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize(
    ("lie", "silent"),
    [
        (
            lambda before, context, accepted: before.commit(context) if accepted else before,
            {(0, 0), (0, 1), (1, 0), (1, 1)},
        ),
        (lambda before, context, accepted: before, {(0, 0), (0, 1), (1, 0)}),
        (lambda before, context, accepted: before.commit(context), {(0, 1), (1, 1)}),
        (lambda before, context, accepted: before.values, set()),
        (lambda before, context, accepted: before if before.values["n"] == 1 else None, {(0, 0), (0, 1), (1, 0)}),
    ],
    ids=["the same", "never kept", "always kept", "values", "looks at what was before"],
)
def test_of_a_context_a_lie_hears_what_was_committed(
    lie: Callable[..., Any], silent: set[tuple[int, int]], accepted: bool, changes: bool
) -> None:
    before = State.take(Ctx(n=1))
    context = before.fork()
    context.n += changes
    lied = fault(lying(context_after_attempt=lie))
    beside = Beside([lied])
    after = beside.laws.context_after_attempt(before, context, accepted)
    assert after.fork() == (context if accepted else Ctx(n=1))
    assert beside.is_silent(lied) is ((changes, accepted) in silent)
