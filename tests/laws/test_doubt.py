"""What limits count beside the ledger (A5, A7, A8, R3): doubt, tools and runs inside, also after a run goes on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flujo import AgentError, AgentOutput, Backoff, Flujo, Pipeline, PipelineResult, Step, UsageLimits
from flujo.events import LimitPassed, NotAdmitted
from flujo.stores.memory import MemoryJournal
from flujo.usage import RequestUsage
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, FunctionAgent, ScriptedAgent
from flujo_testing.clock import VirtualClock
from tests.laws.cast import DRAFT, bounded, resumed, runner, usd, writer

ASK: Any = Step.human_in_the_loop("ask", "Go on?")
KNOWN = RequestUsage(usage=DRAFT, model="test:writer")
LOST = RequestUsage(usage=None, model="test:writer", outcome="in_doubt")
OUTPUT_100 = UsageLimits(output_tokens_limit=100)


def hanging(agent: ScriptedAgent, name: str = "hangs") -> Any:
    """A step of which the only attempt times out; its fallback costs nothing."""
    return Step(name, agent, timeout_s=5, max_retries=0, fallback=Step("saved", EchoAgent()))


def echo(**options: Any) -> EchoAgent:
    """Costs 0.00104 USD a call, and says so before."""
    return EchoAgent(model="test:writer", usage=DRAFT, **{"max_output_tokens": 40, "estimate_input": 120, **options})


def slow(**options: Any) -> ScriptedAgent:
    return bounded("late", delay_s=60, **options)


def refusals(result: PipelineResult) -> list[tuple[str, Any]]:
    """Paths of asks that were not admitted, and what was left."""
    return [(event.path, event.left) for event in result.transcript.of(NotAdmitted)]


async def test_a5_what_is_known_of_some_requests_of_a_call_counts(flujo_run: FlujoRun) -> None:
    """The call may use 40 output tokens and has used at least 80: nobody knows of its last request."""
    agent = bounded(AgentError("cut off", requests=(KNOWN, KNOWN, LOST)))
    result = await flujo_run(Step("s", agent), "rain", usage_limits=UsageLimits(output_tokens_limit=79))
    assert (result.status, len(agent.calls)) == ("limited", 1)
    assert [(event.spent, event.limit) for event in result.transcript.of(LimitPassed)] == [(80, 79)]


async def test_a5_what_was_held_beyond_what_is_known_of_a_call_stays_counted(flujo_run: FlujoRun) -> None:
    cut_off = bounded(AgentError("cut off", requests=(KNOWN, LOST)), max_output_tokens=60)
    part = Step("s", cut_off, max_retries=0, fallback=Step("f", echo(max_output_tokens=41)))
    result = await flujo_run(part, "rain", usage_limits=OUTPUT_100)
    assert refusals(result) == [("s/fallback:f/attempt:1", 40)]


async def test_a5_a_request_that_was_lost_with_some_usage_keeps_its_bound(flujo_run: FlujoRun) -> None:
    lost = RequestUsage(usage=DRAFT, model="test:writer", outcome="in_doubt")
    cut_off = bounded(AgentError("cut off", requests=(lost,)), max_output_tokens=60)
    part = Step("s", cut_off, max_retries=0, fallback=Step("f", echo(max_output_tokens=41)))
    result = await flujo_run(part, "rain", usage_limits=OUTPUT_100)
    assert refusals(result) == [("s/fallback:f/attempt:1", 40)]
    assert result.ledger.possible_cost_usd == result.ledger.entries[0].possible_usd


async def test_a5_a_call_that_says_nothing_may_have_made_all_its_requests(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    part = hanging(slow(max_requests=3)) >> Step("next", echo())
    result = await flujo_run(part, "rain", usage_limits=UsageLimits(request_limit=3))
    assert refusals(result) == [("next/attempt:1", 0)]


async def test_a5_one_lost_request_among_several_may_have_cost_the_rest(flujo_run: FlujoRun) -> None:
    agent = bounded(AgentError("cut off", requests=(KNOWN, LOST)), max_requests=3)
    result = await flujo_run(Step("s", agent, max_retries=0), "rain", usage_limits=usd("1"))
    assert [entry.possible_usd for entry in result.ledger.entries] == [None, Decimal("0.00208")]
    assert result.ledger.possible_cost_usd == Decimal("0.00312")


# After a run goes on -----------------------------------------------------------------------------------------


BOUNDS: dict[str, dict[str, Any]] = {"declared": {"max_output_tokens": 60}, "unknown": {"max_output_tokens": None}}


@pytest.mark.parametrize(("bound", "left"), [("declared", 40), ("unknown", 0)])
async def test_r3_doubt_stays_counted_when_a_run_goes_on(
    flujo_run: FlujoRun, virtual_clock: VirtualClock, bound: str, left: int
) -> None:
    flow = runner(hanging(slow(**BOUNDS[bound])) >> ASK >> Step("next", echo(max_output_tokens=41)), limits=OUTPUT_100)
    result = await resumed(flow, await flujo_run(flow, "rain"), {"ask": "yes"})
    assert (result.status, refusals(result)) == ("limited", [("next/attempt:1", left)])
    again = await resumed(flow, result, usage_limits=UsageLimits(output_tokens_limit=101))
    assert refusals(again) == ([] if bound == "declared" else [("next/attempt:1", 1)])


async def test_r3_higher_limits_let_calls_without_a_bound_go_on(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    """Such a call held all that was left; what the limit is raised by is left for others."""
    part = Step("s", bounded("late", "late", delay_s=60, max_output_tokens=None), timeout_s=5, max_retries=1)
    flow = runner(part, limits=OUTPUT_100)
    stopped = await flujo_run(flow, "rain")
    assert (stopped.status, refusals(stopped)) == ("limited", [("s/attempt:2", 0)])
    result = await resumed(flow, stopped, usage_limits=UsageLimits(output_tokens_limit=150))
    assert (result.status, refusals(result), len(result.ledger.entries)) == ("failed", [], 2)


async def test_r3_doubt_is_no_spend_and_passes_no_limit(flujo_run: FlujoRun, virtual_clock: VirtualClock) -> None:
    """The first call may have cost 0.00104 USD, the second, which is unmetered, has cost as much."""
    flow = runner(hanging(slow()) >> Step("two", unmetered()) >> ASK, limits=usd("0.0015"))
    paused = await flujo_run(flow, "rain")
    assert (paused.status, paused.transcript.of(LimitPassed)) == ("paused", ())
    result = await resumed(flow, paused, {"ask": "yes"})
    assert (result.status, result.transcript.of(LimitPassed)) == ("completed", ())


def unmetered() -> FunctionAgent:
    async def pays(x: object) -> AgentOutput[object]:
        return AgentOutput(x, usage=DRAFT, model="test:writer")

    return FunctionAgent(pays)


@pytest.mark.parametrize("whose", ["run", "nested pipeline"])
async def test_a5_what_was_spent_counts_before_a_resumed_run_gets_to_it(flujo_run: FlujoRun, whose: str) -> None:
    """One branch at a time: the second has paid before, and what it has paid is not there for the first."""
    late, limit = echo(), usd("0.00104")
    branches = {"a": ASK >> Step("s", late), "b": Step("s", bounded("x")) >> ASK}
    fan: Any = Step.parallel("fan", branches, max_concurrency=1)
    if whose == "run":
        flow, at = runner(fan, limits=limit), "fan"
    else:
        flow, at = runner(Pipeline.of(fan).as_step("n", usage_limits=limit)), "n/fan"
    result = await resumed(flow, await flujo_run(flow, "rain"), {f"{at}/branch:a/ask": "yes"})
    assert (result.status, len(late.calls)) == ("limited" if whose == "run" else "failed", 0)
    assert refusals(result) == [(f"{at}/branch:a/s/attempt:1", 0)]


async def test_r3_tools_that_were_called_before_count(flujo_run: FlujoRun) -> None:
    used = RequestUsage(usage=DRAFT, model="test:writer", tool_calls=2)

    async def calls_tools(x: object) -> AgentOutput[object]:
        return AgentOutput(x, requests=(used,))

    agent = FunctionAgent(calls_tools)
    limits = UsageLimits(tool_calls_limit=3)
    flow = runner(Step("one", agent) >> ASK >> Step("two", agent), limits=limits)
    result = await resumed(flow, await flujo_run(flow, "rain"), {"ask": "yes"})
    assert result.status == "limited"
    assert [(event.step, event.spent) for event in result.transcript.of(LimitPassed)] == [("two", 4)]


async def test_a7_what_runs_inside_agents_have_used_counts_when_the_outer_run_goes_on(flujo_run: FlujoRun) -> None:
    inner = runner(Step("i", writer("x", "y")))

    async def runs(x: object) -> object:
        return (await inner.run_async(x)).output

    flow = runner(Step("one", FunctionAgent(runs)) >> ASK >> Step("two", FunctionAgent(runs)), limits=usd("0.002"))
    result = await resumed(flow, await flujo_run(flow, "rain"), {"ask": "yes"})
    assert [(event.step, event.spent) for event in result.transcript.of(LimitPassed)] == [("two", Decimal("0.00208"))]


@pytest.mark.parametrize("kept", [True, False], ids=["with a transcript", "without"])
async def test_a8_a_journal_keeps_what_is_in_doubt(virtual_clock: VirtualClock, kept: bool) -> None:
    """The run is told twice from one journal; the second time nobody is asked."""
    agent, after = slow(max_output_tokens=None), echo()
    part = hanging(agent) >> Step("next", after)
    flow = Flujo(part, usage_limits=OUTPUT_100, store=MemoryJournal(), keep_transcript=kept)
    told = [await flow.run_async("rain", run_id="r") for _ in range(2)]
    why = "next/attempt:1 may use 40 output tokens, 0 of 100 left"
    assert [(result.status, str(result.error)) for result in told] == [("limited", why)] * 2
    assert (len(agent.calls), len(after.calls)) == (1, 0)


# Further attempts --------------------------------------------------------------------------------------------


async def test_r3_a_retry_that_was_refused_is_made_under_higher_limits(flujo_run: FlujoRun) -> None:
    flow = runner(Step("s", bounded(AgentError("cut off", usage=DRAFT), "x"), max_retries=1), limits=usd("0.00104"))
    stopped = await flujo_run(flow, "rain")
    assert (stopped.status, refusals(stopped)) == ("limited", [("s/attempt:2", 0)])
    result = await resumed(flow, stopped, usage_limits=usd("0.00208"))
    assert (result.status, result.output) == ("completed", "x")


async def test_r3_a_refusal_by_a_steps_own_limit_is_told_again(flujo_run: FlujoRun) -> None:
    limit = UsageLimits(request_limit=1)
    part = Step("s", bounded(ValueError("offline")), max_retries=1, usage_limits=limit, fallback=ASK)
    flow = runner(part)
    paused = await flujo_run(flow, "rain")
    result = await resumed(flow, paused, {"s/fallback:ask": "yes"})
    assert (paused.status, result.status) == ("paused", "completed")
    assert refusals(paused) == refusals(result) == [("s/attempt:2", 0)]


async def test_r3_a_retry_that_was_stopped_while_its_step_backed_off_is_made(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    backs_off = Step("s", FailingAgent(on_call=1, error="offline", then="x"), max_retries=1, backoff=Backoff(60))
    breaks = Step("t", FailingAgent(on_call=1, error="offline", then="y", delay_s=5), max_retries=0)
    flow = runner(Step.parallel("fan", {"a": backs_off, "b": breaks}))
    result = await resumed(flow, await flujo_run(flow, "rain"))
    assert (result.status, result.output) == ("completed", {"a": "x", "b": "y"})


def no_grey(text: str) -> str:
    if text == "Grey":
        raise ValueError("grey")
    return text


@pytest.mark.parametrize("broken", ["Grey", ValueError("offline")], ids=["by a processor", "by the agent"])
async def test_r3_attempts_that_were_granted_once_stay_granted(flujo_run: FlujoRun, broken: Any) -> None:
    """The step fails by what is not retried, gets further attempts and completes; then the run goes on twice."""
    agent = writer(broken, "Rain")
    write = Step("write", agent, output_processors=[no_grey], retry_on=KeyError)
    flow = runner(write >> ASK >> Step.human_in_the_loop("again", "Sure?"))
    failed = await flujo_run(flow, "rain")
    paused = await resumed(flow, failed)
    assert (failed.status, paused.status, len(agent.calls)) == ("failed", "paused", 2)
    half = await resumed(flow, paused, {"ask": "yes"})
    result = await resumed(flow, half, {"again": "yes"})
    assert (result.status, result.output, len(agent.calls)) == ("completed", "yes", 2)
