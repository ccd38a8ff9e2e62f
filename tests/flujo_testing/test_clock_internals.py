"""The private names on which virtual time rests, one test each: an upgrade of a library fails here first."""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
from functools import partial
from math import inf
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.stand_in import StandIn
from flujo_testing.clock.waiting_tasks import waiting_frames

on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])
on_trio = pytest.mark.parametrize("anyio_backend", ["trio"])
on_both = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
pytestmark = pytest.mark.anyio


class CountingSelector(selectors.SelectSelector):
    polls = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.polls += 1
        return super().select(timeout)


def test_an_asyncio_loop_keeps_its_selector_in_selector() -> None:
    selector = CountingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    assert internals.selector_of(loop) is selector
    loop.close()


@on_asyncio
async def test_an_asyncio_loop_tells_what_it_is_about_to_call(anyio_backend: str) -> None:
    loop = asyncio.get_running_loop()
    told: list[bool] = []
    loop.call_soon(lambda: told.append(internals.has_ready_callbacks(loop)))
    loop.call_soon(lambda: told.append(internals.has_ready_callbacks(loop)))
    await anyio.lowlevel.checkpoint()  # is called in the same round, behind them
    await anyio.lowlevel.checkpoint()
    assert told == [True, True]
    done = asyncio.Event()

    def alone() -> None:
        told.append(internals.has_ready_callbacks(loop))
        done.set()

    loop.call_later(0.001, alone)
    await done.wait()
    assert told == [True, True, False]


@on_asyncio
async def test_the_default_executor_of_an_asyncio_loop_tells_how_many_threads_work(anyio_backend: str) -> None:
    loop = asyncio.get_running_loop()
    before = internals.busy_in_executor(loop)
    go_on = threading.Event()
    working = asyncio.create_task(asyncio.to_thread(go_on.wait))
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    assert internals.busy_in_executor(loop) == before + 1
    go_on.set()
    await working
    while internals.busy_in_executor(loop) != before:  # the thread says so a moment after it has answered
        await anyio.lowlevel.checkpoint()


def test_an_asyncio_loop_asks_its_instance_for_select_and_time() -> None:
    selector: Any = CountingSelector()
    loop: Any = asyncio.SelectorEventLoop(selector)
    asked: list[str] = []
    poll, time = selector.select, loop.time

    def select(timeout: float | None = None) -> object:
        asked.append("select")
        return poll(timeout)

    def loop_time() -> object:
        asked.append("time")
        return time()

    selector.select, loop.time = select, loop_time
    loop.call_later(0, loop.stop)
    loop.run_forever()
    assert set(asked) == {"select", "time"}
    loop.close()


@on_asyncio
async def test_asyncio_and_its_address_lookup_ask_the_loop_for_run_in_executor(anyio_backend: str) -> None:
    loop: Any = asyncio.get_running_loop()
    asked: list[object] = []
    submit = loop.run_in_executor

    def run_in_executor(executor: object, *arguments: object) -> object:
        asked.append(executor)
        return submit(executor, *arguments)

    loop.run_in_executor = run_in_executor
    await asyncio.to_thread(int)
    await loop.getaddrinfo("127.0.0.1", 80)
    assert asked == [None, None]


@on_asyncio
async def test_an_asyncio_loop_keeps_its_timers_in_scheduled(anyio_backend: str) -> None:
    loop = asyncio.get_running_loop()
    assert internals.next_timer(loop) == inf
    later = loop.call_at(loop.time() + 7200, int)
    sooner = loop.call_at(loop.time() + 3600, int)
    assert internals.next_timer(loop) == sooner.when()
    sooner.cancel()
    await anyio.lowlevel.checkpoint()
    assert internals.next_timer(loop) == later.when()
    later.cancel()


@on_asyncio
async def test_an_asyncio_loop_fires_timers_within_its_clock_resolution(anyio_backend: str) -> None:
    loop = asyncio.get_running_loop()
    fired: list[str] = []
    loop.call_at(loop.time() + 3600, fired.append, "timer")
    before = internals.set_resolution(loop, 4000.0)
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    assert internals.set_resolution(loop, before) == 4000.0
    assert fired == ["timer"]


