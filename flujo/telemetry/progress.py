"""How far a run is, in plain text for whoever waits: ``Progress``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from flujo.events import Asked, CacheHit, Event, ItemEnded, Paid, Questioned, RunEnded, RunStarted, StepEnded
from flujo.money import ZERO, add, show_usd
from flujo.telemetry.details import counted
from flujo.telemetry.lines import told
from flujo.telemetry.per_run import PerRun

_INTERVAL_S: Final = 0.5
"""Between lines about items, of which there may be thousands."""


@dataclass(slots=True)
class _Run:
    pipeline: str
    started_at: float
    told_items_at: float
    requests: int = 0
    unpriced: int = 0
    cost_usd: Decimal = ZERO

    def spent(self) -> str:
        """``3 requests, 0.0125 USD``; ``at least`` where a cost is not known; empty if nothing was paid."""
        if not self.requests:
            return ""
        least = "at least " if self.unpriced else ""
        return f", {counted(self.requests, 'request')}, {least}{show_usd(self.cost_usd)} USD"


class Progress:
    """A listener that writes a line when a step asks or ends, with what the run has spent so far.

    Of the items of a map step it tells one every half second, and nothing of the steps inside.
    ``write`` takes the lines, each with its end; the default is the standard error stream.
    """

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write or (lambda line: sys.stderr.write(line))
        self._runs: PerRun[_Run] = PerRun(lambda event: _Run(event.pipeline, event.at, event.at))

    def __call__(self, event: Event) -> None:
        run = self._runs.of(event)
        if isinstance(event, Paid):
            run.requests += 1
            run.unpriced += event.entry.uncertain
            run.cost_usd = add(run.cost_usd, event.entry.cost_usd or ZERO)
        elif "/item:" not in event.step and (line := _line(run, event)):
            self._write(f"{event.at - run.started_at:8.1f} s  {line}\n")


def _line(run: _Run, event: Event) -> str | None:
    match event:
        case RunStarted():
            return f"{run.pipeline} started"
        case RunEnded():
            return f"{run.pipeline} {event.status}{run.spent()}"
        case Asked():
            return f"{event.path} {told(event)}"
        case StepEnded():
            return f"{event.step} {event.status}{run.spent()}"
        case CacheHit():
            return f"{event.step} is cached"
        case Questioned():
            return f"{event.step} waits for an answer"
        case ItemEnded() if event.at - run.told_items_at >= _INTERVAL_S:
            run.told_items_at = event.at
            return f"{event.step} item {event.item} {event.status}{run.spent()}"
    return None
