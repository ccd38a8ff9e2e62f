"""When a running asyncio loop is idle: it has nothing to call, in this round and the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from flujo_testing.clock import library_internals as internals
from flujo_testing.schedules.errors import ScheduleError
from flujo_testing.schedules.idleness import Idleness


class AsyncioIdleness(Idleness):
    def __init__(self, settle: Callable[[], bool]) -> None:
        super().__init__(settle)
        self._loop: Any = asyncio.get_running_loop()
        if not isinstance(self._loop, asyncio.BaseEventLoop):
            raise ScheduleError(
                f"orders cannot be explored on {type(self._loop).__name__}: run the test on asyncio's own loop"
            )

    def _begin(self) -> None:
        self._loop.call_soon(self._look)

    def _busy_threads(self) -> int:
        return super()._busy_threads() + internals.busy_in_executor(self._loop)

    def _look(self) -> None:
        # A second quiet round: at the beginning of each, timers that are due and data that has come are taken in.
        if self._goes_on(internals.has_ready_callbacks(self._loop), quiet_rounds=2):
            self._loop.call_soon(self._look)
