"""What is in force during one pass of a test: the gate, and a listener that records its runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from flujo import override
from flujo_testing.schedules.gate import Gate, Tail, first
from flujo_testing.schedules.recording import RecordedRun, Recorder
from flujo_testing.schedules.schedule import Decision, Schedule


class Observed:
    """One pass of a test under a schedule: its decisions and its runs."""

    def __init__(self, schedule: Schedule, tail: Tail = first) -> None:
        self.gate = Gate(schedule, tail)
        self._recorder = Recorder()

    @property
    def decisions(self) -> list[Decision]:
        return self.gate.decisions

    @property
    def runs(self) -> list[RecordedRun]:
        return self._recorder.runs

    @property
    def taken(self) -> Schedule:
        """The schedule that was really followed."""
        return Schedule.of(decision.chosen for decision in self.decisions)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        with override(gate=self.gate, listeners=[self._recorder.hear]), first_come_first_served_on_trio():
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Runs that start here belong to something that outlives the pass."""
        before, self._recorder.is_paused = self._recorder.is_paused, True
        try:
            yield
        finally:
            self._recorder.is_paused = before


@contextmanager
def first_come_first_served_on_trio() -> Iterator[None]:
    """Trio throws dice for the order in which tasks run; a schedule has to be the same every time."""
    if find_spec("trio") is None:
        yield
        return
    from flujo_testing.clock import library_internals as internals

    dice = internals.swap_trio_dice(internals.InOrder())
    try:
        yield
    finally:
        internals.swap_trio_dice(*dice)
