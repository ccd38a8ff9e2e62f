"""The account of one run: what an ask reserves before it is made, and how what it reports is booked.

Booking comes first and judging later (law A1): an entry is in the transcript before anybody looks at the answer, and
whoever breaches a limit has been booked in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import anyio.lowlevel

from flujo.binding import BoundAgent, Meter
from flujo.entries import Draw, LedgerEntry
from flujo.errors import AgentError, MisuseError, PriceError, UsageLimitExceededError
from flujo.events import Drawn, LimitPassed, Log, NotAdmitted, Paid
from flujo.execution.amount import known
from flujo.execution.budget import Amount, Breach, Budget, BudgetRefused, Hold
from flujo.execution.ledger import price_entry
from flujo.execution.signals import AskFailure, Breached
from flujo.laws import Laws
from flujo.money import ZERO, add, multiply, subtract, total
from flujo.ports import AgentOutput, Clock, PluginOutcome, RecordedAnswer
from flujo.prices import CostModel
from flujo.usage import Dimension, RequestOutcome, RequestUsage, UsageLimits

if TYPE_CHECKING:
    from flujo.execution.frame import Place


# The budget that a run started inside an ask draws on; such a run may be deep in somebody's agent.
_above: ContextVar[tuple[Budget, object, list[Budget]] | None] = ContextVar("flujo_budget_above", default=None)


def budget_of_run(limits: UsageLimits | None, laws: Laws) -> Budget | None:
    """The budget of a run that begins here: its own limits, within those of the ask that it runs inside (law A7).

    None if there are no limits at all. Raises MisuseError as ``budget_above`` does.
    """
    ask = _above.get()
    if ask is not None:
        ask = laws.budget_around(ask)
    if ask is None:
        return None if limits is None else Budget(limits, admits=laws.admits, passes=laws.passes)
    budget = Budget(limits, budget_above())
    ask[2].append(budget)
    return budget


def budget_above() -> Budget | None:
    """The budget of the ask within which this code runs, if it has limits.

    Raises MisuseError in another event loop than the ask's: a budget belongs to one.
    """
    above = _above.get()
    if above is None:
        return None
    budget, loop, _ = above
    if anyio.lowlevel.current_token() != loop:
        raise MisuseError(
            "a run inside an agent draws on the limits of the run around it, and must run in its event loop: "
            "call 'await runner.run_async(...)' in the agent itself, not in a thread of its own"
        )
    return budget


@contextmanager
def drawing_on(purse: Purse, hold: Hold | None, place: Place, log: Log) -> Iterator[None]:
    """Work started inside the block draws on what the ask holds, or else on its purse. The log keeps how much."""
    if purse.budget is None:
        yield
        return
    inside = purse.budget if hold is None else hold.inside()
    runs: list[Budget] = []
    token = _above.set((inside, anyio.lowlevel.current_token(), runs))
    try:
        yield
    finally:
        _above.reset(token)
        if runs:
            purse.write_draws(log, place, tuple(draw for run in runs for draw in run.draws()))


NOTHING_BEFORE: Mapping[str, RecordedAnswer] = {}
NOBODY: Set[Budget] = frozenset()


class RunId:
    """What a run is called: as it was told, or made up when somebody asks; most runs are never asked."""

    __slots__ = ("_make", "_value")

    def __init__(self, given: str | Callable[[], str]) -> None:
        self._make = given
        self._value = given if isinstance(given, str) else None

    def __str__(self) -> str:
        if self._value is None:
            assert not isinstance(self._make, str)
            self._value = self._make()
        return self._value


class Account:
    """What all purses of a run share. ``strict`` refuses a metered call that cannot be priced (law A4).

    ``before`` is what was paid before a run went on, by path of the ask; budgets that are ``expecting`` count it.
    """

    __slots__ = ("before", "clock", "cost_model", "expecting", "laws", "name", "strict")

    def __init__(self, name: RunId, clock: Clock, laws: Laws, cost_model: CostModel | None, strict: bool) -> None:
        self.name = name
        self.clock = clock
        self.laws = laws
        self.cost_model = cost_model
        self.strict = strict
        self.before: Mapping[str, RecordedAnswer] = NOTHING_BEFORE
        self.expecting: Set[Budget] = NOBODY

    @property
    def run_id(self) -> str:
        return str(self.name)


class Purse:
    """The budget that the asks of a frame draw on, and the account they are booked in. No budget: no limits."""

    __slots__ = ("account", "budget")

    def __init__(self, account: Account, budget: Budget | None) -> None:
        self.account = account
        self.budget = budget

    def inner(self, limits: UsageLimits, name: str) -> Purse:
        """A purse inside this one: its own limits, and all those above (law A7)."""
        laws = self.account.laws
        purse = Purse(
            self.account, Budget(limits, laws.budget_around(self.budget), name, admits=laws.admits, passes=laws.passes)
        )
        return purse.expecting(f"{name}/", f"{name}/fallback:") if self.account.before else purse

    def expecting(self, within: str = "", but: str | None = None) -> Purse:
        """This purse, of which the budget counts what was used before by asks whose paths begin like this.

        A run that goes on comes to some of them late; what they have used is not for others.
        """
        if self.budget is not None:
            self.account.expecting |= {self.budget}
            for path, recorded in self.account.before.items():
                if path.startswith(within) and not (but and path.startswith(but)):
                    self.budget.expect(_counted(recorded, self.budget, 1))
        return self

    async def hold(
        self, meter: Meter, place: Place, value: object, offered: Mapping[str, Any], log: Log
    ) -> Hold | None:
        """Reserve the most that a call may use. Raises AskFailure for a price it lacks, Breached if not admitted."""
        account, budget = self.account, self.budget
        if budget is None and not account.strict:
            return None
        bound = self.bound(meter, value, offered, place)
        if budget is None:
            return None
        try:
            return await budget.reserve(bound, place.scope.order, alone=not place.scope.order)
        except BudgetRefused as refused:
            log.extend((
                NotAdmitted, account.clock.now(), place.scope, place.name, place.attempt, place.hop,
                refused.dimension, refused.bound, refused.left, refused.limit,
            ))  # fmt: skip
            error = UsageLimitExceededError(refused.told(place.path), path=place.path, dimension=refused.dimension)
            raise Breached(refused.budget, error) from refused

    @property
    def _limits_cost(self) -> bool:
        """Whether a cost limit holds here or above: then a call without a price is refused (law A4)."""
        return self.budget is not None and any("cost_usd" in budget.limited for budget in self.budget.chain)

    def bound(self, meter: Meter, value: object, offered: Mapping[str, Any], place: Place) -> Amount:
        times = meter.max_requests
        try:
            tokens = meter.estimate(value, offered)
            cost = self._most(meter, tokens)
            return Amount(
                cost_usd=None if cost is None else multiply(cost, times),
                input_tokens=None if tokens is None else tokens * times,
                output_tokens=None if meter.max_output_tokens is None else meter.max_output_tokens * times,
                requests=times,
            )
        except Exception as error:  # the user's estimate or cost model
            if isinstance(error, PriceError):
                error.path = error.path or place.path
            raise AskFailure("refused", error, retryable=False) from error

    def _most(self, meter: Meter, tokens: int | None) -> Decimal | None:
        account = self.account
        at = account.clock.utc()
        if account.cost_model is None:
            return None
        known = tokens is not None and meter.max_output_tokens is not None
        try:
            most = account.cost_model.max_cost(meter.model, tokens or 0, meter.max_output_tokens or 0, at)
        except PriceError:
            if account.strict or self._limits_cost:
                raise
            return None
        return most if known else None

    def book(
        self, log: Log, callee: BoundAgent, place: Place, brought: object, outcome: RequestOutcome, hold: Hold | None,
        asked_at: float,
    ) -> None:  # fmt: skip
        """Write what an ask reported into the ledger and settle its hold.

        Raises Breached if a limit is passed by it, AskFailure if the cost model breaks; the entries stand all the same.
        An ask that is being cancelled raises neither: it has no say any more.
        """
        requests = self.account.laws.requests_to_book(requests_of(brought, outcome))
        if not requests and (callee.meter is None or explicit(brought)):
            if hold is not None:
                hold.release()
            if outcome != "cancelled":
                self._judge_limits(place, log)
            return
        if not requests:
            requests = (RequestUsage(usage=None, outcome=outcome),)
            in_doubt = True
        else:
            in_doubt = any(request.outcome == "in_doubt" for request in requests)
        entries, broken = self._entries(requests, callee, place, price_context_of(brought), hold, asked_at)
        for entry in self.account.laws.entries_to_book(entries):
            log.extend((Paid, self.account.clock.now(), place.scope, place.name, entry))
        self.write_draws(log, place, self._settle(entries, requests, hold, in_doubt))
        if outcome == "cancelled":
            return
        self._judge_limits(place, log)
        if broken is not None:
            raise AskFailure("error", broken, retryable=False) from broken

    def _judge_limits(self, place: Place, log: Log) -> None:
        """Raise Breached if a limit has been passed."""
        if self.budget is not None and (breaches := self.budget.breaches()):
            raise self._breached(breaches[0], place, log)

    def write_draws(self, log: Log, place: Place, draws: tuple[Draw, ...]) -> None:
        """Have known to a run that goes on what limits count beside the entries of an ask."""
        if draws:
            log.extend((
                Drawn, self.account.clock.now(), place.scope, place.name, place.attempt, place.hop, place.plugin, draws
            ))  # fmt: skip

    def rebook(self, log: Log, place: Place, recorded: RecordedAnswer) -> None:
        """Write what was booked before, by a journaled ask; a limit that it passed is passed again."""
        for entry in recorded.entries:
            log.extend((Paid, self.account.clock.now(), place.scope, place.name, entry))
        self.write_draws(log, place, recorded.draws)
        if self.budget is not None:
            for budget in self.budget.chain:
                if budget in self.account.expecting:
                    budget.expect(_counted(recorded, budget, -1))
            self.budget.book(*_amounts(recorded), draws=recorded.draws)
        self._judge_limits(place, log)

    def _entries(
        self, requests: tuple[RequestUsage, ...], callee: BoundAgent, place: Place, context: str | None,
        hold: Hold | None, asked_at: float,
    ) -> tuple[tuple[LedgerEntry, ...], Exception | None]:  # fmt: skip
        account, path, broken = self.account, place.path, None
        requested_at = _started(account.clock, asked_at)
        possible = None if hold is None or len(requests) > 1 else hold.bound.cost_usd
        entries = []
        for number, request in enumerate(requests, 1 + place.asked_before):
            if request.model is None and callee.meter is not None:
                request = replace(request, model=callee.meter.model)
            facts = {
                "run_id": account.run_id, "path": path, "number": number, "attempt": place.attempt,
                "requested_at": requested_at, "branch": place.scope.branch, "context": context,
                "possible_usd": possible,
            }  # fmt: skip
            try:
                entry = price_entry(request, cost_model=account.cost_model, quoted=account.laws.quote, **facts)  # type: ignore[arg-type]
            except Exception as error:  # the user's cost model: the spend is kept, its price is unknown
                broken = error
                entry = price_entry(request, **facts)  # type: ignore[arg-type]
            entries.append(entry)
        if len(entries) > 1 and hold is not None:
            _bound_the_lost(entries, hold.bound.cost_usd)
        return tuple(entries), broken

    def _settle(
        self, entries: tuple[LedgerEntry, ...], requests: tuple[RequestUsage, ...], hold: Hold | None, in_doubt: bool
    ) -> tuple[Draw, ...]:
        """Count what is known of every request; what limits count of them beside the entries."""
        amounts = [
            Amount.of(entry.usage, entry.cost_usd, request.tool_calls)
            for entry, request in zip(entries, requests, strict=True)
        ]
        if hold is not None:
            hold.settle(*amounts, in_doubt=in_doubt)
        elif self.budget is not None:
            self.budget.book(*amounts)
        tool_calls = sum(request.tool_calls for request in requests)
        tools = (Draw("tool_calls", Decimal(tool_calls), ZERO),) if tool_calls else ()
        return tools if hold is None else (*tools, *hold.draws)

    def _breached(self, breach: Breach, place: Place, log: Log) -> Breached:
        at = self.account.clock.now()
        log.extend((LimitPassed, at, place.scope, place.name, breach.dimension, breach.spent, breach.limit))
        message = f"{place.path} passed a limit: {breach.told()}"
        return Breached(breach.budget, UsageLimitExceededError(message, path=place.path, dimension=breach.dimension))


def _amounts(recorded: RecordedAnswer) -> Iterator[Amount]:
    return (Amount.of(entry.usage, entry.cost_usd) for entry in recorded.entries)


def _counted(recorded: RecordedAnswer, budget: Budget, sign: int) -> dict[Dimension, Decimal]:
    """What ``budget`` counts of what was recorded, or that less than nothing."""
    sums, _ = known(_amounts(recorded))
    for draw in recorded.draws:
        if draw.budget in (None, budget.name):
            sums[draw.dimension] = add(sums[draw.dimension], add(draw.spent, draw.in_doubt))
    return {dimension: multiply(amount, sign) for dimension, amount in sums.items() if amount}


def _bound_the_lost(entries: list[LedgerEntry], most: Decimal | None) -> None:
    """Of several requests that may cost so much together, the one that is lost may have cost what the others left."""
    lost = [number for number, entry in enumerate(entries) if entry.uncertain]
    if most is not None and len(lost) == 1:
        others = total(entry.cost_usd for entry in entries if entry.cost_usd is not None and not entry.uncertain)
        entries[lost[0]] = replace(entries[lost[0]], possible_usd=max(subtract(most, others), ZERO))


def _started(clock: Clock, asked_at: float) -> datetime:
    return clock.utc() - timedelta(seconds=clock.now() - asked_at)


_REPORTING: Final = (AgentOutput, AgentError, PluginOutcome)


def requests_of(brought: object, outcome: RequestOutcome) -> tuple[RequestUsage, ...]:
    """The model requests that an answer or an error reports; empty if it reports none."""
    if not isinstance(brought, _REPORTING):
        return ()
    cost_usd = None
    if not isinstance(brought, PluginOutcome):
        if brought.requests is not None:
            return brought.requests
        cost_usd = brought.cost_usd
    if brought.usage is None and brought.model is None and cost_usd is None:
        return ()
    return (RequestUsage(usage=brought.usage, model=brought.model, cost_usd=cost_usd, outcome=outcome),)


def explicit(brought: object) -> bool:
    """Whether an answer or error says that no request was made, by an empty list."""
    return isinstance(brought, AgentOutput | AgentError) and brought.requests is not None


def price_context_of(brought: object) -> str | None:
    return brought.price_context if isinstance(brought, AgentOutput | AgentError) else None
