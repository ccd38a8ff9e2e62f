"""The SDK client that an agent asks through: the one it was given, or one per event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from anyio.lowlevel import RunVar

T = TypeVar("T")


class Clients(Generic[T]):
    """The clients of one kind that were made here. ``make`` reads the key from the environment.

    None is made before the first request, so that a pipeline can be imported and tested without a key. An
    open connection belongs to the event loop it was opened in, so each loop has its own.
    """

    def __init__(self, name: str, make: Callable[[], T]) -> None:
        self._made: RunVar[T | None] = RunVar(f"flujo.agents.{name}", None)
        self._make = make

    def of_this_loop(self) -> T:
        made = self._made.get()
        if made is None:
            made = self._make()
            self._made.set(made)
        return made
