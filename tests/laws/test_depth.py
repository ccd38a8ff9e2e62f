"""``updates_context`` inside every kind of step (C7): the output is merged at every depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flujo import MergeStrategy, Pipeline, Step
from flujo.stores.memory import MemoryCache
from flujo_testing import FailingAgent, FlujoRun
from tests.laws.cast import Notes


async def moody(x: object) -> dict[str, object]:
    return {"mood": "grey"}


MOODY = Step("moody", moody, updates_context=True)
MERGED = MergeStrategy.CONTEXT_UPDATE


def always(x: object) -> bool:
    return True


PARTS: dict[str, Callable[[], Any]] = {
    "parallel": lambda: Step.parallel("fan", {"a": MOODY}, merge_strategy=MERGED),
    "branch": lambda: Step.branch_on("route", always, {True: MOODY}),
    "loop": lambda: Step.loop_until("loop", MOODY, always),
    "map": lambda: Step.map_over("each", MOODY, lambda x: [x]),
    "map at once": lambda: Step.map_over("each", MOODY, lambda x: [x], max_concurrency=None, merge_strategy=MERGED),
    "cached": lambda: Step.cached(MOODY, MemoryCache()),
    "pipeline": lambda: Pipeline.of(MOODY).as_step("inner"),
    "fallback": lambda: Step("primary", FailingAgent(error="offline"), max_retries=0, fallback=MOODY),
    "three deep": lambda: Pipeline.of(
        Step.loop_until("loop", Step.branch_on("route", always, {True: MOODY}), always)
    ).as_step("inner"),
}


@pytest.mark.parametrize("kind", PARTS)
async def test_c7_an_output_is_merged_at_every_depth(flujo_run: FlujoRun, kind: str) -> None:
    result = await flujo_run(PARTS[kind](), "rain", context_model=Notes)
    assert result.context == Notes(mood="grey")
