"""What is wrong with a pipeline is said before it runs: all of it, with a code, a path and a fix."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from flujo import (
    Flujo,
    MisuseError,
    Pipeline,
    PipelineContext,
    PipelineDefinitionError,
    PluginOutcome,
    Step,
    step,
    validator,
)


async def echo(x: str) -> str:
    return x


async def count(x: str) -> int:
    return len(x)


async def double(x: int) -> int:
    return 2 * x


class Ticket(BaseModel):
    title: str


async def file(ticket: Ticket) -> str:
    return ticket.title


@validator
def fine(output: object) -> bool:
    return True


def codes(caught: pytest.ExceptionInfo[PipelineDefinitionError]) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in caught.value.problems]


def test_a_step_says_everything_that_is_wrong_with_it_at_once() -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        Step("a/b", None, max_retries=-1, timeout_s=0, retry_on=BaseException, backoff=3)  # type: ignore[call-overload]
    assert codes(caught) == [
        ("name-illegal", "a/b"),
        ("agent-missing", "a/b"),
        ("retries-invalid", "a/b"),
        ("timeout-invalid", "a/b"),
        ("retry-on-invalid", "a/b"),
        ("backoff-invalid", "a/b"),
    ]
    assert str(caught.value.problems[0]) == (
        "a/b: the step name 'a/b' contains '/' or ':', which separate the parts of paths [name-illegal]. "
        "Use '_' or '-' instead."
    )


class Nameless:
    async def validate(self, draft: object) -> PluginOutcome:
        return PluginOutcome(True)


async def generator(x: str) -> Any:
    yield x


async def no_input() -> str:
    return ""


async def two_inputs(x: str, y: str) -> str:
    return x + y


async def processor(x: str) -> str:
    return x


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"name": "", "agent": echo}, "name-empty"),
        ({"name": 3, "agent": echo}, "name-empty"),
        ({"name": "a:b", "agent": echo}, "name-illegal"),
        ({"name": "a", "agent": 3}, "agent-not-an-agent"),
        ({"name": "a", "agent": Ticket}, "agent-not-an-agent"),
        ({"name": "a", "agent": generator}, "agent-not-an-agent"),
        ({"name": "a", "agent": no_input}, "agent-signature"),
        ({"name": "a", "agent": two_inputs}, "agent-signature"),
        ({"name": "a", "agent": echo, "plugins": [echo]}, "plugin-not-a-plugin"),
        ({"name": "a", "agent": echo, "plugins": [fine, fine]}, "plugin-duplicate"),
        ({"name": "a", "agent": echo, "input_processors": [processor]}, "processor-not-plain"),
        ({"name": "a", "agent": echo, "output_processors": [3]}, "processor-not-plain"),
        ({"name": "a", "agent": echo, "fallback": echo}, "fallback-not-a-step"),
        ({"name": "a", "agent": echo, "usage_limits": 3}, "limits-not-limits"),
        ({"name": "a", "agent": echo, "max_retries": True}, "retries-invalid"),
        ({"name": "a", "agent": echo, "timeout_s": float("inf")}, "timeout-invalid"),
    ],
)
def test_a_step_that_cannot_run_is_refused(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        Step(**arguments)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_a_plugin_needs_a_name_and_a_priority() -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        Step("a", echo, plugins=[Nameless()])
    assert codes(caught) == [("plugin-name", "a"), ("plugin-priority", "a")]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"branches": {}}, "branches-missing"),
        ({"branches": {"a/b": Step("s", echo)}}, "name-illegal"),
        ({"branches": {"a": echo}}, "branch-not-a-step"),
        ({"branches": {"a": Step("s", echo)}, "merge_strategy": "overwrite it"}, "merge-invalid"),
        ({"branches": {"a": Step("s", echo)}, "merge_strategy": processor}, "merge-async"),
        ({"branches": {"a": Step("s", echo)}, "on_branch_failure": "ignore it"}, "branch-failure-invalid"),
        ({"branches": {"a": Step("s", echo)}, "max_concurrency": 0}, "concurrency-invalid"),
    ],
)
def test_a_parallel_step_that_cannot_run_is_refused(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        Step.parallel("p", **arguments)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_what_is_no_step_cannot_be_joined() -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        Step("a", echo) >> 3  # type: ignore[operator]
    assert codes(caught) == [("part-not-a-step", "")]


def test_names_are_unique_within_a_sequence_at_every_depth() -> None:
    inner = Step("same", echo) >> Step("same", echo)
    pipeline = Step("a", echo) >> Step.parallel("p", {"x": inner, "y": Step("same", echo)}) >> Step("a", len)
    assert [(problem.code, problem.path) for problem in pipeline.validate()] == [
        ("name-duplicate", "p/branch:x/same"),
        ("name-duplicate", "a"),
    ]


def test_an_output_that_the_next_step_cannot_take_is_a_problem() -> None:
    pipeline = Step("count", count) >> Step("echo", echo)  # type: ignore[arg-type]
    (problem,) = pipeline.validate()
    assert (problem.code, problem.path) == ("type-mismatch", "echo")
    assert problem.text == "it takes str, but 'count' before it returns int"
    assert (Step("count", count) >> Step("double", double)).validate() == ()


def test_types_that_do_not_decide_are_no_problem() -> None:
    async def vague(x: object) -> object:
        return x

    async def optional(x: str | None) -> str | None:
        return x

    async def floats(x: float) -> float:
        return x

    steps = Step("a", count), Step("b", floats), Step("c", vague), Step("d", echo), Step("e", optional)
    assert Pipeline.of(*steps).validate() == ()


def test_feedback_that_cannot_be_delivered_is_a_problem() -> None:
    (problem,) = Pipeline.of(Step("file", file, plugins=[fine])).validate()
    assert (problem.code, problem.path) == ("feedback-undeliverable", "file")
    assert Pipeline.of(Step("file", file, plugins=[fine], max_retries=0)).validate() == ()


def test_a_pipeline_needs_steps() -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        Flujo(Pipeline(()))
    assert codes(caught) == [("steps-missing", "")]
    with pytest.raises(PipelineDefinitionError) as caught:
        Flujo(Step.parallel("p", {"x": Pipeline(())}))
    assert codes(caught) == [("steps-missing", "p/branch:x")]


def test_nesting_has_a_limit() -> None:
    part: Any = Step("s", echo)
    for _ in range(99):
        part = Step.parallel("p", {"b": part})
    assert Pipeline.of(part).validate() == ()
    with pytest.raises(PipelineDefinitionError) as refused:
        Step.parallel("p", {"b": part})
    assert [problem.code for problem in refused.value.problems] == ["too-deep"]


def test_a_runner_refuses_what_it_cannot_use() -> None:
    async def listener(event: object) -> None: ...

    with pytest.raises(PipelineDefinitionError) as caught:
        Flujo(Step("a", echo, updates_context=True), listeners=[listener])  # type: ignore[list-item]
    assert codes(caught) == [("context-model-missing", "a"), ("listener-not-plain", "")]
    with pytest.raises(PipelineDefinitionError) as caught:
        Flujo(Step("a", echo), context_model=Ticket)  # type: ignore[arg-type]
    assert codes(caught) == [("context-model-invalid", "")]


def test_agents_are_replaced_by_path_at_every_depth() -> None:
    async def other(x: str) -> str:
        return x.upper()

    pipeline = Step("a", echo, fallback=Step("small", echo)) >> Step.parallel(
        "p", {"x": Step("b", echo) >> Step("c", echo), "y": Step("d", echo)}
    )
    assert [path for path, _ in pipeline.agents()] == [
        "a", "a/fallback:small", "p/branch:x/b", "p/branch:x/c", "p/branch:y/d",
    ]  # fmt: skip
    replaced = pipeline.with_agents({"a/fallback:small": other, "p/branch:x/c": other, "p/branch:y/d": other})
    assert [path for path, agent in replaced.agents() if agent is other] == [
        "a/fallback:small", "p/branch:x/c", "p/branch:y/d",
    ]  # fmt: skip
    assert [path for path, agent in pipeline.agents() if agent is other] == []


def test_an_unknown_path_lists_the_valid_ones() -> None:
    with pytest.raises(MisuseError) as caught:
        (Step("a", echo) >> Step("b", echo)).with_agents({"c": echo})
    assert str(caught.value) == "no step at 'c'; there are: 'a', 'b'"


def test_steps_and_pipelines_have_names_and_fingerprints() -> None:
    @step(max_retries=3)
    async def draft(x: str) -> str:
        return x

    pipeline = (draft >> Step("b", echo)).named("two")
    assert (draft.name, draft.max_retries, draft.named("other").name) == ("draft", 3, "other")
    assert (pipeline >> Step("c", echo)).name == "two"
    assert pipeline.fingerprint == (draft >> Step("b", echo)).fingerprint
    assert pipeline.fingerprint != (draft >> Step("b", echo, max_retries=2)).fingerprint
    assert step(echo).name == "echo"


class Empty(PipelineContext):
    pass


def test_run_refuses_a_running_loop_and_says_what_to_call(anyio_backend: str) -> None:
    import anyio

    async def inside() -> None:
        with pytest.raises(MisuseError, match=r"await runner\.run_async"):
            Flujo(Step("a", echo)).run("x")

    anyio.run(inside, backend=anyio_backend)
    assert Flujo(Step("a", echo)).run("x").output == "x"


def test_context_data_that_does_not_fit_is_named() -> None:
    class Ctx(PipelineContext):
        size: int

    with pytest.raises(MisuseError, match="context_data does not fit Ctx"):
        Flujo(Step("a", echo), context_model=Ctx).run("x", context_data={"size": "large"})


def test_a_step_shows_all_its_options_and_the_steps_inside() -> None:
    asking = Pipeline.of(Step.human_in_the_loop("ask", "sure?"))
    assert repr(Step.parallel("all", {"a": asking}, max_concurrency=3)) == (
        "ParallelStep(name='all', branches={'a': Pipeline(steps=(HumanStep(name='ask', message='sure?', "
        "input_schema=None),), name='pipeline')}, merge_strategy=<MergeStrategy.NO_MERGE: 'no_merge'>, "
        "on_branch_failure=<BranchFailureStrategy.PROPAGATE: 'propagate'>, context_include_keys=None, "
        "max_concurrency=3, select=None, ignore_unknown=False)"
    )
