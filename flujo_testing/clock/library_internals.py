"""Every private name of asyncio, trio, anyio and pytest that virtual time rests on, and nothing else.

Seen to hold with anyio 4.16, trio 0.35 and pytest 9 on Python 3.11 to 3.13. The arguments are untyped because
these names are in no stub. ``tests/flujo_testing/test_clock_internals.py`` names each, so that an upgrade
fails there first.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context
from math import inf
from random import Random
from selectors import BaseSelector
from types import FrameType
from typing import Any

import pytest
from anyio._core._eventloop import get_async_backend, threadlocals
from anyio.pytest_plugin import extract_backend_and_options, get_runner

__all__ = ["extract_backend_and_options", "get_runner"]  # anyio's own, documented nowhere

RunInThread = Callable[..., Awaitable[Any]]


# asyncio


def selector_of(loop: Any) -> BaseSelector:
    """The selector on which a selector event loop waits; it asks for ``select`` anew each time."""
    selector: BaseSelector = loop._selector
    return selector


def next_timer(loop: Any) -> float:
    """When the first timer of a waiting asyncio loop is due, in loop time; cancelled ones are gone then."""
    return float(loop._scheduled[0].when()) if loop._scheduled else inf


def has_ready_callbacks(loop: Any) -> bool:
    """Whether an asyncio loop has more to run in this round or the next than the callback that asks."""
    return bool(loop._ready)


def busy_in_executor(loop: Any) -> int:
    """How many threads of an asyncio loop's default executor work (``asyncio.to_thread``)."""
    executor = loop._default_executor
    return 0 if executor is None else len(executor._threads) - executor._idle_semaphore._value


def wakeup_of_asyncio(loop: Any) -> int:
    """The file descriptor by which other threads wake an asyncio loop."""
    descriptor: int = loop._ssock.fileno()
    return descriptor


def set_resolution(loop: Any, seconds: float) -> float:
    """How early an asyncio loop lets a timer fire; returns what it was."""
    before: float = loop._clock_resolution
    loop._clock_resolution = seconds
    return before


def readers_on_asyncio(loop: Any) -> Iterator[tuple[int, Context]]:
    """The file descriptors that a selector event loop waits to read, each with the context of who waits."""
    for key in loop._selector.get_map().values():
        if key.data is not None and key.data[0] is not None:
            yield key.fd, key.data[0]._context


def awaited_future(task: Any) -> Any:
    """The future on which an asyncio task waits, or the one at the end of a chain of tasks."""
    waiter = task._fut_waiter
    while isinstance(waiter, asyncio.Task):
        waiter = waiter._fut_waiter  # type: ignore[attr-defined]
    return waiter


# anyio


def anyio_asyncio_backend() -> Any:
    """The class behind ``anyio.to_thread.run_sync`` on asyncio."""
    return get_async_backend("asyncio")


RUN_IN_THREAD = "run_sync_in_worker_thread"
"""The class method of an anyio backend behind ``anyio.to_thread.run_sync``."""


def loop_of_worker_thread() -> object:
    """The asyncio loop, or trio token, for which this thread was started by ``anyio.to_thread``; None elsewhere."""
    try:
        return threadlocals.current_token.native_token
    except AttributeError:
        return None


def loop_of_portal(portal: Any) -> object:
    """The same for the loop that a blocking portal leads to."""
    return portal._token.native_token


def serves_a_thread_on_asyncio(coroutine: Any) -> bool:
    """Whether the coroutine was started by ``anyio.from_thread.run``."""
    return "run_async_from_thread" in coroutine.__qualname__


def drives_the_runner(coroutine: Any) -> bool:
    """Whether the coroutine is the one in which anyio's test runner waits for the test."""
    return "_call_in_runner_task" in coroutine.__qualname__


def hypothesis_inner_test(handle: Any) -> Any:
    """The user's test inside Hypothesis, without the wrapper that anyio's plugin leaves on it."""
    return getattr(handle.inner_test, "_anyio_original_func", handle.inner_test)


# trio


def runs_in_trio() -> bool:
    """Whether the caller is a task of trio, which is not installed everywhere."""
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_task())


def runner_of(task: Any) -> Any:
    """The trio runner: its ``clock``, ``main_task`` and ``waiting_for_idle`` are used."""
    return task._runner


def is_system_clock(clock: Any) -> bool:
    """Whether this is trio's default clock."""
    from trio._core._run import SystemClock

    return isinstance(clock, SystemClock)


class InOrder(Random):
    """Stands in for the dice with which trio decides the order of the tasks that can run: first come, first served."""

    def random(self) -> float:
        return 0.0  # below one half trio turns its batch round, and takes tasks from the end


def swap_trio_dice(dice: Random, sorts_first: bool = False) -> tuple[Random, bool]:
    """Let trio order its tasks by these dice; returns those it had. It sorts first where Hypothesis asked for it."""
    from trio._core import _run

    before: tuple[Random, bool] = (_run._r, _run._ALLOW_DETERMINISTIC_SCHEDULING)
    vars(_run).update(_r=dice, _ALLOW_DETERMINISTIC_SCHEDULING=sorts_first)
    return before


def awaited_by_trio(runner: Any) -> set[int]:
    """The file descriptors for which trio tasks wait, without its own to wake it up.

    On Windows they are handles, its own among them.
    """
    if sys.platform == "win32":
        return set(runner.io_manager._afd_waiters)
    awaited = {key if isinstance(key, int) else key[0] for key in runner.io_manager._registered}
    return awaited - {runner.entry_queue.wakeup.wakeup_sock.fileno()}


def readers_on_trio(runner: Any) -> Iterator[tuple[int, Context]]:
    """The file descriptors that trio waits to read, each with the context of who waits; none on Windows."""
    if sys.platform == "win32":
        return
    for key, waiting in runner.io_manager._registered.items():
        if sys.platform == "linux":
            descriptor, task = key, waiting.read_task
        else:
            descriptor, task = key[0], waiting if key[1] == select.KQ_FILTER_READ else None
        if task is not None:
            yield descriptor, task.context


def throw_into(task: Any, error: BaseException) -> None:
    """Raise the error where a trio task waits, if it can be interrupted there."""

    def raise_error() -> None:
        raise error

    if task._abort_func is not None:
        task._attempt_abort(raise_error)


def serves_a_thread_on_trio(frames: Iterator[FrameType]) -> bool:
    """Whether a trio task that waits for a thread runs what that thread asked for by ``from_thread.run``."""
    return any((f.f_globals.get("__name__"), f.f_code.co_name) == ("trio._threads", "run") for f in frames)


# pytest


def runs_in_pytest_asyncio(item: pytest.Function) -> bool:
    """In auto mode pytest-asyncio puts a class of its own in the place of every async test."""
    return type(item).__module__.startswith("pytest_asyncio")


def run_as_plain_function(item: Any) -> None:
    item.runtest = pytest.Function.runtest.__get__(item)


def run_as_before(item: Any) -> None:
    vars(item).pop("runtest", None)
