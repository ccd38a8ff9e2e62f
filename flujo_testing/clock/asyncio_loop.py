"""Virtual time in a running asyncio loop: its time, selector and threads are replaced on the instance.

Only selector event loops: uvloop and the Windows proactor wait where Python cannot see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import Context
from functools import partial
from math import inf
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread

from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.errors import DeadlockError, LoopRefused
from flujo_testing.clock.held_loop import HeldLoop
from flujo_testing.clock.portal_calls import PortalCalls
from flujo_testing.clock.stand_in import StandIn
from flujo_testing.clock.virtual import VirtualClock
from flujo_testing.clock.waiting_tasks import WaitingTask

_RESOLUTION_S = 1e-6  # asyncio's own 1e-9 is lost in rounding at large times: a timer would never be due
_LONGEST_WAIT_S = 86_400.0  # beyond it epoll overflows


class AsyncioLoop(HeldLoop):
    def __init__(self, clock: VirtualClock | None = None) -> None:
        self._loop: Any = asyncio.get_running_loop()
        if not isinstance(self._loop, asyncio.SelectorEventLoop):
            why = f"{type(self._loop).__name__} is not an asyncio.SelectorEventLoop"
            raise LoopRefused(why, "Take plain 'asyncio', or a loop_factory that makes a loop of that class.")
        super().__init__(clock or VirtualClock(partial(type(self._loop).time, self._loop), start=self._loop.time()))
        self._main = asyncio.current_task()
        self._tasks_before = asyncio.all_tasks()
        self._working = 0
        self._selector: Any = internals.selector_of(self._loop)
        self._poll: Callable[[float | None], list[Any]] = self._selector.select
        self._submit = self._loop.run_in_executor
        self.portal_calls = PortalCalls(self._loop)
        self._take_hold()

    def _take_hold(self) -> None:
        self._resolution_s = internals.set_resolution(self._loop, _RESOLUTION_S)
        self._loop.time = self.clock.loop_time
        self._selector.select = self._select
        self._loop.run_in_executor = self._run_in_executor
        _HELD[self._loop] = self
        _RUN_IN_THREAD.take()
        self.portal_calls.watch()

    def release(self) -> None:
        # loop.time stays the clock's: the loop's own would go back.
        internals.set_resolution(self._loop, self._resolution_s)
        del self._selector.select, self._loop.run_in_executor
        del _HELD[self._loop]
        _RUN_IN_THREAD.leave()
        self.portal_calls.leave()

    def _select(self, timeout: float | None = None) -> list[Any]:
        """Called by the loop in every round; a positive timeout, or none, means that no task can run."""
        if not self.clock.stopped or (timeout is not None and timeout <= 0):
            return self._poll(timeout)
        deadline = internals.next_timer(self._loop)
        wait = self.patience(deadline)
        began = perf_counter()
        events = self._poll(None if wait == inf else min(wait, _LONGEST_WAIT_S))
        if events:
            self.woken_after(perf_counter() - began)
        elif wait < inf:
            self.move_on(deadline)
        return events

    def _run_in_executor(self, *arguments: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._submit(*arguments)
        self._working += 1
        future.add_done_callback(self._executor_is_done)
        return future

    def _executor_is_done(self, _: asyncio.Future[Any]) -> None:
        self._working -= 1

    @asynccontextmanager
    async def thread_holding(self, limiter: Any) -> AsyncIterator[anyio.CapacityLimiter]:
        """Around a call of a thread. One abandoned on cancellation counts no longer as working."""
        async with limiter or anyio.to_thread.current_default_thread_limiter():  # waiting holds nothing
            self._working += 1
            try:
                yield anyio.CapacityLimiter(1)
            finally:
                self._working -= 1

    def is_in_main_task(self) -> bool:
        return asyncio.current_task() is self._main

    def busy_threads(self) -> int:
        if self._working == 0:
            return 0
        return self._working - sum(internals.serves_a_thread_on_asyncio(task.coroutine) for task in self.tasks())

    def open_sockets(self) -> set[int]:
        return {key.fd for key in self._selector.get_map().values()} - {internals.wakeup_of_asyncio(self._loop)}

    def readers(self) -> Iterator[tuple[int, Context]]:
        return internals.readers_on_asyncio(self._loop)

    def tasks(self) -> list[WaitingTask]:
        every = (
            WaitingTask(task, task.get_name(), task.get_coro(), is_main=task is self._main)
            for task in asyncio.all_tasks(self._loop)
        )
        return [task for task in every if not internals.drives_the_runner(task.coroutine)]

    def interrupt(self, error: DeadlockError) -> None:
        if self.running_test:
            for task in self._stuck_tasks():
                task.cancel()
            return
        # A fixture: anyio's runner task, in which it runs, would not survive a cancellation.
        future = internals.awaited_future(self._main)
        if future is not None:
            future.set_exception(error)

    def _stuck_tasks(self) -> list[asyncio.Task[Any]]:
        """The test; if shielded tasks outlived its cancellation, all that it started."""
        if self.interruptions == 1:
            return [task.handle for task in self.tasks() if task.is_main]
        return [task.handle for task in self.tasks() if task.is_main or task.handle not in self._tasks_before]

    def forget_cancellation(self) -> None:
        while self._main is not None and self._main.cancelling():
            self._main.uncancel()


async def _run_in_thread(function: Any, arguments: Any, abandon_on_cancel: bool = False, limiter: Any = None) -> Any:
    """Stands in for anyio's own, for all loops."""
    original: internals.RunInThread = _RUN_IN_THREAD.original.__get__(None, _RUN_IN_THREAD.owner)
    held = _HELD.get(asyncio.get_running_loop())
    if held is None:
        return await original(function, arguments, abandon_on_cancel, limiter)
    async with held.thread_holding(limiter) as free:
        return await original(function, arguments, abandon_on_cancel, free)


_HELD: dict[Any, AsyncioLoop] = {}
_RUN_IN_THREAD = StandIn(internals.anyio_asyncio_backend(), internals.RUN_IN_THREAD, staticmethod(_run_in_thread))
