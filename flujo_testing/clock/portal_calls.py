"""Calls through a blocking portal, seen: a worker thread that waits for one does not hold the clock.

A portal spawns a task for a call and lets the thread wait. That it waits shows in the task: ``while_a_thread_waits`` is
among its frames.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from anyio.from_thread import BlockingPortal

from flujo_testing.clock import library_internals as internals
from flujo_testing.clock.waiting_tasks import waiting_frames


def mark_portal_calls(loop: object) -> Callable[[], None]:
    """Have the calls seen that worker threads of this loop make; returns what ends that."""
    portal: Any = BlockingPortal
    call = portal.call

    def seen(self: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        if internals.loop_of_worker_thread() is loop:
            return call(self, while_a_thread_waits, function, arguments)
        return call(self, function, *arguments)

    def as_before() -> None:
        portal.call = call

    portal.call = seen
    return as_before


async def while_a_thread_waits(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    answer = function(*arguments)
    return await answer if inspect.isawaitable(answer) else answer


def serves_a_portal_call(coroutine: Any) -> bool:
    """Whether a waiting task was started by such a call."""
    return any(frame.f_code is while_a_thread_waits.__code__ for frame in waiting_frames(coroutine))
