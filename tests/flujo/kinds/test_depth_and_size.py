"""Pipelines as deep and as long as they may be: no recursion error, and work that grows with their size only."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from flujo import Flujo, Pipeline, PipelineResult, Step
from flujo.errors import PipelineDefinitionError, Problem
from flujo.events import Asked, BranchEnded, ContextChanged, Decided, Event, ItemEnded, StepStarted
from tests.flujo.kinds.cast import STILL, Writer, codes, echo, run, usd
from tests.flujo.kinds.matrix import KINDS, always, always_a, listed

LEVELS = 100
"""How deep steps may be nested, the innermost one included."""

BEYOND = 1_200
"""Levels that Python's own recursion does not reach."""

MANY = 10_000


def nested(kind: str, levels: int) -> Any:
    """A step with so many levels, itself included."""
    part: Any = Step("leaf", Writer("leaf", 7))
    for level in range(1, levels):
        part = KINDS[kind].around(f"s{level}", part)
    return part


DEEP = [kind for kind in KINDS if kind not in ("refine", "human")]  # two levels at each turn, and a question
LOOKED_AT = ("fallback", "parallel", "branch", "loop", "cached", "pipeline")


@pytest.mark.parametrize("kind", DEEP)
async def test_a_hundred_levels_run(kind: str) -> None:
    result = await run(nested(kind, LEVELS))
    assert (result.status, result.error) == ("completed", None)
    assert result.cost_by("step")[result.transcript.of(StepStarted)[-1].step] == usd(7)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("kind", DEEP)
async def test_results_of_a_hundred_levels_travel(kind: str) -> None:
    result, again = await run(nested(kind, LEVELS)), await run(nested(kind, LEVELS))
    assert result.step_history == again.step_history
    assert repr(result.step_history) == repr(again.step_history)
    for other in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert (other.transcript, other.output, other.context) == (result.transcript, result.output, result.context)
        assert other.step_history == result.step_history
    assert pickle.loads(pickle.dumps(result.step_history)) == copy.deepcopy(result.step_history) == result.step_history


def level_of(history: Any) -> int:
    levels = 0
    while history:
        (step,) = history
        levels, history = levels + 1, step.step_history
    return levels


async def test_the_history_is_as_deep_as_the_pipeline() -> None:
    assert level_of((await run(nested("pipeline", LEVELS))).step_history) == LEVELS


@pytest.mark.parametrize("kind", LOOKED_AT)
@pytest.mark.parametrize("levels", [LEVELS + 1, BEYOND])
def test_one_level_more_is_refused_with_the_reason(kind: str, levels: int) -> None:
    with pytest.raises(PipelineDefinitionError) as refused:
        nested(kind, levels)
    text, fix = "steps are nested more than 100 deep", "Flatten the pipeline: at most 100 levels run."
    path = "s99" if kind == "cached" else "s100"  # which is made under the name of its step, and renamed
    assert refused.value.problems == (Problem("too-deep", path, text, fix),)


def test_refining_adds_two_levels_and_says_where_they_are_too_many() -> None:
    critic = nested("loop", LEVELS - 1)
    with pytest.raises(PipelineDefinitionError) as refused:
        Step.refine_until("r", Step("draft", echo), critic)
    assert codes(refused.value) == [("too-deep", "r")]
    with pytest.raises(PipelineDefinitionError) as refused:
        Step.refine_until("r", Step("draft", echo), Step.loop_until("more", critic, always))
    assert codes(refused.value) == [("too-deep", "r/review")]


def test_steps_in_a_row_are_as_deep_as_the_deepest() -> None:
    row = nested("loop", 3) >> Step("s", echo) >> nested("pipeline", 5) >> Step("t", echo)
    assert row.as_step("all").levels == 6
    assert Step("s", echo, fallback=row.as_step("all")).levels == 7
    assert Step.parallel("p", {"a": row, "b": Pipeline.of(Step("s", echo))}).levels == 6


WITHIN_PIPELINES: dict[str, Callable[[str, Pipeline], Any]] = {
    "parallel": lambda n, p: Step.parallel(n, {"a": p}),
    "branch": lambda n, p: Step.branch_on(n, always_a, {"a": p}, default=p),
    "loop": lambda n, p: Step.loop_until(n, p, always),
    "map": lambda n, p: Step.map_over(n, p, listed),
}


@pytest.mark.parametrize("kind", WITHIN_PIPELINES)
def test_a_hundred_levels_written_as_pipelines_travel(kind: str) -> None:
    levels = 8 if kind == "branch" else LEVELS  # there each level holds the ones inside it twice
    one, other, third = [written_as_pipelines(kind, levels, agent) for agent in (echo, echo, always)]
    assert (one == other, one == third, one == one.named("another"), hash(one)) == (True, False, False, hash(other))
    assert repr(one) == repr(other) == repr(copy.copy(one))
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    pipeline = Pipeline.of(one)
    assert (pipeline == Pipeline.of(other), pipeline == Pipeline.of(third)) == (True, False)
    assert pickle.loads(pickle.dumps(pipeline)).fingerprint == pipeline.fingerprint
    assert repr(pipeline) == f"Pipeline(steps=({one!r},), name='pipeline')"


