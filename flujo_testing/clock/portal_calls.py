"""Calls through blocking portals, seen: a thread that waits for one does not hold the clock.

Counted are the threads of which it is known that they hold it otherwise: worker threads of the loop, and the thread
that drives a portal whose loop runs in a thread of its own.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal

from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.errors import DeadlockError
from flujo_testing.clock.stand_in import StandIn


@dataclass(eq=False)
class RunningCall:
    """A call that a thread waits for."""

    scope: anyio.CancelScope
    deadlock: DeadlockError | None = None

    def give_up(self, deadlock: DeadlockError) -> None:
        self.deadlock = deadlock
        self.scope.cancel()


@dataclass(eq=False)
class PortalCalls:
    """The calls that run in one loop (for trio: its token); ``driver`` is the thread that drives it, if one does."""

    loop: Any
    driver: int | None = None
    running: set[RunningCall] = field(default_factory=set)

    def watch(self) -> None:
        _WATCHED[self.loop] = self
        _CALL.take()

    def leave(self) -> None:
        del _WATCHED[self.loop]
        _CALL.leave()

    def counts_this_thread(self) -> bool:
        return threading.get_ident() == self.driver or internals.loop_of_worker_thread() is self.loop


def is_watched(portal: BlockingPortal) -> bool:
    """Whether the loop is held that the portal leads to."""
    return internals.loop_of_portal(portal) in _WATCHED


async def while_a_thread_waits(calls: PortalCalls, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    answer: Any = None
    with anyio.CancelScope() as scope:
        call = RunningCall(scope)
        calls.running.add(call)
        try:
            answer = function(*arguments)
            if inspect.isawaitable(answer):
                answer = await answer
        finally:
            calls.running.discard(call)
    if call.deadlock is not None:
        raise call.deadlock
    return answer


def _call(portal: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    calls = _WATCHED.get(internals.loop_of_portal(portal))
    if calls is not None and calls.counts_this_thread():
        return _CALL.original(portal, while_a_thread_waits, calls, function, arguments)
    return _CALL.original(portal, function, *arguments)


_WATCHED: dict[Any, PortalCalls] = {}
_CALL = StandIn(BlockingPortal, "call", _call)
