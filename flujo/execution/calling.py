"""How one call is made: within its deadline, as a stream where somebody reads along, and what its end means."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Literal

import anyio
import anyio.lowlevel

from flujo.binding import BoundAgent
from flujo.errors import MisbehavedError, OverrunError, StepTimeoutError
from flujo.events import Chunk
from flujo.execution.watchdog import WATCHDOG
from flujo.ports import AgentOutput
from flujo.usage import RequestOutcome

if TYPE_CHECKING:
    from flujo.execution.frame import Place, Run

UNUSABLE = frozenset({types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType})


class Late(Exception):
    """The deadline passed: nothing came (``timeout``), or it came too late (``overrun``) and is in ``brought``."""

    def __init__(self, outcome: Literal["timeout", "overrun"], error: StepTimeoutError, brought: object) -> None:
        self.outcome = outcome
        self.transport: RequestOutcome = "timeout"
        if outcome == "overrun":
            self.transport = "error" if isinstance(brought, BaseException) else "ok"
        self.error = error
        self.brought = brought


async def call_within(
    timeout_s: float | None,
    callee: BoundAgent,
    place: Place,
    value: object,
    offered: Mapping[str, Any],
    run: Run,
) -> object:
    """The callee's answer, given within ``timeout_s`` seconds. Raises Late, and whatever the callee raises in time."""
    if timeout_s is None:
        return await _call(callee, place, value, offered, run, None)
    timeout_s = run.laws.timeout_of(timeout_s)
    with WATCHDOG.watch(place, timeout_s), anyio.move_on_after(timeout_s) as scope:
        brought: object = None
        try:
            brought = await _call(callee, place, value, offered, run, scope)
        except Exception as error:
            if not _is_over(scope, run):
                raise
            brought = error
        except BaseExceptionGroup as group:  # a child failed while it was being cancelled
            if not scope.cancel_called:
                raise
            brought = group
        if _is_over(scope, run):
            raise Late("overrun", OverrunError(place.path, timeout_s), brought)
        return brought
    raise Late("timeout", StepTimeoutError(place.path, timeout_s), None)


def being_cancelled() -> bool:
    """Whether the task that runs this is being cancelled from outside of the callee."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # not on asyncio
        return anyio.current_effective_deadline() == -inf
    # A cancelled scope of anyio cancels its tasks, too.
    return task is not None and task.cancelling() > 0


async def raise_if_cancelled() -> None:
    """Give up where the run was cancelled and its callee has swallowed that: nobody waits for more attempts."""
    if being_cancelled():
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise asyncio.CancelledError  # a cancellation of asyncio's own comes once only


def _is_over(scope: anyio.CancelScope, run: Run) -> bool:
    return scope.cancel_called or run.laws.is_overdue(anyio.current_time(), scope.deadline)


async def _call(
    callee: BoundAgent,
    place: Place,
    value: object,
    offered: Mapping[str, Any],
    run: Run,
    deadline: anyio.CancelScope | None,
) -> object:
    if run.gate is None:
        return await _called(callee, place, value, offered, run, deadline)
    call = partial(_called, callee, place, value, offered, run, deadline)
    return await run.gate.let_through(place.path, place.scope.order, call)


async def _called(
    callee: BoundAgent,
    place: Place,
    value: object,
    offered: Mapping[str, Any],
    run: Run,
    deadline: anyio.CancelScope | None,
) -> object:
    if run.pace is None or callee.stream is None:
        return await callee.call(value, **offered)
    chunks = callee.stream(value, **offered)
    if not isinstance(chunks, AsyncGenerator):
        return await _collected(chunks, callee, place, run, deadline)
    async with aclosing(chunks):
        return await _collected(chunks, callee, place, run, deadline)


async def _collected(
    chunks: AsyncIterable[object], callee: BoundAgent, place: Place, run: Run, deadline: anyio.CancelScope | None
) -> object:
    """The answer at the end of a stream; its chunks are told as they arrive."""
    texts: list[str] = []
    async for item in chunks:
        if item.__class__ is AgentOutput:
            return run.laws.answer_of_stream(texts, item)
        if not isinstance(item, str):
            kind = type(item).__name__
            raise MisbehavedError(
                f"agent '{callee.name}' streamed a {kind}; chunks are text, the last may be an AgentOutput"
            )
        texts.append(item)
        if run.publish is not None:
            run.publish(Chunk(place.step, run.now(), place.attempt, place.hop, item))
        await _paced(run, deadline)
    return run.laws.answer_of_stream(texts, None)


async def _paced(run: Run, deadline: anyio.CancelScope | None) -> None:
    """Wait for the reader of the stream; the agent is not to blame for it, so its deadline waits as well."""
    assert run.pace is not None
    if deadline is None:
        await run.pace()
        return
    left_s = deadline.deadline - anyio.current_time()
    deadline.deadline = inf
    await run.pace()
    deadline.deadline = anyio.current_time() + left_s


def cancellations() -> tuple[type[BaseException], ...]:
    """What any event loop cancels with, be it the one that runs here or another."""
    trio: Any = sys.modules.get("trio")  # what was not imported cannot have been raised
    return (asyncio.CancelledError,) if trio is None else (asyncio.CancelledError, trio.Cancelled)


def foreign_cancellation(error: BaseException) -> bool:
    """Whether the callee raised a cancellation that nobody asked for; it would end a branch without a trace."""
    if isinstance(error, Exception) or not isinstance(error, cancellations()):
        return False
    return not (isinstance(error, anyio.get_cancelled_exc_class()) and being_cancelled())


def is_unusable(answer: object) -> bool:
    """Whether somebody forgot to await, or to collect what a generator yields."""
    if answer.__class__ not in UNUSABLE:
        return False
    if isinstance(answer, types.CoroutineType):
        answer.close()  # or Python warns about it later, far from here
    return True
