"""haystack: components joined by connections; it has no context object and no retries.

Its components read their annotations when they are made, so these must not be strings.
"""

from typing import Any

import haystack
from haystack import component
from haystack.core.component.types import Variadic
from workloads import Runner

Pipeline: Any = haystack.AsyncPipeline if "AsyncPipeline" in dir(haystack) else haystack.Pipeline


@component
class Add:
    def __init__(self, amount: int) -> None:
        self.amount = amount

    @component.output_types(v=int)
    def run(self, v: int) -> dict[str, int]:
        return {"v": v + self.amount}

    @component.output_types(v=int)
    async def run_async(self, v: int) -> dict[str, int]:
        return {"v": v + self.amount}


@component
class Join:
    @component.output_types(v=int)
    def run(self, v: Variadic[int]) -> dict[str, int]:
        return {"v": sum(v)}

    @component.output_types(v=int)
    async def run_async(self, v: Variadic[int]) -> dict[str, int]:
        return {"v": sum(v)}


def make(workload: str, n: int) -> Runner | None:
    return {"W1": _line, "W2": _fan}[workload](n) if workload in ("W1", "W2") else None


def _line(n: int) -> Runner:
    pipeline = Pipeline()
    for i in range(n):
        pipeline.add_component(f"s{i}", Add(1))
    for i in range(n - 1):
        pipeline.connect(f"s{i}.v", f"s{i + 1}.v")

    async def run() -> Any:
        return (await pipeline.run_async({"s0": {"v": 0}}))[f"s{n - 1}"]["v"]

    return run


def _fan(n: int) -> Runner:
    pipeline = Pipeline()
    pipeline.add_component("start", Add(0))
    pipeline.add_component("join", Join())
    for i in range(n):
        pipeline.add_component(f"b{i}", Add(i))
        pipeline.connect("start.v", f"b{i}.v")
        pipeline.connect(f"b{i}.v", "join.v")

    async def run() -> Any:
        return (await pipeline.run_async({"start": {"v": 1}}, concurrency_limit=n))["join"]["v"]

    return run
