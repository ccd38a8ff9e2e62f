"""Names a call that hangs past its deadline while it hangs.

A deadline is enforced by cancellation, which a callee can swallow, or never see because it blocks the event loop. The
engine can fail such a call only when it returns. Until then this thread, which no callee can block, logs its path as a
warning of the logger ``flujo``. It reads the real clock: nothing that it says enters a transcript.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

logger = logging.getLogger("flujo")


class Watched(Protocol):
    @property
    def path(self) -> str: ...


class Watchdog:
    """One thread that sleeps until the next call is overdue by ``grace_s`` seconds; started at the first watch."""

    def __init__(self, grace_s: float = 1.0) -> None:
        self.grace_s = grace_s
        self._change = threading.Condition()
        self._due: list[tuple[float, int]] = []
        self._calls: dict[int, tuple[Watched, float]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self, call: Watched, timeout_s: float) -> Iterator[None]:
        """Warn if the block takes longer than ``timeout_s`` and the grace."""
        number = next(self._numbers)
        due = time.monotonic() + timeout_s + self.grace_s
        with self._change:
            self._calls[number] = (call, timeout_s)
            if len(self._due) > 2 * len(self._calls) + 64:
                self._forget()
            heapq.heappush(self._due, (due, number))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="flujo-watchdog", daemon=True)
                self._thread.start()
            elif self._due[0][1] == number:
                self._change.notify()
        try:
            yield
        finally:
            with self._change:
                del self._calls[number]

    @property
    def watching(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    @property
    def remembered(self) -> int:
        """How many deadlines are kept, those of calls that came back included."""
        return len(self._due)

    def _forget(self) -> None:
        """Drop the deadlines of calls that came back: they would pile up behind a long one."""
        self._due = [due for due in self._due if due[1] in self._calls]
        heapq.heapify(self._due)

    def _run(self) -> None:
        with self._change:
            while True:
                while self._due and (self._due[0][0] <= time.monotonic() or self._due[0][1] not in self._calls):
                    self._report(heapq.heappop(self._due)[1])
                self._change.wait(self._due[0][0] - time.monotonic() if self._due else None)

    def _report(self, number: int) -> None:
        if number in self._calls:
            call, timeout_s = self._calls[number]
            logger.warning(
                "%s has not come back after its deadline of %g s: it swallows cancellation or blocks the event loop",
                call.path,
                timeout_s,
            )


WATCHDOG = Watchdog()
