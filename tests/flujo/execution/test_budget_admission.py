"""Budgets: what is admitted, and what is refused with which numbers."""

from __future__ import annotations

from decimal import Decimal

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from flujo.execution.amount import Amount
from flujo.execution.budget import Budget, BudgetRefused
from flujo.usage import Usage, UsageLimits
from tests.flujo.execution.budgets import UNBOUNDED, Calls, cost, limited, state, ticks, usd

pytestmark = pytest.mark.anyio


async def test_a_call_holds_its_bound_until_it_is_settled_with_what_it_used() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    assert (hold.bound, hold.refused, hold.draws) == (cost("0.04"), None, ())
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
    assert (error.limit, error.spent, error.bound, error.left) == usd("0.005", "0.004556", "0.003187", "0.000444")
    assert error.told("publish/attempt:1") == "publish/attempt:1 may cost 0.003187 USD, 0.000444 of 0.005 left"
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
async def test_every_dimension_has_its_limit(limits: UsageLimits, spent: Usage, bound: Amount, told: str) -> None:
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
