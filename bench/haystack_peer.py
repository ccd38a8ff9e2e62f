"""haystack: components joined by connections; it has no context object (its loop counts in a value) and no retries.

Its components read their annotations when they are made, so these must not be strings.
"""

from typing import Any

import haystack
from haystack import component
from haystack.core.component.types import GreedyVariadic, Variadic
from workloads import CHOICES, Runner

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


@component
class Enter:
    """Where the loop begins, and begins again: it takes the first value that comes."""

    @component.output_types(v=int)
    def run(self, v: GreedyVariadic[int]) -> dict[str, int]:
        return {"v": next(iter(v)) + 1}

    @component.output_types(v=int)
    async def run_async(self, v: GreedyVariadic[int]) -> dict[str, int]:
        return {"v": next(iter(v)) + 1}


@component
class Leave:
    def __init__(self, enough: int) -> None:
        self.enough = enough

    @component.output_types(again=int, done=int)
    def run(self, v: int) -> dict[str, int]:
        return {"done" if v >= self.enough else "again": v}

    @component.output_types(again=int, done=int)
    async def run_async(self, v: int) -> dict[str, int]:
        return {"done" if v >= self.enough else "again": v}


@component
class Route:
    @component.output_types(r0=int, r1=int, r2=int)
    def run(self, v: int) -> dict[str, int]:
        return {f"r{v % 3}": v}

    @component.output_types(r0=int, r1=int, r2=int)
    async def run_async(self, v: int) -> dict[str, int]:
        return {f"r{v % 3}": v}


@component
class Choice:
    def __init__(self, result: int) -> None:
        self.result = result

    @component.output_types(v=int)
    def run(self, v: int) -> dict[str, int]:
        return {"v": self.result}

    @component.output_types(v=int)
    async def run_async(self, v: int) -> dict[str, int]:
        return {"v": self.result}


def make(workload: str, n: int) -> Runner | None:
    kinds = {"W1": _line, "W2": _fan, "W3": _loop, "W4": _choices}
    return kinds[workload](n) if workload in kinds else None


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


def _loop(n: int) -> Runner:
    pipeline = Pipeline(max_runs_per_component=2 * n)
    pipeline.add_component("enter", Enter())
    pipeline.add_component("leave", Leave(n))
    pipeline.connect("enter.v", "leave.v")
    pipeline.connect("leave.again", "enter.v")

    async def run() -> Any:
        return (await pipeline.run_async({"enter": {"v": 0}}))["leave"]["done"]

    return run


def _choices(n: int) -> Runner:
    pipeline = Pipeline()
    pipeline.add_component("route", Route())
    for i, result in enumerate(CHOICES):
        pipeline.add_component(f"choice{i}", Choice(result))
        pipeline.connect(f"route.r{i}", f"choice{i}.v")

    async def run() -> Any:
        total = 0
        for i in range(n):
            total += (await pipeline.run_async({"route": {"v": i}}))[f"choice{i % 3}"]["v"]
        return total

    return run