def written_as_pipelines(kind: str, levels: int, agent: Any) -> Any:
    part: Any = Step("leaf", agent)
    for level in range(1, levels):
        part = WITHIN_PIPELINES[kind](f"s{level}", Pipeline.of(part))
    return part


@pytest.mark.parametrize("kind", DEEP)
def test_a_hundred_levels_can_be_looked_at(kind: str) -> None:
    part = nested(kind, LEVELS)
    pipeline = Pipeline.of(part)
    *_, (path, agent) = pipeline.agents()
    assert (pipeline.validate(), part.levels, agent) == ((), LEVELS, Writer("leaf", 7))
    assert max(step.levels for _, step in pipeline.walk()) == LEVELS
    assert pipeline.fingerprint == pipeline.named("other").fingerprint == copy.deepcopy(pipeline).fingerprint
    assert (hash(part), repr(part)) == (hash(copy.copy(part)), repr(copy.copy(part)))
    assert pipeline.to_mermaid().count('"leaf"') == 1
    assert dict(pipeline.with_agents({path: echo}).agents())[path] is echo
    assert pipeline == copy.copy(pipeline) != pipeline.with_agents({path: echo})


# Size -----------------------------------------------------------------------------------------------------


async def up(x: int) -> int:
    return x + 1


async def quick(part: Any, x: object = "x") -> PipelineResult:
    """A run of which nothing is added up: that would take longer than the run."""
    return await Flujo(part, clock=STILL).run_async(x)


def written(result: PipelineResult, kind: type[Event]) -> int:
    """How many events of a kind stand in the log, without making an object of each."""
    return result.log.count(kind)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_hundred_thousand_iterations() -> None:
    step = Step.loop_until("loop", Step("s", up), lambda x: x >= 100_000, max_loops=100_000)
    result = await quick(step, 0)
    assert (result.status, result.output, result.error) == ("completed", 100_000, None)
    assert [written(result, kind) for kind in (Decided, ContextChanged)] == [100_000, 0]


SIZED: dict[str, Callable[[int], Any]] = {
    "loop": lambda n: Step.loop_until("x", Step("s", up), lambda x: x >= n, max_loops=n),
    "map": lambda n: Step.map_over("x", Step("s", up), lambda x: range(n)),
    "map at once": lambda n: Step.map_over("x", Step("s", up), lambda x: range(n), max_concurrency=None),
    "parallel": lambda n: Step.parallel("x", {f"b{number}": Step("s", up) for number in range(n)}),
    "pipeline": lambda n: Pipeline(tuple(Step(f"s{number}", up) for number in range(n))),
}


@pytest.mark.parametrize("kind", SIZED)
async def test_the_log_grows_with_the_size_only(kind: str) -> None:
    few, more, most = [len((await quick(SIZED[kind](n), 0)).log) for n in (10, 20, 40)]
    assert most - more == 2 * (more - few)


@pytest.mark.parametrize("at_once", [None, 7])
async def test_ten_thousand_items_at_once(at_once: int | None) -> None:
    result = await quick(Step.map_over("each", Step("s", echo), lambda x: range(MANY), max_concurrency=at_once))
    assert (result.output, written(result, ItemEnded)) == (list(range(MANY)), MANY)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_ten_thousand_branches() -> None:
    result = await quick(Step.parallel("all", {f"b{number}": Step("s", echo) for number in range(MANY)}))
    assert result.output == {f"b{number}": "x" for number in range(MANY)}
    assert (written(result, BranchEnded), len(repr(result))) == (MANY, 138_945)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_results_of_a_thousand_branches_travel() -> None:
    result = await quick(Step.parallel("all", {f"b{number}": Step("s", echo) for number in range(1_000)}))
    assert len(result.step_history[0].step_history) == 1_000
    for other in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert (other.transcript, other.step_history) == (result.transcript, result.step_history)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_sequence_of_five_thousand_steps() -> None:
    result = await quick(Pipeline(tuple(Step(f"s{number}", echo) for number in range(5_000))))
    assert (result.output, len(result.transcript.of(Asked))) == ("x", 5_000)


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__

    def __str__(self) -> str:
        return self


def names(number: int) -> list[Any]:
    return [Counted(f"b{position}") for position in range(number)]


async def with_selection(number: int) -> None:
    branches = {name: Step("s", echo) for name in names(number)}
    await quick(Step.parallel("p", branches, select=lambda x: names(number)))


async def with_keys(number: int) -> None:
    await quick(Step.branch_on("b", lambda x: "b1", {name: Step("s", echo) for name in names(number)}))


@pytest.mark.parametrize("act", [with_selection, with_keys])
async def test_twice_as_many_names_are_compared_twice_as_often(act: Callable[[int], Any]) -> None:
    compared = []
    for number in (100, 200, 400):
        Counted.compared = 0
        await act(number)
        compared.append(Counted.compared)
    few, more, most = compared
    assert most - more == 2 * (more - few)