@on_asyncio
async def test_an_asyncio_task_keeps_what_it_awaits_in_fut_waiter(anyio_backend: str) -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> str:
        return await future

    async def wait_for_a_task() -> str:
        return await asyncio.create_task(wait())

    task = asyncio.create_task(wait_for_a_task())
    for _ in range(3):
        await anyio.lowlevel.checkpoint()
    assert internals.awaited_future(task) is future
    future.set_result("answer")
    assert await task == "answer"


@on_asyncio
async def test_anyio_runs_threads_by_a_class_method_of_its_asyncio_backend(anyio_backend: str) -> None:
    backend = internals.anyio_asyncio_backend()
    asked: list[object] = []

    async def instead(*arguments: Any, **named: Any) -> Any:
        asked.append((arguments, named))
        return await stand_in.original.__get__(None, backend)(*arguments, **named)

    stand_in = StandIn(backend, internals.RUN_IN_THREAD, staticmethod(instead))
    stand_in.take()
    try:
        assert await anyio.to_thread.run_sync(int, "17") == 17
    finally:
        stand_in.leave()
    assert asked == [((int, ("17",)), {"abandon_on_cancel": False, "limiter": None})]


@on_asyncio
async def test_anyios_calls_from_threads_have_a_name_on_asyncio(anyio_backend: str) -> None:
    async def serves_a_thread() -> bool:
        task = asyncio.current_task()
        return task is not None and internals.serves_a_thread_on_asyncio(task.get_coro())

    assert await anyio.to_thread.run_sync(anyio.from_thread.run, serves_a_thread) is True
    assert await serves_a_thread() is False


@on_trio
async def test_trios_calls_from_threads_have_a_name(anyio_backend: str) -> None:
    async def serves_a_thread() -> bool:
        observed = []
        task = trio.lowlevel.current_task()

        async def observe() -> None:
            observed.append(internals.serves_a_thread_on_trio(waiting_frames(task.coro)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(observe)
        return observed[0]

    assert await anyio.to_thread.run_sync(anyio.from_thread.run, serves_a_thread) is True
    assert await trio.to_thread.run_sync(partial(trio.from_thread.run, serves_a_thread)) is True
    assert await serves_a_thread() is False


@on_asyncio
async def test_the_task_in_which_anyios_runner_waits_has_a_name(anyio_backend: str) -> None:
    names = [internals.drives_the_runner(task.get_coro()) for task in asyncio.all_tasks()]
    assert sorted(names) == [False, True]


@given(st.integers())
async def test_anyio_leaves_the_users_test_of_hypothesis_reachable(number: int) -> None:
    reached = internals.hypothesis_inner_test(_hypothesis_handle())
    assert reached.__code__ is sys._getframe().f_code


def _hypothesis_handle() -> Any:
    test: Any = test_anyio_leaves_the_users_test_of_hypothesis_reachable
    return test.hypothesis


@on_both
async def test_frames_of_waiting_tasks_can_be_seen_through_async_generators(anyio_backend: str) -> None:
    async def endless() -> Any:
        await anyio.sleep_forever()
        yield

    async def consumer() -> None:
        async for _ in endless():
            raise AssertionError("endless() yielded")

    coroutine = consumer()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: coroutine)
        await anyio.wait_all_tasks_blocked()
        names = [frame.f_code.co_name for frame in waiting_frames(coroutine)]
        tasks.cancel_scope.cancel()
    assert names[:3] == ["consumer", "endless", "sleep_forever"]


@on_trio
async def test_a_trio_task_leads_to_its_runner_and_clock(anyio_backend: str) -> None:
    runner = internals.runner_of(trio.lowlevel.current_task())
    assert internals.is_system_clock(runner.clock) is True
    assert internals.is_system_clock(trio.testing.MockClock()) is False
    assert runner.main_task is trio.lowlevel.current_task()


@on_trio
async def test_a_trio_runner_asks_a_clock_put_in_later(anyio_backend: str) -> None:
    class Ahead(trio.abc.Clock):
        def start_clock(self) -> None:
            raise AssertionError("started twice")

        def current_time(self) -> float:
            return system.current_time() + 5000

        def deadline_to_sleep_time(self, deadline: float) -> float:
            return deadline - self.current_time()

    runner = internals.runner_of(trio.lowlevel.current_task())
    system: trio.abc.Clock = runner.clock
    deadline = trio.current_time() + 3600
    runner.clock = Ahead()
    await trio.sleep_until(deadline)
    runner.clock = system


@on_trio
async def test_a_trio_runner_knows_who_waits_until_all_are_blocked(anyio_backend: str) -> None:
    runner = internals.runner_of(trio.lowlevel.current_task())
    before = len(runner.waiting_for_idle)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.testing.wait_all_tasks_blocked)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        assert (before, len(runner.waiting_for_idle)) == (0, 1)


