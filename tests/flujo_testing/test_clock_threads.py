"""Threads hold the clock, and real time passes where it should: seen by what the loop asks of the system.

A loop whose time is virtual asks it to wait for no time, or next to none. One that really waits asks for the
whole time until its next timer; as soon as it does, the thread it waits for is let go. So nothing here takes
real time.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio
from anyio.abc import ByteStream, SocketAttribute
from anyio.from_thread import BlockingPortal

from flujo_testing.clock import VirtualClock, hold_virtual_time

pytestmark = pytest.mark.anyio
MINUTE = 60.0
HOUR = 3600.0
TEN_YEARS = 10 * 365 * 24 * HOUR
GIVE_UP_S = 30  # reached only by a test that fails


class LongWaits(trio.abc.Instrument):
    """The waits of more than a minute that the loop asks for, and a signal when it does."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = threading.Event()

    def before_io_wait(self, timeout: float) -> None:
        if timeout > MINUTE:
            self.seconds.append(timeout)
            self._began.set()

    @property
    def minutes(self) -> list[float]:
        """Rounded, because a later wait is shorter by what has really passed."""
        return [round(seconds / MINUTE, 0) for seconds in self.seconds]

    def forget(self) -> None:
        self.seconds.clear()
        self._began.clear()

    def wait_for_one(self) -> str:
        """For another thread: return when the loop has gone to wait for long."""
        assert self._began.wait(GIVE_UP_S), "the loop never went to wait"
        self._began.clear()
        return "done"


class WatchedSelector(selectors.SelectSelector):
    def __init__(self, waits: LongWaits) -> None:
        super().__init__()
        self._waits = waits

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._waits.before_io_wait(inf if timeout is None else timeout)
        return super().select(timeout)


class WatchedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.waits = LongWaits()
        super().__init__(WatchedSelector(self.waits))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("asyncio", {"loop_factory": WatchedLoop}), id="asyncio"),
        pytest.param("trio", id="trio"),
    ],
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest.fixture
async def waits(anyio_backend: object) -> AsyncIterator[LongWaits]:
    if anyio_backend != "trio":
        loop: Any = asyncio.get_running_loop()
        yield loop.waits
        return
    waits = LongWaits()
    trio.lowlevel.add_instrument(waits)
    yield waits
    trio.lowlevel.remove_instrument(waits)


