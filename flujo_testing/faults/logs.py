"""Faults in what a run has written: lies about its log at its end, and the order in which branches ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flujo.events import Log, read
from flujo.execution.lanes import Lane
from flujo_testing.faults.fault import Lie, Reach
from flujo_testing.faults.seams import noting

Record = list[Any]
"""One record of a flat log: its class, time, scope and name, then its fields."""


def telling(change: Callable[[list[Record]], list[Record] | None]) -> Lie:
    """A fault that is another log: ``change`` makes it at the end of each run, or None where there is nothing to do."""
    return noting(log_of_run=told_by(change))


def told_by(change: Callable[[list[Record]], list[Record] | None]) -> Callable[[Reach], Callable[[Log], Log]]:
    """The policy of such a fault, made of a reach."""

    def made(reach: Reach) -> Callable[[Log], Log]:
        def log_of_run(log: Log) -> Log:
            changed = change(list(records(log)))
            if changed is None:
                return log
            reach.note()
            return [part for record in changed for part in record]

        return log_of_run

    return made


def records(log: Log) -> Iterator[Record]:
    start = 0
    while start < len(log):
        width = log[start].WIDTH
        yield log[start : start + width]
        start += width


def path_of(record: Record) -> str:
    _, _, scope, name, *_ = record
    path: str = scope.path_of(name)
    return path


def by_end(lanes: Sequence[Lane]) -> list[Lane]:
    """Branches or items as they ended; those of the same time in declared order."""
    return sorted(lanes, key=_ended_at)


def _ended_at(lane: Lane) -> float:
    return max((event.at for event in read(lane.frame.log)), default=0.0)
