"""What is measured: the workloads, their trivial work, what they must return, and the same as bare awaits.

W1: ten steps in line. W2: a hundred parallel branches and a join. W3: a loop of a thousand iterations over two steps,
the second of which counts in the context. W4: a conditional with three branches, in a run of its own each time.
W5: ten steps that each fail once and are retried. The work is trivial, so that what is left is the engine's own cost.
The context has 11 fields and about 1 kB as JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

SIZES = {"W1": 10, "W2": 100, "W3": 1_000, "W4": 1_000, "W5": 10}
UNITS = {"W1": "step", "W2": "branch", "W3": "step", "W4": "run", "W5": "step"}
CHOICES = (1, 10, 100)  # what the three branches of W4 return
Runner = Callable[[], Awaitable[object]]


def units(workload: str, n: int) -> int:
    """How many units one call of a runner is; W3 has two steps in each of its ``n`` iterations."""
    return 2 * n if workload == "W3" else n


def context_data() -> dict[str, Any]:
    return {
        "run_id": "run-0123456789abcdef",
        "user": "someone@example.org",
        "topic": "a short topic " * 4,
        "count": 0,
        "total": 0.0,
        "flag": True,
        "notes": "n" * 120,
        "tags": ["alpha", "beta", "gamma", "delta", "eps"],
        "meta": {f"key{i}": f"value-{i}" for i in range(8)},
        "items": [{"id": i, "name": f"item{i}", "scores": [0.1, 0.2, 0.3]} for i in range(5)],
        "sub": {"a": 1, "b": "two", "c": [1, 2, 3]},
    }


async def inc(x: int) -> int:
    return x + 1


async def plus(x: int, i: int) -> int:
    return x + i


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


def expected(workload: str, n: int) -> int:
    """What a correct engine returns; checked before anything is timed."""
    if workload == "W2":
        return n * (n - 1) // 2 + n
    if workload == "W4":
        return sum(CHOICES[i % 3] for i in range(n))
    return n


def make(workload: str, n: int) -> Runner:
    """The same work without an engine: bare awaits."""
    kinds = {"W1": _line, "W2": _fan, "W3": _loop, "W4": _choices, "W5": _retries}
    return kinds[workload](n)


def _line(n: int) -> Runner:
    async def run() -> int:
        value = 0
        for _ in range(n):
            value = await inc(value)
        return value

    return run


def _fan(n: int) -> Runner:
    async def run() -> int:
        return sum(await asyncio.gather(*[plus(1, i) for i in range(n)]))

    return run


def _loop(n: int) -> Runner:
    async def run() -> int:
        value, context = 0, {"count": 0}

        async def count(x: int) -> int:
            context["count"] += 1
            return x

        while context["count"] < n:
            value = await count(await inc(value))
        return context["count"]

    return run


def _choices(n: int) -> Runner:
    async def one(_: int) -> int:
        return 1

    async def ten(_: int) -> int:
        return 10

    async def hundred(_: int) -> int:
        return 100

    branches = (one, ten, hundred)

    async def run() -> int:
        total = 0
        for i in range(n):
            total += await branches[i % 3](i)
        return total

    return run


def _retries(n: int) -> Runner:
    steps = [Flaky() for _ in range(n)]

    async def run() -> int:
        value = 0
        for step in steps:
            try:
                value = await step(value)
            except ValueError:
                value = await step(value)
        return value

    return run
