"""Virtual time for tests that are plain functions: every loop that the test's thread starts meanwhile is held.

``Flujo.run``, ``flujo_run.sync``, ``anyio.run``, ``asyncio.run`` and ``trio.run`` all come to ``asyncio.Runner.run`` or
``trio.run``. Time goes on from one loop to the next, and stands still between them. A loop of another thread is left
alone: it passes in real time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Any

from flujo import override
from flujo.execution.loops import loop_runs_here
from flujo_testing.clock.asyncio_loop import AsyncioLoop
from flujo_testing.clock.errors import LoopRefused, VirtualClockError
from flujo_testing.clock.held_loop import HeldLoop
from flujo_testing.clock.virtual import VirtualClock


@contextmanager
def virtual_time() -> Iterator[VirtualClock]:
    """Without pytest: ``with virtual_time() as clock: Flujo(...).run(...)``. It is the clock of runs, too."""
    with loops_held_that_start() as clock, override(clock=clock):
        yield clock


@contextmanager
def loops_held_that_start() -> Iterator[VirtualClock]:
    """Hold the loops that this thread starts; where one cannot be held, it is not run."""
    if loop_runs_here():
        raise VirtualClockError("virtual time holds loops that start later, and one runs here: ask for it before")
    clock = VirtualClock(monotonic, start=monotonic())
    here = threading.get_ident()
    with ExitStack() as put_back:
        put_back.enter_context(_asyncio_held(clock, here))
        if find_spec("trio") is not None:
            put_back.enter_context(_trio_held(clock, here))
        yield clock


@contextmanager
def _asyncio_held(clock: VirtualClock, here: int) -> Iterator[None]:
    runner: Any = asyncio.Runner
    run = runner.run

    def run_held(self: Any, coroutine: Any, **options: Any) -> Any:
        if threading.get_ident() == here and asyncio.iscoroutine(coroutine):
            coroutine = _held(lambda: AsyncioLoop(clock), coroutine)
        return run(self, coroutine, **options)

    runner.run = run_held
    try:
        yield
    finally:
        runner.run = run


@contextmanager
def _trio_held(clock: VirtualClock, here: int) -> Iterator[None]:
    trio: Any = import_module("trio")
    run = trio.run

    def run_held(function: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        if threading.get_ident() != here:
            return run(function, *arguments, **options)

        async def held() -> Any:
            from flujo_testing.clock.trio_loop import TrioLoop  # trio is not installed everywhere

            return await _held(lambda: TrioLoop(clock), function(*arguments))

        return run(held, **options)

    trio.run = run_held
    try:
        yield
    finally:
        trio.run = run


async def _held(take_hold: Callable[[], HeldLoop], main: Any) -> Any:
    try:
        loop = take_hold()
    except LoopRefused as refusal:
        main.close()
        text = f"virtual_clock cannot take hold of the loop that the test runs: {refusal}. {refusal.remedy}"
        raise VirtualClockError(text) from refusal
    loop.main = "the run"
    try:
        return await loop.run_test(_awaited, {"main": main})
    finally:
        loop.release()


async def _awaited(main: Coroutine[Any, Any, Any]) -> Any:
    return await main
