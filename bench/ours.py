"""Flujo as a peer of the overhead benchmark: isolation, transcript and ledger on, nothing switched off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from common import N_RETRY, Flaky, ctx_data, inc

from pydantic import BaseModel

from flujo import Flujo, Pipeline, PipelineContext, Step

NOTE = "flujo: context data validated per run, transcript and ledger kept"
IMPORT = "flujo"
DATA = ctx_data()


class Sub(BaseModel):
    a: int = 1
    b: str = ""
    c: list[int] = []


class Ctx(PipelineContext):
    run_id: str
    user: str
    topic: str
    count: int = 0
    total: float = 0.0
    flag: bool = True
    notes: str | None = None
    tags: list[str] = []
    meta: dict[str, str] = {}
    items: list[dict[str, Any]] = []
    sub: Sub = Sub()


async def total(outputs: dict[str, int]) -> int:
    return sum(outputs.values())


def make(workload: str, n: int) -> Callable[[], Awaitable[object]] | None:
    """The runner of one workload, or None for one that needs step kinds which are not there yet."""
    if workload == "W1":
        return _run(Pipeline(tuple(Step(f"s{i}", inc) for i in range(n))), 0)
    if workload == "W2":
        fan = Step.parallel("fan", {f"b{i}": Step("add", _adder(i)) for i in range(n)})
        return _run(fan >> Step("join", total), 1)
    if workload == "W5":
        return _run(Pipeline(tuple(Step(f"s{i}", Flaky(), max_retries=1) for i in range(N_RETRY))), 0)
    return None


def _adder(i: int) -> Callable[..., Awaitable[int]]:
    async def add(x: int, *, context: Ctx) -> int:
        return x + i

    return add


def _run(pipeline: Pipeline, value: int) -> Callable[[], Awaitable[object]]:
    runner = Flujo(pipeline, context_model=Ctx)

    async def run() -> object:
        return (await runner.run_async(value, context_data=DATA)).output

    return run
