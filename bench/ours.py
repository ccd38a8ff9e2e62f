"""Flujo, with isolation, transcript and ledger on. Imports no sibling, so that other harnesses can use this file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from flujo import Flujo, Pipeline, PipelineContext, PipelineResult, Step
from flujo.pipeline import AnyPart, AnyPipeline

NOTE = "flujo: context data validated and copied per run, transcript and ledger kept"
IMPORT = "flujo"
DATA: dict[str, Any] = {
    "run_id": "run-0123456789abcdef",
    "user": "someone@example.org",
    "topic": "a short topic " * 4,
    "notes": "n" * 120,
    "tags": ["alpha", "beta", "gamma", "delta", "eps"],
    "meta": {f"key{i}": f"value-{i}" for i in range(8)},
    "items": [{"id": i, "name": f"item{i}", "scores": [0.1, 0.2, 0.3]} for i in range(5)],
    "sub": {"a": 1, "b": "two", "c": [1, 2, 3]},
}


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


async def inc(x: int) -> int:
    return x + 1


async def count(x: int, *, context: Ctx) -> int:
    context.count += 1
    return x


async def total(outputs: dict[str, int]) -> int:
    return sum(outputs.values())


def adder(i: int) -> Callable[..., Awaitable[int]]:
    async def add(x: int, *, context: Ctx) -> int:
        return x + i

    return add


def choice(result: int) -> Callable[..., Awaitable[int]]:
    async def choose(x: int, *, context: Ctx) -> int:
        return result

    return choose


class Flaky:
    """Fails on every odd call: once per step and run."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, x: int) -> int:
        self.calls += 1
        if self.calls % 2:
            raise ValueError("flaky")
        return x + 1


def make(workload: str, n: int) -> Callable[[], Awaitable[object]] | None:
    """A function that does the workload once and returns what came out; None for a workload that is not known."""
    if workload == "W4":
        return _choices(n)
    run = results(workload, n)
    if run is None:
        return None

    async def output() -> object:
        return (await run()).output

    return output


def results(workload: str, n: int, **options: Any) -> Callable[[], Awaitable[PipelineResult]] | None:
    """The same for a workload that is one run: its whole result. ``options`` are those of the runner."""
    if workload == "W1":
        return _run(Pipeline(tuple(Step(f"s{i}", inc) for i in range(n))), 0, options)
    if workload == "W2":
        fan = Step.parallel("fan", {f"b{i}": Step("add", adder(i)) for i in range(n)})
        return _run(fan >> Step("join", total), 1, options)
    if workload == "W3":
        body = Step("inc", inc) >> Step("count", count)
        return _run(Step.loop_until("loop", body, lambda _, context: bool(context.count >= n), max_loops=n), 0, options)
    if workload == "W5":
        return _run(Pipeline(tuple(Step(f"s{i}", Flaky(), max_retries=1) for i in range(n))), 0, options)
    return None


def _run(
    pipeline: AnyPipeline | AnyPart, value: int, options: dict[str, Any]
) -> Callable[[], Awaitable[PipelineResult]]:
    runner = Flujo(pipeline, context_model=Ctx, **options)

    async def run() -> PipelineResult:
        return await runner.run_async(value, context_data=DATA)

    return run


def _choices(n: int) -> Callable[[], Awaitable[object]]:
    branches = {i: Step("choose", choice(result)) for i, result in enumerate((1, 10, 100))}
    runner = Flujo(Step.branch_on("route", lambda value: value % 3, branches), context_model=Ctx)

    async def run() -> object:
        return sum([(await runner.run_async(i, context_data=DATA)).output for i in range(n)])

    return run
