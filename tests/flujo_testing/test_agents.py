"""The fakes: what they answer, what they record, and how they say that a test proves nothing."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import Field

from flujo import (
    AgentOutput,
    BranchFailureStrategy,
    Flujo,
    PipelineContext,
    Rejection,
    Step,
    Usage,
)
from flujo.events import AskFailed
from flujo_testing.agents import (
    Call,
    EchoAgent,
    FakeError,
    Pass,
    Script,
    ScriptedAgent,
    ScriptedPlugin,
    ScriptExhausted,
    ScriptLeftOver,
    ScriptOrderUnclear,
    ScriptUnmatched,
)
from flujo_testing.clock import VirtualClock, hold_virtual_time
from flujo_testing.costs import default_cost_model

pytestmark = pytest.mark.anyio
USAGE = Usage(input_tokens=120, output_tokens=40)


@pytest.fixture
def virtual_clock(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    yield from hold_virtual_time(request)


async def run(*steps: Any, input: Any = "rain", **options: Any) -> Any:
    pipeline = functools.reduce(lambda before, after: before >> after, steps)
    return await Flujo(pipeline, cost_model=default_cost_model(), **options).run_async(input)


# Scripts --------------------------------------------------------------------------------------------------


async def test_answers_come_in_order_and_each_is_booked_with_the_usage_that_the_test_gave() -> None:
    writer = ScriptedAgent("too long by far", "short", name="writer", model="test:writer", usage=USAGE)
    result = await run(Step("write", writer, plugins=[ScriptedPlugin("6 words", True)]))
    assert (result.output, result.total_cost_usd) == ("short", Decimal("0.00208"))


async def test_an_agent_that_was_given_no_usage_reports_none_and_its_cost_is_unknown() -> None:
    result = await run(Step("write", ScriptedAgent("short", model="test:writer")))
    assert [(entry.usage, entry.cost_usd) for entry in result.ledger.entries] == [(None, None)]


async def test_an_agent_without_model_and_usage_books_nothing() -> None:
    assert (await run(Step("write", ScriptedAgent("short")))).ledger.entries == ()


async def test_a_scripted_exception_is_raised_and_an_agent_output_is_answered_as_it_is() -> None:
    paid = AgentOutput("short", usage=USAGE, model="test:small")
    agent = ScriptedAgent(ConnectionError("reset"), TimeoutError, paid, model="test:writer")
    result = await run(Step("write", agent, max_retries=2))
    failures = [event.error for event in result.transcript.of(AskFailed)]
    assert failures == ["ConnectionError: reset", "TimeoutError"]
    assert result.ledger.entries[-1].model == "test:small"


async def test_what_is_scripted_is_copied_in_and_out() -> None:
    lines = ["grey"]
    agent = ScriptedAgent.by_input({"a": Script(lines, lines)})
    lines.append("rain")
    first = await agent.run("a")
    first.append("changed")
    assert await agent.run("a") == ["grey"]


async def test_what_it_was_asked_is_recorded_as_it_was_then() -> None:
    class Context(PipelineContext):
        lines: list[str] = Field(default_factory=list)

    async def append(input: str, *, context: Context) -> str:
        context.lines.append(input)
        return input

    given = {"topic": ["rain"]}
    writer = ScriptedAgent("long", "short", takes=("context", "feedback", "settings"))
    step = Step("write", writer, plugins=[ScriptedPlugin("too long", True)], settings={"temperature": 0})
    with Pass():
        await run(step, Step("note", append), input=given, context_model=Context)
        given["topic"].append("snow")
        feedback = (Rejection(plugin="scripted_plugin", feedback="too long", attempt=1),)
        settings = {"temperature": 0}
        assert writer.calls == (
            Call({"topic": ["rain"]}, (), Context(), settings, "write/attempt:1"),
            Call({"topic": ["rain"]}, feedback, Context(), settings, "write/attempt:2"),
        )


async def test_an_agent_that_does_not_take_feedback_is_told_it_in_its_text() -> None:
    writer = ScriptedAgent("long", "short", takes=())
    await run(Step("write", writer, plugins=[ScriptedPlugin("too long", True)]))
    rejected = "Earlier drafts were rejected:\n- scripted_plugin (attempt 1): too long"
    told = f"rain\n\n<feedback>\n{rejected}\n</feedback>"
    assert [call.input for call in writer.calls] == ["rain", told]


async def test_taking_what_no_agent_is_offered_is_refused() -> None:
    with pytest.raises(FakeError, match="ScriptedAgent cannot take weather; agents are offered context"):
        ScriptedAgent("a", takes=("weather",))


async def test_an_answer_that_cannot_be_copied_is_refused_when_it_is_scripted() -> None:
    with pytest.raises(FakeError, match=r"^answer 2 of a script is .*, which cannot be copied \(TypeError"):
        ScriptedAgent("a", (number for number in range(3)))


async def test_a_script_within_a_script_is_refused() -> None:
    with pytest.raises(FakeError, match="a Script belongs into by_path"):
        ScriptedAgent(Script("a", "b"))


# Misuse ---------------------------------------------------------------------------------------------------


async def test_a_call_beyond_the_script_names_the_step_and_the_remedy() -> None:
    agent = ScriptedAgent("a", name="writer")
    with pytest.raises(ScriptExhausted) as caught, Pass():
        await run(Step("write", agent) >> Step("check", agent, max_retries=0))
    assert str(caught.value) == (
        "ScriptedAgent 'writer' was asked at 'check/attempt:1' for answer 2, but its script has 1: add what "
        "it should answer, or find out why it is asked again (a retry, a redirect, a loop)"
    )
    assert caught.value.path == "check/attempt:1"


async def test_a_fallback_that_hides_the_misuse_from_the_run_does_not_hide_it_from_the_pass() -> None:
    step = Step("write", ScriptedAgent(), max_retries=0, fallback=Step("small", EchoAgent()))
    with pytest.raises(ScriptExhausted), Pass():
        assert (await run(step)).status == "completed"


async def test_every_misuse_of_a_pass_is_told() -> None:
    with pytest.raises(ScriptExhausted) as caught, Pass():
        await run(Step("write", ScriptedAgent(), max_retries=1))
    assert [note.partition(",")[0] for note in caught.value.__notes__] == [
        "and ScriptExhausted: ScriptedAgent was asked at 'write/attempt:2' for answer 2"
    ]


async def test_a_script_left_over_names_its_step_and_what_is_left() -> None:
    agent = ScriptedAgent("a", "b", ["c"], name="writer")
    with pytest.raises(ScriptLeftOver) as caught, Pass():
        await run(Step("write", agent))
    assert str(caught.value) == (
        "ScriptedAgent 'writer' at write/attempt:1 still has 2 of 3 answers when the test ends ('b', ['c']): "
        "remove what is too much, or find out why the pipeline asked less"
    )


async def test_outside_of_a_pass_a_call_beyond_the_script_is_an_error_of_the_call() -> None:
    agent = ScriptedAgent("a")
    assert await agent.run("rain") == "a"
    with pytest.raises(ScriptExhausted, match="was asked for answer 2, but its script has 1"):
        await agent.run("rain")


# Passes ---------------------------------------------------------------------------------------------------


async def test_a_script_starts_afresh_in_every_pass() -> None:
    agent = ScriptedAgent("a", "b")
    for _ in range(2):
        with Pass():
            assert [await agent.run(1), await agent.run(2)] == ["a", "b"]
            assert [call.input for call in agent.calls] == [1, 2]
    assert agent.calls == ()


async def test_the_innermost_pass_counts() -> None:
    agent = ScriptedAgent("a")
    with Pass():
        await agent.run("outer")
        with Pass():
            assert await agent.run("inner") == "a"
        assert [call.input for call in agent.calls] == ["outer"]


async def test_a_pass_follows_runs_in_other_threads() -> None:
    agent = ScriptedAgent.by_path({"write": "a"})
    with Pass() as current:
        await anyio.to_thread.run_sync(Flujo(Step("write", agent)).run, "rain")
        assert [call.path for call in agent.calls] == ["write/attempt:1"]
        assert [run.ended for run in current.runs] == [True]


async def test_asking_for_the_calls_of_a_fake_expects_nothing_of_it() -> None:
    with Pass():
        assert ScriptedAgent("never asked").calls == ()


async def test_a_test_that_fails_is_not_told_of_leftovers() -> None:
    agent = ScriptedAgent("a", "b")
    with pytest.raises(KeyError, match="the test's own"), Pass():  # noqa: PT012
        await agent.run("rain")
        raise KeyError("the test's own")


async def test_a_path_is_that_of_the_run_that_asks_also_after_a_run_inside_an_agent() -> None:
    inner, plugin = ScriptedAgent("in"), ScriptedPlugin(True)

    async def nesting(input: str) -> str:
        result = await Flujo(Step("inner", inner)).run_async(input)
        return str(result.output)

    with Pass():
        await run(Step("outer", nesting, plugins=[plugin]))
        assert [call.path for call in inner.calls] == ["inner/attempt:1"]
        assert [call.path for call in plugin.calls] == ["outer/attempt:1/plugin:scripted_plugin"]
        agent = ScriptedAgent("direct")
        await agent.run("rain")
        assert [call.path for call in agent.calls] == [None]


# Who gets which answer ------------------------------------------------------------------------------------


def parallel(agent: Any, other: Any = None) -> Any:
    branches = {"a": Step("x", agent, max_retries=0), "b": Step("x", other or agent, max_retries=0)}
    return Step.parallel("p", branches, on_branch_failure=BranchFailureStrategy.IGNORE)


async def test_a_script_in_order_asked_from_concurrent_branches_is_an_error_with_the_remedy() -> None:
    with pytest.raises(ScriptOrderUnclear) as caught, Pass():
        await run(parallel(ScriptedAgent("1", "2")))
    first, second = sorted(["p/branch:a/x/attempt:1", "p/branch:b/x/attempt:1"])
    assert str(caught.value).replace(second, "").replace(first, "") == (
        "ScriptedAgent was asked from the concurrent branches '' and '', so who gets which answer is chance: "
        "script it with by_path({...}) or by_input({...})"
    )


async def test_by_path_answers_concurrent_branches() -> None:
    agent = ScriptedAgent.by_path({"p/branch:a/x": "1", "p/branch:b/x/attempt:1": "2"})
    with Pass():
        assert (await run(parallel(agent))).output == {"a": "1", "b": "2"}


async def test_by_path_takes_a_script_in_order_for_the_attempts_of_a_step() -> None:
    agent = ScriptedAgent.by_path({"write": Script("long", "short")})
    with Pass():
        result = await run(Step("write", agent, plugins=[ScriptedPlugin("too long", True)]))
    assert result.output == "short"


async def test_by_path_says_which_path_it_has_no_script_for() -> None:
    agent = ScriptedAgent.by_path({"draft": "a"})
    with pytest.raises(ScriptUnmatched) as caught, Pass():
        await run(Step("write", agent, max_retries=0))
    assert str(caught.value) == (
        "ScriptedAgent was asked at 'write/attempt:1', but has no script for the path 'write/attempt:1'; "
        "it has: 'draft'"
    )


async def test_by_path_outside_of_a_pass_says_what_is_missing() -> None:
    with pytest.raises(ScriptUnmatched, match="use the fixture flujo_run, or run it within 'with Pass"):
        await ScriptedAgent.by_path({"write": "a"}).run("rain")


async def test_by_input_finds_equal_inputs_and_tells_true_from_one() -> None:
    agent = ScriptedAgent.by_input([({"n": [1]}, "dict"), (1, "one"), (True, "true")])
    assert [await agent.run(given) for given in (True, 1, {"n": [1]})] == ["true", "one", "dict"]


async def test_what_is_left_of_scripts_by_input_is_told_by_input() -> None:
    with (
        pytest.raises(ScriptLeftOver, match=r"still has 1 of 2 answers when the test ends \('b': 2\)"),
        Pass(),
    ):
        await ScriptedAgent.by_input({"a": 1, "b": 2}).run("a")


async def test_two_runs_under_way_at_once_may_not_share_a_script() -> None:
    agent = ScriptedAgent("1", "2")
    with pytest.raises(ScriptOrderUnclear, match="two runs that are under way at the same time"), Pass():  # noqa: PT012
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(run, Step("write", agent, max_retries=0), Step("hold", EchoAgent()))


async def test_runs_one_after_the_other_may_share_a_script() -> None:
    agent = ScriptedAgent("1", "2")
    with Pass():
        assert [(await run(Step("write", agent))).output for _ in range(2)] == ["1", "2"]


async def test_two_calls_at_once_outside_of_all_runs_may_not_share_a_script() -> None:
    agent, errors = ScriptedAgent("1", "2"), []

    async def ask() -> None:
        try:
            await agent.run("rain")
        except ScriptOrderUnclear as error:
            errors.append(str(error).partition(",")[0])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    assert errors == ["ScriptedAgent was asked from two callers at the same time"]


# Wrapping -------------------------------------------------------------------------------------------------


async def test_it_survives_being_wrapped() -> None:
    agent = ScriptedAgent("1", "2", name="writer", model="test:writer", usage=USAGE)

    @functools.wraps(agent.run)
    async def wrapped(input: Any, **offered: Any) -> Any:
        return await agent.run(input, **offered)

    class Proxy:
        def __getattr__(self, name: str) -> Any:
            return getattr(agent, name)

    with Pass():
        result = await run(Step("a", wrapped), Step("b", Proxy()))
        assert [(call.path, call.feedback) for call in agent.calls] == [
            ("a/attempt:1", ()),
            ("b/attempt:1", ()),
        ]
    assert (result.output, result.total_cost_usd) == ("2", Decimal("0.00208"))


async def test_a_copy_of_a_fake_is_a_fake_of_its_own() -> None:
    agent = ScriptedAgent("1")
    copied = copy.copy(agent)
    with Pass():
        assert [await agent.run("rain"), await copied.run("rain")] == ["1", "1"]
