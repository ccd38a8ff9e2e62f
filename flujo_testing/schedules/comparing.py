"""What a run in another order is held against: the first run's story where order may not matter, the laws elsewhere.

The same transcript is promised for every order where no branch is stopped early and no call is refused by a budget (one
that only waits for it is made in the end). Branches that share a cache are left out as well: who comes first fills it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flujo.events import (
    BranchEnded,
    CacheHit,
    CacheMissed,
    Event,
    ItemEnded,
    LimitPassed,
    NotAdmitted,
    RunEnded,
)
from flujo_testing.conservation import check_conservation
from flujo_testing.conservation.paths import in_canonical_order
from flujo_testing.schedules.recording import RecordedRun
from flujo_testing.transcript import Difference, NotTellable, differences, story_of_events

BROKEN_OFF = frozenset({"stopped", "limited", "cancelled", "aborted"})
Told = tuple[int, str, str]
"""A difference as far as it is compared with others: the run, its kind and its path."""


def check_laws(runs: Sequence[RecordedRun]) -> None:
    """Raise ConservationError for the first run that cannot be; runs that have not ended are not looked at."""
    for run in runs:
        if run.ended:
            check_conservation(run.events)


def differing(first: Sequence[RecordedRun], other: Sequence[RecordedRun]) -> Iterator[tuple[Told, str]]:
    """In what the runs of one pass differ from those of the first, where they may not: as compared, and in words."""
    if len(first) != len(other):
        yield (0, "runs", ""), f"the test makes {len(other)} runs instead of {len(first)}"
        return
    for number, (one, two) in enumerate(zip(first, other, strict=True)):
        if one.ended and two.ended and promised_alike([one, two]):
            of_run = "" if len(first) == 1 else f"run {number + 1}: "
            for difference in _told_otherwise(one, two):
                yield (number, difference.kind, difference.path), of_run + difference.text


def promised_alike(runs: Iterable[RecordedRun]) -> bool:
    """Whether all of these runs are promised the same transcript in every order."""
    return not any(_depends_on_order(event) for run in runs for event in run.events)


def _depends_on_order(event: Event) -> bool:
    match event:
        case BranchEnded() | ItemEnded() | RunEnded():
            return event.status in BROKEN_OFF
        case NotAdmitted() | LimitPassed():
            return True
        case CacheHit() | CacheMissed():
            return "/branch:" in event.step or "/item:" in event.step
    return False


def _told_otherwise(one: RecordedRun, two: RecordedRun) -> list[Difference]:
    """The differences of their stories; none if a value can't be told, for then nobody can say."""
    try:
        stories = [story_of_events(in_canonical_order(run.events)[0]) for run in (one, two)]
    except NotTellable:
        return []
    return list(differences(*stories))
