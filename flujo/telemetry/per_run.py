"""What a listener keeps for each run that it is told of."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Generic, TypeVar

from flujo.errors import MisuseError
from flujo.events import Event, RunEnded, RunStarted

T = TypeVar("T")


class PerRun(Generic[T]):
    """One thing for each run, made when it starts.

    Events do not say which run they are of, and many runs may tell the same listener at once. But a listener is called
    where the event happens: in the task of the run, or in one that was started from there. So what is kept travels with
    the task, and a run inside another one's agent has its own.
    """

    def __init__(self, begin: Callable[[RunStarted], T]) -> None:
        self._begin = begin
        self._stack: ContextVar[tuple[T, ...]] = ContextVar("flujo_listener", default=())

    def of(self, event: Event) -> T:
        """What is kept for the run of this event. Raises MisuseError for one that no start of a run came before."""
        stack = self._stack.get()
        if isinstance(event, RunStarted):
            stack = (*stack, self._begin(event))
            self._stack.set(stack)
        if not stack:
            raise MisuseError(f"this listener was told {type(event).__name__} before any RunStarted")
        if isinstance(event, RunEnded):
            self._stack.set(stack[:-1])
        return stack[-1]
