"""The oracle's budgets: laws A5 to A7. What is spent, in doubt and reserved under each limit, and who waits for it."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from math import inf
from typing import Any

from tests.oracle.moments import Ended, Task, Time, Turns

PRICES = {"m:a": (3, 17), "m:b": (5, 11)}
"""USD per million tokens of input and output."""
MORE_THAN_NOTHING = Decimal("1E-9")
Tokens = tuple[int, int] | None
Paid = list[tuple[Any, Tokens]]
"""Requests of an ask, as (model, tokens)."""
Doubts = dict[tuple[str, str], Decimal]
"""What stays in doubt of an ask, by what the limit is of and its dimension."""


def cost_of(model: str | None, tokens: Tokens) -> Decimal | None:
    if tokens is None or model not in PRICES:
        return None
    return (Decimal(sum(a * b for a, b in zip(tokens, PRICES[model], strict=True))) / 1_000_000).normalize()


def amount(dimension: str, model: str | None, tokens: Tokens) -> Decimal | None:
    """What a request is under a limit; None if nobody knows."""
    if dimension == "requests":
        return Decimal(1)
    if dimension == "cost_usd":
        return cost_of(model, tokens)
    if tokens is None:
        return None
    return Decimal({"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)}[dimension])


@dataclass(eq=False)
class Budget:
    """One limit of the run, or of the nested pipeline or step at the path ``of``.

    ``ahead`` is what was used before a run was resumed, and is not told yet: it counts for those who want to be asked.
    """

    dimension: str
    limit: Decimal
    of: str = ""
    spent: Decimal = Decimal(0)
    ahead: Decimal = Decimal(0)
    doubtful: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)

    @property
    def gone(self) -> Decimal:
        return self.spent + self.ahead + self.doubtful


@dataclass(eq=False)
class Hold:
    """What an ask holds, or waits for: of each budget, the outermost first. ``bounds`` are None where nobody knows."""

    budgets: tuple[Budget, ...]
    bounds: dict[str, Decimal | None]
    task: Task | None
    held: dict[Budget, Decimal] = field(default_factory=dict)
    refused: Budget | None = None

    @property
    def is_decided(self) -> bool:
        return bool(self.held) or self.refused is not None

    def refusal(self) -> Budget | None:
        """The budget of which too much is spent, whatever others still hold."""
        return next((each for each in self.budgets if self._needs(each) + each.gone > each.limit), None)

    def decide(self) -> bool:
        """Admit or refuse the ask if either can be said now."""
        self.refused = self.refusal()
        left = {each: each.limit - each.gone - each.reserved for each in self.budgets}
        if self.refused is None and all(self._needs(each) <= left[each] for each in self.budgets):
            for each in self.budgets:
                bound = self.bounds[each.dimension]
                self.held[each] = left[each] if bound is None else bound
                each.reserved += self.held[each]
        return self.is_decided

    def _needs(self, budget: Budget) -> Decimal:
        bound = self.bounds[budget.dimension]
        return MORE_THAN_NOTHING if bound is None else bound


class Queue:
    """Asks that wait to be admitted: those of one moment by declared order; nobody overtakes."""

    def __init__(self) -> None:
        self.arrived: list[tuple[tuple[int, ...], int, Hold]] = []
        self.waiting: list[tuple[tuple[int, ...], int, Hold]] = []
        self._numbers = count()

    def wait(self, time: Time, order: tuple[int, ...], hold: Hold) -> Turns:
        row = (order, next(self._numbers), hold)
        self.arrived.append(row)
        try:
            yield 0.0  # for others of this moment to arrive
            for each in self.arrived:
                insort(self.waiting, each)
            self.arrived.clear()
            self.serve(time)
            while not hold.is_decided:
                yield inf
        except Ended:
            for rows in (self.arrived, self.waiting):
                rows[:] = [each for each in rows if each is not row]
            settle(self, time, hold, hold.budgets, [])
            raise

    def serve(self, time: Time) -> None:
        while self.waiting and self.waiting[0][2].decide():
            task = self.waiting.pop(0)[2].task
            if task is not None and task is not time.current:
                time.wake(task)


def settle(
    queue: Queue, time: Time, hold: Hold | None, budgets: tuple[Budget, ...], paid: Paid, *,
    in_doubt: bool = False,
) -> Doubts:  # fmt: skip
    """Count what was paid, as (model, tokens); where nobody knows how much, what was held stays in doubt."""
    doubts = {}
    for each in budgets:
        amounts = [amount(each.dimension, model, tokens) for model, tokens in paid]
        known = sum((one for one in amounts if one is not None), Decimal(0))
        held = Decimal(0) if hold is None else hold.held.pop(each, Decimal(0))
        each.reserved -= held
        each.spent += known
        doubt = max(held - known, Decimal(0)) if in_doubt or None in amounts else Decimal(0)
        doubts[each.of, each.dimension] = doubt
        each.doubtful += doubt
    queue.serve(time)
    return doubts


def used(budget: Budget, paid: Paid, doubts: Doubts) -> Decimal:
    """What an ask counts under a limit, with what is in doubt of it."""
    amounts = [amount(budget.dimension, model, tokens) for model, tokens in paid]
    return sum((one for one in amounts if one is not None), doubts.get((budget.of, budget.dimension), Decimal(0)))


def told_again(budgets: tuple[Budget, ...], paid: Paid, doubts: Doubts) -> None:
    """What stayed in doubt before a run was resumed still does; what was ahead is told now."""
    for each in budgets:
        each.ahead -= used(each, paid, doubts)
        each.doubtful += doubts.get((each.of, each.dimension), Decimal(0))
