"""Parallel steps that choose their branches: by a function, or by asking somebody."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from flujo import MergeStrategy, Pipeline, Step, StepFailedError
from flujo.errors import UnknownBranchError
from flujo.events import Asked, BranchEnded, Decided
from tests.flujo.kinds.cast import Breaker, Notes, Writer, echo, run, spent, story, undecided, usd, why

ALL = {name: Step("s", Writer(name, tokens)) for name, tokens in (("a", 7), ("b", 11), ("c", 13))}


def chosen(select: Any, **options: Any) -> Any:
    return Step.parallel("p", ALL, select=select, **options)


async def test_the_whole_story_of_a_selection() -> None:
    step = Step.parallel("p", {"a": Step("s", echo), "b": Step("s", echo)}, select=lambda x: ["b"])
    assert story(await run(step)) == [
        ("StepStarted", "p", "parallel", "x"),
        ("Decided", "p", "select", 0, ("b",)),
        ("StepStarted", "p/branch:b/s", "step", "x"),
        ("Asked", "p/branch:b/s", 1, 0, "echo", "x", ()),
        ("Answered", "p/branch:b/s", 1, 0, "x"),
        ("StepEnded", "p/branch:b/s", "completed", "x", None),
        ("BranchEnded", "p", "b", "completed", "x", None, False),
        ("StepEnded", "p", "completed", {"b": "x"}, None),
    ]


@pytest.mark.parametrize(
    "names",
    [["c", "a"], ("a", "c"), {"c", "a"}, {"c": 1, "a": 2}, ["c", "a", "c", "a"], {"c": 1, "a": 2}.keys()],
    ids=["list", "tuple", "set", "mapping", "twice", "keys"],
)
async def test_chosen_branches_run_once_in_declared_order(names: Any) -> None:
    result = await run(chosen(lambda x: names))
    assert list(result.output.items()) == [("a", "x.a"), ("c", "x.c")]
    assert [event.value for event in result.transcript.of(Decided)] == [("a", "c")]
    assert spent(result) == [("p/branch:a/s/attempt:1", usd(7)), ("p/branch:c/s/attempt:1", usd(13))]


async def test_names_may_be_yielded() -> None:
    result = await run(chosen(lambda x: (name for name in "ca")))
    assert result.output == {"a": "x.a", "c": "x.c"}


@pytest.mark.parametrize("select", [lambda x: [], Step("router", lambda x: [])])
async def test_choosing_none_completes_with_nothing(select: Any) -> None:
    result = await run(chosen(select))
    assert (result.status, result.output, result.transcript.of(BranchEnded)) == ("completed", {}, ())


@pytest.mark.parametrize("is_step", [True, False])
async def test_an_unknown_name_fails_the_step_before_any_branch_runs(is_step: bool) -> None:
    def select(x: object) -> list[object]:
        return ["a", "zz", 7]

    result = await run(chosen(Step("router", select) if is_step else select))
    text = "step 'p' failed: select chose 'zz', 7, but the branches are: 'a', 'b', 'c'"
    assert why(result) == ("failed", "p", text)
    assert type(result.error) is StepFailedError
    cause = result.error.cause
    assert type(cause) is UnknownBranchError
    assert (cause.path, cause.keys, cause.known) == ("p", ("zz", 7), ("a", "b", "c"))
    assert [event.step for event in result.transcript.of(Asked)] == ["p/router"][: int(is_step)]


async def test_unknown_names_are_passed_over_where_that_is_asked_for() -> None:
    result = await run(chosen(lambda x: ["zz", "b"], ignore_unknown=True))
    assert result.output == {"b": "x.b"}
    assert [event.value for event in result.transcript.of(Decided)] == [("b",)]


@pytest.mark.parametrize("answer", ["a", "abc", b"a", None, 7])
@pytest.mark.parametrize("is_step", [True, False])
async def test_what_is_no_list_of_names_says_so(answer: object, is_step: bool) -> None:
    select: Any = Step("router", lambda x: answer) if is_step else lambda x: answer
    result = await run(chosen(select))
    assert undecided(result) == ("p", "select", f"select returned {answer!r}; it has to return a list of names")


async def test_names_without_end_are_an_error() -> None:
    text = "select returned more than 1,000,000; it has to return a list of names that comes to an end before"
    assert undecided(await run(chosen(lambda x: itertools.repeat("a")))) == ("p", "select", text)


class Router:
    async def run(self, x: object, *, context: Notes) -> list[str]:
        context.notes.append("router")
        return ["b"]


async def test_what_a_router_changes_is_kept_before_the_branches_start() -> None:
    step = chosen(Step("router", Router()), merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    result = await run(step >> Step("after", Writer("after", 17)))
    assert result.context.notes == ["router", "b", "after"]
    assert [event.step for event in result.transcript.of(Asked)] == ["p/router", "p/branch:b/s", "after"]


async def test_what_a_router_changes_is_kept_where_nothing_is_merged() -> None:
    assert (await run(chosen(Step("router", Router())))).context.notes == ["router"]


async def test_a_router_that_fails_fails_the_step_and_is_paid() -> None:
    result = await run(chosen(Step("router", Breaker("router", 19), max_retries=1)))
    assert why(result) == ("failed", "p/router", "step 'p/router' failed after 2 attempts: broken")
    assert (result.total_cost_usd, result.context) == (usd(19, 19), Notes())


async def test_a_dynamic_parallel_step_asks_its_router() -> None:
    step = Step.dynamic_parallel_branch("d", Router(), ALL, ignore_unknown=True)
    result = await run(step)
    assert (step.kind, result.output) == ("parallel", {"b": "x.b"})
    assert [event.step for event in result.transcript.of(Asked)] == ["d/router", "d/branch:b/s"]
    assert [path for path, _ in step_paths(step)] == ["d", "d/router", "d/branch:a/s", "d/branch:b/s", "d/branch:c/s"]


def step_paths(step: Any) -> list[tuple[str, Any]]:
    return list(Pipeline.of(step).walk())


async def test_a_function_chooses_by_value_and_context() -> None:
    def select(x: str, context: Notes) -> list[str]:
        return [x, context.winner]

    result = await run(chosen(select), "a", context_data={"winner": "c"})
    assert list(result.output) == ["a", "c"]
