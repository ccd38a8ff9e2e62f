"""Takes hold of the running loop, whichever backend it is of."""

from __future__ import annotations

from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.asyncio_loop import AsyncioLoop
from flujo_testing.clock.errors import LoopRefused
from flujo_testing.clock.held_loop import HeldLoop
from flujo_testing.clock.virtual import VirtualClock


def held_loop(clock: VirtualClock | None = None) -> HeldLoop:
    """The loop in which this is called, held; with a clock of its own, unless one is given. Raises LoopRefused."""
    try:
        if internals.runs_in_trio():
            from flujo_testing.clock.trio_loop import TrioLoop  # trio is not installed everywhere

            return TrioLoop(clock)
        return AsyncioLoop(clock)
    except AttributeError as changed:
        remedy = "Take versions of Python, anyio and trio that this toolkit knows."
        raise LoopRefused(f"its library is another than is known ({changed})", remedy) from changed