@pytest.fixture
def virtual_clock(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    yield from hold_virtual_time(request)


@contextmanager
def another_thread_running(work: Callable[[], object]) -> Iterator[None]:
    """A thread that nobody tells the loop about."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


async def test_a_sleep_of_many_years_ends_at_once(virtual_clock: VirtualClock, waits: LongWaits) -> None:
    await anyio.sleep(TEN_YEARS)
    await anyio.sleep(0.25)
    assert (virtual_clock.elapsed, waits.minutes) == (TEN_YEARS + 0.25, [])


@pytest.mark.parametrize("limited", [False, True])
async def test_time_stands_still_while_a_thread_works(
    virtual_clock: VirtualClock, waits: LongWaits, limited: bool
) -> None:
    limiter = anyio.CapacityLimiter(1) if limited else None
    with anyio.fail_after(HOUR):
        answer = await anyio.to_thread.run_sync(waits.wait_for_one, limiter=limiter)
    assert (answer, waits.minutes, virtual_clock.elapsed) == ("done", [60.0], 0.0)


async def test_a_thread_of_the_backend_itself_holds_the_clock(
    virtual_clock: VirtualClock, waits: LongWaits, anyio_backend_name: str
) -> None:
    in_thread = trio.to_thread.run_sync if anyio_backend_name == "trio" else asyncio.to_thread
    with anyio.fail_after(HOUR):
        answer = await in_thread(waits.wait_for_one)
    assert (answer, waits.minutes, virtual_clock.elapsed) == ("done", [60.0], 0.0)


async def test_threads_used_by_an_async_generator_hold_the_clock(virtual_clock: VirtualClock, waits: LongWaits) -> None:
    async def answers() -> AsyncIterator[str]:
        for _ in range(2):
            yield await anyio.to_thread.run_sync(waits.wait_for_one)

    with anyio.fail_after(HOUR):
        assert [answer async for answer in answers()] == ["done", "done"]
    assert (waits.minutes, virtual_clock.elapsed) == ([60.0, 60.0], 0.0)


async def test_two_threads_hold_the_clock_until_both_are_done(virtual_clock: VirtualClock, waits: LongWaits) -> None:
    turns = threading.Semaphore(0)

    def second() -> None:
        assert turns.acquire(timeout=GIVE_UP_S)
        waits.wait_for_one()

    def first() -> None:
        waits.wait_for_one()
        turns.release()

    with anyio.fail_after(HOUR):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, second)
            tasks.start_soon(anyio.to_thread.run_sync, first)
    assert virtual_clock.elapsed == 0.0


async def test_to_wait_for_a_free_thread_holds_nothing(virtual_clock: VirtualClock) -> None:
    limiter = anyio.CapacityLimiter(1)
    ran_at: list[float] = []

    def work() -> None:
        ran_at.append(virtual_clock.now())

    async with anyio.create_task_group() as tasks, limiter:
        tasks.start_soon(partial(anyio.to_thread.run_sync, work, limiter=limiter))
        await anyio.sleep(600)
    assert ran_at == [600.0]


async def test_a_timeout_under_a_working_thread_comes_when_it_is_due(virtual_clock: VirtualClock) -> None:
    release = threading.Event()
    with anyio.move_on_after(0.002) as scope:
        await anyio.to_thread.run_sync(release.wait, GIVE_UP_S, abandon_on_cancel=True)
    assert (scope.cancelled_caught, virtual_clock.elapsed) == (True, 0.002)
    release.set()


async def test_what_has_really_passed_under_a_thread_brings_the_timeout_closer(
    virtual_clock: VirtualClock, waits: LongWaits
) -> None:
    def work() -> None:
        waits.wait_for_one()
        anyio.from_thread.run_sync(int)
        waits.wait_for_one()

    with anyio.fail_after(HOUR):
        await anyio.to_thread.run_sync(work)
    first, second = waits.seconds
    assert (second < first, waits.minutes, virtual_clock.elapsed) == (True, [60.0, 60.0], 0.0)


async def test_an_abandoned_thread_holds_the_clock_no_longer(virtual_clock: VirtualClock, waits: LongWaits) -> None:
    release = threading.Event()
    with anyio.move_on_after(0.002):
        await anyio.to_thread.run_sync(release.wait, GIVE_UP_S, abandon_on_cancel=True)
    await anyio.sleep(600)
    release.set()
    assert (virtual_clock.elapsed, waits.minutes) == (600.002, [])


async def test_a_thread_that_waits_for_the_loop_lets_time_jump(virtual_clock: VirtualClock, waits: LongWaits) -> None:
    def work() -> None:
        anyio.from_thread.run(anyio.sleep, 600)
        anyio.from_thread.run_sync(int)
        waits.wait_for_one()
        anyio.from_thread.run(anyio.sleep, 600)

    with anyio.fail_after(HOUR):
        await anyio.to_thread.run_sync(work)
    assert virtual_clock.elapsed == 1200.0


async def test_a_trio_thread_that_waits_for_the_loop_lets_time_jump(
    virtual_clock: VirtualClock, anyio_backend_name: str
) -> None:
    if anyio_backend_name == "trio":
        await trio.to_thread.run_sync(partial(trio.from_thread.run, trio.sleep, 600))
    else:
        await anyio.to_thread.run_sync(partial(anyio.from_thread.run, asyncio.sleep, 600))
    assert virtual_clock.elapsed == 600.0


async def test_in_real_time_the_loop_really_waits(virtual_clock: VirtualClock, waits: LongWaits) -> None:
    woken = anyio.Event()
    token = anyio.lowlevel.current_token()

    def wake() -> None:
        waits.wait_for_one()
        anyio.from_thread.run_sync(woken.set, token=token)

    with another_thread_running(wake), virtual_clock.real_time(), anyio.fail_after(HOUR):
        await woken.wait()
    before = virtual_clock.now()
    await anyio.sleep(100)
    assert round(virtual_clock.now() - before, 6) == 100.0


async def test_a_test_without_the_fixture_really_waits(waits: LongWaits) -> None:
    woken = anyio.Event()
    token = anyio.lowlevel.current_token()

    def wake() -> None:
        waits.wait_for_one()
        anyio.from_thread.run_sync(woken.set, token=token)

    with another_thread_running(wake), anyio.move_on_after(HOUR) as scope:
        await woken.wait()
    assert (scope.cancelled_caught, len(waits.minutes)) == (False, 1)


async def test_a_thread_nobody_announced_may_wake_a_loop_without_timers(
    virtual_clock: VirtualClock, waits: LongWaits
) -> None:
    virtual_clock.deadlock_after_s = HOUR
    woken = anyio.Event()
    token = anyio.lowlevel.current_token()

    def wake() -> None:
        waits.wait_for_one()
        anyio.from_thread.run_sync(woken.set, token=token)

    with another_thread_running(wake):
        await woken.wait()
    assert (waits.minutes, virtual_clock.elapsed) == ([60.0], 0.0)


def woken_by_a_thread(waits: LongWaits) -> tuple[anyio.Event, Callable[[], None]]:
    """An event, and what a thread has to run to set it when the loop has gone to wait for long."""
    woken = anyio.Event()
    token = anyio.lowlevel.current_token()

    def wake() -> None:
        waits.wait_for_one()
        anyio.from_thread.run_sync(woken.set, token=token)

    return woken, wake


async def test_a_socket_that_leads_outside_is_given_thirty_times_as_long(
    virtual_clock: VirtualClock, waits: LongWaits
) -> None:
    virtual_clock.deadlock_after_s = MINUTE
    woken, wake = woken_by_a_thread(waits)
    left, right = socket.socketpair()

    async def listen() -> None:
        await anyio.wait_readable(left)

    with left, right:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            with another_thread_running(wake):
                await woken.wait()
            tasks.cancel_scope.cancel()
    assert waits.minutes == [30.0]


async def test_a_server_of_the_test_and_its_client_are_no_reason_to_wait_longer(
    virtual_clock: VirtualClock, waits: LongWaits
) -> None:
    virtual_clock.deadlock_after_s = 2 * MINUTE
    listening = anyio.Event()

    async def listen(stream: ByteStream) -> None:
        async with stream:
            listening.set()
            await stream.receive()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, listen)
        async with await anyio.connect_tcp("127.0.0.1", listener.extra(SocketAttribute.local_port)):
            await listening.wait()
            waits.forget()  # to look up the address took a thread
            woken, wake = woken_by_a_thread(waits)
            with another_thread_running(wake):
                await woken.wait()
            tasks.cancel_scope.cancel()
    assert waits.minutes == [2.0]


async def test_a_thread_that_waits_for_a_portal_lets_time_jump_and_holds_it_otherwise(
    virtual_clock: VirtualClock, waits: LongWaits
) -> None:
    def work(portal: BlockingPortal) -> int:
        portal.call(anyio.sleep, 600)
        answer = portal.call(int, "17")
        waits.wait_for_one()
        portal.call(anyio.sleep, 600)
        return answer

    async with BlockingPortal() as portal:
        with anyio.fail_after(HOUR):
            assert await anyio.to_thread.run_sync(work, portal) == 17
    assert virtual_clock.elapsed == 1200.0


async def test_a_thread_can_say_how_long_it_would_have_taken(virtual_clock: VirtualClock) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep, 20)
        with anyio.move_on_after(10) as scope:
            await anyio.to_thread.run_sync(virtual_clock.advance, 30)
            await anyio.lowlevel.checkpoint()
    assert (scope.cancelled_caught, virtual_clock.elapsed) == (True, 30.0)
