"""Cached steps: what makes a hit, what a hit brings, and what is never kept."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from flujo import Flujo, PluginOutcome, Step, validator
from flujo.errors import PipelineDefinitionError
from flujo.events import Asked, CacheHit, CacheMissed
from flujo.ports import Draft
from flujo.stores.memory import MemoryCache
from tests.flujo.kinds.cast import Breaker, Notes, Writer, echo, kinds, run, spent, usd

W = Step("s", Writer("w", 7))


def asked(result: Any) -> list[str]:
    return [event.step for event in result.transcript.of(Asked)]


async def twice(first: Any, second: Any = None, **options: Any) -> list[str]:
    """The steps that a second run asks, after a first one that shares its cache."""
    cache = MemoryCache()
    inputs = options.pop("inputs", ("x", "x"))
    data = options.pop("data", ({}, {}))
    await run(Step.cached(first, cache), inputs[0], context_data=data[0])
    return asked(await run(Step.cached(second or first, cache), inputs[1], context_data=data[1]))


async def test_the_story_of_a_miss_and_a_hit() -> None:
    step = Step.cached(W, MemoryCache())
    missed, hit = await run(step), await run(step)
    assert kinds(missed) == [
        ("StepStarted", "s"),
        ("CacheMissed", "s"),
        ("StepStarted", "s/s"),
        ("Asked", "s/s"),
        ("Paid", "s/s"),
        ("Answered", "s/s"),
        ("ContextChanged", "s/s"),
        ("StepEnded", "s/s"),
        ("StepEnded", "s"),
    ]
    assert kinds(hit) == [("StepStarted", "s"), ("CacheHit", "s"), ("ContextChanged", "s"), ("StepEnded", "s")]
    (first,), (second,) = missed.transcript.of(CacheMissed), hit.transcript.of(CacheHit)
    assert first.key == second.key
    assert (hit.output, hit.context, hit.status) == (missed.output, missed.context, "completed")
    assert (spent(missed), spent(hit)) == ([("s/s/attempt:1", usd(7))], [])
    assert (missed.total_cost_usd, hit.total_cost_usd) == (usd(7), Decimal())
    assert [dict(result.step_history[0].metadata) for result in (missed, hit)] == [
        {"cache_hit": False}, {"cache_hit": True},
    ]  # fmt: skip


async def test_a_hit_brings_the_changes_of_the_context_and_not_the_context() -> None:
    step = Step.cached(Step("s", Blind()), MemoryCache())
    await run(step, context_data={"notes": ["one"]})
    result = await run(step, context_data={"notes": ["two"]})
    assert (result.context, asked(result)) == (Notes(notes=["two"], winner="blind"), [])


@dataclass(frozen=True)
class Blind:
    """Changes a field without reading any."""

    async def run(self, x: object, *, context: Notes) -> object:
        context.winner = "blind"
        return x


@dataclass(frozen=True)
class Reads:
    """Answers with the winner."""

    async def run(self, x: object, *, context: Notes) -> str:
        return context.winner


async def test_what_was_read_of_the_context_has_to_be_the_same() -> None:
    step = Step("s", Reads())
    assert await twice(step, data=({"winner": "ann"}, {"winner": "bob"})) == ["s/s"]
    assert await twice(step, data=({"winner": "ann"}, {"winner": "ann", "notes": ["unread"]})) == []


async def test_results_for_several_contexts_are_kept_side_by_side() -> None:
    step = Step.cached(Step("s", Reads()), MemoryCache())
    outputs = [(await run(step, context_data={"winner": name})).output for name in ("ann", "bob", "ann", "bob")]
    assert outputs == ["ann", "bob", "ann", "bob"]
    assert asked(await run(step, context_data={"winner": "bob"})) == []


@validator
def fine(x: object) -> bool:
    return True


@dataclass(frozen=True)
class Strict:
    least: int
    name: str = "strict"
    priority: int = 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        return PluginOutcome(True)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (W, True),
        (Step("s", Writer("w", 7)), True),
        (Step("s", Writer("w", 11)), False),
        (Step("s", echo), False),
        (Step("s", Writer("w", 7), settings={"t": 3}), False),
        (Step("s", Writer("w", 7), plugins=[Strict(3)]), False),
        (Step("s", Writer("w", 7), updates_context=False), True),
        (W.named("other"), False),
    ],
)
async def test_agents_plugins_settings_and_names_are_in_the_key(other: Any, same: bool) -> None:
    assert (await twice(W, other) == []) == same


@pytest.mark.parametrize(
    ("inputs", "same"),
    [
        (("x", "y"), False),
        (({"a": 1, "b": 2}, {"b": 2, "a": 1}), True),
        ((1, True), False),
        ((1, 1.0), False),
        (("1", 1), False),
        (([1], (1,)), True),
    ],
)
async def test_the_canonical_input_is_in_the_key(inputs: tuple[object, object], same: bool) -> None:
    assert (await twice(Step("s", echo), inputs=inputs) == []) == same


async def test_only_completed_results_are_kept() -> None:
    step = Step.cached(Step("s", Breaker("b", 7), max_retries=0), MemoryCache())
    first, second = await run(step), await run(step)
    assert [result.status for result in (first, second)] == ["failed", "failed"]
    assert [result.total_cost_usd for result in (first, second)] == [usd(7), usd(7)]


async def test_a_kept_output_is_nobodys_to_change() -> None:
    step = Step.cached(Step("s", makes), MemoryCache())
    first = await run(step)
    first.output.append("changed")
    second = await run(step)
    second.output.append("changed")
    assert (await run(step)).output == ["made"]


async def makes(x: object) -> list[str]:
    return ["made"]


class Broken:
    """A cache that raises at one of its calls."""

    def __init__(self, call: str) -> None:
        self.call = call

    async def find(self, key: str) -> tuple[()]:
        if self.call == "find":
            raise OSError("disk gone")
        return ()

    async def keep(self, key: str, result: object) -> None:
        raise OSError("disk full")


@pytest.mark.parametrize(("call", "error"), [("find", "disk gone"), ("keep", "disk full")])
async def test_a_cache_that_raises_fails_the_step_and_spend_is_kept(call: str, error: str) -> None:
    result = await run(Step.cached(W, Broken(call)))
    assert str(result.error) == f"step 's' failed: cache.{call} raised OSError: {error}"
    assert result.total_cost_usd == (usd(7) if call == "keep" else 0)


def local() -> Any:
    async def inner(x: object) -> object:
        return x

    return inner


@pytest.mark.parametrize("agent", [local(), lambda x: x])
def test_what_has_no_identity_is_refused_with_its_path(agent: Any) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        Flujo(Step.parallel("p", {"a": Step.cached(Step("s", agent), MemoryCache())}))
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("cache-identity", "p/branch:a/s/s")
