"""Tells when nothing in a running loop can go on by itself: on asyncio and on trio, under virtual time or not.

Whoever waits for a timer, for data or for a person is not about to go on; a worker thread is, for a second.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import anyio.to_thread

PATIENCE = 1000
"""Rounds of the loop after which it counts as idle although a task spins, or a thread works."""

THREAD_PAUSE_S = 0.001


class Idleness(ABC):
    """Calls ``settle`` whenever the loop is idle, as long as that returns True; ``watch`` begins anew."""

    def __init__(self, settle: Callable[[], bool]) -> None:
        self._settle = settle
        self._threads = anyio.to_thread.current_default_thread_limiter()
        self._watching = False
        self._rounds = 0
        self._quiet = 0

    def watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._rounds = self._quiet = 0
            self._begin()

    @abstractmethod
    def _begin(self) -> None:
        """Have ``_goes_on`` asked once in every round of the loop until it says no."""

    def _busy_threads(self) -> int:
        """How many worker threads somebody in this loop waits for."""
        return self._threads.borrowed_tokens

    def _goes_on(self, others_ran: bool, quiet_rounds: int) -> bool:
        """Whether to look again; settles when the loop has been quiet for so many rounds."""
        self._rounds += 1
        self._quiet = 0 if others_ran else self._quiet + 1
        if self._rounds < PATIENCE:
            if self._quiet < quiet_rounds:
                return True
            if self._busy_threads():
                time.sleep(THREAD_PAUSE_S)  # nobody else could use the loop meanwhile
                self._quiet = 0
                return True
        self._rounds = self._quiet = 0
        self._watching = self._settle()
        return self._watching
