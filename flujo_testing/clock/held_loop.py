"""A loop that a test holds: it decides when time jumps, and gives up a test that nothing can wake.

How a loop is switched over, and what it can tell about its tasks, is the business of the two backends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import Context
from math import inf
from typing import Any

from flujo_testing.clock import loopback
from flujo_testing.clock.errors import DeadlockError, VirtualClockError
from flujo_testing.clock.open_sockets import leads_outside
from flujo_testing.clock.portal_calls import PortalCalls
from flujo_testing.clock.virtual import VirtualClock
from flujo_testing.clock.waiting_tasks import WaitingTask, describe

OUTSIDE_PATIENCE = 30  # a network answers later than a thread

OTHER_PLUGIN = "virtual_clock: another plugin runs this test on a loop of its own; mark the test with pytest.mark.anyio"
AsyncFunction = Callable[..., Awaitable[object]]


class HeldLoop(ABC):
    """A running loop whose time is virtual until ``release``."""

    main = "the test"
    """How a deadlock calls the main task while ``run_test`` runs."""
    portal_calls: PortalCalls

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.running_test = False
        self.interruptions = 0
        self._waited_s = 0.0
        self._jumps = 0
        self._passes = 0
        self._deadlock: DeadlockError | None = None

    @abstractmethod
    def release(self) -> None:
        """Give the loop back; its time is the clock's still, which may pass in real time from here."""

    @abstractmethod
    def is_in_main_task(self) -> bool:
        """Whether the caller runs in the task in which the loop was taken hold of."""

    @abstractmethod
    def busy_threads(self) -> int:
        """Worker threads that work for a task of this loop and do not themselves wait for ``from_thread.run``."""

    @abstractmethod
    def open_sockets(self) -> set[int]:
        """The file descriptors on which the loop waits, without its own to wake it up."""

    @abstractmethod
    def readers(self) -> Iterator[tuple[int, Context]]:
        """Those that it waits to read, each with the context of who waits; none if it does not tell."""

    @abstractmethod
    def tasks(self) -> list[WaitingTask]: ...

    @abstractmethod
    def interrupt(self, error: DeadlockError) -> None:
        """End what waits: first the test or fixture itself, later all that the test started."""

    @abstractmethod
    def forget_cancellation(self) -> None:
        """Undo what ``interrupt`` left behind on the main task."""

    def patience(self, deadline: float) -> float:
        """Real seconds in which something may still wake a task, before ``move_on``.

        ``deadline`` is when the next timer is due, in loop time; infinite where there is none.
        """
        if self._holding_threads() > 0:  # they hold the clock: a timer comes no sooner than in real time
            return max(0.0, deadline - self.clock.loop_time() - self._waited_s)
        self._waited_s = 0.0
        if deadline < inf:
            return self._patience_with(self.open_sockets())
        return self.clock.deadlock_after_s * (OUTSIDE_PATIENCE if leads_outside(self.open_sockets()) else 1)

    def _patience_with(self, sockets: set[int]) -> float:
        """Before a timer: long where a client is about to be answered, none where all are kept waiting on purpose."""
        known = loopback.of_known_servers(self.readers()) if sockets else []
        if any(map(loopback.is_about_to_be_answered, known)):
            return self.clock.deadlock_after_s
        return self.clock.socket_grace_s if sockets.difference(reader.descriptor for reader in known) else 0.0

    def _holding_threads(self) -> int:
        """Threads that work, and the one that drives the loop; without those that wait for a call of a portal."""
        driving = self.portal_calls.driver is not None
        return self.busy_threads() + driving - len(self.portal_calls.running)

    def woken_after(self, real_seconds: float) -> None:
        """Something came while the loop waited: a timer under a thread is that much closer."""
        self._waited_s += real_seconds

    def move_on(self, deadline: float) -> None:
        """Nothing came: jump to the next timer, or give the test up."""
        self._waited_s = 0.0
        self._jumps += 1
        if deadline == inf:
            self._give_up("every task waits, and no timer or thread is left to wake one:")
        elif self._jumps > self.clock.max_jumps:
            self._give_up(f"time jumped {self.clock.max_jumps} times (max_jumps), and no end is in sight:")
        else:
            self.clock.jump_to(deadline)

    def _give_up(self, reason: str) -> None:
        if self.portal_calls.driver is not None:
            self._give_up_calls(DeadlockError(describe(reason, self.tasks(), "the portal")))
            return
        main = self.main if self.running_test else "its fixture"
        deadlock = self._deadlock or DeadlockError(describe(reason, self.tasks(), main))
        if self.running_test:  # a fixture has the error raised where it waits
            self._deadlock = deadlock
        self._jumps = 0
        self.interruptions += 1
        self.interrupt(deadlock)

    def _give_up_calls(self, deadlock: DeadlockError) -> None:
        """The portal itself waits for calls, and goes on doing so."""
        self._jumps = 0
        for call in self.portal_calls.running:
            call.give_up(deadlock)

    async def run_test(self, test: AsyncFunction, arguments: Mapping[str, Any]) -> Any:
        """Run the test, from zero if it ran before; a deadlock is raised in place of its cancellation."""
        if not self.is_in_main_task():
            raise VirtualClockError(OTHER_PLUGIN)
        if self._passes:
            self.clock.start_again()
        self._passes += 1
        self._jumps = self.interruptions = 0
        self.running_test = True
        try:
            return await test(**arguments)
        finally:
            self.running_test = False
            self._raise_deadlock()

    def _raise_deadlock(self) -> None:
        deadlock, self._deadlock = self._deadlock, None
        if deadlock is not None:
            self.interruptions = 0
            self.forget_cancellation()
            raise deadlock from None  # what it was interrupted with says less, at great length
