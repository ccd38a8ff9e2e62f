"""Budgets of a few cents, amounts to hold of them, and calls that run beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import anyio
import anyio.abc
import anyio.lowlevel

from flujo.execution.amount import Amount
from flujo.execution.budget import Budget, BudgetRefused
from flujo.usage import Dimension, UsageLimits

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
