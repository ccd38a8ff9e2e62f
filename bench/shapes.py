"""Flujo's steps in other shapes than the workloads': paid, timed, watched, streamed, nested. Each run returns ``n``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ours import DATA, Ctx, count, inc

from flujo import AgentOutput, Flujo, Pipeline, PipelineResult, Price, PriceTable, Step, Usage
from flujo.pipeline import AnyPipeline

MODEL = "bench:model"
PRICES = PriceTable({MODEL: Price(input="3", cache_read="0.7", output="11")})
USAGE = Usage(input_tokens=1_009, output_tokens=211, cache_read_tokens=503)
STREAMED = "streamed"


async def paid(x: int) -> AgentOutput[int]:
    return AgentOutput(x + 1, usage=USAGE, model=MODEL)


async def counted(x: int, *, context: Ctx) -> int:
    return await inc(await count(x, context=context))


def make(shape: str, n: int) -> Callable[[], Awaitable[object]]:
    runner = Flujo(_pipeline(shape, n), context_model=Ctx, **_options(shape))

    async def run() -> object:
        return (await runner.run_async(0, context_data=DATA)).output

    async def read_along() -> object:
        async with runner.stream_async(0, context_data=DATA) as events:
            async for event in events:
                last = event
        assert isinstance(last, PipelineResult)
        return last.output

    return read_along if shape == STREAMED else run


def _options(shape: str) -> dict[str, Any]:
    if shape == "paid":
        return {"cost_model": PRICES}
    return {"listeners": [lambda event: None]} if shape == "listened" else {}


def _pipeline(shape: str, n: int) -> AnyPipeline:
    """``n`` steps in line; for ``nested``, pipelines one within the other around one step at each depth."""
    if shape == "nested":
        pipeline: AnyPipeline = Pipeline((Step("inc", inc),))
        for _ in range(n - 1):
            pipeline = Step("inc", inc) >> pipeline.as_step("inner")
        return pipeline
    agent: Any = {"paid": paid, "context": counted}.get(shape, inc)
    timeout_s = 60.0 if shape == "timeout" else None
    return Pipeline(tuple(Step(f"s{i}", agent, timeout_s=timeout_s) for i in range(n)))
