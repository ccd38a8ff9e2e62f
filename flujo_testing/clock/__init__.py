"""Virtual time for async tests that anyio's pytest plugin runs, and for plain ones, on asyncio and trio.

``virtual.py`` is what a test sees, ``fixture.py`` what the pytest plugin calls. ``held_loop.py`` decides when time
jumps; ``asyncio_loop.py`` and ``trio_loop.py`` switch a running loop over and back, in place, so that it does not
matter which fixture started it. ``started_loops.py`` does so to the loops that a plain test starts.
"""

from __future__ import annotations

from flujo_testing.clock.errors import DeadlockError, VirtualClockError
from flujo_testing.clock.fixture import hold_virtual_time, hold_virtual_time_of_runs
from flujo_testing.clock.started_loops import virtual_time
from flujo_testing.clock.virtual import VirtualClock

__all__ = [
    "DeadlockError",
    "VirtualClock",
    "VirtualClockError",
    "hold_virtual_time",
    "hold_virtual_time_of_runs",
    "virtual_time",
]
