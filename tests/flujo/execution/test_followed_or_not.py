"""A run tells the same story whether or not somebody follows it: then the log is written in a shorter form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from flujo import (
    AgentOutput,
    Backoff,
    BranchFailureStrategy,
    Flujo,
    PipelineContext,
    PipelineResult,
    Step,
    Usage,
    UsageLimits,
    validator,
)
from flujo.events import Event
from flujo.stores.memory import MemoryCache, MemoryJournal


class Notes(PipelineContext):
    count: int = 0
    drafts: list[str] = []
    _secret: int = 0


class Frozen:
    """A clock that stands still: entries of equal runs are equal."""

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        return None


async def plus(x: int) -> int:
    return x + 1


async def grows(x: Any) -> Any:
    return x + 1


async def listed(x: Any) -> list[Any]:
    return [x]


async def counts(x: Any, *, context: Notes) -> Any:
    context.count += 1
    return x


async def writes(x: Any, *, context: Notes) -> Any:
    context.drafts.append(str(x))
    context._secret += 1
    return x


async def only_a_secret(x: Any, *, context: Notes) -> Any:
    context._secret += 1
    return x


async def not_copyable(x: Any, *, context: Notes) -> Any:
    context.drafts = (c for c in "abc")  # type: ignore[assignment]
    return x


async def paid(x: Any) -> AgentOutput[Any]:
    return AgentOutput(x, usage=Usage(input_tokens=3, output_tokens=2), model="m", cost_usd=Decimal("0.17"))


async def fails(x: Any) -> Any:
    raise ValueError("no")


async def forgets_to_await(x: Any) -> Any:
    return plus(x)


def fails_until(times: int, answer: Callable[[Any], Any] = lambda x: x) -> Callable[..., Any]:
    calls: list[int] = []

    async def flaky(x: Any, *, context: Notes) -> Any:
        calls.append(1)
        context.count += 1
        if len(calls) <= times:
            raise ValueError("not yet")
        return answer(x)

    return flaky


@validator
def small(x: Any) -> bool | str:
    return x < 3 or "too large"


def odd(x: int) -> bool:
    return x % 2 == 1


def pipelines() -> Iterator[tuple[str, Any]]:
    one = Step("plus", plus)
    yield "a line", one >> Step("listed", listed) >> Step("paid", paid) >> Step("end", listed)
    yield "retried", Step("s", fails_until(2), max_retries=3, backoff=Backoff()) >> one
    yield "retried for a list", Step("s", fails_until(1, lambda x: [x]))
    yield "failed", one >> Step("s", fails_until(9), max_retries=1) >> one.named("never")
    yield "fallback", Step("s", fails_until(9), max_retries=1, fallback=Step("f", counts)) >> one
    yield "judged", Step("s", grows, plugins=[small]) >> Step("t", grows, plugins=[small], max_retries=1)
    yield "processed", Step("s", plus, input_processors=[lambda x: x + 5]) >> Step("t", plus, output_processors=[str])
    yield "contexts", Step("c", counts) >> Step("w", writes) >> Step("o", only_a_secret) >> Step("u", not_copyable)
    yield (
        "merged",
        Step("u", lambda x: {"count": x}, updates_context=True) >> Step("v", lambda x: {"no": 1}, updates_context=True),
    )
    yield "unusable", Step("s", forgets_to_await, max_retries=0)
    yield "timed", Step("s", plus, timeout_s=5) >> Step("p", paid, timeout_s=5)
    yield "limited", Step("p", paid, usage_limits=UsageLimits(total_cost_usd_limit=Decimal("0.1")), fallback=one)
    yield "parallel", Step.parallel("p", {"a": one, "b": Step("x", fails_until(0)), "c": Step("l", listed)})
    yield (
        "ignored",
        Step.parallel("p", {"a": one, "b": Step("x", fails)}, on_branch_failure=BranchFailureStrategy.IGNORE),
    )
    yield "stopped", Step.parallel("p", {"a": Step("x", fails), "b": one >> Step("y", counts)})
    yield "loop", Step.loop_until("l", one >> Step("c", counts), lambda x, context: context.count >= 3)
    yield "branch", Step.branch_on("r", odd, {True: one, False: Step("x", fails_until(9))})
    yield "map", Step.map_over("m", Step("w", writes), lambda x: [x, x + 1])
    yield "at once", Step.map_over("m", Step("w", listed) >> Step("x", listed), lambda x: [x, x], max_concurrency=None)
    yield "cached", Step.cached(Step("c", counts), MemoryCache())
    yield "human", one >> Step.human_in_the_loop("ask", "sure?")
    yield "nested", (one >> (one >> Step("p", paid)).as_step("inner")).as_step("outer")


CASES = {name: index for index, (name, _) in enumerate(pipelines())}


@pytest.mark.parametrize("name", CASES)
async def test_the_story_does_not_depend_on_who_follows(name: str) -> None:
    plain = await told(name)
    heard: list[Event] = []
    assert (await told(name, listeners=[heard.append])).transcript == plain.transcript
    assert len(heard) == len(plain.transcript)
    assert (await streamed(name)).transcript == plain.transcript
    assert (await told(name, store=MemoryJournal())).transcript == plain.transcript


def runner(name: str, **options: Any) -> Flujo:
    pipeline = list(pipelines())[CASES[name]][1]
    return Flujo(pipeline, context_model=Notes, clock=Frozen(), **options)


async def told(name: str, **options: Any) -> PipelineResult:
    return await runner(name, **options).run_async(1, run_id="r")


async def streamed(name: str) -> PipelineResult:
    async with runner(name).stream_async(1, run_id="r") as events:
        *_, last = [event async for event in events]
    assert type(last) is PipelineResult
    return last
