"""Where tasks wait, in words: the text of a deadlock."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from flujo.execution.frame import Place

_MACHINERY = ("anyio.", "asyncio.", "trio.", "outcome.", "flujo_testing.clock.")


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """One task of a loop: ``handle`` to the backend. The test and its fixtures run in the main one."""

    handle: Any
    name: str
    coroutine: Any
    is_main: bool


def describe(reason: str, tasks: Iterable[WaitingTask], main: str) -> str:
    """One line for the reason and one for each task; that of the test comes first, and is called ``main``."""
    ordered = sorted(tasks, key=lambda task: (not task.is_main, task.name))
    lines = (f"{main if task.is_main else f'task {task.name!r}'} waits {_place(task)}" for task in ordered)
    return "\n  ".join([f"virtual deadlock: {reason}", *lines])


def waiting_frames(awaitable: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine or generator, outermost first."""
    while awaitable is not None:
        awaitable = _unwrapped(awaitable)
        if inspect.iscoroutine(awaitable):
            frame, awaitable = awaitable.cr_frame, awaitable.cr_await
        elif inspect.isgenerator(awaitable):
            frame, awaitable = awaitable.gi_frame, awaitable.gi_yieldfrom
        elif inspect.isasyncgen(awaitable):
            frame, awaitable = awaitable.ag_frame, awaitable.ag_await
        else:
            return
        if frame is None:
            return
        yield frame


def _unwrapped(awaitable: Any) -> Any:
    """An awaited step of an async generator hides the generator; only the garbage collector can see it."""
    if type(awaitable).__name__ in ("async_generator_asend", "async_generator_athrow"):
        return next(filter(inspect.isasyncgen, gc.get_referents(awaitable)), None)
    return awaitable


def _place(task: WaitingTask) -> str:
    """The innermost frame of the user's own code and what it called; then the step that asked it, if one did."""
    frames = list(waiting_frames(task.coroutine))
    if not frames:
        return "at a place unknown"
    own = [index for index, frame in enumerate(frames) if not _is_machinery(frame)]
    here = own[-1] if own else len(frames) - 1
    code = frames[here].f_code
    called = f"for {frames[here + 1].f_code.co_qualname} " if here + 1 < len(frames) else ""
    return f"{called}at {code.co_filename}:{frames[here].f_lineno} in {code.co_qualname}{_step(frames)}"


def _step(frames: list[FrameType]) -> str:
    """Which ask of which step the frames are in; the innermost one, where an agent runs a pipeline itself."""
    asks = [found for frame in frames if isinstance(found := frame.f_locals.get("place"), Place)]
    if not asks:
        return ""
    ask = asks[-1]
    state = "asked" if ask.asked else "not asked yet, for want of budget or of a reader,"
    return f" (step '{ask.step}', {state} at {ask.path})"


def _is_machinery(frame: FrameType) -> bool:
    return f"{frame.f_globals.get('__name__', '')}.".startswith(_MACHINERY)
