"""What kills the faults of propagation. No tests."""

from __future__ import annotations

from typing import Any

from flujo import PipelineResult, PluginOutcome, Step
from flujo.events import Asked
from flujo_testing import EchoAgent, FailingAgent, ScriptedAgent, ScriptedPlugin, SlowAgent
from tests.flujo_testing.faults.scenario import (
    Killer,
    Scenario,
    attempts,
    drafts,
    last_feedback,
    output,
    run,
    slow_note,
    status,
)
from tests.laws.cast import max_words, never, noting, writer


def rejected(*answers: str) -> Scenario:
    """Drafts of which all but the last have too many words."""

    async def scenario() -> PipelineResult:
        return await run(Step("write", writer(*answers), plugins=[max_words], max_retries=len(answers) - 1))

    return scenario


def judged_by(*outcomes: Any) -> Scenario:
    """One draft that is judged by so many plugins, which say this."""

    async def scenario() -> PipelineResult:
        plugins = [ScriptedPlugin(outcome, name=f"plugin_{number}") for number, outcome in enumerate(outcomes)]
        return await run(Step("write", writer("Rain"), plugins=plugins, max_retries=0))

    return scenario


async def redirected_for_ever() -> PipelineResult:
    senior = EchoAgent(name="senior")
    tone = ScriptedPlugin(*[PluginOutcome(False, redirect_to=senior)] * 12, name="tone")
    return await run(Step("write", EchoAgent(), plugins=[tone], max_retries=0))


async def redirected_once() -> PipelineResult:
    tone = ScriptedPlugin(PluginOutcome(False, redirect_to=ScriptedAgent("Bright rain")), True, name="tone")
    return await run(Step("write", writer("Rain"), plugins=[tone], max_retries=0))


async def fails_once() -> PipelineResult:
    return await run(Step("write", FailingAgent(on_call=1, then="Rain"), max_retries=1))


async def fails() -> PipelineResult:
    return await run(Step("write", FailingAgent(), max_retries=1))


async def not_to_be_retried() -> PipelineResult:
    agent = FailingAgent(error=ValueError("broken"))
    return await run(Step("write", agent, max_retries=1, retry_on=KeyError))


async def hangs() -> PipelineResult:
    return await run(Step("write", SlowAgent(10), timeout_s=1, max_retries=0))


async def in_time() -> PipelineResult:
    return await run(Step("write", SlowAgent(1), timeout_s=10, max_retries=0))


def falls_back(max_retries: int) -> Scenario:
    async def scenario() -> PipelineResult:
        agent = ScriptedAgent("Rain", "Snow", takes=())
        fallback = Step("echo", EchoAgent())
        return await run(Step("write", agent, plugins=[never], max_retries=max_retries, fallback=fallback))

    return scenario


async def handed_on() -> PipelineResult:
    return await run(Step("write", writer("Rain")) >> Step("echo", EchoAgent()))


async def echoed() -> PipelineResult:
    return await run(Step("echo", EchoAgent()))


async def two_notes() -> PipelineResult:
    return await run(Step("a", slow_note("a")) >> Step("b", slow_note("b")))


async def one_note() -> PipelineResult:
    return await run(Step("a", noting("a")))


async def branches() -> PipelineResult:
    return await run(Step.parallel("both", {name: Step("echo", EchoAgent()) for name in ("a", "b")}))


def asks(result: PipelineResult) -> list[str]:
    return [event.agent for event in result.transcript.of(Asked)]


PROPAGATION = {
    "swallow_feedback": Killer(rejected("a b c d", "Rain"), last_feedback, ["4 words, at most 3"]),
    "feedback_not_sent": Killer(rejected("a b c d", "Rain"), last_feedback, ["4 words, at most 3"]),
    "feedback_of_earlier_attempt": Killer(
        rejected("a b c d", "a b c d e", "Rain"),
        last_feedback,
        ["4 words, at most 3", "5 words, at most 3"],
        null=rejected("a b c d", "Rain"),
    ),
    "plugin_skipped": Killer(judged_by(True, "no"), status, "failed"),
    "plugins_reversed": Killer(
        judged_by(PluginOutcome(True, new_solution="Sun"), PluginOutcome(True, new_solution="Snow")),
        output,
        "Snow",
        null=judged_by(True),
    ),
    "new_solution_ignored": Killer(
        judged_by(PluginOutcome(True, new_solution="Sun")), output, "Sun", null=judged_by(True)
    ),
    "redirect_ignored": Killer(redirected_once, output, "Bright rain", null=judged_by(True)),
    "redirect_loop_unchecked": Killer(redirected_for_ever, asks, ["EchoAgent", "senior"], null=redirected_once),
    "retry_one_too_few": Killer(fails_once, status, "completed"),
    "retry_one_too_many": Killer(fails, attempts, 2, null=fails_once),
    "plugin_exception_accepts": Killer(judged_by(RuntimeError("broken")), status, "failed", null=judged_by("no")),
    "timeout_ignored": Killer(hangs, status, "failed", null=in_time),
    "fallback_gets_changed_input": Killer(falls_back(1), output, "rain", null=falls_back(0)),
    "success_always_true": Killer(fails, status, "failed"),
    "exception_becomes_none": Killer(fails, status, "failed"),
    "previous_output_returned": Killer(handed_on, output, "Rain", null=echoed),
    "context_not_forwarded": Killer(two_notes, drafts, ["a", "b"], null=one_note),
    "input_not_forwarded": Killer(echoed, output, "rain"),
    "branch_input_lost": Killer(branches, output, {"a": "rain", "b": "rain"}),
    "retry_any_error": Killer(not_to_be_retried, attempts, 1, null=fails_once),
}
