"""``updates_context`` inside every kind of step (C7): the output is merged at every depth."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "part",
    [
        Step.parallel("fan", {"a": MOODY}, merge_strategy=MERGED),
        Step.branch_on("route", always, {True: MOODY}),
        Step.loop_until("loop", MOODY, always),
        Step.map_over("each", MOODY, lambda x: [x]),
        Step.map_over("each", MOODY, lambda x: [x], max_concurrency=None, merge_strategy=MERGED),
        Step.cached(MOODY, MemoryCache()),
        Pipeline.of(MOODY).as_step("inner"),
        Step("primary", FailingAgent(error="offline"), max_retries=0, fallback=MOODY),
        Pipeline.of(Step.loop_until("loop", Step.branch_on("route", always, {True: MOODY}), always)).as_step("inner"),
    ],
    ids=["parallel", "branch", "loop", "map", "map at once", "cached", "pipeline", "fallback", "three deep"],
)
async def test_c7_an_output_is_merged_at_every_depth(flujo_run: FlujoRun, part: Any) -> None:
    result = await flujo_run(part, "rain", context_model=Notes)
    assert result.context == Notes(mood="grey")
