"""Virtual time for tests that are plain functions: every loop that the test's thread starts meanwhile is held.

``Flujo.run``, ``flujo_run.sync``, ``anyio.run``, ``asyncio.run`` and ``trio.run`` all come to ``asyncio.Runner.run`` or
``trio.run``. The loop of a blocking portal runs in a thread of its own and is driven by the test's: it is held from the
moment the portal opens. Time goes on from one loop to the next, and stands still between them. Any other loop of
another thread is left alone: it passes in real time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Any

from anyio.from_thread import BlockingPortal

from flujo import override
from flujo.execution.loops import loop_runs_here
from flujo_testing.clock.errors import LoopRefused, VirtualClockError
from flujo_testing.clock.held_loop import HeldLoop
from flujo_testing.clock.portal_calls import is_watched
from flujo_testing.clock.stand_in import StandIn
from flujo_testing.clock.taking_hold import held_loop
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
    holder = _Holder(VirtualClock(monotonic, start=monotonic()))
    for stand_in in holder.stand_ins:
        stand_in.take()
    try:
        yield holder.clock
    finally:
        for stand_in in holder.stand_ins:
            stand_in.leave()


class _Holder:
    """Takes hold of the loops that the thread starts in which it was made."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.thread = threading.get_ident()
        self._portals: dict[BlockingPortal, HeldLoop] = {}
        # functions, not methods, so that they are given the object on which they are called
        self._run_asyncio = StandIn(asyncio.Runner, "run", lambda *a, **o: self._asyncio_run(*a, **o))
        self._enter = StandIn(BlockingPortal, "__aenter__", lambda *a: self._entered(*a))
        self._exit = StandIn(BlockingPortal, "__aexit__", lambda *a: self._exited(*a))
        self.stand_ins = [self._run_asyncio, self._enter, self._exit]
        if find_spec("trio") is not None:
            self._run_trio = StandIn(import_module("trio"), "run", self._trio_run)
            self.stand_ins.append(self._run_trio)

    def _asyncio_run(self, runner: asyncio.Runner, coroutine: Any, **options: Any) -> Any:
        if threading.get_ident() == self.thread and asyncio.iscoroutine(coroutine):
            coroutine = self._held(partial(_awaited, coroutine), coroutine.close)
        return self._run_asyncio.original(runner, coroutine, **options)

    def _trio_run(self, function: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        if threading.get_ident() == self.thread:
            return self._run_trio.original(self._held, partial(function, *arguments), lambda: None, **options)
        return self._run_trio.original(function, *arguments, **options)

    async def _held(self, main: Callable[[], Awaitable[Any]], refused: Callable[[], object]) -> Any:
        try:
            loop = self._held_loop()
        except VirtualClockError:
            refused()
            raise
        loop.main = "the run"
        try:
            return await loop.run_test(main, {})
        finally:
            loop.release()

    async def _entered(self, portal: BlockingPortal) -> Any:
        if threading.get_ident() != self.thread and not is_watched(portal):
            self._portals[portal] = loop = self._held_loop()
            loop.portal_calls.driver = self.thread
        return await self._enter.original(portal)

    async def _exited(self, portal: BlockingPortal, *error: Any) -> Any:
        try:
            return await self._exit.original(portal, *error)
        finally:
            if (loop := self._portals.pop(portal, None)) is not None:
                loop.release()

    def _held_loop(self) -> HeldLoop:
        try:
            return held_loop(self.clock)
        except LoopRefused as refusal:
            text = f"virtual_clock cannot take hold of the loop that the test runs: {refusal}. {refusal.remedy}"
            raise VirtualClockError(text) from refusal


async def _awaited(coroutine: Awaitable[Any]) -> Any:
    return await coroutine
