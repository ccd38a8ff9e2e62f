"""What was paid stays shown when a run goes on and ends before it gets as far as it had been (A2, A8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio
import pytest

from flujo import AgentError, AgentOutput, Flujo, PipelineAbort, PipelineResult, Step
from flujo.events import Event, Paid, PaidBefore, RunEnded, StepStarted
from flujo.execution.ledger import Grouping
from flujo.stores.memory import MemoryJournal
from flujo.usage import RequestUsage
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, FunctionAgent, ScriptedAgent, check_conservation
from flujo_testing.clock import VirtualClock
from flujo_testing.transcript.story import story_of
from tests.laws.cast import DRAFT, PRICES, bounded, max_words, resumed, runner, small, usd, writer

ASK: Any = Step.human_in_the_loop("ask", "Go on?")
YES = {"fan/branch:a/ask": "yes"}
ONE, SMALL = Decimal("0.00104"), Decimal("0.00068")
GROUPINGS: tuple[Grouping, ...] = ("step", "model", "branch")


def fan(first: Any, second: Any) -> Any:
    """One branch at a time: a resumed run that the first ends does not get to the second, which had its turn before."""
    return Step.parallel("fan", {"a": ASK >> first, "b": second >> ASK}, max_concurrency=1)


def drafts() -> ScriptedAgent:
    """Rejected once, then accepted; both are paid."""
    return small("a b c d", "Rain")


def drafting(agent: ScriptedAgent) -> Any:
    return Step("write", agent, plugins=[max_words])


def shown(result: PipelineResult) -> tuple[Any, ...]:
    """All that a result says of its spend, but for what became of answers."""
    sums = [result.cost_by(grouping) for grouping in GROUPINGS]
    return result.ledger.entries, result.total_cost_usd, result.usage, result.total_tokens, *sums


def told_before(result: PipelineResult) -> list[str]:
    return [event.entry.path for event in result.transcript.of(PaidBefore)]


B = "fan/branch:b/write"
DRAFTS = [f"{B}/attempt:1", f"{B}/attempt:2"]


def breaking() -> Any:
    return Step("breaks", FailingAgent(error="offline"), max_retries=0)


async def failing(flujo_run: FlujoRun) -> tuple[PipelineResult, PipelineResult]:
    """A run that paused, and the same when it went on and failed."""
    flow = runner(fan(breaking(), drafting(drafts())))
    paused = await flujo_run(flow, "rain")
    return paused, await resumed(flow, paused, YES)


async def test_a8_what_a_run_that_fails_does_not_get_to_stays_in_its_ledger(flujo_run: FlujoRun) -> None:
    paused, failed = await failing(flujo_run)
    assert (paused.status, failed.status) == ("paused", "failed")
    assert str(failed.error) == "step 'fan/branch:a/breaks' failed after 1 attempt: offline"
    assert failed.total_cost_usd == 2 * SMALL
    assert failed.cost_by("step") == {B: 2 * SMALL}
    assert failed.cost_by("model") == {"test:small": 2 * SMALL}
    assert failed.cost_by("branch") == {"fan/branch:b": 2 * SMALL}
    assert failed.cost_by("outcome") == {"ok": 2 * SMALL}
    assert shown(failed) == shown(paused)
    assert told_before(failed) == DRAFTS


async def test_a8_a_call_that_a_limit_refuses_hides_nothing(flujo_run: FlujoRun) -> None:
    first = bounded("late")
    flow = runner(fan(Step("s", first), Step("write", bounded("x"))), limits=usd("0.00104"))
    paused = await flujo_run(flow, "rain")
    limited = await resumed(flow, paused, YES)
    assert (limited.status, len(first.calls), limited.total_cost_usd) == ("limited", 0, ONE)
    assert shown(limited) == shown(paused)
    result = await resumed(flow, limited, usage_limits=usd("0.00208"))
    assert (result.status, result.total_cost_usd, told_before(result)) == ("paused", 2 * ONE, [])


async def test_a8_a_breach_is_shown_with_all_that_was_spent(flujo_run: FlujoRun) -> None:
    """What the first branch pays is new, and stands before what was not reached."""

    async def pays(x: object) -> AgentOutput[object]:
        return AgentOutput(x, usage=DRAFT, model="test:writer")

    flow = runner(fan(Step("s", FunctionAgent(pays)), drafting(drafts())))
    limited = await resumed(flow, await flujo_run(flow, "rain"), YES, usage_limits=usd("0.001"))
    assert (limited.status, str(limited.error)) == (
        "limited", "fan/branch:a/s/attempt:1 passed a limit: run used 0.00104 of 0.001 USD",
    )  # fmt: skip
    assert limited.total_cost_usd == ONE + 2 * SMALL
    assert [entry.path for entry in limited.ledger.entries] == ["fan/branch:a/s/attempt:1", *DRAFTS]
    assert limited.cost_by("branch") == {"fan/branch:a": ONE, "fan/branch:b": 2 * SMALL}
    assert told_before(limited) == DRAFTS


async def test_a8_an_abort_hides_nothing(flujo_run: FlujoRun) -> None:
    def listener(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "fan/branch:a/s":
            raise PipelineAbort("enough")
        if isinstance(event, PaidBefore):
            raise PipelineAbort("too late")

    flow = Flujo(fan(Step("s", EchoAgent()), drafting(drafts())), cost_model=PRICES, listeners=[listener])
    paused = await flujo_run(flow, "rain")
    aborted = await resumed(flow, paused, YES)
    assert (aborted.status, str(aborted.error)) == ("aborted", "enough")
    assert told_before(aborted) == DRAFTS
    assert [str(error.error) for error in aborted.listener_errors] == ["too late", "too late"]


async def test_a8_a_run_that_is_cancelled_tells_it_before_its_end(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    heard: list[Event] = []
    late = Step("s", bounded("late", delay_s=60))
    flow = Flujo(fan(late, drafting(drafts())), cost_model=PRICES, listeners=[heard.append])
    paused = await flujo_run(flow, "rain")
    heard.clear()
    with anyio.move_on_after(30) as cancelling:
        await flow.resume_async(paused, YES)
    assert cancelling.cancelled_caught
    assert [event.entry.path for event in heard if isinstance(event, Paid)] == ["fan/branch:a/s/attempt:1", *DRAFTS]
    assert [type(event) for event in heard[-3:]] == [PaidBefore, PaidBefore, RunEnded]
    check_conservation(heard)


async def test_a8_nothing_is_told_twice_however_often_a_run_goes_on(flujo_run: FlujoRun) -> None:
    agent = drafts()
    breaks = FailingAgent(on_call=1, error="offline", then="y")
    again = Step.human_in_the_loop("again", "Sure?")
    flow = runner(fan(Step("s", breaks, max_retries=0) >> again, drafting(agent)))
    paused = await flujo_run(flow, "rain")
    failed = await resumed(flow, paused, YES)
    assert told_before(failed) == DRAFTS
    reached = await resumed(flow, failed)
    assert (reached.status, told_before(reached), len(agent.calls)) == ("paused", [], 2)
    assert shown(reached) == shown(failed) == shown(paused)
    answers = {question.path: "yes" for question in reached.questions}
    result = await resumed(flow, reached, answers)
    assert (result.status, result.total_cost_usd, len(agent.calls)) == ("completed", 2 * SMALL, 2)
    assert (shown(result), told_before(result)) == (shown(paused), [])


async def test_a8_what_was_not_reached_twice_is_told_twice_and_counted_once(flujo_run: FlujoRun) -> None:
    agent = drafts()
    flow = runner(fan(breaking(), drafting(agent)))
    paused = await flujo_run(flow, "rain")
    result = await resumed(flow, paused, YES)
    for _ in range(2):
        result = await resumed(flow, result)
        assert (result.status, told_before(result), shown(result)) == ("failed", DRAFTS, shown(paused))
    assert len(agent.calls) == 2


async def test_a8_what_is_in_doubt_stays_in_doubt(flujo_run: FlujoRun) -> None:
    lost = AgentError("cut off", requests=(RequestUsage(usage=None, model="test:writer", outcome="in_doubt"),))
    write = Step("write", writer(lost), max_retries=0, fallback=Step("saved", small("x")))
    flow = runner(fan(breaking(), write))
    failed = await resumed(flow, await flujo_run(flow, "rain"), YES)
    assert told_before(failed) == [f"{B}/attempt:1", f"{B}/fallback:saved/attempt:1"]
    assert (failed.total_cost_usd, failed.ledger.known_cost_usd) == (None, SMALL)


@pytest.mark.parametrize("kept", [True, False], ids=["with a transcript", "without"])
async def test_a8_a_runner_with_a_journal_shows_it(flujo_run: FlujoRun, kept: bool) -> None:
    flow = runner(fan(breaking(), drafting(drafts())))
    paused = await flujo_run(flow, "rain")
    goes_on = Flujo(flow.pipeline, cost_model=PRICES, store=MemoryJournal())
    goes_on.keep_transcript = kept
    failed = await goes_on.resume_async(paused, YES)
    assert (failed.status, failed.ledger.entries) == ("failed", paused.ledger.entries)


async def test_a8_the_story_tells_what_was_not_reached(flujo_run: FlujoRun) -> None:
    paused, failed = await failing(flujo_run)
    paid = {"model": "test:small", "input": 120, "output": 40, "usd": "0.00068"}
    assert story_of(failed)["result"]["paid_before"] == dict.fromkeys(DRAFTS, paid)
    assert "paid_before" not in story_of(paused)["result"]


async def test_a8_a_run_that_gets_everywhere_tells_nothing_of_it(flujo_run: FlujoRun) -> None:
    flow = runner(fan(Step("s", writer("y")), drafting(drafts())))
    paused = await flujo_run(flow, "rain")
    result = await resumed(flow, paused, {question.path: "yes" for question in paused.questions})
    assert (result.status, told_before(result)) == ("completed", [])
    assert result.total_cost_usd == ONE + 2 * SMALL
