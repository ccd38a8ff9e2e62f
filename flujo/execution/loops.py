"""Whether an event loop runs in this thread, asked of asyncio and trio themselves.

What a library between two of its steps says of itself does not count: a test runner's loop that stands still while a
plain test runs is no loop that runs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def loop_runs_here() -> bool:
    """Whether the caller is called by an event loop of asyncio or trio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        return trio is not None and bool(trio.lowlevel.in_trio_task())
    return True


@contextmanager
def no_loop_named() -> Iterator[None]:
    """Inside, nothing is left of the name that a loop which stands still goes by; anyio would believe it."""
    sniffio = sys.modules.get("sniffio")
    if sniffio is None:
        yield
        return
    token = sniffio.current_async_library_cvar.set(None)
    try:
        yield
    finally:
        sniffio.current_async_library_cvar.reset(token)
