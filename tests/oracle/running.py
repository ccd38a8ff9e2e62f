"""Runs stories on the real engine, in every way to follow a run. The tests that use it take ``virtual_clock``."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, settings

from flujo import Flujo, PipelineResult
from flujo.events import Event
from flujo.stores.memory import MemoryJournal
from tests.oracle import deeds
from tests.oracle.building import PRICES, Building, Ctx, limits_of
from tests.oracle.pipelines import Story

UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
WAYS = ("told", "streamed", "kept")


def examples(many: int) -> settings:
    """So many examples, always the same; more and others if a profile of Hypothesis asks for more than its hundred."""
    assert settings.default, "Hypothesis always has a profile"
    times = settings.default.max_examples // 100
    alike: dict[str, Any] = {"derandomize": True, "database": None} if times == 1 else {}
    return settings(max_examples=many * times, deadline=None, suppress_health_check=UNHURRIED, **alike)


def runner_of(story: Story, building: Building | None = None, **options: Any) -> Flujo:
    pipeline = (building or Building(story.tempo)).sequence(story.steps)
    limits = limits_of(story.limits)
    return Flujo(pipeline, context_model=Ctx, cost_model=PRICES, usage_limits=limits, **options)


def given_to(story: Story) -> dict[str, Any]:
    """The arguments of the runner's methods: new objects each time."""
    return {"input": deepcopy(story.input), "context_data": vars(deeds.fresh_context(story.log))}


async def run(story: Story, building: Building | None = None, **options: Any) -> PipelineResult:
    """A run that nobody follows, unless ``options`` of the runner say so. After it nothing is reserved."""
    building = building or Building(story.tempo)
    try:
        return await runner_of(story, building, **options).run_async(**given_to(story))
    finally:
        assert building.reserved == []


async def run_followed(story: Story, way: str) -> PipelineResult:
    """The same run in one of the ``WAYS``. Whoever follows it hears every event, those of branches as they happen."""
    heard: list[Event] = []
    if way == "kept":
        return await run(story, store=MemoryJournal())
    if way == "told":
        result = await run(story, listeners=[heard.append])
    else:
        async with runner_of(story).stream_async(**given_to(story), buffer=2) as events:
            *heard, result = [event async for event in events]  # type: ignore[assignment]
    assert sorted(map(repr, heard)) == sorted(map(repr, result.transcript))
    return result
