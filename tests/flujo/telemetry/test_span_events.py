"""What the events of a step say: limits, caches, items, decisions and merges."""

from __future__ import annotations

from collections.abc import AsyncIterator

from flujo import MergeStrategy, PipelineContext, Step, UsageLimits
from flujo.stores.memory import MemoryCache
from flujo_testing import ScriptedAgent, VirtualClock
from tests.flujo.telemetry.cast import DRAFT, Slow, echo, runner
from tests.flujo.telemetry.seen import Seen


async def test_events_of_a_step_tell_of_limits_caches_items_decisions_and_merges() -> None:
    seen = Seen()

    class Ctx(PipelineContext):
        drafts: list[str] = []

    async def note(text: object, *, context: Ctx) -> str:
        context.drafts.append(str(text))
        return str(text)

    branches = {"one": Step("note", note), "two": Step("note", note)}
    pipeline = (
        Step.parallel("both", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
        >> Step.map_over("each", Step("item", note), lambda input, context: ["a", "b"])
        >> Step.loop_until("loop", Step("turn", note), lambda output, context: True)
        >> Step.cached(Step("known", echo), MemoryCache())
    )
    flow = runner(pipeline, seen, context_model=Ctx)
    await flow.run_async("rain")
    assert {name: seen.events_at(name) for name in ("both", "each", "loop", "known")} == {
        "both": [
            "BranchEnded branch=one status=completed ignored=False",
            "BranchEnded branch=two status=completed ignored=False",
            "Merged strategy=context_update fields=drafts",
        ],
        "each": [
            "Decided what=items number=0",
            "ItemEnded item=1 status=completed",
            "ItemEnded item=2 status=completed",
        ],
        "loop": ["Decided what=exit_condition number=1"],
        "known": ["CacheMissed"],
    }
    seen.exporter.clear()
    await flow.run_async("rain")
    assert seen.events_at("known") == ["CacheHit"]


async def test_a_call_that_is_not_admitted_and_a_limit_that_is_passed_are_told(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    bounded = ScriptedAgent(
        "x", name="bounded", model="test:writer", usage=DRAFT, max_output_tokens=40, estimate_input=120
    )
    limits = UsageLimits(total_cost_usd_limit="0.001")
    for step in (Step("write", bounded), Step("write", Slow("x"))):
        await runner(step, seen, usage_limits=limits).run_async("rain")
    told = [event for span in seen.finished if span.name == "step write" for event in span.events]
    assert [(event.name, dict(event.attributes or {})) for event in told] == [
        (
            "flujo.NotAdmitted",
            {
                "flujo.path": "write/attempt:1", "flujo.dimension": "cost_usd", "flujo.bound": "0.00104",
                "flujo.left": "0.001", "flujo.limit": "0.001",
            },
        ),
        (
            "flujo.LimitPassed",
            {
                "flujo.path": "write", "flujo.dimension": "cost_usd", "flujo.spent": "0.00104",
                "flujo.limit": "0.001",
            },
        ),
    ]  # fmt: skip
    runs = [span for span in seen.finished if span.name == "invoke_workflow support"]
    assert [span.status.description for span in runs] == ["limited", "limited"]


async def test_chunks_of_an_answer_are_not_told() -> None:
    seen = Seen()

    class Streaming:
        async def run(self, text: str) -> str:
            return text

        async def stream(self, text: str) -> AsyncIterator[str]:
            for chunk in ("Grey ", "rain"):
                yield chunk

    async with runner(Step("write", Streaming()), seen).stream_async("rain") as events:
        kinds = [type(event).__name__ async for event in events]
    assert kinds.count("Chunk") == 2
    assert seen.events("step write") == []
