"""A run as spans: which there are, inside which, when, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from flujo import (
    AgentError,
    AgentOutput,
    Backoff,
    Flujo,
    PluginOutcome,
    RequestUsage,
    Step,
    Usage,
)
from flujo_testing import VirtualClock
from tests.flujo.telemetry.cast import DRAFT, Slow, runner, short
from tests.flujo.telemetry.seen import Seen, about


async def test_steps_attempts_and_requests_are_spans_inside_each_other(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    write = Step("write", Slow("a much longer text", "short"), plugins=[short], backoff=Backoff(3))
    await runner(write >> Step("review", Slow("fine", seconds=1, name="critic")), seen).run_async("rain")
    assert seen.tree() == [
        "invoke_workflow support 0-8 s",
        "  step write 0-7 s",
        "    invoke_agent writer 0-2 s",
        "      chat writer 0-2 s",
        "    invoke_agent writer 5-7 s",
        "      chat writer 5-7 s",
        "  step review 7-8 s",
        "    invoke_agent critic 7-8 s",
        "      chat writer 7-8 s",
    ]
    assert seen.events("step write") == [
        "Judged plugin=short accepted=False crashed=False replaced=False",
        "BackedOff attempt=1 delay_s=3.0",
        "Judged plugin=short accepted=True crashed=False replaced=False",
    ]


async def test_times_are_those_of_the_clock_on_the_wall(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    begun = virtual_clock.utc()
    await runner(Step("write", Slow("fine", seconds=1.5)), seen).run_async("rain")
    span = seen.one("chat writer")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    microsecond = timedelta(microseconds=1)
    assert (span.start_time, span.end_time) == tuple(
        (begun + timedelta(seconds=after) - epoch) // microsecond * 1000 for after in (0, 1.5)
    )


async def test_a_request_says_what_it_used_and_cost_and_parents_only_what_that_was_altogether() -> None:
    seen = Seen()
    usage = Usage(
        input_tokens=1000, cache_read_tokens=300, cache_write_tokens=70, output_tokens=50, output_reasoning_tokens=20,
        input_audio_tokens=30, cache_audio_read_tokens=10, output_audio_tokens=5, input_image_tokens=7,
    )  # fmt: skip

    async def write(text: str) -> AgentOutput[str]:
        return AgentOutput(text, usage=usage, model="test:writer")

    result = await runner(Step("write", write), seen).run_async("rain", run_id="run-1")
    (entry,) = result.ledger.entries
    chat = seen.one("chat writer")
    assert chat.kind == SpanKind.CLIENT
    assert about(chat) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "test",
        "gen_ai.request.model": "writer",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 300,
        "gen_ai.usage.cache_write.input_tokens": 70,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "gen_ai.usage.audio.input_tokens": 30,
        "gen_ai.usage.audio.cache_read.input_tokens": 10,
        "gen_ai.usage.audio.output_tokens": 5,
        "gen_ai.usage.image.input_tokens": 7,
        "flujo.entry_id": "run-1/write/attempt:1/request:1",
        "flujo.path": "write/attempt:1",
        "flujo.cost_usd": float(result.total_cost_usd or 0),
        "flujo.cost_usd_exact": str(result.total_cost_usd),
        "flujo.cost_source": "table",
        "flujo.price_table_id": entry.table_id,
        "flujo.request_outcome": "ok",
    }
    totals = {
        "flujo.total_requests": 1,
        "flujo.total_input_tokens": 1000,
        "flujo.total_output_tokens": 50,
        "flujo.total_cost_usd": float(result.total_cost_usd or 0),
    }
    assert about(seen.one("invoke_agent write")) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "write",
        "flujo.attempt": 1,
        "flujo.redirect": 0,
        "flujo.rejections": 0,
        "flujo.path": "write/attempt:1",
    }
    done = {"flujo.status": "completed", **totals}
    assert about(seen.one("step write")) == {"flujo.step_kind": "step", "flujo.path": "write", **done}
    assert about(seen.one("invoke_workflow support")) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.agent.name": "support",
        "flujo.path": "",
        "flujo.run_id": "run-1",
        **done,
    }
    assert [span.kind for span in seen.finished if span is not chat] == [SpanKind.INTERNAL] * 3


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("bedrock:eu.x-v1:0", "aws.bedrock", "eu.x-v1:0"),
        ("google:g", "gcp.gen_ai", "g"),
        ("openai:o", "openai", "o"),
        ("plain", None, "plain"),
    ],
)
async def test_providers_go_by_the_names_of_the_conventions(model: str, provider: str | None, name: str) -> None:
    seen = Seen()

    async def write(text: str) -> AgentOutput[str]:
        return AgentOutput(text, usage=DRAFT, model=model)

    await Flujo(Step("write", write), listeners=[seen.spans]).run_async("rain")
    chat = about(seen.one(f"chat {name}"))
    assert (chat.get("gen_ai.provider.name"), chat["gen_ai.request.model"]) == (provider, name)
    assert (chat["flujo.cost_source"], "flujo.cost_usd" in chat) == ("unpriced", False)
    step = about(seen.one("step write"))
    assert (step["flujo.total_requests"], "flujo.total_cost_usd" in step) == (1, False)


async def test_each_request_of_an_agent_is_a_span_and_sums_are_those_of_the_ledger() -> None:
    seen = Seen()
    requests = (RequestUsage(usage=DRAFT, model="test:writer"), RequestUsage(usage=None, model="test:small"))

    async def research(text: str) -> AgentOutput[str]:
        return AgentOutput(text, requests=requests)

    async def judge(draft: object) -> PluginOutcome:
        return PluginOutcome(True, usage=Usage(input_tokens=7, output_tokens=3), model="test:critic")

    class Critic:
        name = "critic"
        priority = 0
        validate = staticmethod(judge)

    write = Step("write", Slow(AgentError("down", usage=DRAFT, model="test:writer"), "fine"), max_retries=1)
    result = await runner(Step("research", research, plugins=[Critic()]) >> write, seen).run_async("rain")
    chats = [about(span) for span in seen.finished if span.name.startswith("chat")]
    assert [str(chat["flujo.entry_id"]).partition("/")[2] for chat in chats] == [
        "research/attempt:1/request:1",
        "research/attempt:1/request:2",
        "research/attempt:1/plugin:critic/request:1",
        "write/attempt:1/request:1",
        "write/attempt:2/request:1",
    ]
    for name, total in (("input_tokens", result.usage.input_tokens), ("output_tokens", result.usage.output_tokens)):
        assert sum(about(span).get(f"gen_ai.usage.{name}", 0) for span in seen.finished) == total  # type: ignore[misc]
    exact = [Decimal(str(chat["flujo.cost_usd_exact"])) for chat in chats if "flujo.cost_usd_exact" in chat]
    assert (sum(exact), len(exact)) == (result.ledger.known_cost_usd, 4)
    assert seen.one("chat critic").parent == seen.one("step research").context


async def test_redirects_retries_and_fallbacks_and_how_they_failed(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    senior = Slow("still a much longer text", name="senior")

    class Redirecting:
        name = "router"
        priority = 0

        async def validate(self, draft: Any) -> PluginOutcome:
            hop = draft["output"] == "weak"
            return PluginOutcome(not hop, feedback="weak" if hop else None, redirect_to=senior if hop else None)

    step = Step(
        "write", Slow("weak", TimeoutError("gone")), plugins=[Redirecting(), short], max_retries=1,
        fallback=Step("small", Slow("ok", name="small")),
    )  # fmt: skip
    await runner(step, seen).run_async("rain")
    assert seen.tree() == [
        "invoke_workflow support 0-8 s",
        "  step write 0-8 s",
        "    invoke_agent writer 0-2 s",
        "      chat writer 0-2 s",
        "    invoke_agent senior 2-4 s",
        "      chat writer 2-4 s",
        "    invoke_agent writer 4-6 s ERROR: error",
        "    step fallback:small 6-8 s",
        "      invoke_agent small 6-8 s",
        "        chat writer 6-8 s",
    ]
    asks = [about(span) for span in seen.finished if span.name.startswith("invoke_agent")]
    assert [(ask["flujo.path"], ask["flujo.rejections"]) for ask in asks] == [
        ("write/attempt:1", 0),
        ("write/attempt:1/redirect:1", 0),
        ("write/attempt:2", 1),
        ("write/fallback:small/attempt:1", 0),
    ]
    assert seen.events("step write") == [
        "Judged plugin=router accepted=False crashed=False replaced=False redirect_to=senior",
        "Judged plugin=router accepted=True crashed=False replaced=False",
        "Judged plugin=short accepted=False crashed=False replaced=False",
        "FellBack attempts=2",
    ]
