"""Checks that a run adds up and that its transcript is well formed, whatever the pipeline.

Everything is computed here once more from the events, with arithmetic of its own: nothing is taken from the
engine's sums but to be compared with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flujo import PipelineResult
from flujo.events import Event
from flujo_testing.conservation.paths import out_of_order
from flujo_testing.conservation.reading import read
from flujo_testing.conservation.sums import sums_violated


class ConservationError(AssertionError):
    """A run that cannot be; ``violations`` says what is wrong with it, one by one, with paths and values."""

    def __init__(self, violations: Iterable[str]) -> None:
        self.violations = tuple(violations)
        told = "\n".join(f"- {violation}" for violation in self.violations)
        super().__init__(f"this run cannot be:\n{told}")


def check_conservation(run: PipelineResult | Iterable[Event], *, metered: Collection[str] = ()) -> None:
    """Raise ConservationError unless the run adds up.

    ``run`` is a result, or the events of a run that left none, because it was cancelled; those may come in
    the order of their arrival. ``metered`` are the paths of steps of which every answer must be paid.
    """
    if isinstance(run, PipelineResult):
        account = read(run.transcript, metered)
        violations = [*out_of_order(run.transcript), *account.violations, *sums_violated(run, account)]
    else:
        violations = read(run, metered).violations
    if violations:
        raise ConservationError(violations)


__all__ = ["ConservationError", "check_conservation"]
