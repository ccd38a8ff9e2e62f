"""What is measured: the workloads, their trivial work, what they must return, and the same as bare awaits.

W1: ten steps in line. W2: a hundred parallel branches and a join. W5: ten steps that each fail once and are retried.
(W3, a loop that updates the context, and W4, a conditional, wait for these kinds of steps.) The work is trivial, so
that what is left is the engine's own cost. The context has 11 fields and about 1 kB as JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

SIZES = {"W1": 10, "W2": 100, "W5": 10}
UNITS = {"W1": "step", "W2": "branch", "W5": "step"}
Runner = Callable[[], Awaitable[object]]


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
    return n * (n - 1) // 2 + n if workload == "W2" else n


def bare(workload: str, n: int) -> Runner:
    """The same work without an engine."""
    return {"W1": _bare_line, "W2": _bare_fan, "W5": _bare_retries}[workload](n)


def _bare_line(n: int) -> Runner:
    async def run() -> int:
        value = 0
        for _ in range(n):
            value = await inc(value)
        return value

    return run


def _bare_fan(n: int) -> Runner:
    async def run() -> int:
        return sum(await asyncio.gather(*[plus(1, i) for i in range(n)]))

    return run


def _bare_retries(n: int) -> Runner:
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
