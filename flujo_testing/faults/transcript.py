"""Faults of the transcript: what was written is told otherwise."""

from __future__ import annotations

from flujo.events import RunEnded
from flujo_testing.faults.fault import Fault
from flujo_testing.faults.logs import Record, by_end, telling
from flujo_testing.faults.seams import lying

GROUP = "transcript"
GOLDEN = "golden.check(result)"


def _without_the_last(records: list[Record]) -> list[Record] | None:
    return [*records[:-2], records[-1]] if _is_whole(records) else None


def _last_twice(records: list[Record]) -> list[Record] | None:
    return [*records, records[-1]] if _is_whole(records) else None


def _is_whole(records: list[Record]) -> bool:
    """A run that keeps no transcript keeps what was paid, and no end."""
    return bool(records) and records[-1][0] is RunEnded


TRANSCRIPT = (
    Fault(
        "last_event_dropped", GROUP, "P9", "The last event before the end of the run is missing in the transcript.",
        "laws.log_of_run", GOLDEN, telling(_without_the_last),
    ),
    Fault(
        "event_twice", GROUP, "P9", "The last event of a run is in the transcript twice.",
        "laws.log_of_run", GOLDEN, telling(_last_twice),
    ),
    Fault(
        "branches_in_completion_order", GROUP, "P8", "Branches are told in the order in which they ended.",
        "laws.logs_in_order", GOLDEN, lying(logs_in_order=by_end),
    ),
)  # fmt: skip
