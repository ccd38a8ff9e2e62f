"""Budgets: who waits for whom, in which order, and that a cancelled call leaves nothing reserved."""

from __future__ import annotations

import itertools
from decimal import Decimal

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from tests.flujo.execution.budgets import UNBOUNDED, Calls, cost, limited, state, ticks, usd

pytestmark = pytest.mark.anyio


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


async def test_a_call_that_can_never_be_admitted_is_refused_at_once_though_others_wait() -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, limited("0.10"))
        for position, bound in [(1, "0.07"), (2, "0.05"), (3, "0.11")]:
            calls.start(position, cost(bound), cost("0.01"))
        await ticks()
        assert (calls.admitted, calls.refused) == ([1], [3])
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
