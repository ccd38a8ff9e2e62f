"""Cached steps (A8, C9): what is kept, what the key covers, and what a hit costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field

from flujo import AgentOutput, Draft, Flujo, PipelineContext, PipelineResult, PluginOutcome, Step, Usage, UsageLimits
from flujo.events import Asked, CacheHit, CacheMissed
from flujo.stores.memory import MemoryCache
from flujo_testing import FlujoRun


class Ctx(PipelineContext):
    mood: str = "grey"
    seen: list[str] = Field(default=[])
    drafts: int = 0


@dataclass(frozen=True)
class Poet:
    """Reads the mood, counts its drafts, costs 7 tokens in and 5 out."""

    style: str = "haiku"

    async def run(self, x: Any, *, context: Ctx, settings: Any) -> AgentOutput[list[str]]:
        context.drafts += 1
        usage = Usage(input_tokens=7, output_tokens=5)
        return AgentOutput([self.style, f"{context.mood} {x}"], usage=usage, model="test:writer")


@dataclass(frozen=True)
class Checking:
    accepts: bool = True
    name: str = "checking"
    priority: int = 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        return PluginOutcome(self.accepts, "no")


async def echo(x: object) -> object:
    return x


STEP = Step("write", Poet(), plugins=[Checking()], settings={"temperature": 0})


async def run(flujo_run: FlujoRun, part: Any, given: object = "rain", **data: Any) -> PipelineResult:
    return await flujo_run(part, given, context_model=Ctx, context_data=data)


def hits(*results: PipelineResult) -> list[object]:
    return [result.step_history[0].metadata["cache_hit"] for result in results]


async def test_a8_a_hit_is_an_event_and_no_entry(flujo_run: FlujoRun) -> None:
    cached = Step.cached(STEP, MemoryCache())
    first, second = await run(flujo_run, cached), await run(flujo_run, cached)
    assert hits(first, second) == [False, True]
    assert (first.total_cost_usd, second.total_cost_usd) == (Decimal("0.000106"), Decimal(0))
    assert (second.ledger.entries, second.transcript.of(Asked)) == ((), ())
    assert [event.key for event in first.transcript.of(CacheMissed)] == [
        event.key for event in second.transcript.of(CacheHit)
    ]


async def test_a8_limits_are_no_matter_for_a_hit(flujo_run: FlujoRun) -> None:
    cached = Step.cached(STEP, MemoryCache())
    await run(flujo_run, cached)
    again = await flujo_run(cached, "rain", context_model=Ctx, usage_limits=UsageLimits(request_limit=0))
    assert (again.status, hits(again)) == ("completed", [True])


async def test_c9_a_hit_brings_output_and_changes_of_the_context(flujo_run: FlujoRun) -> None:
    cached = Step.cached(STEP, MemoryCache())
    first = await run(flujo_run, cached, seen=["one"])
    second = await run(flujo_run, cached, seen=["two"])
    assert hits(first, second) == [False, True]
    assert first.output == second.output == ["haiku", "grey rain"]
    assert (first.context, second.context) == (Ctx(seen=["one"], drafts=1), Ctx(seen=["two"], drafts=1))


async def test_c9_a_hit_shares_nothing_with_the_cache(flujo_run: FlujoRun) -> None:
    cached = Step.cached(STEP, MemoryCache())
    for result in [await run(flujo_run, cached) for _ in range(2)]:
        result.output.append("graffiti")
    assert (await run(flujo_run, cached)).output == ["haiku", "grey rain"]


async def test_c9_a_failed_result_is_not_kept(flujo_run: FlujoRun) -> None:
    step = replace(STEP, plugins=[Checking(accepts=False)], max_retries=0)
    cached = Step.cached(step, MemoryCache())
    results = [await run(flujo_run, cached) for _ in range(2)]
    assert [(result.status, len(result.ledger.entries)) for result in results] == [("failed", 1)] * 2
    assert hits(*results) == [False, False]


OTHERS: dict[str, Any] = {
    "agent": (replace(STEP, agent=Poet("sonnet")), "rain"),
    "plugin": (replace(STEP, plugins=[Checking(name="other")]), "rain"),
    "settings": (replace(STEP, settings={"temperature": 1}), "rain"),
    "input": (STEP, "hail"),
    "type of the input": (STEP, ["rain"]),
    "processor": (replace(STEP, output_processors=[list]), "rain"),
    "fallback": (replace(STEP, fallback=Step("other", Poet("prose"))), "rain"),
    "name": (STEP.named("other"), "rain"),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_c9_whatever_bears_on_the_result_misses(flujo_run: FlujoRun, other: str) -> None:
    cache = MemoryCache()
    step, given = OTHERS[other]
    results = [
        await run(flujo_run, Step.cached(STEP, cache)),
        await run(flujo_run, Step.cached(step, cache), given),
        await run(flujo_run, Step.cached(STEP, cache)),
        await run(flujo_run, Step.cached(step, cache), given),
    ]
    assert hits(*results) == [False, False, True, True]


async def test_c9_what_was_read_of_the_context_misses_when_it_differs(flujo_run: FlujoRun) -> None:
    cached = Step.cached(STEP, MemoryCache())
    results = [await run(flujo_run, cached, mood=mood) for mood in ("grey", "bright", "grey", "bright")]
    assert hits(*results) == [False, False, True, True]
    assert [result.output[1] for result in results] == ["grey rain", "bright rain"] * 2


def mood_of(x: object, *, context: Ctx) -> str:
    return context.mood


MOODS = {"grey": Step("a", echo), "bright": Step("a", echo)}
READERS: dict[str, Any] = {"agent": STEP, "function": Step.branch_on("write", mood_of, MOODS)}


@pytest.mark.parametrize("reader", READERS)
async def test_c9_what_was_read_before_a_run_went_on_misses_when_it_differs(flujo_run: FlujoRun, reader: str) -> None:
    """The run that goes on keeps the result once more, and asks nobody who would read the context again."""
    ask = Step.human_in_the_loop("ask", "Go on?")
    flow = Flujo(Step.cached(READERS[reader], MemoryCache()) >> ask, context_model=Ctx)
    paused = await flujo_run(flow, "rain", context_data={"mood": "grey"})
    await flow.resume_async(paused, {"ask": "yes"})
    other = await flujo_run(flow, "rain", context_data={"mood": "bright"})
    again = await flujo_run(flow, "rain", context_data={"mood": "grey"})
    assert hits(paused, other, again) == [False, False, True]


async def test_c9_what_was_not_read_of_the_context_is_no_matter(flujo_run: FlujoRun) -> None:
    cached = Step.cached(STEP, MemoryCache())
    assert hits(await run(flujo_run, cached, seen=["one"]), await run(flujo_run, cached, seen=["two"])) == [False, True]


async def test_c9_nothing_is_cached_unless_asked_for(flujo_run: FlujoRun) -> None:
    results = [await run(flujo_run, STEP) for _ in range(2)]
    assert [len(result.ledger.entries) for result in results] == [1, 1]