@on_trio
async def test_trio_knows_the_sockets_that_tasks_wait_for(anyio_backend: str) -> None:
    runner = internals.runner_of(trio.lowlevel.current_task())
    left, right = trio.socket.socketpair()
    before = internals.awaited_by_trio(runner)
    with left, right:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(left.recv, 1)
            await trio.testing.wait_all_tasks_blocked()
            assert (before, internals.awaited_by_trio(runner)) == (set(), {left.fileno()})
            nursery.cancel_scope.cancel()


@on_asyncio
async def test_an_asyncio_loop_is_woken_by_a_socket_of_its_own(anyio_backend: str) -> None:
    loop = asyncio.get_running_loop()
    registered = {key.fd for key in internals.selector_of(loop).get_map().values()}
    assert registered == {internals.wakeup_of_asyncio(loop)}


@on_both
async def test_anyios_worker_threads_know_their_loop(anyio_backend: str) -> None:
    here = trio.lowlevel.current_trio_token() if anyio_backend == "trio" else asyncio.get_running_loop()
    assert await anyio.to_thread.run_sync(internals.loop_of_worker_thread) is here
    assert internals.loop_of_worker_thread() is None


@on_both
async def test_anyios_portals_know_their_loop(anyio_backend: str) -> None:
    here = trio.lowlevel.current_trio_token() if anyio_backend == "trio" else asyncio.get_running_loop()
    async with anyio.from_thread.BlockingPortal() as portal:
        assert internals.loop_of_portal(portal) is here


@on_both
async def test_who_runs_in_trio_is_told_so(anyio_backend: str) -> None:
    assert internals.runs_in_trio() is (anyio_backend == "trio")
    assert await anyio.to_thread.run_sync(internals.runs_in_trio) is False


@on_trio
async def test_trio_can_be_made_to_run_tasks_in_order(anyio_backend: str) -> None:
    dice = internals.swap_trio_dice(internals.InOrder())
    try:
        for _ in range(10):
            order: list[int] = []
            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(_note, order, number)
            assert order == list(range(20))
    finally:
        assert type(internals.swap_trio_dice(*dice)[0]) is internals.InOrder


async def _note(order: list[int], number: int) -> None:
    order.append(number)


@on_trio
async def test_an_error_can_be_thrown_where_a_trio_task_waits(anyio_backend: str) -> None:
    caught: list[str] = []

    async def wait() -> None:
        try:
            await trio.sleep_forever()
        except LookupError as error:
            caught.append(str(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        (task,) = nursery.child_tasks
        internals.throw_into(task, LookupError("thrown"))
    assert caught == ["thrown"]


def test_a_test_item_can_be_made_to_run_as_a_plain_function_and_back(request: pytest.FixtureRequest) -> None:
    item = request.node
    assert internals.runs_in_pytest_asyncio(item) is False
    internals.run_as_plain_function(item)
    assert item.runtest == pytest.Function.runtest.__get__(item)
    internals.run_as_before(item)
    assert "runtest" not in vars(item)


@pytest.fixture
def alive() -> str:
    return "value"


def test_a_fixture_that_lives_has_a_cached_result(request: pytest.FixtureRequest, alive: str) -> None:
    definition = request._get_active_fixturedef("alive")
    assert (definition.argname, definition.cached_result is None) == ("alive", False)
