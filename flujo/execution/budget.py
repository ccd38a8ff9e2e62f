"""Budgets: what a run, a step or a nested run may still use. State of one run; the limits are data elsewhere.

A call reserves before it is made and settles when it ends, on its budget and on all budgets above it or on
none. Spending is never refused once it has happened: what passes its bound is recorded in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

import anyio.lowlevel

from flujo.entries import Draw
from flujo.errors import FlujoError
from flujo.execution.admission import Admission, Order
from flujo.execution.amount import (
    LIMIT_FIELDS,
    Amount,
    known,
    limits_by_dimension,
    unit_of,
    zeros,
)
from flujo.money import EXACT, ZERO, add, show_usd, subtract
from flujo.usage import Dimension, UsageLimits

__all__ = ["Amount", "Breach", "Budget", "BudgetRefused", "Hold"]

HoldState = Literal["waiting", "open", "settled", "in_doubt", "released"]

# A call without a bound wants all that is left, and more than nothing. No price comes near this.
_MORE_THAN_NOTHING = Decimal("1E-40")


@dataclass(frozen=True, slots=True)
class Breach:
    """More of one dimension was spent on ``budget`` than its limit."""

    budget: Budget
    dimension: Dimension
    limit: Decimal
    spent: Decimal

    def told(self) -> str:
        """``run used 0.12 of 0.1 USD``."""
        limit, spent = show_usd(self.limit), show_usd(self.spent)
        return f"{self.budget.name} used {spent} of {limit} {unit_of(self.dimension, limit)}"


class BudgetRefused(FlujoError):
    """``budget`` does not admit a call because of what is spent already; waiting for others would not help.

    ``spent`` counts calls in doubt at their bound; ``bound`` is None for a call without one.
    """

    def __init__(
        self,
        budget: Budget,
        dimension: Dimension,
        *,
        limit: Decimal,
        spent: Decimal,
        reserved: Decimal,
        bound: Decimal | None,
    ) -> None:
        self.budget = budget
        self.dimension = dimension
        self.limit = limit
        self.spent = spent
        self.reserved = reserved
        self.bound = bound
        super().__init__(self.told("a call"))

    @property
    def left(self) -> Decimal:
        """What is not spent; 0 if more than the limit was."""
        return max(subtract(self.limit, self.spent), ZERO)

    def told(self, who: str) -> str:
        """``publish/attempt:1 may cost 0.003187 USD, 0.000444 of 0.005 left``."""
        verb = "cost" if self.dimension == "cost_usd" else "use"
        left, limit = show_usd(self.left), show_usd(self.limit)
        if self.bound is None:
            return f"{who} may {verb} any amount of {unit_of(self.dimension, '')}, {left} of {limit} left"
        bound = show_usd(self.bound)
        return f"{who} may {verb} {bound} {unit_of(self.dimension, bound)}, {left} of {limit} left"


Admits = Callable[[Decimal, Decimal, Decimal, Decimal], bool]
Passes = Callable[[Decimal, Decimal], bool]


def admits(spent: Decimal, reserved: Decimal, bound: Decimal, limit: Decimal) -> bool:
    """A call is admitted if nothing could pass the limit; equality is allowed."""
    return spent + reserved + bound <= limit


def passes(spent: Decimal, limit: Decimal) -> bool:
    """A limit is breached when more than it was spent; a limit of 0 is a limit."""
    return spent > limit


class Budget:
    """What is spent, in doubt and reserved in each dimension, against ``limits`` and all budgets above.

    ``admits`` and ``passes`` are the policies of the run, given to its outermost budget; they are asked in
    our own decimal context.
    """

    __slots__ = (
        "_admission",
        "_admits",
        "_holds",
        "_lender",
        "_passes",
        "chain",
        "in_doubt",
        "limited",
        "name",
        "overage",
        "reserved",
        "spent",
    )

    def __init__(
        self,
        limits: UsageLimits | None = None,
        parent: Budget | None = None,
        name: str = "run",
        *,
        admits: Admits = admits,
        passes: Passes = passes,
    ) -> None:
        self.name = name
        self.chain: tuple[Budget, ...] = (self,) if parent is None else (*parent.chain, self)
        self.limited: dict[Dimension, Decimal] = limits_by_dimension(limits or UsageLimits())
        self.spent = zeros()
        self.in_doubt = zeros()
        self.reserved = zeros()
        self.overage = zeros()
        self._holds: set[Hold] = set()
        self._lender: Hold | None = None
        self._admission: Admission = Admission() if parent is None else parent._admission
        self._admits: Admits = admits if parent is None else parent._admits
        self._passes: Passes = passes if parent is None else parent._passes

    async def reserve(self, bound: Amount, order: Order = (), *, alone: bool = False) -> Hold:
        """Hold ``bound`` on every budget from here up; wait while only the holds of others are in the way.

        ``order`` is the structural position of the call: calls of one tick are admitted by it. ``alone``:
        nothing runs beside this call, so it need not let a tick pass for others. Raises BudgetRefused at
        once, or while waiting as soon as it is certain, if what is spent leaves too little.
        """
        hold = Hold(self, bound)
        refusal = hold.refusal()
        if refusal is not None:
            raise refusal
        uncontended = not any(budget.limited for budget in self.chain) or (alone and self._admission.idle)
        if not (uncontended and hold.decide()):
            try:
                await self._admission.turn(order, hold.decide)
                if hold.refused is None:
                    await anyio.lowlevel.checkpoint_if_cancelled()
            except BaseException:
                hold.release()
                raise
        if hold.refused is not None:
            raise hold.refused
        return hold

    def book(self, *spent: Amount, draws: Iterable[Draw] = ()) -> tuple[Breach, ...]:
        """Record what a call without a hold has used; the limits that are passed now, the outermost first."""
        for dimension, used in known(spent)[0].items():
            for budget in self.chain:
                budget._record(dimension, ZERO, used, ZERO)
        for draw in draws:
            for budget in self.chain:
                if draw.budget in (None, budget.name):
                    budget._record(draw.dimension, ZERO, draw.spent, draw.in_doubt)
        self._changed()
        return self.breaches()

    def expect(self, amounts: Mapping[Dimension, Decimal]) -> None:
        """Count what was used before and is booked later; less than nothing when it is booked."""
        for dimension, amount in amounts.items():
            self._record(dimension, ZERO, ZERO, amount)

    def breaches(self) -> tuple[Breach, ...]:
        """Every limit that is passed here or above, the outermost first: it outranks those within it."""
        with localcontext(EXACT):
            return tuple(self._breaches())

    def left(self, dimension: Dimension) -> Decimal | None:
        """What this budget alone could still admit; None if it has no such limit."""
        limit = self.limited.get(dimension)
        return None if limit is None else max(subtract(limit, self._counted(dimension)), ZERO)

    def draws(self) -> tuple[Draw, ...]:
        """What all within this budget has drawn, as those above count it."""
        rows = (Draw(dimension, self.spent[dimension], self.in_doubt[dimension]) for dimension in LIMIT_FIELDS)
        return tuple(row for row in rows if row.spent or row.in_doubt)

    @property
    def open_holds(self) -> int:
        """How many calls hold something of this budget."""
        return len(self._holds)

    def check(self) -> None:
        """Assert what must be true at every instant, here and above."""
        for budget in self.chain:
            for dimension, reserved in budget.reserved.items():
                held = ZERO
                for hold in budget._holds:
                    held = add(held, hold.held_on(budget)[dimension])
                assert reserved == held, f"{budget.name}: {dimension} reserved {reserved}, held {held}"
                limit = budget.limited.get(dimension)
                certain = subtract(budget._counted(dimension), budget.overage[dimension])
                assert limit is None or certain <= limit, f"{budget.name}: {dimension} {certain} > {limit}"

    def _counted(self, dimension: Dimension) -> Decimal:
        return add(add(self.spent[dimension], self.in_doubt[dimension]), self.reserved[dimension])

    def _breaches(self) -> Iterator[Breach]:
        lender = self.chain[0]._lender
        if lender is not None:
            yield from lender.budget._breaches()
        for budget in self.chain:
            # What an ask holds is no limit that a user has set.
            for dimension, limit in {} if budget._lender else budget.limited.items():
                if budget._passes(budget.spent[dimension], limit):
                    yield Breach(budget, dimension, limit, budget.spent[dimension])

    def _record(self, dimension: Dimension, held: Decimal, known: Decimal, doubtful: Decimal) -> None:
        counted = add(known, doubtful)
        self.reserved[dimension] = subtract(self.reserved[dimension], held)
        self.spent[dimension] = add(self.spent[dimension], known)
        self.in_doubt[dimension] = add(self.in_doubt[dimension], doubtful)
        self.overage[dimension] = add(self.overage[dimension], max(subtract(counted, held), ZERO))
        if self._lender is not None:
            self._lender.draw(dimension, known, doubtful)

    def _changed(self) -> None:
        self._admission.serve()
        lender = self.chain[0]._lender
        if lender is not None:
            lender.budget._changed()


class Hold:
    """What one call holds on its budget and on all above, from its admission to its one end.

    Ending it twice changes nothing. ``refused`` says why it was never admitted, ``draws`` what stays in doubt after
    its end.
    """

    __slots__ = ("_held", "_inside", "_wanted", "bound", "budget", "draws", "refused", "state")

    def __init__(self, budget: Budget, bound: Amount) -> None:
        self.budget = budget
        self.bound = bound
        self.state: HoldState = "waiting"
        self.refused: BudgetRefused | None = None
        self.draws: tuple[Draw, ...] = ()
        self._wanted = bound.quantities()
        self._held: dict[Budget, dict[Dimension, Decimal]] = {}
        self._inside: Budget | None = None

    def settle(self, *actual: Amount, in_doubt: bool = False) -> tuple[Breach, ...]:
        """The call has ended and used ``actual``, all together; the limits that are passed now, the outermost first.

        ``in_doubt``: it may have used more than it reported, so the rest of its bound stays counted. The same
        holds for a dimension that one of ``actual`` does not know.
        """
        return self._end("in_doubt" if in_doubt else "settled", actual) if self.state == "open" else ()

    def release(self) -> None:
        """The call was never made."""
        if self.state == "open":
            self._end("released", ())

    def inside(self) -> Budget:
        """The budget of all work that is started inside the call: it draws on what the call holds.

        Once that is gone it takes more from the budgets above, but never waits for it: whoever waits while
        holding can wait for ever.
        """
        if self._inside is None:
            limited = {dimension for budget in self._held for dimension in budget.limited}
            self._inside = Budget(name=f"a call of {self.budget.name}", passes=self.budget._passes)
            self._inside._admits = self.budget._admits
            self._inside._lender = self
            for dimension in LIMIT_FIELDS:
                if dimension in limited:
                    self._inside.limited[dimension] = self._least_held(dimension)
        return self._inside

    def held_on(self, budget: Budget) -> Mapping[Dimension, Decimal]:
        """What is held on one budget of the chain."""
        return self._held[budget]

    def refusal(self) -> BudgetRefused | None:
        """Why this call cannot be admitted any more, if it is certain before it queues."""
        weighed = _weigh(self.budget.chain, self._wanted)
        if isinstance(weighed, BudgetRefused) and weighed.budget._lender is None:
            return weighed
        return None

    def decide(self) -> bool:
        """Admit or refuse the call if either can be said now."""
        self._borrow()
        weighed = _weigh(self.budget.chain, self._wanted)
        if isinstance(weighed, BudgetRefused):
            self.refused = weighed
            return True
        if weighed:
            self._open()
        return weighed

    def draw(self, dimension: Dimension, known: Decimal, doubtful: Decimal) -> None:
        """Work inside this call has used some of what it holds, or more."""
        for budget, held in self._held.items():
            taken = min(held[dimension], add(known, doubtful)) if self.state == "open" else ZERO
            held[dimension] = subtract(held[dimension], taken)
            budget._record(dimension, taken, known, doubtful)

    def _open(self) -> None:
        self.state = "open"
        for budget in self.budget.chain:
            self._held[budget] = zeros()
            budget._holds.add(self)
            for dimension, wanted in self._wanted.items():
                amount = (budget.left(dimension) or ZERO) if wanted is None else wanted
                self._hold_more(budget, dimension, amount)

    def _hold_more(self, budget: Budget, dimension: Dimension, amount: Decimal) -> None:
        held = self._held[budget]
        held[dimension] = add(held[dimension], amount)
        budget.reserved[dimension] = add(budget.reserved[dimension], amount)

    def _end(self, state: HoldState, actual: tuple[Amount, ...]) -> tuple[Breach, ...]:
        self.state = state
        spent, uncertain = known(actual)
        if state == "in_doubt":
            uncertain = set(LIMIT_FIELDS)
        draws: dict[Draw, None] = {}
        for budget, held in self._held.items():
            budget._holds.discard(self)
            for dimension, used in spent.items():
                doubtful = max(subtract(held[dimension], used), ZERO) if dimension in uncertain else ZERO
                budget._record(dimension, held[dimension], used, doubtful)
                if doubtful:
                    only = budget.name if self._wanted[dimension] is None else None
                    draws[Draw(dimension, ZERO, doubtful, only)] = None
        self.draws = tuple(draws)
        self.budget._changed()
        return self.budget.breaches()

    def _least_held(self, dimension: Dimension) -> Decimal:
        return min(held[dimension] for budget, held in self._held.items() if dimension in budget.limited)

    def _borrow(self) -> None:
        inside = self.budget.chain[0]
        if inside._lender is not None:
            missing = zeros()
            for dimension, limit in inside.limited.items():
                needed = add(inside._counted(dimension), self._wanted[dimension] or ZERO)
                missing[dimension] = max(subtract(needed, limit), ZERO)
            if any(missing.values()):
                inside._lender._lend(inside, missing)

    def _lend(self, inside: Budget, missing: Mapping[Dimension, Decimal]) -> None:
        if self.state != "open" or _weigh(self.budget.chain, missing) is not True:
            return
        for dimension, amount in missing.items():
            for budget in self._held:
                self._hold_more(budget, dimension, amount)
            if dimension in inside.limited:
                inside.limited[dimension] = add(inside.limited[dimension], amount)


def _weigh(chain: tuple[Budget, ...], wanted: Mapping[Dimension, Decimal | None]) -> BudgetRefused | bool:
    """Refused, or whether it fits now; the outermost budget speaks first, for its refusal outranks."""
    fits = True
    with localcontext(EXACT):
        for budget in chain:
            for dimension, limit in budget.limited.items():
                bound = wanted[dimension]
                asked = _MORE_THAN_NOTHING if bound is None else bound
                gone = budget.spent[dimension] + budget.in_doubt[dimension]
                reserved = budget.reserved[dimension]
                if not budget._admits(gone, ZERO, asked, limit):
                    return BudgetRefused(budget, dimension, limit=limit, spent=gone, reserved=reserved, bound=bound)
                fits = fits and budget._admits(gone, reserved, asked, limit)
    return fits
