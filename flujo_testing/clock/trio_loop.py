"""Virtual time in a running trio loop: the runner's clock is replaced, and an instrument sees tasks wake.

Tasks that can run at the same instant run first come, first served, as they do on asyncio, so that a test under
virtual time takes the same course on both. Not ``trio.testing.MockClock``: that one must be there from the start, and
spins where no timer is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import Context
from math import inf
from time import perf_counter
from typing import Any

import trio
import trio.testing

from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.errors import DeadlockError, LoopRefused
from flujo_testing.clock.held_loop import AsyncFunction, HeldLoop
from flujo_testing.clock.portal_calls import PortalCalls
from flujo_testing.clock.virtual import VirtualClock
from flujo_testing.clock.waiting_tasks import WaitingTask, waiting_frames


class TrioLoop(HeldLoop, trio.abc.Clock, trio.abc.Instrument):
    def __init__(self, clock: VirtualClock | None = None) -> None:
        self._main = trio.lowlevel.current_task()
        self._runner: Any = internals.runner_of(self._main)
        before = self._runner.clock  # after an earlier test, the loop of that test
        self.system_clock: trio.abc.Clock = before.system_clock if isinstance(before, TrioLoop) else before
        if not internals.is_system_clock(self.system_clock):
            why = f"trio runs with a clock of its own, {self.system_clock!r}"
            raise LoopRefused(why, "Take plain 'trio', without the option 'clock'.")
        super().__init__(clock or VirtualClock(self.system_clock.current_time, start=before.current_time()))
        self._wait_began = 0.0
        self._wait_ends: float | None = None  # on perf_counter, like _wait_began
        self._tasks_before = {task.handle for task in self.tasks()}
        trio.lowlevel.add_instrument(self)
        self._runner.clock = self
        self._dice = internals.swap_trio_dice(internals.InOrder())
        self.portal_calls = PortalCalls(trio.lowlevel.current_trio_token())
        self.portal_calls.watch()
        self._test_scope = trio.CancelScope()

    def release(self) -> None:
        # The runner keeps this clock: trio's own would go back.
        trio.lowlevel.remove_instrument(self)
        internals.swap_trio_dice(*self._dice)
        self.portal_calls.leave()

    async def run_test(self, test: AsyncFunction, arguments: Mapping[str, Any]) -> Any:
        with trio.CancelScope() as self._test_scope:
            return await super().run_test(test, arguments)

    def start_clock(self) -> None:
        raise AssertionError("trio starts a clock before its first task, and this one came later")

    def current_time(self) -> float:
        return self.clock.loop_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._wait_ends is not None:
            self.woken_after(perf_counter() - self._wait_began)
            self._wait_ends = None

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Asked whenever no task can run: again at the end of a wait means that the wait brought nothing."""
        if not self.clock.stopped or deadline <= self.clock.loop_time():
            return deadline - self.clock.loop_time()
        if self._runner.waiting_for_idle:  # wait_all_tasks_blocked() comes before a jump
            return inf
        now = perf_counter()
        if self._wait_ends is None:
            self._wait_began, self._wait_ends = now, now + self.patience(deadline)
        elif now >= self._wait_ends:
            self._wait_ends = None
            self.move_on(deadline)
            return 0.0
        return self._wait_ends - now

    def is_in_main_task(self) -> bool:
        return trio.lowlevel.in_trio_task() and trio.lowlevel.current_task() is self._main

    def busy_threads(self) -> int:
        working = trio.testing.active_thread_count()
        if working == 0:
            return 0
        waiting = (internals.serves_a_thread_on_trio(waiting_frames(task.coroutine)) for task in self.tasks())
        return working - sum(waiting)

    def open_sockets(self) -> set[int]:
        return internals.awaited_by_trio(self._runner)

    def readers(self) -> Iterator[tuple[int, Context]]:
        return internals.readers_on_trio(self._runner)

    def tasks(self) -> list[WaitingTask]:
        tasks: list[trio.lowlevel.Task] = [self._runner.main_task]
        for task in tasks:  # grows meanwhile: children after their parent
            tasks.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
        return [WaitingTask(task, task.name, task.coro, is_main=task is self._main) for task in tasks]

    def interrupt(self, error: DeadlockError) -> None:
        if self.running_test and self.interruptions == 1:
            self._test_scope.cancel()  # not the error itself, which the test may take for one of its own
            return
        for task in self._stuck_tasks():
            internals.throw_into(task, error)

    def _stuck_tasks(self) -> list[trio.lowlevel.Task]:
        """The fixture; of a test whose shielded tasks outlived its cancellation, all that began after the clock."""
        if not self.running_test:
            return [self._main]
        return [self._main, *(task.handle for task in self.tasks() if task.handle not in self._tasks_before)]

    def forget_cancellation(self) -> None:
        """Nothing is left behind: the scope that was cancelled ends with the test."""
