"""Checks that a run adds up and that its transcript is well formed, whatever the pipeline.

Everything is computed here once more from the events, with arithmetic of its own: nothing is taken from the
engine's sums but to be compared with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Final

from flujo import PipelineResult
from flujo.events import RECORDS, Event
from flujo_testing.conservation.paths import in_canonical_order, out_of_order
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
        violations = [*out_of_order(run.transcript, account.ordered), *account.violations, *sums_violated(run, account)]
    else:
        violations = read(run, metered).violations
    if violations:
        raise ConservationError(violations)


def is_checked_with(transcript: Sequence[Event], told: Iterable[Event]) -> bool:
    """Whether a run that was ``told`` so, event by event as they arrived, is the one of this transcript.

    Then what is said of the transcript is said of it.
    """
    ordered, stray = in_canonical_order(told)
    return not stray and len(ordered) == len(transcript) and all(map(_is_same, ordered, transcript))


_FIELDS: Final = {kind: attrgetter(*(field.name for field in fields(kind) if field.compare)) for kind in RECORDS}


def _is_same(told: Event, kept: Event) -> bool:
    """Equal in all that is compared; fields that hold one object are, also where values refuse to be compared."""
    fields_of = _FIELDS.get(type(told))
    if fields_of is None or type(told) is not type(kept):
        return False
    try:
        return bool(fields_of(told) == fields_of(kept))
    except Exception:  # values of users may refuse to be compared
        return False


__all__ = ["ConservationError", "check_conservation", "is_checked_with"]
