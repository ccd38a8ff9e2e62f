"""What is wrong with a step is said when it is built, all at once, by code, path and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flujo import Flujo, MergeStrategy, Pipeline, Step, UsageLimits, step, validator
from flujo.errors import PipelineDefinitionError
from flujo.pipeline import PipelineStep
from flujo.stores.memory import MemoryCache
from tests.flujo.kinds.cast import codes, echo

S: Any = Step("s", echo)
ANY: Any = 5


async def waits(x: object) -> object:
    return x


def nothing() -> None: ...


class Waits:
    async def __call__(self, x: object) -> object:
        return x


async def yields(x: object) -> Any:
    yield x


def each(x: object) -> Any:
    yield "a"


WAITS: Any = waits
YIELDS: Any = yields
NOTHING: Any = nothing


def first(x: object) -> Any:
    return x


def two(x: object, y: object, z: object) -> object:
    return x


def by_name(*, x: object) -> object:
    return x


@validator
def fine(x: object) -> bool:
    return True


def refused(build: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(PipelineDefinitionError) as caught:
        build()
    assert all(problem.text and problem.fix.endswith(".") for problem in caught.value.problems)
    return codes(caught.value)


# All at once ----------------------------------------------------------------------------------------------


def test_all_that_is_wrong_with_a_condition_is_said_at_once() -> None:
    branches = {1.5: S, "a/b": S, "": S, "c": ANY, 1: S, "1": S, "default": S}
    build = lambda: Step.branch_on("b:", waits, branches, default=ANY, branch_input_mapper=ANY)  # type: ignore[arg-type]  # noqa: E731
    assert refused(build) == [
        ("name-illegal", "b:"),
        ("key-invalid", "b:"),
        ("key-duplicate", "b:"),
        ("key-duplicate", "b:"),
        ("name-illegal", "b:"),
        ("name-illegal", "b:"),
        ("branch-not-a-step", "b:"),
        ("branch-not-a-step", "b:"),
        ("function-invalid", "b:"),
        ("function-invalid", "b:"),
    ]


def test_all_that_is_wrong_with_a_loop_is_said_at_once() -> None:
    build = lambda: Step.loop_until(  # noqa: E731
        "l/",
        ANY,
        WAITS,
        max_loops=0,
        initial_input_mapper=ANY,
        iteration_input_mapper=NOTHING,
        loop_output_mapper=two,
    )
    assert refused(build) == [
        ("name-illegal", "l/"),
        ("branch-not-a-step", "l/"),
        ("function-invalid", "l/"),
        ("function-invalid", "l/"),
        ("function-invalid", "l/"),
        ("function-invalid", "l/"),
        ("max-loops-invalid", "l/"),
    ]


def test_all_that_is_wrong_with_a_map_is_said_at_once() -> None:
    build = lambda: Step.map_over("", ANY, ANY, max_concurrency=0, merge_strategy=ANY)  # noqa: E731
    assert refused(build) == [
        ("name-empty", ""),
        ("branch-not-a-step", ""),
        ("function-invalid", ""),
        ("merge-invalid", ""),
        ("concurrency-invalid", ""),
    ]


def test_all_that_is_wrong_with_a_parallel_step_is_said_at_once() -> None:
    build = lambda: Step.parallel(  # noqa: E731
        "p",
        {"a:": ANY},
        merge_strategy=WAITS,
        on_branch_failure=ANY,
        max_concurrency=-1,
        select=waits,  # type: ignore[arg-type]
    )
    assert refused(build) == [
        ("name-illegal", "p"),
        ("branch-not-a-step", "p"),
        ("merge-async", "p"),
        ("concurrency-invalid", "p"),
        ("branch-failure-invalid", "p"),
        ("function-invalid", "p"),
    ]


def test_all_that_is_wrong_with_a_human_step_is_said_at_once() -> None:
    build = lambda: Step.human_in_the_loop("h/", ANY, input_schema=ANY)  # noqa: E731
    assert refused(build) == [("name-illegal", "h/"), ("function-invalid", "h/"), ("schema-invalid", "h/")]


def test_all_that_is_wrong_with_a_cached_step_is_said_at_once() -> None:
    assert refused(lambda: Step.cached(ANY, ANY)) == [("part-not-a-step", "cached"), ("cache-not-a-cache", "cached")]


def test_all_that_is_wrong_with_a_nested_pipeline_is_said_at_once() -> None:
    build = lambda: (S >> S.named("t")).as_step("p/", usage_limits=ANY)  # noqa: E731
    assert refused(build) == [("name-illegal", "p/"), ("limits-not-limits", "p/")]


def test_problems_of_all_steps_are_said_at_once_with_their_paths() -> None:
    empty: Any = Pipeline(())
    inner = Step.branch_on("b", first, {"k": S >> S})
    part = Step.parallel("p", {"a": empty, "b": Step.loop_until("l", inner, lambda x: True)})
    pipeline = part >> part
    assert [(problem.code, problem.path) for problem in pipeline.validate()] == [
        ("steps-missing", "p/branch:a"),
        ("name-duplicate", "p/branch:b/l/b/branch:k/s"),
        ("name-duplicate", "p"),
        ("steps-missing", "p/branch:a"),
        ("name-duplicate", "p/branch:b/l/b/branch:k/s"),
    ]
    assert refused(lambda: Flujo(pipeline)) == [(problem.code, problem.path) for problem in pipeline.validate()]


# One by one -----------------------------------------------------------------------------------------------

ONE_PROBLEM: dict[str, tuple[Callable[[], object], str]] = {
    "branches is a list": (lambda: Step.branch_on("x", first, ANY), "branches-not-a-mapping"),
    "no branch": (lambda: Step.branch_on("x", first, {}), "branches-missing"),
    "no condition": (lambda: Step.branch_on("x", None, {"a": S}), "function-invalid"),  # type: ignore[call-overload]
    "a key None": (lambda: Step.branch_on("x", first, {None: S}), "key-invalid"),
    "a key with a colon": (lambda: Step.branch_on("x", first, {"a:b": S}), "name-illegal"),
    "a key in bytes": (lambda: Step.branch_on("x", first, {b"a": S}), "key-invalid"),
    "a default beside a branch 'default'": (
        lambda: Step.branch_on("x", first, {"default": S}, default=S),
        "key-duplicate",
    ),
    "parallel without branches": (lambda: Step.parallel("x", {}), "branches-missing"),
    "a parallel list": (lambda: Step.parallel("x", [S]), "branches-not-a-mapping"),  # type: ignore[arg-type]
    "a branch name 1": (lambda: Step.parallel("x", {1: S}), "name-illegal"),  # type: ignore[dict-item]
    "select is a number": (lambda: Step.parallel("x", {"a": S}, select=ANY), "function-invalid"),
    "max_loops is True": (lambda: Step.loop_until("x", S, first, max_loops=True), "max-loops-invalid"),
    "max_loops is text": (lambda: Step.loop_until("x", S, first, max_loops="3"), "max-loops-invalid"),  # type: ignore[call-overload]
    "no exit condition": (lambda: Step.loop_until("x", S, None), "function-invalid"),  # type: ignore[call-overload]
    "no items": (lambda: Step.map_over("x", S, None), "function-invalid"),  # type: ignore[arg-type]
    "a merge in turn": (
        lambda: Step.map_over("x", S, lambda x: [x], merge_strategy=MergeStrategy.OVERWRITE),
        "merge-in-turn",
    ),
    "max_concurrency is 1.5": (lambda: Step.map_over("x", S, list, max_concurrency=1.5), "concurrency-invalid"),  # type: ignore[arg-type]
    "no message": (lambda: Step.human_in_the_loop("x", ""), "message-empty"),
    "a blank message": (lambda: Step.human_in_the_loop("x", " \n"), "message-empty"),
    "no cache": (lambda: Step.cached(Step("x", echo), ANY), "cache-not-a-cache"),
    "plugins is one plugin": (lambda: Step("x", echo, plugins=fine), "plugins-not-a-sequence"),  # type: ignore[call-overload]
    "plugins is None": (lambda: Step("x", echo, plugins=None), "plugins-not-a-sequence"),  # type: ignore[call-overload]
    "settings is None": (lambda: Step("x", echo, settings=None), "settings-not-a-mapping"),  # type: ignore[call-overload]
    "meta is a number": (lambda: Step("x", echo, meta=ANY), "meta-not-a-mapping"),
    "input_processors is a function": (
        lambda: Step("x", echo, input_processors=str),  # type: ignore[call-overload]
        "input_processors-not-a-sequence",
    ),
    "context_include_keys is text": (
        lambda: Step.parallel("x", {"a": S}, context_include_keys="notes"),
        "context_include_keys-not-a-sequence",
    ),
    "context_include_keys has a number": (
        lambda: Step.parallel("x", {"a": S}, context_include_keys=["notes", ANY]),
        "include-unknown",
    ),
    "ignore_unknown is text": (lambda: Step.parallel("x", {"a": S}, ignore_unknown="no"), "ignore_unknown-not-a-bool"),  # type: ignore[arg-type]
    "updates_context is text": (lambda: Step("x", echo, updates_context="no"), "updates_context-not-a-bool"),  # type: ignore[call-overload]
    "the fallback is a pipeline": (lambda: Step("x", echo, fallback=S >> S), "fallback-not-a-step"),
    "a cache's class": (lambda: Step.cached(Step("x", echo), MemoryCache), "cache-not-a-cache"),  # type: ignore[arg-type]
    "a step of no pipeline": (lambda: PipelineStep("x", ANY), "part-not-a-step"),
    "a merge function that yields": (lambda: Step.parallel("x", {"a": S}, merge_strategy=YIELDS), "merge-async"),
    "a processor that is async": (lambda: Step("x", echo, input_processors=[Waits()]), "processor-not-plain"),
    "a processor that yields": (lambda: Step("x", echo, output_processors=[each]), "processor-not-plain"),
    "a backoff that is async": (lambda: Step("x", echo, backoff=WAITS), "backoff-invalid"),
    "no list of routes": (lambda: Step.dynamic_parallel_branch("x", echo, ANY), "branches-not-a-mapping"),
    "context_include_keys is a number": (
        lambda: Step.parallel("x", {"a": S}, context_include_keys=ANY),
        "context_include_keys-not-a-sequence",
    ),
}


@pytest.mark.parametrize("case", ONE_PROBLEM)
def test_one_mistake_is_one_problem(case: str) -> None:
    build, code = ONE_PROBLEM[case]
    assert refused(build) == [(code, "x")]


def test_all_that_is_wrong_with_a_plain_step_is_said_at_once() -> None:
    wrong = ("plugins", "input_processors", "output_processors", "settings", "meta", "updates_context", "usage_limits")
    assert refused(lambda: Step("s/", ANY, **dict.fromkeys(wrong, ANY))) == [
        ("name-illegal", "s/"),
        ("plugins-not-a-sequence", "s/"),
        ("input_processors-not-a-sequence", "s/"),
        ("output_processors-not-a-sequence", "s/"),
        ("settings-not-a-mapping", "s/"),
        ("meta-not-a-mapping", "s/"),
        ("agent-not-an-agent", "s/"),
        ("updates_context-not-a-bool", "s/"),
        ("limits-not-limits", "s/"),
    ]


def test_all_that_is_wrong_with_a_refinement_is_said_at_once_where_it_is() -> None:
    build = lambda: Step.refine_until("r", ANY, ANY, max_loops=0, feedback_mapper=WAITS)  # noqa: E731
    assert refused(build) == [
        ("function-invalid", "r"),
        ("branch-not-a-step", "r/review"),
        ("part-not-a-step", "r"),
        ("max-loops-invalid", "r"),
    ]
    assert refused(lambda: Step.refine_until(ANY, S, S)) == [("name-empty", "")]


def test_all_that_is_wrong_with_a_dynamic_parallel_step_is_said_at_once_where_it_is() -> None:
    build = lambda: Step.dynamic_parallel_branch("d", ANY, {"a": ANY}, max_concurrency=0)  # noqa: E731
    assert refused(build) == [
        ("agent-not-an-agent", "d/router"),
        ("branch-not-a-step", "d"),
        ("concurrency-invalid", "d"),
    ]


def test_all_that_is_wrong_with_a_pipeline_is_said_at_once() -> None:
    assert refused(lambda: Pipeline((1, S, "a"), name=ANY)) == [  # type: ignore[arg-type]
        ("part-not-a-step", ""),
        ("part-not-a-step", ""),
        ("name-empty", ""),
    ]
    assert refused(lambda: Pipeline.of(ANY, S, ANY)) == [("part-not-a-step", ""), ("part-not-a-step", "")]
    steps: Any = [S]
    assert Pipeline(steps) == Pipeline((S,))


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda: Pipeline((1,)), "part-not-a-step"),  # type: ignore[arg-type]
        (lambda: Pipeline((S >> S,)), "part-not-a-step"),
        (lambda: (S >> S).named(" "), "name-empty"),
        (lambda: Pipeline(5), "part-not-a-step"),  # type: ignore[arg-type]
        (lambda: Pipeline(S), "part-not-a-step"),
        (lambda: Flujo(5), "part-not-a-step"),  # type: ignore[arg-type]
        (lambda: Flujo(None), "part-not-a-step"),  # type: ignore[arg-type]
        (lambda: S >> 5, "part-not-a-step"),
        (lambda: Step.refine_until("r", ANY, S), "part-not-a-step"),
        (lambda: Step.dynamic_parallel_branch("d", ANY, {"a": S}), "agent-not-an-agent"),
    ],
)
def test_what_is_no_step_is_said_to_be_none(build: Callable[[], object], code: str) -> None:
    assert [found for found, _ in refused(build)] == [code]


@pytest.mark.parametrize(
    ("function", "code"), [(waits, "validator-async"), (yields, "validator-async"), (5, "validator-invalid")]
)
def test_a_validator_is_a_plain_function(function: Any, code: str) -> None:
    assert refused(lambda: validator(function)) == [(code, "")]


def test_what_is_no_function_is_no_step() -> None:
    assert refused(lambda: step(ANY)) == [("agent-not-an-agent", "int")]
    assert refused(lambda: step(name="")(waits)) == [("name-empty", "")]


@pytest.mark.parametrize("options", [{"select": first}, {"oops": 1}])
def test_options_that_a_dynamic_parallel_step_does_not_take_are_refused(options: dict[str, Any]) -> None:
    """Raises TypeError as every wrong keyword does, naming it."""
    (name,) = options
    with pytest.raises(TypeError, match=name):
        Step.dynamic_parallel_branch("d", echo, {"a": S}, **options)


# Functions that cannot be called --------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[Any], object]] = {
    "condition": lambda f: Step.branch_on("x", f, {"a": S}),
    "branch_input_mapper": lambda f: Step.branch_on("x", first, {"a": S}, branch_input_mapper=f),
    "branch_output_mapper": lambda f: Step.branch_on("x", first, {"a": S}, branch_output_mapper=f),
    "exit_condition": lambda f: Step.loop_until("x", S, f),
    "initial_input_mapper": lambda f: Step.loop_until("x", S, first, initial_input_mapper=f),
    "iteration_input_mapper": lambda f: Step.loop_until("x", S, first, iteration_input_mapper=f),
    "loop_output_mapper": lambda f: Step.loop_until("x", S, first, loop_output_mapper=f),
    "items": lambda f: Step.map_over("x", S, f),
    "select": lambda f: Step.parallel("x", {"a": S}, select=f),
    "message": lambda f: Step.human_in_the_loop("x", f),
    "feedback_mapper": lambda f: Step.refine_until("x", S, S, feedback_mapper=f),
}


@pytest.mark.parametrize("function", [waits, Waits(), yields, 5, nothing, by_name, two])
@pytest.mark.parametrize("what", FUNCTIONS)
def test_a_function_that_cannot_be_called_is_refused_by_name(what: str, function: Any) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        FUNCTIONS[what](function)
    assert codes(caught.value) == [("function-invalid", "x")]
    assert caught.value.problems[0].text.startswith(f"{what} {function!r} ")


@pytest.mark.parametrize("what", [what for what in FUNCTIONS if what not in ("items", "select")])
def test_a_function_that_yields_decides_nothing(what: str) -> None:
    with pytest.raises(PipelineDefinitionError, match="yields instead of returning") as caught:
        FUNCTIONS[what](each)
    assert codes(caught.value) == [("function-invalid", "x")]


async def test_items_and_names_of_branches_may_be_yielded() -> None:
    mapped, chosen = Step.map_over("m", S, each), Step.parallel("p", {"a": S, "b": S}, select=each)
    assert [(await Flujo(part).run_async("x")).output for part in (mapped, chosen)] == [["a"], {"a": "x"}]


@pytest.mark.parametrize("mapper", [two, lambda given: given, lambda given, *, feedback: given])
def test_a_feedback_mapper_takes_the_input_and_the_feedback(mapper: Any) -> None:
    with pytest.raises(PipelineDefinitionError, match="cannot be called with the input and the feedback"):
        Step.refine_until("r", S, S, feedback_mapper=mapper)


# Cached ---------------------------------------------------------------------------------------------------


class Anonymous:
    async def run(self, x: object) -> object:
        return x


@pytest.mark.parametrize("agent", [lambda x: x, Anonymous(), Anonymous().run])
def test_agents_without_identity_are_not_cached(agent: Any) -> None:
    inner = Step.loop_until("l", Step("a", agent), first)
    assert refused(lambda: Flujo(Step.cached(inner, MemoryCache()))) == [("cache-identity", "l/l/a")]


def test_limits_inside_are_limits() -> None:
    limited = (S >> S.named("t")).as_step("p", usage_limits=UsageLimits(request_limit=3))
    assert Flujo(limited).pipeline.validate() == ()
