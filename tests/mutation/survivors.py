"""The mutants that are known to survive, each with the reason: ``survivors.toml``."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import KILLED, SURVIVED, TIMEOUT, VERDICTS, Change

LISTED = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True)
class Known:
    """``target`` is the name of what was mutated; ``times`` is how many equal changes there are in the function."""

    target: str
    change: Change
    reason: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Judged:
    """Of one target: how many mutants there were, and what is wrong, one line each. ``notes`` fail nobody."""

    name: str
    mutants: int
    killed: int
    survived: int
    timeouts: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        percent = 100 * (self.killed + self.timeouts) / self.mutants if self.mutants else 0
        return (
            f"{self.name}: {self.mutants} mutants, {self.killed} killed, {self.timeouts} timeouts, "
            f"{self.survived} survived ({percent:.1f} %)"
        )


def known_survivors(text: str) -> tuple[Known, ...]:
    """Raises ValueError for a row that is none."""
    rows = []
    for target, entries in tomllib.loads(text).items():
        for row in entries:
            if (
                not row.keys() <= {"function", "was", "becomes", "reason", "times"}
                or not str(row.get("reason", "")).strip()
            ):
                raise ValueError(
                    f"{target}: a survivor has function, was, becomes, a reason and, if it is not 1, times: {row}"
                )
            change = Change(row["function"], row["was"], row["becomes"])
            rows.append(Known(target, change, row["reason"], row.get("times", 1)))
    return tuple(rows)


def judged(
    name: str, verdicts: Sequence[str], survivors: Sequence[Change], known: Sequence[Known], least_percent: int
) -> Judged:
    """Hold what mutmut said of each mutant against what is known to survive; ``survivors`` are those that did."""
    count = Counter(VERDICTS.get(verdict, verdict) for verdict in verdicts)
    problems = [] if verdicts else [f"{name}: there was nothing to mutate"]
    problems += [
        f"{name}: {count[odd]} mutants were {odd}" for odd in sorted(count.keys() - {KILLED, SURVIVED, TIMEOUT})
    ]
    if 100 * (count[KILLED] + count[TIMEOUT]) < least_percent * len(verdicts):
        problems.append(f"{name}: fewer than {least_percent} % of the mutants were killed")
    expected = Counter({row.change: row.times for row in known if row.target == name})
    found = Counter(survivors)
    problems += [
        f"{name}: survived: {_told(change, times)}" for change, times in sorted((found - expected).items(), key=str)
    ]
    notes = [
        f"{name}: killed by now, or gone: {_told(change, times)}"
        for change, times in sorted((expected - found).items(), key=str)
    ]
    return Judged(name, len(verdicts), count[KILLED], count[SURVIVED], count[TIMEOUT], tuple(problems), tuple(notes))


def _told(change: Change, times: int) -> str:
    twice = f" ({times} times)" if times > 1 else ""
    return f"{change.function}{twice}: {change.was!r} -> {change.becomes!r}"
