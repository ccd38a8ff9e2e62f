"""Random stories of calls on nested budgets: no limit is passed and nothing is ever left reserved."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st

from flujo.execution.amount import Amount
from flujo.execution.budget import Budget, BudgetRefused, Hold
from flujo.usage import Usage, UsageLimits
from tests.flujo.execution.budgets import cost, ticks

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
    story = Story(*limits)
    async with anyio.create_task_group() as tasks:
        for position, plan in enumerate(plans):
            tasks.start_soon(story.call, tasks, position, plan)
    for budget in story.budgets:
        assert budget.open_holds == 0
        assert [budget.reserved["cost_usd"], budget.reserved["requests"]] == [0, 0]
    return story.run, sum(story.spent, Decimal(0))


class Story:
    """A run, a step in it and a budget in that; what is spent is counted by hand beside them."""

    def __init__(self, limit: int, limit_of_step: int) -> None:
        self.limit = limit
        self.run = Budget(UsageLimits(total_cost_usd_limit=limit, request_limit=9))
        step = Budget(UsageLimits(total_cost_usd_limit=limit_of_step), self.run, "step")
        self.budgets = [self.run, step, Budget(parent=step, name="nested")]
        self.spent: list[Decimal] = []

    async def call(self, tasks: TaskGroup, position: int, plan: Planned) -> None:
        bound = Amount(cost_usd=None if plan.bound is None else Decimal(plan.bound), input_tokens=0, output_tokens=0)
        with anyio.CancelScope() as scope:
            if plan.end == "cancel":
                tasks.start_soon(cancel, scope, plan.lasts)
            try:
                hold = await self.budgets[plan.budget].reserve(bound, (position,))
            except BudgetRefused:
                return
            self.check()
            try:
                if plan.inside:
                    await self.work_inside(hold)
                await ticks(plan.lasts)
            finally:
                self.end(hold, plan)
                self.check()

    async def work_inside(self, outer: Hold) -> None:
        try:
            inner = await outer.inside().reserve(cost("1"))
        except BudgetRefused:
            return
        try:
            await ticks(1)
        finally:
            self.spent.append(Decimal(1))
            inner.settle(cost("1"))
            self.check()

    def end(self, hold: Hold, plan: Planned) -> None:
        actual = min(Decimal(plan.share), hold.held_on(self.run)["cost_usd"])
        match plan.end:
            case "release" | "cancel":
                hold.release()
            case "unpriced":
                hold.settle(Amount.of(Usage(), None))
            case _:
                self.spent.append(actual)
                hold.settle(Amount.of(Usage(), actual), in_doubt=plan.end == "doubt")

    def check(self) -> None:
        self.budgets[2].check()
        numbers = [self.run.spent, self.run.in_doubt, self.run.reserved]
        assert sum(number["cost_usd"] for number in numbers) <= self.limit


async def cancel(scope: anyio.CancelScope, after: int) -> None:
    await ticks(after)
    scope.cancel()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(plans=PLANS, limits=st.tuples(st.integers(0, 15), st.integers(0, 15)))
@settings(max_examples=60, deadline=None)
def test_no_story_passes_a_limit_or_leaves_anything_reserved(
    backend: str, plans: list[Planned], limits: tuple[int, int]
) -> None:
    run, spent = anyio.run(live, plans, limits, backend=backend)
    assert run.spent["cost_usd"] == spent
    assert run.overage["cost_usd"] == 0
