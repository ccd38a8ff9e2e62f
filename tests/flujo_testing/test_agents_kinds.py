"""What each kind of fake does, and what the package gives to import."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import flujo_testing
from flujo import (
    AgentError,
    AgentOutput,
    BranchFailureStrategy,
    Flujo,
    PluginOutcome,
    Step,
    Usage,
)
from flujo.events import AskFailed, Chunk, Judged, Paid
from flujo_testing.agents import (
    Call,
    Chunks,
    EchoAgent,
    FailingAgent,
    FakeError,
    FunctionAgent,
    Pass,
    ScriptedAgent,
    ScriptedHuman,
    ScriptedPlugin,
    ScriptExhausted,
    ScriptLeftOver,
    SlowAgent,
    StreamingAgent,
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


# The others -----------------------------------------------------------------------------------------------


async def test_a_function_agent_takes_what_its_function_takes() -> None:
    def answer(given: str, *, feedback: Any) -> str:
        return f"{given} {len(feedback)}"

    agent = FunctionAgent(answer)
    result = await run(Step("write", agent, plugins=[ScriptedPlugin("again", True)]))
    assert (agent.name, result.output) == ("answer", "rain 1")
    assert [call.input for call in agent.calls] == ["rain", "rain"]


async def test_a_function_agent_awaits_an_async_function() -> None:
    async def answer(given: str) -> str:
        await anyio.lowlevel.checkpoint()
        return given.upper()

    assert (await run(Step("write", FunctionAgent(answer)))).output == "RAIN"


async def test_an_echo_agent_answers_with_a_copy_of_its_input() -> None:
    given = {"topic": ["rain"]}
    answer = await EchoAgent().run(given)
    given["topic"].append("snow")
    assert answer == {"topic": ["rain"]}


@pytest.mark.parametrize(
    ("paid", "cost_usd"), [(None, Decimal("0.00104")), (Usage(input_tokens=7), Decimal("0.001061"))]
)
async def test_a_failing_agent_fails_before_or_after_the_provider_was_paid(
    paid: Usage | None, cost_usd: Decimal
) -> None:
    agent = FailingAgent(on_call=1, paid=paid, then="short", model="test:writer", usage=USAGE)
    result = await run(Step("write", agent))
    assert (result.output, result.total_cost_usd) == ("short", cost_usd)


async def test_a_slow_agent_takes_virtual_seconds(virtual_clock: VirtualClock) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(SlowAgent(3600, then="late").run, "rain")
    assert virtual_clock.now() == 3600
    slow = Step("write", SlowAgent(31), timeout_s=30, max_retries=0, fallback=Step("small", EchoAgent()))
    assert [event.error for event in (await run(slow)).transcript.of(AskFailed)] == ["no answer within 30 s"]


async def test_chunks_may_pause(virtual_clock: VirtualClock) -> None:
    await StreamingAgent("Grey ", "rain", pause_s=2).run("rain")
    await streamed(StreamingAgent("Grey ", "rain", pause_s=3))
    assert virtual_clock.now() == 10


async def test_a_slow_agent_may_fail_late() -> None:
    with pytest.raises(ConnectionError, match="reset"):
        await SlowAgent(0, then=ConnectionError("reset")).run("rain")


async def test_a_failing_agent_fails_every_time_unless_it_is_told_when() -> None:
    agent = FailingAgent(error=ConnectionError("reset"))
    result = await run(Step("write", agent, max_retries=2))
    assert [event.error for event in result.transcript.of(AskFailed)] == ["ConnectionError: reset"] * 3


async def test_a_failure_that_the_test_never_saw_is_left_over() -> None:
    with pytest.raises(ScriptLeftOver, match="was to fail on call 2, but was asked 1 times"), Pass():
        await run(Step("write", FailingAgent(on_call=2)))


async def test_a_failing_agent_that_cannot_do_what_it_is_told_is_refused() -> None:
    with pytest.raises(FakeError, match="cannot fail on call 0: calls count from 1"):
        FailingAgent(on_call=0)
    with pytest.raises(FakeError, match="cannot report what was paid in KeyError"):
        FailingAgent(paid=USAGE, error=KeyError("a"))


async def test_an_agent_error_of_the_script_reports_what_was_paid() -> None:
    agent = ScriptedAgent(AgentError("overloaded", usage=USAGE, model="test:senior"), "short")
    result = await run(Step("write", agent))
    assert [event.entry.cost_usd for event in result.transcript.of(Paid)] == [Decimal("0.00152")]


async def streamed(agent: Any) -> tuple[list[str], Any]:
    runner = Flujo(Step("write", agent, max_retries=0), cost_model=default_cost_model())
    async with runner.stream_async("rain") as events:
        seen = [event async for event in events]
    return [event.text for event in seen if isinstance(event, Chunk)], seen[-1]


async def test_chunks_are_streamed_one_by_one_and_joined_where_nobody_reads_along() -> None:
    chunks = Chunks(["Grey ", "rain"])
    agent = ScriptedAgent(chunks, AgentOutput(chunks, usage=USAGE, model="test:writer"), chunks)
    assert (await run(Step("write", agent))).output == "Grey rain"
    texts, result = await streamed(agent)
    assert (texts, result.output, result.total_cost_usd) == (
        ["Grey ", "rain"],
        "Grey rain",
        Decimal("0.00104"),
    )


async def test_a_stream_can_break_off() -> None:
    broken = Chunks(["Grey "], error=ConnectionError("reset"))
    texts, result = await streamed(ScriptedAgent(broken))
    assert (texts, result.status) == (["Grey "], "failed")
    assert (await run(Step("write", ScriptedAgent(broken), max_retries=0))).status == "failed"


async def test_a_streaming_agent_streams_the_same_at_every_call() -> None:
    agent = StreamingAgent("Grey ", "rain", model="test:writer", usage=USAGE)
    assert [(await streamed(agent))[0] for _ in range(2)] == [["Grey ", "rain"], ["Grey ", "rain"]]


@pytest.mark.parametrize("texts", ["Grey rain", [], ["Grey", 7]])
def test_chunks_are_pieces_of_text(texts: Any) -> None:
    with pytest.raises(FakeError, match="Chunks takes one or more pieces of text in a list"):
        Chunks(texts)


async def test_a_plugin_gives_its_verdicts_in_order_and_keeps_the_agent_that_it_redirects_to() -> None:
    senior = ScriptedAgent("better", name="senior")
    outcomes = [PluginOutcome(False, "too sad", redirect_to=senior), PluginOutcome(True, new_solution="best")]
    plugin = ScriptedPlugin(*outcomes, name="tone", model="test:critic", usage=Usage(input_tokens=3))
    result = await run(Step("write", ScriptedAgent("sad"), plugins=[plugin]))
    assert [(event.redirect_to, event.new_solution) for event in result.transcript.of(Judged)] == [
        ("senior", None),
        (None, "best"),
    ]
    assert [call.input["output"] for call in plugin.calls] == ["sad", "better"]
    assert (result.output, result.total_cost_usd) == ("best", Decimal("0.000042"))


async def test_a_plugin_may_reject_without_reason_and_may_raise() -> None:
    plugin = ScriptedPlugin(False, ValueError("broken"), True)
    result = await run(Step("write", EchoAgent(), plugins=[plugin], max_retries=2))
    assert [event.feedback for event in result.transcript.of(Judged)] == [
        "scripted_plugin gave no reason",
        "plugin scripted_plugin failed (ValueError: broken)",
        None,
    ]


async def test_a_plugin_by_path_judges_concurrent_branches() -> None:
    plugin = ScriptedPlugin.by_path({"p/branch:a/x": True, "p/branch:b/x": "no"})
    branches = {name: Step("x", EchoAgent(), plugins=[plugin], max_retries=0) for name in "ab"}
    with Pass():
        step = Step.parallel("p", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
        assert (await run(step)).output == {"a": "rain"}


def test_a_plugin_cannot_have_a_verdict_that_is_none() -> None:
    with pytest.raises(FakeError, match=r"a ScriptedPlugin cannot answer 0\.5: use True, False"):
        ScriptedPlugin(0.5)


def test_a_human_answers_in_order_or_by_path_and_is_as_strict() -> None:
    human = ScriptedHuman("yes", name="editor")
    with Pass():
        assert human.answer("publish/human:ok", "Shall we?") == "yes"
        assert human.calls == (Call("Shall we?", path="publish/human:ok"),)
    with pytest.raises(ScriptExhausted, match="ScriptedHuman 'editor' was asked at 'b' for answer 2"), Pass():  # noqa: PT012
        assert human.answer("a") == "yes"
        human.answer("b")
    assert ScriptedHuman.by_path({"a": 1, "b": 2}).answer("b") == 2


# Public names ---------------------------------------------------------------------------------------------


def test_every_public_name_is_found_and_listed() -> None:
    homes = flujo_testing._HOMES
    names = [name for home in homes.values() for name in home]
    assert [getattr(flujo_testing, name).__name__ for name in names] == names
    assert set(names) - set(dir(flujo_testing)) == set()
    with pytest.raises(AttributeError, match="module 'flujo_testing' has no attribute 'Nothing'"):
        flujo_testing.Nothing  # noqa: B018


def test_the_fakes_need_neither_pytest_nor_syrupy() -> None:
    code = (
        "import sys, flujo_testing; before = 'flujo' in sys.modules; from flujo_testing import ScriptedAgent;"
        "print(before, {'pytest', '_pytest', 'syrupy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False set()\n"
