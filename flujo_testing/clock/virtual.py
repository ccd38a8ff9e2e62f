"""The clock that a test sees: it stands still while code runs and jumps when everything waits.

It only tells the time. When to jump is decided in ``held_loop.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import anyio

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """The time of one test. Satisfies the engine's port ``Clock``.

    ``max_jumps``: after that many jumps a test that still waits is given up. ``deadlock_after_s``: real
    seconds that a loop without timers is given before it counts as deadlocked, since a thread that nobody
    announced may still wake it; thirty times as long where a socket is open. ``socket_grace_s``: real seconds
    that data on its way is given before each jump while a socket is open. A test may set all three.

    Times may be read from any thread, also after the test.
    """

    def __init__(self, real_time: Callable[[], float], start: float) -> None:
        # The loop's time goes on from `start` and never back. Deadlines are absolute numbers: those that
        # longer-lived fixtures set before or during the test stay right.
        self.max_jumps = 100_000
        self.deadlock_after_s = 1.0
        self.socket_grace_s = 0.01  # loopback on a loaded machine lags by more than 0.002
        self._real_time = real_time
        self._start = start
        self._stopped_at: float | None = start
        self._ahead_of_real = 0.0
        self._real_time_blocks = 0

    def now(self) -> float:
        """Seconds since the start of the test, rounded to microseconds.

        Not finer: the loop counts from the start of the machine, and a float of months has no nanoseconds.
        """
        return round(self.loop_time() - self._start, 6)

    @property
    def elapsed(self) -> float:
        """The same as ``now()``."""
        return self.now()

    def utc(self) -> datetime:
        """The date and time in UTC. Each test starts at midnight of 1 January 2026."""
        return EPOCH + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        """Wait in the running loop: no real time passes in the loop of the test, all of it in any other."""
        await anyio.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once, as a long computation would: what falls due meanwhile is late.

        For plain functions: between two runs, or in the place of a call that blocks. A task waits with ``sleep``.
        """
        if not seconds >= 0:
            raise ValueError(f"time never goes back: advance({seconds})")
        if self._stopped_at is None:
            self._ahead_of_real += seconds
        else:
            self._stopped_at += seconds

    @contextmanager
    def real_time(self) -> Iterator[None]:
        """Let time pass by itself, for every task: around a subprocess, or a server in another thread."""
        self._real_time_blocks += 1
        self.run()
        try:
            yield
        finally:
            self._real_time_blocks -= 1
            if self._real_time_blocks == 0:
                self._stopped_at = self.loop_time()

    # Below: for the loops of this package.

    @property
    def stopped(self) -> bool:
        """Whether time is virtual at the moment."""
        return self._stopped_at is not None

    def loop_time(self) -> float:
        """What the loop's own clock says (``anyio.current_time()``)."""
        stopped_at = self._stopped_at  # read once: another thread may set it meanwhile
        return self._real_time() + self._ahead_of_real if stopped_at is None else stopped_at

    def jump_to(self, loop_time: float) -> None:
        """Stand at this time, or where it stands already if that is later."""
        self._stopped_at = max(self.loop_time(), loop_time)

    def run(self) -> None:
        """Pass in real time from here on."""
        if self._stopped_at is not None:
            self._ahead_of_real = self._stopped_at - self._real_time()
            self._stopped_at = None

    def start_again(self) -> None:
        """Count from zero, for another pass of the same test."""
        self._start = self.loop_time()
