"""What can go wrong with exploring orders, and the failure that exploring is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flujo_testing.schedules.schedule import Schedule


class ScheduleFailure(AssertionError):
    """A test that passes first in, first out fails in another order, or its runs tell another story in it.

    The message says in which order, what differs, and how to repeat it; the cause is what was raised, if anything.
    """

    def __init__(self, message: str, schedule: Schedule) -> None:
        super().__init__(message)
        self.schedule = schedule


class ScheduleError(Exception):
    """Orders cannot be explored as it was asked for; the message says what to do instead."""


class ScheduleNotReplayable(ScheduleError):
    """A schedule says who goes on next, and those who could wait elsewhere or are others than before."""


class NotRepeatable(ScheduleError):
    """The test fails when it is run a second time in the same order: something outlives its first pass."""
