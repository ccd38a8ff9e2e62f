"""Where a fake is asked: which run, which path. Read off the run's own events, told by a listener.

The engine calls listeners in the task that acts, and asks an agent in the task that published ``Asked``. So a
context variable that the listener sets is exact, whatever runs beside it; worker threads and child tasks
inherit it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import ref

from flujo.events import Answered, Asked, AskFailed, Event, RunEnded, RunStarted, StepEnded

if TYPE_CHECKING:
    from flujo_testing.agents.passes import Pass


@dataclass(slots=True, eq=False)
class FollowedRun:
    """A run while it is followed: its events in the order of their arrival."""

    started_in: Callable[[], Pass | None]
    """Gives the pass that it started in as long as there is one: the pass holds its runs, and they must not hold it."""
    events: list[Event] = field(default_factory=list)
    ended: bool = False
    checked: int = 0
    """How many of the events have been checked."""

    @property
    def waits_for(self) -> list[str]:
        """The paths of the asks that have no answer yet."""
        asks: dict[str, None] = {}
        for event in self.events:
            if isinstance(event, Asked):
                asks[event.path] = None
            elif isinstance(event, Answered | AskFailed):
                asks.pop(event.path, None)
        return list(asks)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the current task is: in ``run``, at the ask ``path``; ``around`` is where the run was started."""

    run: FollowedRun
    path: str | None = None
    around: Place | None = None

    def is_inside(self, run: FollowedRun) -> bool:
        place: Place | None = self
        while place is not None and place.run is not run:
            place = place.around
        return place is not None


_here: ContextVar[Place | None] = ContextVar("flujo_testing_place", default=None)


def here() -> Place | None:
    """The place of whoever asks; None outside of all followed runs."""
    return _here.get()


def follow(event: Event, current: Callable[[], Pass | None]) -> None:
    """A listener: keeps track of where the task that calls it is. A run that starts belongs to the ``current`` pass."""
    place = _here.get()
    if isinstance(event, RunStarted):
        now = current()
        place = Place(FollowedRun(_nowhere if now is None else ref(now)), around=place)
        if now is not None:
            now.runs.append(place.run)
        _here.set(place)
    if place is None:
        return
    place.run.events.append(event)
    if isinstance(event, _MOVES):
        if isinstance(event, Asked):
            _here.set(Place(place.run, event.path, place.around))
        elif isinstance(event, StepEnded):
            _here.set(Place(place.run, None, place.around))
        else:
            place.run.ended = True
            _here.set(place.around)


_MOVES: Final = (Asked, StepEnded, RunEnded)
"""After these events whoever is told them is elsewhere."""


def _nowhere() -> None:
    return None


def at_the_same_time(one: Place, other: Place) -> str | None:
    """Why the order in which two places are reached is chance; None if it is not, as far as paths tell."""
    if one.run is not other.run:
        apart = one.run.ended or other.is_inside(one.run) or one.is_inside(other.run)
        return None if apart else "two runs that are under way at the same time"
    for left, right in zip((one.path or "").split("/"), (other.path or "").split("/"), strict=False):
        if left != right:
            both = left.startswith("branch:") and right.startswith("branch:")
            return f"the concurrent branches '{one.path}' and '{other.path}'" if both else None
    return None


def place_in(context: Context) -> Place | None:
    """The place of whoever has this context."""
    return context.get(_here)


@contextmanager
def standing_at(place: Place | None) -> Iterator[None]:
    """Be at this place within the block: for those who act for somebody else, in a task of their own."""
    token = _here.set(place)
    try:
        yield
    finally:
        _here.reset(token)
