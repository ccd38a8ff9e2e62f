"""What cannot run is refused when it is built, by name and with a way out; what can run is not."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from flujo import (
    AgentOutput,
    Draft,
    Flujo,
    MergeStrategy,
    MisuseError,
    PipelineContext,
    PipelineDefinitionError,
    PluginOutcome,
    Step,
    validator,
)
from flujo.errors import Problem

R = TypeVar("R")


async def echo(x: str) -> str:
    return x


class Ctx(PipelineContext):
    topic: str
    notes: list[str] = []
    size: int = 0


def problems_of(build: Callable[[], object]) -> list[Problem]:
    with pytest.raises(PipelineDefinitionError) as refused:
        build()
    return list(refused.value.problems)


# Included keys ------------------------------------------------------------------------------------------------


def including(*keys: str) -> Any:
    return Step.parallel("fan", {"a": Step("s", echo)}, context_include_keys=keys)


def test_an_included_key_that_is_no_field_is_a_problem() -> None:
    assert problems_of(lambda: Flujo(including("topic", "topics"), context_model=Ctx)) == [
        Problem(
            "include-unknown",
            "fan",
            "context_include_keys names 'topics', but Ctx has: topic, notes, size",
            "Name fields of the context model.",
        )
    ]


def test_leaving_out_a_required_field_is_a_problem() -> None:
    assert problems_of(lambda: Flujo(including("notes"), context_model=Ctx)) == [
        Problem(
            "include-required",
            "fan",
            "context_include_keys leaves out topic, which Ctx requires",
            "Include them, or give them defaults.",
        )
    ]


def test_both_are_told_at_once_and_where() -> None:
    outer = Step.parallel("outer", {"in": Step("first", echo) >> including("nothing")})
    problems = problems_of(lambda: Flujo(outer, context_model=Ctx))
    assert [(problem.code, problem.path) for problem in problems] == [
        ("include-unknown", "outer/branch:in/fan"), ("include-required", "outer/branch:in/fan"),
    ]  # fmt: skip


async def test_included_keys_that_fit_are_no_problem() -> None:
    async def note(x: str, *, context: Ctx) -> str:
        context.notes.append(context.topic)
        return x

    fan = Step.parallel(
        "fan",
        {"a": Step("s", note)},
        context_include_keys=["topic", "notes"],
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    result = await Flujo(fan, context_model=Ctx).run_async("x", context_data={"topic": "rain", "size": 3})
    assert result.context == Ctx(topic="rain", notes=["rain"], size=3)


# Plugins --------------------------------------------------------------------------------------------------------


def test_a_plugin_may_not_have_the_name_of_the_output_type_check() -> None:
    class Imposter:
        name, priority = "output_type", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            return PluginOutcome(True)

    assert problems_of(lambda: Step("s", echo, plugins=[Imposter()])) == [
        Problem(
            "plugin-name",
            "s",
            "a plugin is named 'output_type', as the check of the agent's output type",
            "Give it another name.",
        )
    ]


def test_an_async_validator_is_refused_where_it_is_written() -> None:
    async def is_short(output: str) -> bool:
        return len(output) < 9

    expected = Problem(
        "validator-async",
        "",
        "the validator is_short is async",
        "Write a class with 'async def validate(self, draft)', or a plain function.",
    )
    asynchronous: Any = is_short
    assert problems_of(lambda: validator(asynchronous)) == [expected]
    assert problems_of(lambda: validator(name="short", priority=3)(asynchronous)) == [expected]


# Answers -----------------------------------------------------------------------------------------------------------


def test_an_agent_output_cannot_be_subclassed() -> None:
    with pytest.raises(TypeError, match="AgentOutput is final: what its subclasses cost would not be booked"):
        type("Mine", (AgentOutput,), {})


# Wrapped functions --------------------------------------------------------------------------------------------------


def made_async(function: Callable[[str], R]) -> Callable[[str], Awaitable[R]]:
    @functools.wraps(function)
    async def wrapper(x: str) -> R:
        return function(x)

    return wrapper


def made_plain(function: Callable[[str], Awaitable[str]]) -> Callable[[str], Awaitable[str]]:
    @functools.wraps(function)
    def wrapper(x: str) -> Awaitable[str]:
        return function(f"{x}!")

    return wrapper


async def test_an_async_wrapper_round_a_plain_function_is_an_agent() -> None:
    result = await Flujo(Step("s", made_async(str.upper))).run_async("rain")
    assert (result.status, result.output) == ("completed", "RAIN")


async def test_a_plain_wrapper_round_an_async_function_is_an_agent() -> None:
    result = await Flujo(Step("s", made_plain(echo))).run_async("rain")
    assert (result.status, result.output) == ("completed", "rain!")


async def test_a_plain_wrapper_that_answers_itself_is_an_agent() -> None:
    @functools.wraps(echo)
    def answers(x: str) -> str:
        return f"{x}?"

    result = await Flujo(Step("s", answers)).run_async("rain")
    assert (result.status, result.output) == ("completed", "rain?")


async def test_partial_wrappers_are_agents() -> None:
    async def joined(mark: str, x: str) -> str:
        return x + mark

    bare = functools.partial(joined, ".")
    for agent, output in ((bare, "rain."), (made_plain(bare), "rain!.")):
        assert (await Flujo(Step("s", agent)).run_async("rain")).output == output


# Context data ---------------------------------------------------------------------------------------------------------


async def test_context_data_with_unknown_keys_names_keys_and_fields() -> None:
    with pytest.raises(MisuseError) as refused:
        await Flujo(Step("s", echo), context_model=Ctx).run_async("x", context_data={"topik": "rain", "sise": 3})
    assert str(refused.value) == "context_data has 'topik', 'sise', but the fields of Ctx are: notes, size, topic"


async def test_context_data_for_no_context_at_all_is_refused() -> None:
    with pytest.raises(MisuseError) as refused:
        await Flujo(Step("s", echo)).run_async("x", context_data={"topic": "rain"})
    assert str(refused.value) == "context_data has 'topic', but the fields of PipelineContext are: none"
