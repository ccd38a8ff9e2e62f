"""What is kept of an attempt that is broken off: while a plugin judges it, or in its call."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from flujo import (
    AgentError,
    Draft,
    Flujo,
    MergeStrategy,
    PipelineAbort,
    PipelineContext,
    PipelineResult,
    PluginOutcome,
    Step,
    Usage,
    UsageLimits,
)
from flujo.events import Asked, Event, PaidBefore


class Notes(PipelineContext):
    drafts: list[str] = []


async def echo(x: str) -> str:
    return x


async def not_copyable(x: str, *, context: Notes) -> str:
    context.drafts = (draft for draft in "abc")  # type: ignore[assignment]
    return x


class Late:
    """A metered agent that never answers."""

    model = "m"
    max_output_tokens = None

    async def run(self, x: str) -> str:
        await anyio.sleep_forever()
        raise AssertionError("woke up")


class Looks:
    """Takes the context and accepts."""

    name = "looks"
    priority = 0

    async def validate(self, draft: Draft, *, context: Notes) -> PluginOutcome:
        return PluginOutcome(True)


class FailsAtACost:
    """Pays for a request, and fails."""

    name = "fails"
    priority = 0

    def __init__(self) -> None:
        self.calls = 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        self.calls += 1
        if self.calls == 1:
            raise AgentError("overloaded", usage=Usage(input_tokens=7, output_tokens=5), model="m", cost_usd=Decimal(2))
        return PluginOutcome(True)


async def test_a_context_that_cannot_be_copied_fails_the_step_though_a_plugin_saw_it() -> None:
    step = Step("s", not_copyable, plugins=[Looks()], max_retries=0)
    result = await Flujo(step, context_model=Notes).run_async("x")
    assert result.status == "failed"
    assert str(result.error).startswith("step 's' failed after 1 attempt: Notes.drafts cannot be copied")


async def test_a_plugin_that_failed_past_the_limit_is_asked_again_under_a_higher_one() -> None:
    plugin = FailsAtACost()
    runner: Flujo = Flujo(Step("s", echo, plugins=[plugin]), usage_limits=limit(1))
    limited = await runner.run_async("x")
    assert (limited.status, spent(limited), plugin.calls) == ("limited", ["s/attempt:1/plugin:fails/request:1"], 1)
    result = await runner.resume_async(limited, usage_limits=limit(5))
    assert (result.status, result.output, plugin.calls) == ("completed", "x", 2)
    assert (spent(result), result.total_cost_usd) == (["s/attempt:1/plugin:fails/request:1"], Decimal(2))


def limit(usd: int) -> UsageLimits:
    return UsageLimits(total_cost_usd_limit=Decimal(usd))


def spent(result: PipelineResult[Any]) -> list[str]:
    return [entry.entry_id.removeprefix(f"{result.run_id}/") for entry in result.ledger.entries]


class AcceptsAtACost:
    """Pays for a request, and accepts."""

    name = "accepts"
    priority = 0

    def __init__(self) -> None:
        self.calls = 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        self.calls += 1
        return PluginOutcome(True, usage=Usage(input_tokens=120, output_tokens=40), model="test:judge")


async def test_a_verdict_that_passed_the_limit_is_not_paid_again_under_a_higher_one() -> None:
    plugin = AcceptsAtACost()
    step = Step("s", echo, plugins=[plugin])
    runner: Flujo = Flujo(step, usage_limits=UsageLimits(total_tokens_limit=100))
    limited = await runner.run_async("x")
    assert (limited.status, plugin.calls) == ("limited", 1)
    result = await runner.resume_async(limited, usage_limits=UsageLimits(total_tokens_limit=200))
    assert (result.status, result.output, plugin.calls) == ("completed", "x", 1)
    assert (spent(result), result.total_tokens) == (["s/attempt:1/plugin:accepts/request:1"], 160)


class NotesAtACost(AcceptsAtACost):
    """The same, and writes down what it judged."""

    async def validate(self, draft: Draft, *, context: Notes) -> PluginOutcome:  # type: ignore[override]
        context.drafts.append(draft["output"])
        return await super().validate(draft)


async def test_what_a_plugin_changed_is_kept_though_its_verdict_passed_the_limit() -> None:
    limits = UsageLimits(total_tokens_limit=100)
    runner: Flujo = Flujo(Step("s", echo, plugins=[NotesAtACost()]), context_model=Notes, usage_limits=limits)
    limited = await runner.run_async("x")
    result = await runner.resume_async(limited, usage_limits=UsageLimits(total_tokens_limit=200))
    assert (result.status, result.context) == ("completed", Notes(drafts=["x"]))


class WaitsForEver:
    """Judges last, and never comes to an end."""

    name = "waits"
    priority = -1

    async def validate(self, draft: Draft) -> PluginOutcome:
        await anyio.sleep_forever()
        raise AssertionError("never")


async def test_what_a_plugin_changed_is_kept_though_the_attempt_was_broken_off_while_the_next_one_judged() -> None:
    calls = 0

    async def fails_once(x: str) -> str:
        nonlocal calls
        calls += 1
        await anyio.lowlevel.checkpoint()
        if calls == 1:
            raise ValueError("offline")
        return x

    class Sees(WaitsForEver):
        async def validate(self, draft: Draft) -> PluginOutcome:
            return await super().validate(draft) if calls == 0 else PluginOutcome(True)

    judged = Step("s", echo, plugins=[NotesAtACost(), Sees()])
    branches = {"a": judged, "b": Step("s", fails_once, max_retries=0)}
    fan: Any = Step.parallel("fan", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    runner: Flujo = Flujo(fan, context_model=Notes)
    failed = await runner.run_async("x")
    result = await runner.resume_async(failed)
    assert (failed.status, result.status, result.context) == ("failed", "completed", Notes(drafts=["x"]))


class SendsOn:
    """Sends whoever does not answer "Rain" on to another agent, and never comes to an end the first time it accepts."""

    name, priority = "sends on", 0

    def __init__(self, other: Any) -> None:
        self.other = other
        self.accepted = 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        if draft["output"] != "Rain":
            return PluginOutcome(False, redirect_to=self.other)
        self.accepted += 1
        await anyio.lowlevel.checkpoint()
        if self.accepted == 1:
            await anyio.sleep_forever()
        return PluginOutcome(True)


async def fails_once(plugin: SendsOn) -> None:
    """Once the plugin has accepted for the first time."""
    while not plugin.accepted:
        await anyio.lowlevel.checkpoint()
    if plugin.accepted == 1:
        raise ValueError("offline")


async def broken_off_and_resumed(agent: Any, plugin: SendsOn) -> tuple[PipelineResult, PipelineResult]:
    """The agent's attempt is broken off while the plugin judges it, because another branch fails; the run goes on."""

    async def beside(x: str) -> str:
        await fails_once(plugin)
        return x

    branches = {"a": Step("s", agent, plugins=[plugin]), "b": Step("b", beside, max_retries=0)}
    fan: Any = Step.parallel("fan", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    runner: Flujo = Flujo(fan, context_model=Notes)
    failed = await runner.run_async("x")
    return failed, await runner.resume_async(failed)


async def noting(x: str, *, context: Notes) -> str:
    context.drafts.append(x)
    return "sad"


async def unknown_to_anybody(x: str, *, context: Notes) -> str:
    context.drafts = (draft for draft in "abc")  # type: ignore[assignment]
    return "sad"


async def bright(x: str) -> str:
    return "Rain"


async def looking(x: str, *, context: Notes) -> str:
    assert context.drafts == []
    context.drafts.append("bright")
    return "Rain"


@pytest.mark.parametrize("first", [noting, unknown_to_anybody])
@pytest.mark.parametrize("other", [bright, looking])
async def test_what_an_agent_changed_that_was_sent_away_is_gone_though_the_attempt_was_broken_off(
    first: Any, other: Any
) -> None:
    plugin = SendsOn(other)
    failed, result = await broken_off_and_resumed(first, plugin)
    assert (failed.status, result.status, result.output) == ("failed", "completed", {"a": "Rain", "b": "x"})
    assert (plugin.accepted, result.context) == (2, Notes(drafts=["bright"] if other is looking else []))


async def test_what_cannot_be_copied_is_not_kept_of_an_attempt_that_was_broken_off() -> None:
    plugin = SendsOn(None)

    async def generating(x: str, *, context: Notes) -> str:
        context.drafts = (draft for draft in "abc")  # type: ignore[assignment]
        return "Rain"

    failed, result = await broken_off_and_resumed(generating, plugin)
    assert (failed.status, result.status, result.context) == ("failed", "completed", Notes())


async def test_a_call_that_was_cut_off_is_shown_though_the_run_does_not_get_to_it_again() -> None:
    """The run is aborted in its second step; when it goes on, a processor of the first breaks."""
    times: list[str] = []

    def breaks_later(x: str) -> str:
        times.append(x)
        if len(times) > 1:
            raise ValueError("not again")
        return x

    def stop(event: Event) -> None:
        if isinstance(event, Asked) and event.step == "late":
            raise PipelineAbort("enough")

    first = Step("first", echo, input_processors=[breaks_later])
    flow = Flujo(first >> Step("late", Late()), listeners=[stop])
    stopped = await flow.run_async("rain")
    assert (stopped.status, [entry.outcome for entry in stopped.ledger.entries]) == ("aborted", ["cancelled"])
    failed = await flow.resume_async(stopped)
    assert (failed.status, failed.total_cost_usd) == ("failed", None)
    assert [event.entry.path for event in failed.transcript.of(PaidBefore)] == ["late/attempt:1"]
    assert failed.ledger.entries == stopped.ledger.entries
