"""The runs of one pass of a test, as their own events tell them: which there were, whichever thread they ran in."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass, field

from flujo.events import Event, RunEnded, RunStarted


@dataclass(slots=True, eq=False)
class RecordedRun:
    """A run and its events, in the order of their arrival; ``number`` counts the runs of a pass, from 0."""

    number: int
    around: RecordedRun | None
    events: list[Event] = field(default_factory=list)
    ended: bool = False


_here: ContextVar[RecordedRun | None] = ContextVar("flujo_testing_recorded_run", default=None)


def run_here() -> RecordedRun | None:
    """The innermost run that the caller is in, if it is recorded."""
    return _here.get()


class Recorder:
    """Records the runs that start while it listens. ``pause`` lets those of longer-lived fixtures go unrecorded."""

    def __init__(self) -> None:
        self.runs: list[RecordedRun] = []
        self.is_paused = False
        self._lock = threading.Lock()

    def hear(self, event: Event) -> None:
        """A listener: called in the task that acts, so that a context variable tells which run it is."""
        run = _here.get()
        if isinstance(event, RunStarted):
            if self.is_paused:
                return
            with self._lock:
                run = RecordedRun(len(self.runs), run)
                self.runs.append(run)
            _here.set(run)
        if run is None:
            return
        run.events.append(event)
        if isinstance(event, RunEnded):
            run.ended = True
            _here.set(run.around)
