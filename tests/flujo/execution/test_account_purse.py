"""A purse by itself: what it reserves before a call, what it books after it, and whom it draws on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest

from flujo import (
    AgentError,
    AgentOutput,
    PluginOutcome,
    PriceTable,
    RequestUsage,
    UnknownModelPrice,
    Usage,
    UsageLimitExceededError,
    UsageLimits,
)
from flujo.binding import bind_agent
from flujo.entries import Draw, LedgerEntry
from flujo.errors import MisuseError
from flujo.events import Drawn, LimitPassed, Log, NotAdmitted, Paid, Scope, rows
from flujo.execution.account import Account, Purse, RunId, budget_of_run, drawing_on
from flujo.execution.amount import Amount
from flujo.execution.budget import Budget, Hold
from flujo.execution.frame import Place
from flujo.execution.signals import AskFailure, Breached
from flujo.laws import DEFAULT, Laws
from flujo.ports import RecordedAnswer
from flujo.prices import CostModel, Quote
from tests.flujo.execution.budgets import cost, limited, state, usd
from tests.flujo.execution.metered import ONE, PRICES, Metered

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
USED = Usage(input_tokens=1000, output_tokens=1000)
METERED = bind_agent(Metered())
METER: Any = METERED.meter


async def echo(x: object) -> object:
    return x


UNMETERED = bind_agent(echo)


class Noon:
    """Seven seconds after the clock was started it is noon."""

    def now(self) -> float:
        return 7.0

    def utc(self) -> datetime:
        return NOON

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


class Broken:
    """Prices that raise."""

    table_id = "broken"

    def quote(self, *args: object) -> Any:
        raise ZeroDivisionError("no price")

    max_cost = quote


def purse(budget: Budget | None = None, *, prices: CostModel | None = PRICES, laws: Laws = DEFAULT) -> Purse:
    return Purse(Account(RunId("r"), Noon(), laws, prices, strict=False), budget)


def place(*order: int) -> Place:
    return Place(Scope(None, "", order), "s", 1)


def told(log: Log, kind: type) -> list[Any]:
    """The last field of every record of a kind."""
    return [row[-1] for row in rows(log) if row[0] is kind]


def booked(
    brought: object, *, by: Purse | None = None, callee: Any = METERED, outcome: Any = "ok", asked_before: int = 0
) -> list[LedgerEntry]:
    """The entries of an ask that was made two seconds after the clock was started."""
    log: Log = []
    where = place()
    where.asked_before = asked_before
    (by or purse()).book(log, callee, where, brought, outcome, None, 2.0)
    return told(log, Paid)


# What is booked -------------------------------------------------------------------------------------------


async def test_a_request_was_made_when_its_ask_was_made() -> None:
    (entry,) = booked(AgentOutput("x", usage=USED))
    assert entry.requested_at == NOON - timedelta(seconds=5)


@pytest.mark.parametrize(
    ("callee", "reported", "model"),
    [
        (METERED, "test:n", "test:n"),
        (METERED, None, "test:m"),
        (UNMETERED, "test:n", "test:n"),
        (UNMETERED, None, None),
    ],
    ids=["another than declared", "only declared", "only reported", "neither"],
)
async def test_a_request_is_of_the_model_that_was_reported_or_else_of_the_declared_one(
    callee: Any, reported: str | None, model: str | None
) -> None:
    assert [entry.model for entry in booked(AgentOutput("x", usage=USED, model=reported), callee=callee)] == [model]


@pytest.mark.parametrize("outcome", ["ok", "error", "timeout", "cancelled"])
async def test_a_metered_call_that_says_nothing_is_one_request_of_which_nobody_knows_the_usage(outcome: str) -> None:
    (entry,) = booked("x", outcome=outcome)
    assert (entry.entry_id, entry.model, entry.usage, entry.cost_usd, entry.outcome) == (
        "r/s/attempt:1/request:1", "test:m", None, None, outcome,
    )  # fmt: skip


async def test_requests_are_numbered_on_after_those_that_an_ask_had_made_before() -> None:
    request = RequestUsage(usage=USED, model="test:m")
    entries = booked(AgentOutput("x", requests=(request, request)), asked_before=2)
    assert [entry.entry_id for entry in entries] == ["r/s/attempt:1/request:3", "r/s/attempt:1/request:4"]


@pytest.mark.parametrize(
    ("brought", "context"),
    [
        (AgentOutput("x", usage=USED, price_context="batch"), "batch"),
        (AgentError("overloaded", usage=USED, price_context="batch"), "batch"),
        (AgentOutput("x", usage=USED), None),
        (PluginOutcome(True, usage=USED), None),
    ],
    ids=["an answer", "an error", "an answer without one", "a verdict"],
)
async def test_the_laws_of_the_run_price_a_request_in_the_context_it_was_bought_in(
    brought: object, context: str | None
) -> None:
    asked: list[object] = []

    def doubled(prices: CostModel, model: str, usage: Usage, at: datetime, context: str | None) -> Quote:
        asked.append((prices, model, usage, at, context))
        price = prices.quote(model, usage, at)
        return replace(price, cost=2 * price.cost)

    entries = booked(brought, by=purse(laws=replace(DEFAULT, quote=doubled)))
    assert [entry.cost_usd for entry in entries] == [2 * ONE]
    assert asked == [(PRICES, "test:m", USED, NOON - timedelta(seconds=5), context)]


async def test_prices_that_raise_fail_the_ask_for_good_and_its_request_has_no_price() -> None:
    log: Log = []
    with pytest.raises(AskFailure) as failed:
        purse(prices=Broken()).book(log, METERED, place(), AgentOutput("x", usage=USED), "ok", None, 2.0)
    failure = failed.value
    assert (failure.outcome, str(failure.error), failure.retryable) == ("error", "no price", False)
    assert type(failure.__cause__) is ZeroDivisionError
    assert [(entry.usage, entry.cost_usd, entry.table_id) for entry in told(log, Paid)] == [(USED, None, None)]


@pytest.mark.parametrize("brought", [AgentOutput("x", usage=USED), None], ids=["paid", "unpaid"])
async def test_an_ask_that_is_cancelled_passes_no_limit_but_those_after_it_do(brought: object) -> None:
    run = limited("0.01")
    mine = purse(run)
    log: Log = []
    run.book(cost("0.02"))
    mine.book(log, UNMETERED, place(), brought, "cancelled", None, 2.0)
    assert (told(log, LimitPassed), len(told(log, Paid))) == ([], 0 if brought is None else 1)
    with pytest.raises(Breached):
        mine.book(log, UNMETERED, place(), None, "ok", None, 2.0)
    assert told(log, LimitPassed) == [Decimal("0.01")]


async def test_an_ask_that_is_cancelled_does_not_fail_for_prices_that_raise() -> None:
    entries = booked(AgentOutput("x", usage=USED), by=purse(prices=Broken()), outcome="cancelled")
    assert [(entry.usage, entry.cost_usd) for entry in entries] == [(USED, None)]


@pytest.mark.parametrize(
    ("tool_calls", "drawn"),
    [((0, 0), []), ((2, 1), [(Draw("tool_calls", Decimal(3), Decimal(0)),)])],
    ids=["none", "three"],
)
async def test_only_tools_that_were_called_are_told_beside_the_entries(
    tool_calls: Sequence[int], drawn: list[object]
) -> None:
    log: Log = []
    requests = tuple(RequestUsage(usage=USED, model="test:m", tool_calls=number) for number in tool_calls)
    purse().book(log, UNMETERED, place(), AgentOutput("x", requests=requests), "ok", None, 2.0)
    assert told(log, Drawn) == drawn


# What is reserved -----------------------------------------------------------------------------------------


class Estimating(Metered):
    """Its requests are as long as its input says."""

    def estimate_input(self, x: Any, *, context: Any = 0) -> Any:
        return x + context


@pytest.mark.parametrize(
    ("most", "input", "usd"),
    [(10, 1000, "0.00317"), (0, 1000, "0.003"), (10, 0, "0.00017"), (0, 0, "0")],
)
async def test_a_call_may_cost_what_its_input_and_its_longest_answer_do(most: int, input: int, usd: str) -> None:
    meter: Any = bind_agent(Estimating(bound=most)).meter
    bound = purse().bound(meter, input, {}, place())
    assert bound == Amount(cost_usd=Decimal(usd), input_tokens=input, output_tokens=most, requests=1)


async def test_what_is_held_of_a_call_is_estimated_from_its_input_and_what_it_is_offered() -> None:
    meter: Any = bind_agent(Estimating(bound=10)).meter
    hold: Any = await purse(limited("1")).hold(meter, place(), 990, {"context": 10}, [])
    assert hold.bound == Amount(cost_usd=Decimal("0.00317"), input_tokens=1000, output_tokens=10, requests=1)


@pytest.mark.parametrize(
    ("prices", "input", "why"),
    [(PRICES, "text", TypeError), (Broken(), 1, ZeroDivisionError), (PriceTable({}), 1, UnknownModelPrice)],
    ids=["an estimate that raises", "prices that raise", "a model without a price"],
)
async def test_a_call_of_which_the_bound_cannot_be_told_is_refused_for_good(
    prices: CostModel, input: object, why: type[Exception]
) -> None:
    meter: Any = bind_agent(Estimating()).meter
    with pytest.raises(AskFailure) as refused:
        purse(limited("1"), prices=prices).bound(meter, input, {}, place())
    failure = refused.value
    assert (failure.outcome, type(failure.error), failure.retryable) == ("refused", why, False)
    assert failure.__cause__ is failure.error


async def test_a_call_that_is_not_admitted_says_which_limit_was_in_its_way() -> None:
    log: Log = []
    run = Budget(UsageLimits(total_cost_usd_limit="1", output_tokens_limit=999))
    with pytest.raises(Breached) as refused:
        await purse(run).hold(METER, place(), "x", {}, log)
    error = refused.value.error
    assert type(error) is UsageLimitExceededError
    assert (error.path, error.dimension) == ("s/attempt:1", "output_tokens")
    assert str(error) == "s/attempt:1 may use 1000 output tokens, 999 of 999 left"
    assert (refused.value.budget, told(log, NotAdmitted)) == (run, [Decimal(999)])


async def test_of_calls_in_branches_the_earliest_declared_ones_are_admitted_first() -> None:
    mine = purse(limited("0.05"))
    admitted: list[int] = []

    async def reserve(position: int) -> None:
        await mine.hold(METER, place(position), "x", {}, [])
        admitted.append(position)

    async with anyio.create_task_group() as tasks:
        for position in (3, 2, 1, 0):
            tasks.start_soon(reserve, position)
        await anyio.wait_all_tasks_blocked()
        assert sorted(admitted) == [0, 1]
        tasks.cancel_scope.cancel()


async def test_a_call_in_no_branch_reserves_at_once() -> None:
    ran: list[bool] = []

    async def beside() -> None:
        ran.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beside)
        hold = await purse(limited("1")).hold(METER, place(), "x", {}, [])
        assert ran == []
    assert (type(hold), ran) == (Hold, [True])


# Whom it draws on -----------------------------------------------------------------------------------------


async def test_the_limits_of_a_step_expect_nothing_in_a_run_that_begins() -> None:
    mine = purse(limited("1"))
    step = mine.inner(UsageLimits(total_cost_usd_limit="1"), "s")
    budget: Any = step.budget
    (entry,) = booked(AgentOutput("x", usage=USED))
    step.rebook([], place(), RecordedAnswer("x", (entry,)))
    assert (mine.account.expecting, state(budget)) == (frozenset(), usd("0.02", "0", "0"))


async def test_a_run_that_begins_expects_nothing() -> None:
    run = limited("1")
    assert (purse(run).expecting().budget, state(run)) == (run, usd("0", "0", "0"))


async def test_a_run_inside_an_ask_has_its_own_limits_within_those_of_the_ask() -> None:
    outer = limited("0.10")
    own = UsageLimits(total_cost_usd_limit="0.01")
    apart = replace(DEFAULT, budget_around=lambda budget: None)
    with drawing_on(purse(outer), None, place(), []):
        given = [(own, DEFAULT), (None, DEFAULT), (own, apart), (None, apart)]
        inner, unlimited, alone, free = [cast(Any, budget_of_run(limits, laws)) for limits, laws in given]
    assert (inner.chain, inner.limited) == ((outer, inner), {"cost_usd": Decimal("0.01")})
    assert (unlimited.chain, unlimited.limited) == ((outer, unlimited), {})
    assert (alone.chain, alone.limited, free) == ((alone,), {"cost_usd": Decimal("0.01")}, None)


async def test_a_run_inside_an_ask_that_is_in_another_event_loop_is_refused() -> None:
    async def elsewhere() -> None:
        budget_of_run(None, DEFAULT)

    with drawing_on(purse(limited("0.10")), None, place(), []), pytest.raises(MisuseError) as refused:
        await anyio.to_thread.run_sync(anyio.run, elsewhere)
    assert str(refused.value) == (
        "a run inside an agent draws on the limits of the run around it, and must run in its event loop: "
        "call 'await runner.run_async(...)' in the agent itself, not in a thread of its own"
    )


async def test_the_limits_of_a_run_are_kept_by_its_laws() -> None:
    laws = replace(DEFAULT, admits=lambda *numbers: True, passes=lambda spent, limit: spent >= limit)
    run: Any = budget_of_run(UsageLimits(total_cost_usd_limit="0.01"), laws)
    hold = await run.reserve(cost("0.04"))
    assert [breach.told() for breach in hold.settle(cost("0.01"))] == ["run used 0.01 of 0.01 USD"]
