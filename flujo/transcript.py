"""The transcript: every event of a run in canonical order, read from the run's log when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

from flujo.events import Event, Log, read

E = TypeVar("E", bound=Event)


class Transcript(Sequence[Event]):
    """A tuple of event records. Equal if the events are: times are not compared, so equal runs are equal."""

    __slots__ = ("_events", "_log")

    def __init__(self, log: Log) -> None:
        self._log = log
        self._events: tuple[Event, ...] | None = None

    @property
    def events(self) -> tuple[Event, ...]:
        if self._events is None:
            self._events = tuple(read(self._log))
        return self._events

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """The events of one kind, in order."""
        return tuple(event for event in self.events if isinstance(event, kind))

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self.events[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transcript) and self.events == other.events

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        return f"Transcript({len(self)} events)"
