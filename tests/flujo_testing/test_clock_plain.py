"""Virtual time in plain test functions: every loop that the test starts is held, and time goes on between them."""

from __future__ import annotations

import asyncio
import threading
import unittest
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio
import trio.testing
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flujo import Backoff, Flujo, MisuseError, Step
from flujo.events import RunEnded
from flujo_testing import (
    DeadlockError,
    FailingAgent,
    FlujoRun,
    SlowAgent,
    VirtualClock,
    VirtualClockError,
    virtual_time,
)
from flujo_testing.clock.started_loops import loops_held_that_start
from flujo_testing.testcase import PipelineTestCase

HOUR = 3600.0
BACKENDS = ["asyncio", "trio"]


async def slowly(text: str) -> str:
    await anyio.sleep(HOUR)
    return text


async def never(text: str) -> str:
    await anyio.Event().wait()
    return text


async def nap(seconds: float) -> float:
    await anyio.sleep(seconds)
    return anyio.current_time()


async def in_a_thread() -> int:
    return await anyio.to_thread.run_sync(int)


def test_runs_take_virtual_time_which_goes_on_from_one_to_the_next(
    virtual_clock: VirtualClock, flujo_run: FlujoRun
) -> None:
    assert virtual_clock.now() == 0.0
    assert Flujo(Step("write", slowly)).run("rain").output == "rain"
    assert virtual_clock.now() == HOUR
    assert flujo_run.sync(Step("write", SlowAgent(HOUR)), "rain").output == "rain"
    assert virtual_clock.now() == 2 * HOUR


def test_timeouts_and_back_off_take_no_time(virtual_clock: VirtualClock) -> None:
    late = Step("late", slowly, timeout_s=60, max_retries=0)
    assert Flujo(late).run("rain").status == "failed"
    assert virtual_clock.now() == 60.0
    again = Step("again", FailingAgent(on_call=1), backoff=Backoff(initial_s=30), max_retries=1)
    assert Flujo(again).run("rain").status == "completed"
    assert virtual_clock.now() == 90.0


