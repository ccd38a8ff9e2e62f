"""What came of one test under one fault, and of a test in the audit. Plain data, for it crosses processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from flujo_testing.audit.endings import Ending

PROPERTY = "flujo_audit"
"""The attribute of the report of a call that holds what came of its test, as JSON: xdist carries it."""


class State(StrEnum):
    NOT_REACHED = "not reached"
    NOT_INFECTED = "not infected"
    """The engine lied, and nothing that the test's runs tell is different."""
    INFECTED = "infected"


@dataclass(frozen=True, slots=True)
class Trial:
    """``told``: what was different, in words; ``assertion``: what would have noticed; ``violation``: our own check."""

    fault: str
    state: State
    ending: Ending
    told: tuple[str, ...] = ()
    assertion: str = ""
    violation: str = ""

    @property
    def killed(self) -> bool:
        return self.state is State.INFECTED and self.ending.scores


@dataclass(frozen=True, slots=True)
class Audited:
    """A test that ran a pipeline. ``problem`` says why nothing was tried on it, ``passes`` counts clean ones, too."""

    test: str
    passes: int
    trials: tuple[Trial, ...] = ()
    problem: str = ""

    @property
    def is_vacuous(self) -> bool:
        """A fault changed what it tells, and it noticed none."""
        infected = [trial for trial in self.trials if trial.state is State.INFECTED]
        return bool(infected) and not any(trial.killed for trial in infected)

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)


def trial_from_plain(row: dict[str, Any]) -> Trial:
    return Trial(
        row["fault"], State(row["state"]), Ending(row["ending"]), tuple(row["told"]), row["assertion"], row["violation"]
    )


def audited_from_plain(row: dict[str, Any]) -> Audited:
    trials = tuple(trial_from_plain(trial) for trial in row["trials"])
    return Audited(row["test"], row["passes"], trials, row["problem"])
