"""A schedule: which of those who wait goes on, decision by decision, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flujo_testing.schedules.errors import ScheduleError


@dataclass(frozen=True, slots=True)
class Decision:
    """Two or more asks waited, in the order in which they came, and the one at ``chosen`` (from 0) went on."""

    waiting: tuple[str, ...]
    chosen: int

    @property
    def told(self) -> str:
        """A deviation in words."""
        overtaken = ", ".join(map(repr, self.waiting[: self.chosen]))
        return f"{self.waiting[self.chosen]!r} goes before {overtaken}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """``choices``: for each decision the position of who goes on; behind its end, the one that came first.

    Written with dots, ``0.0.1``: first in, first out, but at the third decision the second goes on.
    """

    choices: tuple[int, ...] = ()

    @classmethod
    def of(cls, choices: Iterable[int]) -> Schedule:
        """Without the zeros at the end, which say nothing."""
        listed = list(choices)
        while listed and listed[-1] == 0:
            listed.pop()
        return cls(tuple(listed))

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read ``0.0.1``. Raises ScheduleError for anything else."""
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6}){0,99999}", text, re.ASCII):
            raise ScheduleError(f"{text[:80]!r} is no schedule: write the choices with dots, such as 0.0.1")
        return cls.of(map(int, text.split(".")))

    @property
    def deviations(self) -> int:
        """How often somebody overtakes."""
        return sum(choice > 0 for choice in self.choices)

    def __str__(self) -> str:
        return ".".join(map(str, self.choices)) or "0"


FIRST_IN_FIRST_OUT = Schedule()


def deviations_told(decisions: Iterable[Decision]) -> Iterator[str]:
    """Where a pass left the order first in, first out."""
    for number, decision in enumerate(decisions, 1):
        if decision.chosen:
            yield f"decision {number}: {decision.told}"