def test_between_runs_time_stands_still_unless_it_is_advanced(virtual_clock: VirtualClock) -> None:
    runner = Flujo(Step("write", SlowAgent(60)))
    runner.run("rain")
    virtual_clock.advance(24 * HOUR)
    assert virtual_clock.utc() == datetime(2026, 1, 2, 0, 1, tzinfo=UTC)
    runner.run("rain")
    assert virtual_clock.elapsed == 24 * HOUR + 120


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda: anyio.run(nap, HOUR), id="anyio"),
        pytest.param(lambda: anyio.run(nap, HOUR, backend="trio"), id="anyio-on-trio"),
        pytest.param(lambda: asyncio.run(nap(HOUR)), id="asyncio"),
        pytest.param(lambda: trio.run(nap, HOUR), id="trio"),
    ],
)
def test_every_way_to_start_a_loop_is_held(virtual_clock: VirtualClock, run: Callable[[], float]) -> None:
    first, second = run(), run()
    assert (round(second - first, 3), virtual_clock.elapsed) == (HOUR, 2 * HOUR)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_worker_thread_holds_the_clock(virtual_clock: VirtualClock, backend: str) -> None:
    async def work() -> str:
        with anyio.fail_after(9):
            return await anyio.to_thread.run_sync(str, 17)

    assert (anyio.run(work, backend=backend), virtual_clock.elapsed) == ("17", 0.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_nothing_can_wake_is_given_up_once_and_names_its_step(
    virtual_clock: VirtualClock, backend: str
) -> None:
    virtual_clock.deadlock_after_s = 0.0
    asked: list[str] = []

    async def stuck(text: str) -> str:
        asked.append(text)
        return await never(text)

    async def run() -> object:
        return await Flujo(Step("write", stuck, max_retries=3)).run_async("rain")

    with pytest.raises(DeadlockError) as told:
        anyio.run(run, backend=backend)
    reason, where = str(told.value).split("\n")
    assert reason == "virtual deadlock: every task waits, and no timer or thread is left to wake one:"
    assert where.startswith("  the run waits for Event.wait at ")
    assert where.endswith(" in never (step 'write', asked at write/attempt:1)")
    assert asked == ["rain"]
    assert Flujo(Step("write", slowly)).run("rain").output == "rain"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_thread_that_waits_for_what_never_comes_is_given_up_with_the_test(
    virtual_clock: VirtualClock, backend: str
) -> None:
    virtual_clock.deadlock_after_s = 0.0

    async def through_a_portal() -> None:
        async with BlockingPortal() as portal:
            await anyio.to_thread.run_sync(portal.call, never, "rain")

    async def by_itself() -> None:
        await anyio.to_thread.run_sync(anyio.from_thread.run, never, "rain")

    for waits in (through_a_portal, by_itself):
        with pytest.raises(DeadlockError) as told:
            anyio.run(waits, backend=backend)
        assert sum(line.endswith(" in never") for line in str(told.value).split("\n")) == 1
    assert virtual_clock.elapsed == 0.0


def test_branches_that_wait_are_named_by_their_steps(virtual_clock: VirtualClock) -> None:
    virtual_clock.deadlock_after_s = 0.0
    fan = Step.parallel("fan", {"legal": Step("check", never), "facts": Step("look", never)})
    with pytest.raises(DeadlockError) as told:
        Flujo(fan).run("rain")
    steps = [line.rpartition("(")[2] for line in str(told.value).split("\n") if "in never" in line]
    assert sorted(steps) == [
        "step 'fan/branch:facts/look', asked at fan/branch:facts/look/attempt:1)",
        "step 'fan/branch:legal/check', asked at fan/branch:legal/check/attempt:1)",
    ]


def test_a_loop_that_cannot_be_held_is_not_run(virtual_clock: VirtualClock) -> None:
    with pytest.raises(VirtualClockError) as refused:
        anyio.run(nap, 1, backend_options={"loop_factory": BaseSelectorEventLoop})
    assert str(refused.value) == (
        "virtual_clock cannot take hold of the loop that the test runs: "
        "BaseSelectorEventLoop is not an asyncio.SelectorEventLoop. "
        "Take plain 'asyncio', or a loop_factory that makes a loop of that class."
    )
    with pytest.raises(VirtualClockError, match="the loop that the test runs: trio runs with a clock of its own"):
        trio.run(nap, 1, clock=trio.testing.MockClock())


class LoopOfTheFuture(asyncio.SelectorEventLoop):
    @property
    def run_in_executor(self) -> Any:
        raise AttributeError("run_in_executor is gone")


def test_a_loop_that_is_built_otherwise_than_is_known_is_not_run(virtual_clock: VirtualClock) -> None:
    with pytest.raises(VirtualClockError) as refused:
        anyio.run(nap, 1, backend_options={"loop_factory": LoopOfTheFuture})
    assert str(refused.value) == (
        "virtual_clock cannot take hold of the loop that the test runs: "
        "its library is another than is known (run_in_executor is gone). "
        "Take versions of Python, anyio and trio that this toolkit knows."
    )


def test_a_loop_of_another_thread_is_left_alone(virtual_clock: VirtualClock) -> None:
    async def attributes() -> set[str]:
        return {"time", "run_in_executor"} & vars(asyncio.get_running_loop()).keys()

    found: list[set[str]] = []
    thread = threading.Thread(target=lambda: found.append(anyio.run(attributes)))
    thread.start()
    thread.join()
    assert found == [set()]
    assert anyio.run(attributes) == {"time", "run_in_executor"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_calls_through_a_portal_take_virtual_time(virtual_clock: VirtualClock, backend: str) -> None:
    runner = Flujo(Step("write", slowly))
    with start_blocking_portal(backend) as portal:
        assert portal.call(runner.run_async, "rain").output == "rain"
        assert virtual_clock.elapsed == HOUR
        assert portal.call(int, "17") == 17
        assert runner.run("rain").output == "rain"
        assert portal.call(nap, HOUR) - portal.call(anyio.current_time) == 0.0
    assert virtual_clock.elapsed == 3 * HOUR


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_portals_may_close_in_any_order(virtual_clock: VirtualClock, backend: str) -> None:
    first, second = start_blocking_portal(backend), start_blocking_portal(backend)
    portal, other = first.__enter__(), second.__enter__()
    portal.call(nap, HOUR)
    first.__exit__(None, None, None)
    other.call(in_a_thread)
    other.call(nap, HOUR)
    second.__exit__(None, None, None)
    assert virtual_clock.elapsed == 2 * HOUR


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_through_a_portal_that_nothing_can_wake_is_given_up(virtual_clock: VirtualClock, backend: str) -> None:
    virtual_clock.deadlock_after_s = 0.0
    with start_blocking_portal(backend) as portal:
        with pytest.raises(DeadlockError) as told:
            portal.call(Flujo(Step("write", never)).run_async, "rain")
        asked = "in never (step 'write', asked at write/attempt:1)"
        waiting = [line for line in str(told.value).split("\n") if line.endswith(asked)]
        assert len(waiting) == 1
        assert portal.call(nap, 1) == portal.call(anyio.current_time)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_portal_without_a_call_may_wait_for_ever(virtual_clock: VirtualClock, backend: str) -> None:
    virtual_clock.deadlock_after_s = 0.0
    with start_blocking_portal(backend) as portal:
        waiting = portal.start_task_soon(never, "rain")
        assert portal.call(nap, HOUR) == portal.call(anyio.current_time)
        assert waiting.done() is False
        waiting.cancel()
    assert virtual_clock.elapsed == HOUR


def test_a_portal_whose_loop_cannot_be_held_is_refused(virtual_clock: VirtualClock) -> None:
    opening = start_blocking_portal("asyncio", {"loop_factory": BaseSelectorEventLoop})
    with pytest.raises(VirtualClockError, match="BaseSelectorEventLoop is not an asyncio"), opening:
        raise AssertionError("it was opened")


def test_in_real_time_a_run_is_not_held(virtual_clock: VirtualClock) -> None:
    async def stopped() -> bool:
        return virtual_clock.stopped

    with virtual_clock.real_time():
        assert anyio.run(stopped) is False
    assert anyio.run(stopped) is True


def test_afterwards_loops_start_as_before() -> None:
    before = asyncio.Runner.run, trio.run
    with loops_held_that_start() as clock:
        anyio.run(nap, 5)
        assert asyncio.Runner.run is not before[0]
        with start_blocking_portal() as portal:
            portal.call(nap, 5)
    assert ((asyncio.Runner.run, trio.run), clock.now()) == (before, 10.0)


def test_what_is_no_coroutine_is_refused_as_ever(virtual_clock: VirtualClock) -> None:
    not_one: Any = "rain"
    with pytest.raises(ValueError, match="a coroutine was expected, got 'rain'"):
        asyncio.run(not_one)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seconds=st.integers(min_value=0, max_value=1000))
def test_every_example_of_hypothesis_starts_at_zero(virtual_clock: VirtualClock, seconds: int) -> None:
    assert virtual_clock.now() == 0.0
    anyio.run(nap, seconds)
    assert virtual_clock.now() == seconds


class TestOfUnittest(PipelineTestCase):
    def test_runs_take_virtual_time(self) -> None:
        clock = self.virtual_clock
        result = self.flujo_run.sync(Step("write", SlowAgent(HOUR)), "rain")
        assert (result.output, clock.elapsed) == ("rain", HOUR)

    def test_each_starts_at_zero(self) -> None:
        assert self.virtual_clock.elapsed == 0.0


class TestOfAsyncUnittest(PipelineTestCase, unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.clock = self.virtual_clock

    async def test_a_loop_that_starts_after_the_clock_is_held(self) -> None:
        await nap(HOUR)
        assert self.clock.elapsed == HOUR


async def test_a_clock_for_loops_to_come_is_refused_where_one_runs(living: list[float]) -> None:
    with pytest.raises(VirtualClockError, match="one runs here: ask for it before"), loops_held_that_start():
        raise AssertionError("it held nothing and did not say so")


def test_outside_of_pytest_there_is_virtual_time_too() -> None:
    with virtual_time() as clock:
        late = Step("late", SlowAgent(HOUR), timeout_s=60, max_retries=0)
        result = Flujo(late).run("rain")
    assert (result.status, clock.elapsed, result.transcript.of(RunEnded)[0].at) == ("failed", 60.0, 60.0)


# Beside a fixture whose loop stands still while a plain test runs ---------------------------------------------


@pytest.fixture(scope="module", params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest.fixture(scope="module")
async def living(anyio_backend: object) -> AsyncIterator[list[float]]:
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(await nap(10))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        yield ticks
        tasks.cancel_scope.cancel()


def test_a_plain_test_can_run_beside_a_living_fixture(living: list[float], flujo_run: FlujoRun) -> None:
    async def quickly(text: str) -> str:
        await anyio.lowlevel.checkpoint()
        return text

    assert Flujo(Step("write", quickly)).run("rain").output == "rain"
    assert flujo_run.sync(Step("write", quickly), "rain").output == "rain"


def test_its_time_can_be_virtual(living: list[float], virtual_clock: VirtualClock, flujo_run: FlujoRun) -> None:
    assert flujo_run.sync(Step("write", slowly), "rain").output == "rain"
    assert (virtual_clock.elapsed, living) == (HOUR, [])


async def test_inside_a_running_loop_a_run_is_refused(living: list[float], virtual_clock: VirtualClock) -> None:
    with pytest.raises(MisuseError, match="was called inside a running event loop"):
        Flujo(Step("write", slowly)).run("rain")
