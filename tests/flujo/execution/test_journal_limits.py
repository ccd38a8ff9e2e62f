"""Where limits meet journals, fallbacks and nested runs: what was paid is kept and counted once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio
import pytest

from flujo import (
    AgentError,
    AgentOutput,
    Flujo,
    PipelineResult,
    Price,
    PriceTable,
    Step,
    Usage,
    UsageLimits,
)
from flujo.events import Answered, Asked, AskFailed, Event, FellBack, LimitPassed, NotAdmitted
from flujo.ports import RecordedAnswer
from flujo.stores.memory import MemoryJournal

pytestmark = pytest.mark.usefixtures("virtual_clock")

PRICES = PriceTable({"test:m": Price(input="3", output="17")})
USAGE = Usage(input_tokens=7, output_tokens=5)
ONE = Decimal("0.000106")


class Counted:
    """Reports what it used; is metered only as ``Metered``."""

    def __init__(self, *, error: bool = False, seconds: float = 0) -> None:
        self.error = error
        self.seconds = seconds
        self.calls = 0

    async def run(self, x: object) -> AgentOutput[object]:
        self.calls += 1
        await anyio.sleep(self.seconds)
        if self.error:
            raise AgentError("overloaded", usage=USAGE, model="test:m")
        return AgentOutput(x, usage=USAGE, model="test:m")


class Metered(Counted):
    model, max_output_tokens = "test:m", 5

    def estimate_input(self, x: object) -> int:
        return 7


async def echo(x: object) -> object:
    return x


def runner_of(pipeline: Any, **options: Any) -> Flujo:
    return Flujo(pipeline, **{"cost_model": PRICES, **options})


def story(result: PipelineResult) -> list[Event]:
    """The events but for the first, which holds a context."""
    return list(result.transcript)[1:]


async def twice(pipeline: Any, journal: MemoryJournal, **options: Any) -> tuple[PipelineResult, PipelineResult]:
    runner = runner_of(pipeline, store=journal, **options)
    first = await runner.run_async("x", run_id="r")
    return first, await runner.run_async("x", run_id="r")


# Journals ------------------------------------------------------------------------------------------------


async def test_an_answer_that_passed_a_limit_is_kept_and_not_asked_again() -> None:
    a, b, journal = Counted(), Counted(), MemoryJournal()
    first, second = await twice(Step("a", a) >> Step("b", b), journal, usage_limits=UsageLimits(request_limit=1))
    assert (first.status, second.status) == ("limited", "limited")
    assert (a.calls, b.calls, journal.in_doubt) == (1, 1, ())
    assert second.ledger == first.ledger
    assert second.total_cost_usd == 2 * ONE
    assert story(second) == story(first)
    kept = await journal.recall("r", "b/attempt:1")
    assert type(kept) is RecordedAnswer
    assert (kept.value, kept.entries, kept.error) == ("x", first.ledger.entries[1:], None)


async def test_an_answer_that_passed_a_limit_is_used_once_the_limit_is_raised() -> None:
    a, b, journal = Counted(), Counted(), MemoryJournal()
    pipeline = Step("a", a) >> Step("b", b)
    limited = runner_of(pipeline, store=journal, usage_limits=UsageLimits(request_limit=1))
    assert (await limited.run_async("x", run_id="r")).status == "limited"
    raised = runner_of(pipeline, store=journal, usage_limits=UsageLimits(request_limit=2))
    result = await raised.run_async("x", run_id="r")
    assert (result.status, result.output, a.calls, b.calls) == ("completed", "x", 1, 1)


async def test_an_answer_that_passed_a_steps_limit_is_kept_with_what_its_fallback_brought() -> None:
    primary, fallback, journal = Counted(), Counted(), MemoryJournal()
    step = Step("s", primary, usage_limits=UsageLimits(request_limit=0), fallback=Step("f", fallback))
    first, second = await twice(step, journal)
    assert (first.status, second.status) == ("completed", "completed")
    assert (primary.calls, fallback.calls, journal.in_doubt) == (1, 1, ())
    assert (second.ledger, story(second)) == (first.ledger, story(first))


async def test_an_ask_that_was_refused_is_not_in_doubt() -> None:
    agent, journal = Metered(), MemoryJournal()
    runner = runner_of(Step("s", agent), store=journal, usage_limits=UsageLimits(request_limit=0))
    result = await runner.run_async("x", run_id="r")
    assert (result.status, agent.calls, journal.in_doubt) == ("limited", 0, ())
    assert await journal.recall("r", "s/attempt:1") is None
    assert [event.path for event in result.transcript.of(NotAdmitted)] == ["s/attempt:1"]
    assert (result.transcript.of(Asked), result.transcript.of(AskFailed)) == ((), ())


@pytest.mark.parametrize("options", [{"error": True}, {"seconds": 60}], ids=["that raise", "that time out"])
async def test_failed_asks_are_kept_and_their_fallback_too(options: dict[str, Any]) -> None:
    agent, fallback, journal = Counted(**options), Counted(), MemoryJournal()
    step = Step("s", agent, timeout_s=30, max_retries=1, fallback=Step("f", fallback))
    first, second = await twice(step, journal)
    assert (first.status, second.status, agent.calls, fallback.calls) == ("completed", "completed", 2, 1)
    assert (second.ledger, story(second), journal.in_doubt) == (first.ledger, story(first), ())


# Runs within agents ---------------------------------------------------------------------------------------


async def test_a_breach_inside_a_nested_run_ends_the_outer_run() -> None:
    after = Counted()
    inner = runner_of(Step("i", Counted()))
    seen: list[str] = []

    async def outer(x: object) -> object:
        seen.append((await inner.run_async(x)).status)
        return x

    pipeline = Step("o", outer, max_retries=3, fallback=Step("f", echo)) >> Step("after", after)
    result = await runner_of(pipeline, usage_limits=UsageLimits(total_cost_usd_limit="0.0001")).run_async("x")
    assert (seen, after.calls) == (["limited"], 0)
    assert (result.status, str(result.error)) == (
        "limited", "o/attempt:1 passed a limit: run used 0.000106 of 0.0001 USD",
    )  # fmt: skip
    assert [(event.spent, event.limit) for event in result.transcript.of(LimitPassed)] == [(ONE, Decimal("0.0001"))]


async def test_a_breach_inside_a_nested_run_counts_though_the_agent_fails_afterwards() -> None:
    inner = runner_of(Step("i", Counted()))
    calls = 0

    async def outer(x: object) -> None:
        nonlocal calls
        calls += 1
        await inner.run_async(x)
        raise ValueError("after the breach")

    step = Step("o", outer, max_retries=3, fallback=Step("f", echo))
    result = await runner_of(step, usage_limits=UsageLimits(total_cost_usd_limit="0.0001")).run_async("x")
    assert (result.status, calls, result.transcript.of(FellBack)) == ("limited", 1, ())


async def test_a_nested_run_within_its_limits_disturbs_nobody() -> None:
    inner = runner_of(Step("i", Metered()))

    async def outer(x: object) -> object:
        return (await inner.run_async(x)).total_cost_usd

    result = await runner_of(Step("o", outer), usage_limits=UsageLimits(total_cost_usd_limit=ONE)).run_async("x")
    assert (result.status, result.output) == ("completed", ONE)


# Fallbacks ------------------------------------------------------------------------------------------------


async def test_a_step_that_was_refused_by_its_limit_says_that_its_fallback_saved_it() -> None:
    step = Step("s", Metered(), usage_limits=UsageLimits(request_limit=0), fallback=Step("f", echo))
    result = await runner_of(step).run_async("x")
    (fell_back,) = result.transcript.of(FellBack)
    why = "s/attempt:1 may use 1 request, 0 of 0 left"
    assert (result.status, fell_back.attempts, fell_back.error) == ("completed", 0, why)
    assert dict(result.step_history[0].metadata) == {"fallback_triggered": True, "original_error": why}


async def test_a_step_that_passed_its_limit_says_that_its_fallback_saved_it() -> None:
    step = Step("s", Counted(), usage_limits=UsageLimits(request_limit=0), fallback=Step("f", echo))
    result = await runner_of(step).run_async("x")
    why = "s/attempt:1 passed a limit: s used 1 of 0 requests"
    assert [(event.attempts, event.error) for event in result.transcript.of(FellBack)] == [(1, why)]
    assert dict(result.step_history[0].metadata) == {"fallback_triggered": True, "original_error": why}


async def test_what_a_processor_refused_was_not_accepted() -> None:
    def refuses(x: object) -> object:
        raise ValueError("unreadable")

    step = Step("s", Counted(), output_processors=[refuses], fallback=Step("f", Counted()))
    result = await runner_of(step).run_async("x")
    assert result.cost_by("outcome") == {"invalid": ONE, "accepted": ONE}
    assert [event.path for event in result.transcript.of(Answered)] == ["s/attempt:1", "s/fallback:f/attempt:1"]


async def test_what_a_processor_refused_was_not_accepted_without_a_fallback_either() -> None:
    def refuses(x: object) -> object:
        raise ValueError("unreadable")

    result = await runner_of(Step("s", Counted(), output_processors=[refuses])).run_async("x")
    assert (result.status, sum(result.cost_by("outcome").values())) == ("failed", ONE)
    assert "accepted" not in result.cost_by("outcome")
