"""Those who follow a run while it happens: listeners, and the reader of a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from flujo.errors import PipelineAbort, StepFailedError
from flujo.events import Event, PaidBefore, RunEnded
from flujo.execution.frame import Run
from flujo.execution.signals import Aborted, Breached
from flujo.execution.tee_log import TeeLog
from flujo.ports import Listener


@dataclass(frozen=True, slots=True)
class ListenerError:
    """A listener raised ``error`` when it was told ``event``; the run went on."""

    event: Event
    error: Exception


class Audience:
    """Tells every event the moment it is written (law P9), whether or not the log keeps it."""

    def __init__(self, run: Run, listeners: Sequence[Listener], stream: EventStream | None, keeps_all: bool) -> None:
        self.run = run
        self.listeners = listeners
        self.stream = stream
        self.errors: list[ListenerError] = []
        self.scope = anyio.CancelScope()
        run.publish = self.publish
        run.is_followed = True
        run.new_log = lambda: TeeLog(self.publish, keeps_all)
        if stream is not None:
            run.pace = stream.pace

    def publish(self, event: Event) -> None:
        for listener in self.listeners:
            try:
                listener(event)
            except PipelineAbort as reason:
                if isinstance(event, RunEnded | PaidBefore):  # there is nothing left to stop
                    self.errors.append(ListenerError(event, reason))
                    continue
                self.run.halted = self.run.halted or Aborted(reason)
                self.scope.cancel()
            except Exception as error:
                self.errors.append(ListenerError(event, error))
        if self.stream is not None:
            self.stream.publish(event)

    async def attend(self, sequence: Coroutine[Any, Any, object]) -> object:
        """The output of the run. Raises Aborted if a listener stopped it."""
        output = None
        try:
            with self.scope:
                output = await sequence
        except (StepFailedError, Breached):
            if self.run.halted is None:
                raise
        if self.run.halted is not None:
            raise self.run.halted
        return output


class EventStream:
    """Events on their way to one reader; a full buffer makes the run wait at its next ask."""

    def __init__(self, buffer: int) -> None:
        self.buffer = buffer
        self._waiting: deque[object] = deque()
        self._arrived = anyio.Event()
        self._room = anyio.Event()
        self._ended = False
        self._failure: Exception | None = None

    def publish(self, item: object) -> None:
        self._waiting.append(item)
        self._arrived.set()

    async def pace(self) -> None:
        """Wait until the reader has made room."""
        while len(self._waiting) >= self.buffer:
            await self._room.wait()

    async def feed(self, execute: Callable[[EventStream], Awaitable[object]]) -> None:
        """Run, then hand over the result, or the error of a run that could not start."""
        try:
            self.publish(await execute(self))
        except Exception as error:
            self._failure = error
        finally:
            self._ended = True
            self._arrived.set()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            self._arrived = anyio.Event()
            await self._arrived.wait()
        item = self._waiting.popleft()
        room, self._room = self._room, anyio.Event()
        room.set()  # all branches that wait look again
        return item


@asynccontextmanager
async def streamed(
    execute: Callable[[EventStream], Awaitable[object]], buffer: int
) -> AsyncIterator[AsyncIterator[Any]]:
    """A run in the background and its events in the foreground; leaving cancels what still runs."""
    stream = EventStream(buffer)
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(stream.feed, execute)
        try:
            yield stream
        except Exception as error:  # the reader's own: raised again outside of the group, which would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
