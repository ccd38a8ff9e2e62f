"""Streams with little room, runs in threads, branches that take turns: nobody hangs or is blamed for another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from flujo import (
    AgentOutput,
    BranchFailureStrategy,
    Flujo,
    MisuseError,
    PipelineContext,
    PipelineResult,
    Price,
    PriceTable,
    Step,
    StepFailedError,
    Usage,
    UsageLimits,
)
from flujo.events import Asked, BranchEnded, Chunk, Event, RunEnded, StepEnded, StepStarted
from flujo.execution.audience import EventStream

PRICES = PriceTable({"test:m": Price(input="3", output="17")})
GUARD_S = 60
"""Real seconds after which a test that hangs is given up; nothing else depends on it."""


async def echo(x: object) -> object:
    return x


class Metered:
    model, max_output_tokens = "test:m", 5

    def __init__(self) -> None:
        self.calls = 0

    def estimate_input(self, x: object) -> int:
        return 7

    async def run(self, x: object) -> AgentOutput[object]:
        self.calls += 1
        return AgentOutput(x, usage=Usage(input_tokens=7, output_tokens=5), model="test:m")


class Ctx(PipelineContext):
    heard: str = ""


async def read(runner: Flujo, **options: Any) -> list[Any]:
    async with runner.stream_async("x", **options) as events:
        return [event async for event in events]


def fan_of(branches: int) -> Any:
    return Step.parallel("fan", {f"b{i}": Step("s", echo) >> Step("t", Metered()) for i in range(branches)})


@pytest.mark.usefixtures("virtual_clock")
@pytest.mark.parametrize("buffer", [1, 2, 7])
async def test_a_stream_of_parallel_branches_ends_however_little_room_it_has(buffer: int) -> None:
    runner = Flujo(fan_of(5), cost_model=PRICES, usage_limits=UsageLimits(request_limit=5))
    *events, result = await read(runner, buffer=buffer, run_id="r")
    assert type(result) is PipelineResult
    assert (result.status, list(result.output)) == ("completed", ["b0", "b1", "b2", "b3", "b4"])
    assert sorted(map(repr, events)) == sorted(map(repr, result.transcript))


@pytest.mark.usefixtures("virtual_clock")
async def test_room_for_one_event_wakes_all_branches_that_wait_for_it() -> None:
    stream = EventStream(1)
    stream.publish("first")
    awake: list[int] = []

    async def branch(number: int) -> None:
        await stream.pace()
        awake.append(number)

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(branch, number)
        await anyio.wait_all_tasks_blocked()
        assert (awake, await anext(stream)) == ([], "first")
        await anyio.wait_all_tasks_blocked()
        assert sorted(awake) == [0, 1, 2]


class Talker:
    """Streams ten letters, one each second."""

    async def run(self, x: object) -> str:
        return "abcdefghij"

    async def stream(self, x: object) -> AsyncIterator[str]:
        for letter in "abcdefghij":
            await anyio.sleep(1)
            yield letter


@pytest.mark.usefixtures("virtual_clock")
async def test_an_agent_does_not_time_out_because_its_reader_is_slow() -> None:
    runner = Flujo(Step("talk", Talker(), timeout_s=11, max_retries=0))
    seen: list[Any] = []
    async with runner.stream_async("x", buffer=2) as events:
        async for event in events:
            await anyio.sleep(30)
            seen.append(event)
    assert (seen[-1].status, seen[-1].output) == ("completed", "abcdefghij")
    assert [event.text for event in seen if isinstance(event, Chunk)] == list("abcdefghij")


@pytest.mark.usefixtures("virtual_clock")
async def test_an_agent_that_is_slow_itself_times_out_in_a_stream_too() -> None:
    runner = Flujo(Step("talk", Talker(), timeout_s=5.5, max_retries=0))
    seen: list[Any] = []
    async with runner.stream_async("x", buffer=2) as events:
        async for event in events:
            await anyio.sleep(30)
            seen.append(event)
    assert str(seen[-1].error) == "step 'talk' failed after 1 attempt: no answer within 5.5 s"
    assert [event.text for event in seen if isinstance(event, Chunk)] == list("abcde")


@pytest.mark.usefixtures("virtual_clock")
async def test_a_stream_may_take_less_than_run_and_is_given_what_it_takes() -> None:
    class Plain:
        async def run(self, x: object, *, context: Ctx) -> object:
            return x

        async def stream(self, x: object) -> AsyncIterator[str]:
            yield "streamed"

    class Knowing(Plain):
        async def stream(self, x: object, *, context: Ctx | None = None) -> AsyncIterator[str]:
            assert type(context) is Ctx
            context.heard = "streamed"
            yield context.heard

    for agent, heard in ((Plain(), ""), (Knowing(), "streamed")):
        *_, result = await read(Flujo(Step("s", agent), context_model=Ctx))
        assert (result.status, result.output, result.context) == ("completed", "streamed", Ctx(heard=heard))


@pytest.mark.usefixtures("virtual_clock")
async def test_leaving_a_stream_at_any_event_closes_what_was_open() -> None:
    total = len(await read(Flujo(fan_of(3), cost_model=PRICES), buffer=3))
    statuses: list[str] = []
    for leave_at in range(1, total + 1):
        heard: list[Event] = []
        async with Flujo(fan_of(3), cost_model=PRICES, listeners=[heard.append]).stream_async("x", buffer=3) as events:
            for _ in range(leave_at):
                await anext(events)
        started = sorted(event.step for event in heard if isinstance(event, StepStarted))
        assert started == sorted(event.step for event in heard if isinstance(event, StepEnded))
        statuses += [event.status for event in heard if isinstance(event, RunEnded)]
        assert type(heard[-1]) is RunEnded
    assert len(statuses) == total
    assert (statuses[0], statuses[-1], set(statuses)) == ("cancelled", "completed", {"cancelled", "completed"})


# Threads: real time, for another thread knows no virtual one ------------------------------------------------


class Asking:
    """Runs another pipeline in a thread of its own, and keeps what came of it."""

    def __init__(self, runner: Flujo) -> None:
        self.runner = runner

    async def run(self, x: object) -> object:
        return await anyio.to_thread.run_sync(lambda: self.runner.run(x).status)


TOLD = (
    "a run inside an agent draws on the limits of the run around it, and must run in its event loop: "
    "call 'await runner.run_async(...)' in the agent itself, not in a thread of its own"
)


@pytest.mark.parametrize("metered", [True, False])
async def test_a_run_in_a_thread_inside_a_limited_run_is_refused_and_nobody_hangs(metered: bool) -> None:
    inner = Metered()
    asking = Asking(Flujo(Step("i", inner if metered else echo), cost_model=PRICES))
    runner = Flujo(Step("s", asking, max_retries=0), cost_model=PRICES, usage_limits=UsageLimits(request_limit=6))
    with anyio.fail_after(GUARD_S):
        result = await runner.run_async("x")
    assert str(result.error) == f"step 's' failed after 1 attempt: {TOLD}"
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is MisuseError
    assert inner.calls == 0


async def test_runs_in_threads_beside_each_other_inside_a_limited_run_do_not_hang() -> None:
    asking = Asking(Flujo(Step("i", Metered()), cost_model=PRICES))
    branches = {f"b{i}": Step("s", asking if i % 2 else Metered(), max_retries=0) for i in range(4)}
    fan = Step.parallel("fan", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
    with anyio.fail_after(GUARD_S):
        result = await Flujo(fan, cost_model=PRICES, usage_limits=UsageLimits(request_limit=6)).run_async("x")
    assert (result.status, list(result.output)) == ("completed", ["b0", "b2"])
    assert [event.error for event in result.transcript.of(BranchEnded)] == [
        None, f"step 'fan/branch:b1/s' failed after 1 attempt: {TOLD}",
        None, f"step 'fan/branch:b3/s' failed after 1 attempt: {TOLD}",
    ]  # fmt: skip


async def test_a_run_in_a_thread_inside_a_run_without_limits_just_runs() -> None:
    inner = Metered()
    asking = Asking(Flujo(Step("i", inner), cost_model=PRICES))
    with anyio.fail_after(GUARD_S):
        result = await Flujo(Step("s", asking), cost_model=PRICES).run_async("x")
    assert (result.status, result.output, inner.calls) == ("completed", "completed", 1)
    assert [event.path for event in result.transcript.of(Asked)] == ["s/attempt:1"]


# Branches that take turns: whatever order the scheduler runs tasks in, trio's shuffled one included -----------


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_branches_begin_in_declared_order_where_only_some_run_at_once(at_once: int) -> None:
    begun: list[str] = []

    def noting(name: str) -> Step:
        async def agent(x: object) -> object:
            begun.append(name)
            await anyio.lowlevel.checkpoint()
            return x

        return Step("s", agent)

    fan = Step.parallel("fan", {name: noting(name) for name in "dbca"}, max_concurrency=at_once)
    for _ in range(20):
        begun.clear()
        await Flujo(fan).run_async("x")
        assert begun == ["d", "b", "c", "a"]


async def test_a_limit_is_used_up_in_declared_order_where_one_branch_runs_at_once() -> None:
    fan = Step.parallel("fan", {name: Step("s", Metered()) for name in "dbca"}, max_concurrency=1)
    for _ in range(20):
        result = await Flujo(fan, cost_model=PRICES, usage_limits=UsageLimits(request_limit=2)).run_async("x")
        assert result.status == "limited"
        assert [entry.path for entry in result.ledger.entries] == [
            "fan/branch:d/s/attempt:1", "fan/branch:b/s/attempt:1",
        ]  # fmt: skip
