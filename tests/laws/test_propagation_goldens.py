"""The story of a run for each law of propagation, as a golden: what the words of P1 to P9 look like."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from flujo import (
    Backoff,
    BranchFailureStrategy,
    Draft,
    PipelineAbort,
    PluginOutcome,
    Step,
    Usage,
    validator,
)
from flujo.events import Answered, Event
from flujo_testing import (
    EchoAgent,
    FailingAgent,
    FlujoRun,
    FunctionAgent,
    ScriptedAgent,
    ScriptedPlugin,
    SlowAgent,
)
from flujo_testing.clock import VirtualClock
from flujo_testing.golden.assertion import Golden

DRAFT = Usage(input_tokens=120, output_tokens=40)
AGAIN = Usage(input_tokens=131, output_tokens=37)


def writer(*script: Any, **options: Any) -> ScriptedAgent:
    return ScriptedAgent(*script, **{"name": "writer", "model": "test:writer", "usage": DRAFT, **options})


def senior(*script: Any) -> ScriptedAgent:
    return ScriptedAgent(*script, name="senior", model="test:senior", usage=AGAIN)


@validator
def max_words(text: str) -> bool | str:
    words = len(text.split())
    return words <= 3 or f"{words} words, at most 3"


async def test_p1_feedback_reaches_the_next_attempts(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("Rain falls, and falls, and falls", "Rain falls and falls again", "Grey rain again")
    result = await flujo_run(Step("write", agent, plugins=[max_words], max_retries=2), "rain")
    assert result.output == "Grey rain again"
    golden.check(result)


async def test_p1_feedback_is_put_behind_the_original_text(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("Rain falls, and falls", "Grey rain", takes=())
    result = await flujo_run(Step("write", agent, plugins=[max_words]), "rain")
    assert [call.input for call in agent.calls] == [
        "rain",
        "rain\n\n<feedback>\nEarlier drafts were rejected:\n- max_words (attempt 1): 4 words, at most 3\n</feedback>",
    ]
    golden.check(result)


async def test_p1_input_that_carries_no_feedback_says_so(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("Rain falls, and falls", "Grey rain", takes=())
    result = await flujo_run(Step("write", agent, plugins=[max_words]), {"topic": "rain"})
    assert [call.input for call in agent.calls] == [{"topic": "rain"}, {"topic": "rain"}]
    golden.check(result)


async def test_p1_exceptions_are_retried_without_feedback(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = FailingAgent(
        on_call=1,
        paid=DRAFT,
        error="overloaded",
        then="Grey rain",
        model="test:writer",
        usage=AGAIN,
        name="writer",
    )
    result = await flujo_run(Step("write", agent), "rain")
    assert [call.feedback for call in agent.calls] == [(), ()]
    golden.check(result)


async def test_p1_retry_on_stops_at_other_exceptions(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = FailingAgent(error=ValueError("no such topic"), name="writer")
    result = await flujo_run(Step("write", agent, retry_on=ConnectionError, max_retries=3), "rain")
    assert (result.status, len(agent.calls)) == ("failed", 1)
    golden.check(result)


async def test_p1_the_last_rejection_fails_the_step(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(Step("write", writer("one two three four", "a b c d e"), plugins=[max_words]), "rain")
    assert str(result.error) == (
        "step 'write' failed after 2 attempts: plugin 'max_words' rejected the last draft: 5 words, at most 3"
    )
    golden.check(result)


async def test_p2_plugins_run_by_priority_until_the_first_rejection(flujo_run: FlujoRun, golden: Golden) -> None:
    plugins = [
        ScriptedPlugin(PluginOutcome(True), name="late"),
        ScriptedPlugin(PluginOutcome(False, "too sad"), PluginOutcome(True), name="first", priority=7),
        ScriptedPlugin(PluginOutcome(True), name="also_late"),
    ]
    result = await flujo_run(Step("write", writer("Sad rain", "Glad rain"), plugins=plugins), "rain")
    assert result.output == "Glad rain"
    golden.check(result)


async def test_p3_a_new_solution_is_what_the_next_plugin_sees(flujo_run: FlujoRun, golden: Golden) -> None:
    fix = ScriptedPlugin(PluginOutcome(True, new_solution="Grey rain"), name="fix", priority=1)
    result = await flujo_run(Step("write", writer("Gray rain, and more of it"), plugins=[fix, max_words]), "rain")
    assert result.output == "Grey rain"
    golden.check(result)


async def test_p4_a_redirect_asks_another_agent_within_the_attempt(flujo_run: FlujoRun, golden: Golden) -> None:
    tone = ScriptedPlugin(
        PluginOutcome(False, "too sad", redirect_to=senior("Bright rain, bright city")),
        PluginOutcome(True),
        name="tone",
    )
    result = await flujo_run(Step("write", writer("Grey rain again"), plugins=[tone]), "rain")
    assert result.output == "Bright rain, bright city"
    golden.check(result)


async def test_p4_a_circle_of_redirects_is_not_retried_but_falls_back(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("Grey rain")
    tone = ScriptedPlugin(PluginOutcome(False, "too sad", redirect_to=agent), name="tone")
    result = await flujo_run(
        Step("write", agent, plugins=[tone], max_retries=3, fallback=Step("plain", senior("Rain"))), "rain"
    )
    assert result.output == "Rain"
    golden.check(result)


async def test_p5_a_plugin_that_crashes_rejects(flujo_run: FlujoRun, golden: Golden) -> None:
    class Crashing:
        name, priority = "crashing", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            if draft["attempt"] == 1:
                raise KeyError("lexicon")
            return None if draft["attempt"] == 2 else PluginOutcome(True)  # type: ignore[return-value]

    result = await flujo_run(Step("write", writer("one", "two", "three"), plugins=[Crashing()], max_retries=2), "rain")
    assert result.output == "three"
    golden.check(result)


async def test_p6_a_timeout_of_ours_and_one_of_the_agent_are_told_apart(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    pipeline = Step(
        "slow",
        SlowAgent(31, "late", name="slow"),
        timeout_s=30,
        max_retries=0,
        fallback=Step(
            "own",
            FailingAgent(error=TimeoutError("the database was slow"), name="own"),
            timeout_s=30,
            max_retries=0,
        ),
    )
    result = await flujo_run(pipeline, "rain")
    assert virtual_clock.elapsed == 30
    golden.check(result)


async def test_p6_an_agent_that_swallows_its_cancellation_is_named(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    async def stubborn(x: str) -> str:
        try:
            await anyio.sleep(60)
        except anyio.get_cancelled_exc_class():
            return "after all"
        return "in time"

    result = await flujo_run(Step("write", FunctionAgent(stubborn), timeout_s=30, max_retries=0), "rain")
    assert (result.status, virtual_clock.elapsed) == ("failed", 30)
    golden.check(result)


async def test_p6_ten_timeouts_of_two_minutes_take_no_time(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    step: Step = Step("last", SlowAgent(600, name="slow"), timeout_s=120, max_retries=0)
    for depth in range(9):
        step = Step(f"s{depth}", SlowAgent(600, name="slow"), timeout_s=120, max_retries=0, fallback=step)
    result = await flujo_run(step, "rain")
    assert (result.status, virtual_clock.elapsed) == ("failed", 1200)
    golden.check(result)


async def test_p6_backoff_waits_between_attempts(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    agent = FailingAgent(error="overloaded", name="writer")
    result = await flujo_run(
        Step("write", agent, max_retries=3, backoff=Backoff(initial_s=2, factor=3, max_s=10)), "rain"
    )
    assert (result.status, virtual_clock.elapsed) == ("failed", 2 + 6 + 10)
    golden.check(result)


async def test_p7_a_fallback_starts_afresh(flujo_run: FlujoRun, golden: Golden) -> None:
    small = ScriptedAgent("Rain", name="small", model="test:small", usage=AGAIN)
    primary = Step("write", writer("a b c d", "a b c d e"), plugins=[max_words], fallback=Step("write_small", small))
    result = await flujo_run(primary >> Step("review", EchoAgent(name="echo")), "rain")
    assert (result.output, small.calls[0].feedback) == ("Rain", ())
    golden.check(result)


async def test_p7_a_fallback_that_fails_too(flujo_run: FlujoRun, golden: Golden) -> None:
    small = FailingAgent(paid=AGAIN, error="small, too", model="test:small", name="small")
    step = Step(
        "write",
        writer("a b c d"),
        plugins=[max_words],
        max_retries=0,
        fallback=Step("write_small", small, max_retries=0),
    )
    result = await flujo_run(step, "rain")
    assert result.status == "failed"
    golden.check(result)


async def test_p8_a_failed_step_ends_its_pipeline(flujo_run: FlujoRun, golden: Golden) -> None:
    pipeline = (
        Step("write", writer("Rain"))
        >> Step("check", FailingAgent(error="offline", name="check"), max_retries=0)
        >> Step("publish", EchoAgent(name="echo"))
    )
    result = await flujo_run(pipeline, "rain")
    assert [step.path for step in result.step_history] == ["write", "check"]
    golden.check(result)


def _fan(**branches: Any) -> dict[str, Step]:
    return {name: Step("check", agent, max_retries=0) for name, agent in branches.items()}


async def test_p8_a_failing_branch_stops_the_others(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    fan = Step.parallel(
        "review",
        _fan(
            legal=SlowAgent(60, name="legal"),
            facts=FailingAgent(error="offline", name="facts"),
            tone=EchoAgent(name="tone"),
        ),
    )
    result = await flujo_run(fan, "rain")
    assert (result.status, virtual_clock.elapsed) == ("failed", 0)
    golden.check(result)


async def test_p8_an_ignored_failure_leaves_the_others(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    fan = Step.parallel(
        "review",
        _fan(
            legal=SlowAgent(60, "fine", name="legal"),
            facts=FailingAgent(error="offline", name="facts"),
            tone=EchoAgent(name="tone"),
        ),
        on_branch_failure=BranchFailureStrategy.IGNORE,
    )
    result = await flujo_run(fan, "rain")
    assert result.output == {"legal": "fine", "tone": "rain"}
    golden.check(result)


async def test_p8_all_branches_failing_fails_the_step(flujo_run: FlujoRun, golden: Golden) -> None:
    fan = Step.parallel(
        "review",
        _fan(
            legal=FailingAgent(error="closed", name="legal"),
            facts=FailingAgent(error="offline", name="facts"),
        ),
        on_branch_failure=BranchFailureStrategy.IGNORE,
    )
    result = await flujo_run(fan, "rain")
    assert str(result.error) == "step 'review/branch:legal/check' failed after 1 attempt: closed"
    golden.check(result)


async def test_p9_a_listener_that_aborts(flujo_run: FlujoRun, golden: Golden) -> None:
    def guard(event: Event) -> None:
        if isinstance(event, Answered):
            raise PipelineAbort("the first answer is enough")

    result = await flujo_run(
        Step("write", writer("Rain")) >> Step("review", EchoAgent(name="echo")), "rain", listeners=[guard]
    )
    assert (result.status, result.ledger.known_cost_usd) == ("aborted", result.total_cost_usd)
    golden.check(result)


async def test_p9_a_listener_that_raises_changes_nothing(flujo_run: FlujoRun, golden: Golden) -> None:
    def broken(event: Event) -> None:
        raise ValueError("deaf")

    result = await flujo_run(Step("write", writer("Rain")), "rain", listeners=[broken])
    assert len(result.listener_errors) == len(result.transcript)
    golden.check(result)


class Ticket(BaseModel):
    title: str
    urgent: bool


async def test_output_types_are_checked_like_plugins(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer('{"title": "Rain"}', '{"title": "Rain", "urgent": true}', output_type=Ticket)
    result = await flujo_run(Step("file", agent), "It rains in.")
    assert result.output == Ticket(title="Rain", urgent=True)
    golden.check(result)


async def test_processors_shape_what_agents_see(flujo_run: FlujoRun, golden: Golden) -> None:
    step = Step(
        "write",
        writer("  Rain  "),
        input_processors=[lambda topic: f"A haiku about {topic}"],
        output_processors=[str.strip],
    )
    result = await flujo_run(step, "rain")
    assert result.output == "Rain"
    golden.check(result)


@pytest.mark.parametrize("answer", ["Grüße, 雨", "a\nb\n", "", "\u202eevil", "no\u0301", "n\u00f3"])
async def test_any_text_is_told(flujo_run: FlujoRun, golden: Golden, answer: str) -> None:
    result = await flujo_run(Step("write", ScriptedAgent(answer, name="writer")), "rain")
    assert result.output == answer
    golden.check(result)
