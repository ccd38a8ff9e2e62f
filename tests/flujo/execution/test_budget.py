"""Budgets: what is admitted, who waits, what is counted, and that nothing is ever left reserved."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flujo.execution.amount import NOTHING, Amount, Dimension
from flujo.execution.budget import Breach, Budget, BudgetRefused, Hold
from flujo.usage import Usage, UsageLimits

pytestmark = pytest.mark.anyio

UNBOUNDED = Amount(cost_usd=None, input_tokens=None, output_tokens=None)


def cost(amount: str) -> Amount:
    return Amount(cost_usd=Decimal(amount), input_tokens=0, output_tokens=0)


def limited(amount: str, parent: Budget | None = None, name: str = "run") -> Budget:
    return Budget(UsageLimits(total_cost_usd_limit=amount), parent, name)


def state(budget: Budget, dimension: Dimension = "cost_usd") -> tuple[Decimal, Decimal, Decimal]:
    """Spent, in doubt, reserved."""
    budget.check()
    return budget.spent[dimension], budget.in_doubt[dimension], budget.reserved[dimension]


def usd(*amounts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(amount) for amount in amounts)


async def ticks(number: int = 6) -> None:
    for _ in range(number):
        await anyio.lowlevel.checkpoint()


# Admission ------------------------------------------------------------------------------------------------


async def test_a_call_holds_its_bound_until_it_is_settled_with_what_it_used() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    assert (state(run), run.left("cost_usd"), run.open_holds) == (usd("0", "0", "0.04"), Decimal("0.06"), 1)
    assert hold.settle(cost("0.03")) == ()
    assert (state(run), run.left("cost_usd"), run.open_holds) == (usd("0.03", "0", "0"), Decimal("0.07"), 0)


async def test_a_bound_that_reaches_the_limit_exactly_is_admitted() -> None:
    run = limited("0.3")
    for _ in range(3):
        (await run.reserve(cost("0.1"))).settle(cost("0.1"))
    assert (state(run), run.breaches()) == (usd("0.3", "0", "0"), ())


async def test_a_bound_that_could_pass_the_limit_is_refused_with_all_its_numbers() -> None:
    run = limited("0.005")
    run.book(cost("0.004556"))
    with pytest.raises(BudgetRefused) as refused:
        await run.reserve(cost("0.003187"))
    error = refused.value
    assert (error.budget, error.dimension, error.reserved) == (run, "cost_usd", Decimal(0))
    assert (error.limit, error.spent, error.bound, error.left) == usd(
        "0.005", "0.004556", "0.003187", "0.000444"
    )
    assert (
        error.told("publish/attempt:1") == "publish/attempt:1 may cost 0.003187 USD, 0.000444 of 0.005 left"
    )
    assert str(error) == "a call may cost 0.003187 USD, 0.000444 of 0.005 left"


@pytest.mark.parametrize(
    ("limits", "spent", "bound", "told"),
    [
        (
            UsageLimits(input_tokens_limit=100),
            Usage(input_tokens=90),
            Amount(cost_usd=None, input_tokens=11, output_tokens=0),
            "draft may use 11 input tokens, 10 of 100 left",
        ),
        (
            UsageLimits(output_tokens_limit=100),
            Usage(output_tokens=90),
            Amount(cost_usd=None, input_tokens=0, output_tokens=11),
            "draft may use 11 output tokens, 10 of 100 left",
        ),
        (
            UsageLimits(total_tokens_limit=100),
            Usage(input_tokens=50, output_tokens=40),
            Amount(cost_usd=None, input_tokens=6, output_tokens=5),
            "draft may use 11 total tokens, 10 of 100 left",
        ),
        (
            UsageLimits(request_limit=3),
            Usage(requests=3),
            UNBOUNDED,
            "draft may use 1 request, 0 of 3 left",
        ),
        (
            UsageLimits(tool_calls_limit=3),
            Usage(),
            Amount(cost_usd=None, input_tokens=None, output_tokens=None, tool_calls=4),
            "draft may use 4 tool calls, 3 of 3 left",
        ),
        (
            UsageLimits(total_tokens_limit=100),
            Usage(input_tokens=100),
            Amount(cost_usd=None, input_tokens=6, output_tokens=None),
            "draft may use any amount of total tokens, 0 of 100 left",
        ),
        (
            UsageLimits(total_cost_usd_limit="0.10"),
            Usage(),
            UNBOUNDED,
            "draft may cost any amount of USD, 0 of 0.1 left",
        ),
    ],
)
async def test_every_dimension_has_its_limit(
    limits: UsageLimits, spent: Usage, bound: Amount, told: str
) -> None:
    run = Budget(limits)
    run.book(Amount.of(spent, Decimal("0.10")))
    with pytest.raises(BudgetRefused) as refused:
        await run.reserve(bound)
    assert refused.value.told("draft") == told


@pytest.mark.parametrize("bound", [cost("0.01"), UNBOUNDED])
async def test_a_limit_of_0_is_a_limit(bound: Amount) -> None:
    with pytest.raises(BudgetRefused, match=r"0 of 0 left$"):
        await limited("0").reserve(bound)


async def test_a_free_call_is_admitted_under_a_limit_of_0() -> None:
    run = limited("0")
    hold = await run.reserve(cost("0"))
    assert (hold.settle(cost("0")), state(run)) == ((), usd("0", "0", "0"))


async def test_a_call_larger_than_the_whole_budget_is_refused_at_once_though_others_hold_some() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    with pytest.raises(BudgetRefused, match=r"0\.11 USD, 0\.1 of 0\.1 left$"):
        await run.reserve(cost("0.11"))
    hold.release()
    assert state(run) == usd("0", "0", "0")


async def test_without_limits_everything_is_admitted_and_counted() -> None:
    run = Budget()
    first, second = await run.reserve(UNBOUNDED), await run.reserve(cost("5"))
    first.settle(Amount.of(Usage(input_tokens=3, output_tokens=5), Decimal("0.7")))
    second.settle(cost("2"))
    assert (state(run), state(run, "total_tokens"), run.left("cost_usd")) == (
        usd("2.7", "0", "0"), usd("8", "0", "0"), None,
    )  # fmt: skip
    assert run.spent["requests"] == 2


async def test_a_call_that_is_alone_is_admitted_without_a_tick() -> None:
    run = limited("0.10")
    passed: list[str] = []

    async def beside() -> None:
        passed.append("a tick")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beside)
        hold = await run.reserve(cost("0.04"), alone=True)
        assert passed == []
    hold.release()


async def test_a_call_that_is_alone_but_must_wait_waits() -> None:
    run, admitted = limited("0.10"), []

    async def call() -> None:
        admitted.append(await run.reserve(cost("0.07"), alone=True))

    hold = await run.reserve(cost("0.04"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await ticks()
        assert admitted == []
        hold.settle(cost("0.03"))
    assert (len(admitted), state(run)) == (1, usd("0.03", "0", "0.07"))


async def test_a_call_that_says_it_is_alone_does_not_overtake_those_who_wait() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position, bound in [(1, "0.07"), (2, "0.05")]:
            calls.start(position, cost(bound), cost("0.01"))
        await ticks()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await calls.budget.reserve(cost("0.01"), (3,), alone=True)
        assert (scope.cancelled_caught, calls.admitted) == (True, [1])
        for event in calls.finish.values():
            event.set()


# Settling -------------------------------------------------------------------------------------------------


async def test_a_hold_settled_twice_counts_once() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    hold.settle(cost("0.03"))
    assert (hold.settle(cost("0.03")), hold.state) == ((), "settled")
    hold.release()
    hold.settle(cost("0.02"), in_doubt=True)
    assert (hold.state, state(run)) == ("settled", usd("0.03", "0", "0"))


async def test_a_released_hold_stays_released() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    hold.release()
    hold.release()
    hold.settle(cost("0.03"))
    assert (hold.state, state(run)) == ("released", usd("0", "0", "0"))


async def test_more_than_the_bound_is_recorded_in_full_and_named_as_a_breach() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    breaches = hold.settle(cost("0.13"))
    assert breaches == (Breach(run, "cost_usd", Decimal("0.1"), Decimal("0.13")),)
    assert [breach.told() for breach in breaches] == ["run used 0.13 of 0.1 USD"]
    assert (state(run), run.overage["cost_usd"], run.left("cost_usd")) == (
        usd("0.13", "0", "0"), Decimal("0.09"), Decimal(0),
    )  # fmt: skip


async def test_a_call_in_doubt_stays_counted_at_its_bound() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.07"))
    assert hold.settle(NOTHING, in_doubt=True) == ()
    assert (hold.state, state(run), run.left("cost_usd")) == (
        "in_doubt", usd("0", "0.07", "0"), Decimal("0.03"),
    )  # fmt: skip
    with pytest.raises(BudgetRefused, match=r"0\.04 USD, 0\.03 of 0\.1 left$"):
        await run.reserve(cost("0.04"))


@pytest.mark.parametrize(
    ("reported", "expected"), [("0.05", ("0.05", "0.02", "0")), ("0.09", ("0.09", "0", "0"))]
)
async def test_what_a_call_in_doubt_did_report_is_spent(reported: str, expected: tuple[str, ...]) -> None:
    run = limited("0.10")
    (await run.reserve(cost("0.07"))).settle(cost(reported), in_doubt=True)
    assert state(run) == usd(*expected)


async def test_an_unpriced_answer_does_not_defeat_the_limit() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.07"))
    hold.settle(Amount.of(Usage(input_tokens=5), None))
    assert (hold.state, state(run), state(run, "input_tokens")) == (
        "settled", usd("0", "0.07", "0"), usd("5", "0", "0"),
    )  # fmt: skip


async def test_an_unpriced_answer_without_a_bound_leaves_nothing() -> None:
    run = limited("0.10")
    (await run.reserve(UNBOUNDED)).settle(Amount.of(None, None))
    with pytest.raises(BudgetRefused, match=r"0 of 0\.1 left$"):
        await run.reserve(cost("0.01"))


def test_what_was_not_held_is_booked_and_its_breach_named() -> None:
    run = Budget(UsageLimits(total_cost_usd_limit="0.10", request_limit=1))
    assert run.book(cost("0.10")) == ()
    assert [breach.told() for breach in run.book(cost("0.01"))] == [
        "run used 0.11 of 0.1 USD",
        "run used 2 of 1 request",
    ]
    assert state(run) == usd("0.11", "0", "0")


def test_an_unknown_cost_that_was_not_held_adds_what_is_known() -> None:
    run = limited("0.10")
    assert run.book(Amount.of(None, None)) == ()
    assert (run.spent["cost_usd"], run.spent["requests"]) == (Decimal(0), Decimal(1))


# Budgets in budgets ---------------------------------------------------------------------------------------


async def test_a_nested_budget_draws_on_all_above_it() -> None:
    run = limited("0.10")
    inner = Budget(parent=limited("0.05", run, "step"), name="nested")
    hold = await inner.reserve(cost("0.04"))
    assert [state(budget) for budget in inner.chain] == [usd("0", "0", "0.04")] * 3
    hold.settle(cost("0.03"))
    assert [state(budget) for budget in inner.chain] == [usd("0.03", "0", "0")] * 3


async def test_a_refusal_anywhere_reserves_nowhere() -> None:
    run = limited("0.10")
    step = limited("0.02", run, "step")
    with pytest.raises(BudgetRefused) as refused:
        await step.reserve(cost("0.03"))
    assert (refused.value.budget, state(run), state(step)) == (step, usd("0", "0", "0"), usd("0", "0", "0"))
    assert (run.open_holds, step.open_holds) == (0, 0)


async def test_the_refusal_of_the_run_outranks_that_of_the_step() -> None:
    run = limited("0.01")
    with pytest.raises(BudgetRefused) as refused:
        await limited("0.02", run, "step").reserve(cost("0.03"))
    assert refused.value.budget == run


def test_the_breach_of_the_run_comes_before_that_of_the_step() -> None:
    run = limited("0.01")
    step = limited("0.02", run, "step")
    assert [breach.told() for breach in step.book(cost("0.03"))] == [
        "run used 0.03 of 0.01 USD",
        "step used 0.03 of 0.02 USD",
    ]


def test_the_breach_of_a_step_is_not_one_of_the_run() -> None:
    run = limited("0.10")
    step = limited("0.02", run, "step")
    assert [breach.budget for breach in step.book(cost("0.03"))] == [step]
    assert run.breaches() == ()


async def test_a_call_blocked_by_a_step_and_refused_by_the_run_is_refused() -> None:
    run = limited("0.10")
    step = limited("0.05", run, "step")
    run.book(cost("0.06"))
    hold = await step.reserve(cost("0.03"))
    with pytest.raises(BudgetRefused, match=r"0\.05 USD, 0\.04 of 0\.1 left$"):
        await step.reserve(cost("0.05"))
    hold.release()


# Waiting --------------------------------------------------------------------------------------------------


@dataclass
class Calls:
    """Calls that run beside each other; each goes on until it is told to finish."""

    tasks: anyio.abc.TaskGroup
    budget: Budget

    def __post_init__(self) -> None:
        self.admitted: list[int] = []
        self.refused: list[int] = []
        self.finish: dict[int, anyio.Event] = {}
        self.scopes: dict[int, anyio.CancelScope] = {}

    def start(self, position: int, bound: Amount, actual: Amount, budget: Budget | None = None) -> None:
        self.finish[position] = anyio.Event()
        self.scopes[position] = anyio.CancelScope()
        self.tasks.start_soon(self._call, position, bound, actual, budget or self.budget)

    async def _call(self, position: int, bound: Amount, actual: Amount, budget: Budget) -> None:
        with self.scopes[position]:
            try:
                hold = await budget.reserve(bound, (position,))
            except BudgetRefused:
                self.refused.append(position)
                return
            self.admitted.append(position)
            try:
                await self.finish[position].wait()
                hold.settle(actual)
            finally:
                hold.release()


async def test_a_call_waits_while_only_the_holds_of_others_are_in_its_way() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position in (1, 2):
            calls.start(position, cost("0.07"), cost("0.03"))
        await ticks()
        assert (calls.admitted, state(calls.budget)) == ([1], usd("0", "0", "0.07"))
        calls.finish[1].set()
        await ticks()
        assert (calls.admitted, state(calls.budget)) == ([1, 2], usd("0.03", "0", "0.07"))
        calls.finish[2].set()
    assert state(calls.budget) == usd("0.06", "0", "0")


async def test_a_waiting_call_is_refused_as_soon_as_what_is_spent_leaves_too_little() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position in (1, 2, 3):
            calls.start(position, cost("0.07" if position < 3 else "0.03"), cost("0.05"))
        await ticks()
        calls.finish[1].set()
        await ticks()
        assert (calls.admitted, calls.refused) == ([1, 3], [2])
        calls.finish[3].set()
    assert state(calls.budget) == usd("0.10", "0", "0")


async def test_a_call_without_a_bound_holds_all_that_is_left_and_the_others_wait() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        calls.budget.book(cost("0.02"))
        for position in (1, 2):
            calls.start(position, UNBOUNDED, cost("0.03"))
        await ticks()
        assert (calls.admitted, state(calls.budget)) == ([1], usd("0.02", "0", "0.08"))
        calls.finish[1].set()
        await ticks()
        assert (calls.admitted, state(calls.budget)) == ([1, 2], usd("0.05", "0", "0.05"))
        calls.finish[2].set()
    assert state(calls.budget) == usd("0.08", "0", "0")


async def test_calls_without_bounds_pass_the_limit_by_at_most_one_call() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position in range(5):
            calls.start(position, UNBOUNDED, cost("0.04"))
            calls.finish[position].set()
    assert (calls.admitted, sorted(calls.refused)) == ([0, 1, 2], [3, 4])
    assert (state(calls.budget), calls.budget.overage["cost_usd"]) == (usd("0.12", "0", "0"), Decimal("0.02"))


async def test_a_call_with_a_bound_leaves_the_rest_to_one_without() -> None:
    run = limited("0.10")
    bounded = await run.reserve(cost("0.04"))
    unbounded = await run.reserve(UNBOUNDED)
    assert (unbounded.held_on(run)["cost_usd"], state(run)) == (Decimal("0.06"), usd("0", "0", "0.1"))
    bounded.release()
    unbounded.release()


@pytest.mark.parametrize("round_", range(10))
async def test_calls_of_one_tick_are_admitted_in_declared_order(round_: int) -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position in reversed(range(5)):
            calls.start(position, cost("0.04"), cost("0.04"))
        await ticks()
        assert sorted(calls.admitted) == [0, 1]
        for position in range(5):
            calls.finish[position].set()
    assert (sorted(calls.admitted), sorted(calls.refused)) == ([0, 1], [2, 3, 4])
    assert state(calls.budget) == usd("0.08", "0", "0")


async def test_a_smaller_call_does_not_overtake_one_that_waits() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position, bound in [(1, "0.07"), (2, "0.05"), (3, "0.01")]:
            calls.start(position, cost(bound), cost("0.01"))
        await ticks()
        assert calls.admitted == [1]
        calls.finish[1].set()
        await ticks()
        assert sorted(calls.admitted) == [1, 2, 3]
        for event in calls.finish.values():
            event.set()


async def test_a_waiting_call_that_is_cancelled_leaves_no_trace_and_lets_the_next_go_on() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position, bound in [(1, "0.07"), (2, "0.05"), (3, "0.03")]:
            calls.start(position, cost(bound), cost("0.01"))
        await ticks()
        calls.scopes[2].cancel()
        await ticks()
        assert (sorted(calls.admitted), state(calls.budget)) == ([1, 3], usd("0", "0", "0.1"))
        for event in calls.finish.values():
            event.set()
    assert (state(calls.budget), calls.budget.open_holds) == (usd("0.02", "0", "0"), 0)


@pytest.mark.parametrize("round_", range(10))
async def test_a_call_cancelled_in_the_tick_of_its_admission_holds_nothing(round_: int) -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position in (2, 1):
            calls.start(position, cost("0.07"), cost("0.01"))
        await anyio.lowlevel.checkpoint()
        calls.scopes[1].cancel()
        calls.finish[2].set()
    assert (calls.admitted, state(calls.budget)) == ([2], usd("0.01", "0", "0"))
    assert calls.budget.open_holds == 0


async def test_cancelling_again_and_again_does_not_shrink_the_budget() -> None:
    run = limited("0.10")
    for _ in range(20):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await run.reserve(cost("0.04"))
    assert (state(run), run.left("cost_usd"), run.open_holds) == (usd("0", "0", "0"), Decimal("0.1"), 0)


ORDERS = list(itertools.permutations(range(5)))[::12]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize(("actual", "spent"), [("0.04", "0.08"), ("0.03", "0.09")])
async def test_parallel_calls_never_pass_the_limit_in_any_order_of_completion(
    order: tuple[int, ...], actual: str, spent: str
) -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position in range(5):
            calls.start(position, cost("0.04"), cost(actual))
        await ticks()
        finished: list[int] = []
        while running := [position for position in order if position in calls.admitted]:
            running = [position for position in running if position not in finished]
            if not running:
                break
            calls.finish[running[0]].set()
            finished.append(running[0])
            await ticks()
            calls.budget.check()
    assert state(calls.budget) == usd(spent, "0", "0")
    assert len(calls.admitted) + len(calls.refused) == 5


# Work inside a call ---------------------------------------------------------------------------------------


async def test_work_inside_a_call_draws_on_what_the_call_holds() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    inner = await outer.inside().reserve(cost("0.03"))
    assert (state(run), state(outer.inside())) == (usd("0", "0", "0.07"), usd("0", "0", "0.03"))
    assert inner.settle(cost("0.02")) == ()
    assert state(run) == usd("0.02", "0", "0.05")
    outer.settle(cost("0.04"))
    assert (state(run), run.overage["cost_usd"]) == (usd("0.06", "0", "0"), Decimal(0))


async def test_work_inside_a_call_that_holds_everything_does_not_wait_for_it() -> None:
    run = limited("0.10")
    outer = await run.reserve(UNBOUNDED)
    inner = await Budget(parent=outer.inside(), name="nested").reserve(cost("0.10"))
    inner.settle(cost("0.10"))
    outer.settle(cost("0"))
    assert state(run) == usd("0.1", "0", "0")


async def test_two_pieces_of_work_inside_one_call_share_what_it_holds() -> None:
    run = limited("0.10")
    outer = await run.reserve(UNBOUNDED)
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, outer.inside())
        for position in (1, 2):
            calls.start(position, cost("0.07"), cost("0.03"), Budget(parent=outer.inside()))
        await ticks()
        assert calls.admitted == [1]
        calls.finish[1].set()
        calls.finish[2].set()
    assert (calls.admitted, state(run)) == ([1, 2], usd("0.06", "0", "0.04"))
    outer.release()


async def test_work_inside_a_call_takes_more_from_above_if_it_is_free() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.02"))
    inner = await outer.inside().reserve(cost("0.08"))
    assert state(run) == usd("0", "0", "0.08")
    inner.settle(cost("0.08"))
    outer.settle(cost("0.01"))
    assert (state(run), run.breaches()) == (usd("0.09", "0", "0"), ())


async def test_work_inside_a_call_never_waits_for_the_holds_of_others() -> None:
    run = limited("0.10")
    outer, other = await run.reserve(cost("0.02")), await run.reserve(cost("0.05"))
    with pytest.raises(BudgetRefused, match=r"0\.08 USD, 0\.02 of 0\.02 left$") as refused:
        await outer.inside().reserve(cost("0.08"))
    assert (refused.value.budget, refused.value.budget.name) == (outer.inside(), "a call of run")
    other.release()
    outer.release()
    assert state(run) == usd("0", "0", "0")


async def test_work_inside_a_call_can_breach_the_budgets_above_but_not_the_call() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.02"))
    assert outer.inside().book(cost("0.05")) == ()
    assert [breach.told() for breach in outer.inside().book(cost("0.06"))] == ["run used 0.11 of 0.1 USD"]
    outer.release()
    assert state(run) == usd("0.11", "0", "0")


async def test_work_inside_work_inside_a_call_is_counted_once_everywhere() -> None:
    run = Budget(UsageLimits(total_cost_usd_limit="0.10", request_limit=9))
    outer = await run.reserve(cost("0.07"))
    middle = await outer.inside().reserve(cost("0.05"))
    inner = await middle.inside().reserve(cost("0.03"))
    inner.settle(cost("0.02"))
    middle.settle(cost("0.01"))
    outer.settle(cost("0.04"))
    assert (state(run), state(run, "requests")) == (usd("0.07", "0", "0"), usd("3", "0", "0"))


async def test_work_lost_inside_a_call_stays_counted_above() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    (await outer.inside().reserve(cost("0.03"))).settle(NOTHING, in_doubt=True)
    outer.settle(cost("0.01"))
    assert state(run) == usd("0.01", "0.03", "0")


async def test_work_that_outlives_its_call_is_counted_as_not_held() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    inner = await outer.inside().reserve(cost("0.03"))
    outer.settle(cost("0.01"))
    inner.settle(cost("0.03"))
    assert (state(run), run.overage["cost_usd"]) == (usd("0.04", "0", "0"), Decimal("0.03"))
    with pytest.raises(BudgetRefused, match=r"0\.05 USD"):
        await outer.inside().reserve(cost("0.05"))


async def test_what_is_freed_inside_a_call_lets_others_outside_go_on() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, run)
        calls.start(1, cost("0.05"), cost("0.05"))
        await ticks()
        assert calls.admitted == []
        outer.inside().book(cost("0.06"))
        await ticks()
        assert calls.refused == [1]
        outer.release()


# Policies and invariants ----------------------------------------------------------------------------------


async def test_the_policies_of_the_run_are_asked_with_every_number() -> None:
    asked: list[tuple[Decimal, ...]] = []

    def admits(*numbers: Decimal) -> bool:
        asked.append(numbers)
        return True

    def passes(spent: Decimal, limit: Decimal) -> bool:
        return spent >= limit

    run = Budget(UsageLimits(total_cost_usd_limit="0.10"), admits=admits, passes=passes)
    step = Budget(parent=run)
    run.book(cost("0.02"))
    (await run.reserve(cost("0.03"))).release()
    hold = await step.reserve(cost("0.70"))
    assert asked[0] == usd("0.02", "0", "0.03", "0.1")
    assert [breach.told() for breach in hold.settle(cost("0.08"))] == ["run used 0.1 of 0.1 USD"]
    inside = (await step.reserve(cost("0.01"))).inside()
    assert (await inside.reserve(cost("9"))).state == "open"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda run: run.reserved.update(cost_usd=Decimal("0.01")), "run: cost_usd reserved 0.01, held 0.04"),
        (lambda run: run.spent.update(cost_usd=Decimal("0.07")), "run: cost_usd 0.11 > 0.10"),
    ],
)
async def test_a_budget_that_does_not_add_up_is_noticed(damage: Callable[[Budget], None], told: str) -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    run.check()
    damage(run)
    with pytest.raises(AssertionError) as noticed:
        Budget(parent=run).check()
    assert str(noticed.value) == told
    assert hold.state == "open"


async def test_the_decimal_context_of_the_thread_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        run = limited("1000.0001")
        run.book(cost("1000"))
        with pytest.raises(BudgetRefused, match=r"0\.00011 USD, 0\.0001 of 1000\.0001 left$"):
            await run.reserve(cost("0.00011"))
        (await run.reserve(cost("0.0001"))).settle(cost("0.0001"))
    assert state(run) == usd("1000.0001", "0", "0")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cost_usd": 0.1}, "cost_usd must be a Decimal, a text or an int, not float 0.1"),
        ({"cost_usd": Decimal(-1)}, "cost_usd must be at least 0, not -1"),
        ({"input_tokens": -1}, "input_tokens must be at least 0, not -1"),
        ({"tool_calls": True}, "tool_calls must be an int, not bool True"),
    ],
)
def test_an_amount_that_cannot_be_is_refused(fields: dict[str, object], told: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        Amount(**{"cost_usd": None, "input_tokens": 0, "output_tokens": 0, **fields})  # type: ignore[arg-type]
    assert str(refused.value).startswith(told)


def test_amounts_add_up_and_are_unknown_as_soon_as_one_is() -> None:
    known = Amount.of(Usage(input_tokens=3, output_tokens=5, requests=2), Decimal("0.7"), tool_calls=11)
    assert known + known == Amount(
        cost_usd=Decimal("1.4"), input_tokens=6, output_tokens=10, requests=4, tool_calls=22
    )
    assert known + Amount.of(None, None) == Amount(
        cost_usd=None, input_tokens=None, output_tokens=None, requests=3, tool_calls=11
    )
    assert (known.total_tokens, UNBOUNDED.total_tokens) == (8, None)


End = Literal["settle", "doubt", "release", "cancel", "unpriced"]


@dataclass(frozen=True)
class Planned:
    """A call of a random story: where it runs, what it may and does cost, how it ends and after how long."""

    budget: int
    bound: int | None
    share: int
    end: End
    lasts: int
    inside: bool


PLANS = st.lists(
    st.builds(
        Planned,
        budget=st.integers(0, 2),
        bound=st.one_of(st.none(), st.integers(0, 7)),
        share=st.integers(0, 4),
        end=st.sampled_from(["settle", "settle", "doubt", "release", "cancel", "unpriced"]),
        lasts=st.integers(0, 4),
        inside=st.booleans(),
    ),
    max_size=12,
)


async def live(plans: list[Planned], limits: tuple[int, int]) -> tuple[Budget, Decimal]:
    """Run the story and check at every step; the outermost budget, and what was spent counted by hand."""
    run = Budget(UsageLimits(total_cost_usd_limit=limits[0], request_limit=9))
    step = Budget(UsageLimits(total_cost_usd_limit=limits[1]), run, "step")
    budgets = [run, step, Budget(parent=step, name="nested")]
    spent: list[Decimal] = []

    def check() -> None:
        budgets[2].check()
        assert run.spent["cost_usd"] + run.in_doubt["cost_usd"] + run.reserved["cost_usd"] <= limits[0]

    def end(hold: Hold, plan: Planned, actual: Decimal) -> None:
        match plan.end:
            case "release" | "cancel":
                hold.release()
            case "unpriced":
                hold.settle(Amount.of(Usage(), None))
            case _:
                spent.append(actual)
                hold.settle(Amount.of(Usage(), actual), in_doubt=plan.end == "doubt")

    async def call(position: int, plan: Planned) -> None:
        bound = Amount(
            cost_usd=None if plan.bound is None else Decimal(plan.bound), input_tokens=0, output_tokens=0
        )
        with anyio.CancelScope() as scope:
            if plan.end == "cancel":
                tasks.start_soon(cancel, scope, plan.lasts)
            try:
                hold = await budgets[plan.budget].reserve(bound, (position,))
            except BudgetRefused:
                return
            check()
            try:
                if plan.inside:
                    await work_inside(hold)
                await ticks(plan.lasts)
            finally:
                held = hold.held_on(run)["cost_usd"]
                end(hold, plan, min(Decimal(plan.share), held))
                check()

    async def work_inside(outer: Hold) -> None:
        try:
            inner = await outer.inside().reserve(cost("1"))
        except BudgetRefused:
            return
        try:
            await ticks(1)
        finally:
            spent.append(Decimal(1))
            inner.settle(cost("1"))
            check()

    async def cancel(scope: anyio.CancelScope, after: int) -> None:
        await ticks(after)
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        for position, plan in enumerate(plans):
            tasks.start_soon(call, position, plan)
    for budget in budgets:
        assert budget.open_holds == 0
        assert [budget.reserved["cost_usd"], budget.reserved["requests"]] == [0, 0]
    return run, sum(spent, Decimal(0))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(plans=PLANS, limits=st.tuples(st.integers(0, 15), st.integers(0, 15)))
@settings(max_examples=60, deadline=None)
def test_no_story_passes_a_limit_or_leaves_anything_reserved(
    backend: str, plans: list[Planned], limits: tuple[int, int]
) -> None:
    run, spent = anyio.run(live, plans, limits, backend=backend)
    assert run.spent["cost_usd"] == spent
    assert run.overage["cost_usd"] == 0
