"""The fewest deviations from first in, first out with which a test still fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flujo_testing.schedules.schedule import Schedule

MOST_TRIES = 200


def shrunk(schedule: Schedule, still_fails: Callable[[Schedule], Schedule | None]) -> Schedule:
    """The schedule without the deviations that it does not need, and each as small as it can be.

    ``still_fails`` makes a pass and gives the schedule that it really took, or None if it did not fail alike.
    """
    tried: set[Schedule] = set()
    found = True
    while found:
        found = False
        for smaller in _smaller(schedule):
            if smaller in tried:
                continue
            if len(tried) == MOST_TRIES:
                return schedule
            tried.add(smaller)
            taken = still_fails(smaller)
            if taken is not None and _size(taken) < _size(schedule):
                schedule, found = taken, True
                break
    return schedule


def _size(schedule: Schedule) -> tuple[int, int, int]:
    return schedule.deviations, sum(schedule.choices), len(schedule.choices)


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Without half of the deviations, a quarter, ... one; then with one of them smaller. Later ones go first."""
    choices = schedule.choices
    places = [at for at, choice in enumerate(choices) if choice]
    many = len(places)
    while many:
        for end in range(len(places), 0, -many):
            gone = set(places[max(0, end - many) : end])
            yield Schedule.of(0 if at in gone else choice for at, choice in enumerate(choices))
        many //= 2
    for at in reversed(places):
        for choice in range(1, choices[at]):
            yield Schedule.of((*choices[:at], choice, *choices[at + 1 :]))
