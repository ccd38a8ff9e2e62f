"""What was seen of one run that was killed again and again, and what of it breaks a promise. Kills nobody itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Outcome = Mapping[str, Any]
"""What a process of the run printed at its end."""


@dataclass(frozen=True, slots=True)
class Kill:
    """``kept`` are the answers that were in the store right after, by path; ``asked`` is how many calls were made until
    then."""

    kept: Mapping[str, str]
    asked: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """``asked`` are the paths of all calls in their order, as the agents have written them down; ``kept`` the answers
    in the store at the end; ``outcomes`` what the process printed that ended the run, and one that asked for it again.
    """

    asked: Sequence[str]
    kept: Mapping[str, str]
    outcomes: Sequence[Outcome]
    kills: Sequence[Kill] = field(default=())

    @property
    def repeated(self) -> int:
        return len(self.asked) - len(set(self.asked))

    @property
    def doubts(self) -> int:
        return sum(outcome == "in_doubt" for _, outcome, _ in self.outcomes[0]["entries"])


def violations(seen: Evidence, undisturbed: Evidence) -> Iterator[str]:
    """What is wrong with a run, held against one that nobody has killed."""
    for number, kill in enumerate(seen.kills, 1):
        for path in seen.asked[kill.asked :]:
            if path in kill.kept:
                yield f"{path} was asked again after kill {number}, and its answer had been kept"
        for path, answer in kill.kept.items():
            if seen.kept.get(path) != answer:
                yield f"the answer at {path} that was kept at kill {number} is lost, or is another one"
    if any(outcome != seen.outcomes[0] for outcome in seen.outcomes):
        yield f"the run has {len(seen.outcomes)} outcomes that differ: {list(seen.outcomes)}"
    expected, outcome = undisturbed.outcomes[0], seen.outcomes[0]
    for what in ("status", "output", "notes"):
        if outcome[what] != expected[what]:
            yield f"its {what} is {outcome[what]!r}, undisturbed {expected[what]!r}"
    paid = [entry for entry in outcome["entries"] if entry[1] != "in_doubt"]
    if paid != expected["entries"]:
        yield f"its ledger is {paid}, undisturbed {expected['entries']}"
    doubts = Counter(path for path, outcome, _ in outcome["entries"] if outcome == "in_doubt")
    for path, times in Counter(seen.asked).items():
        if times - 1 > doubts[path]:
            yield f"{path} was asked {times} times, and {doubts[path]} calls are told as in doubt"
    if doubts.total() > len(seen.kills) * 3:
        yield f"{doubts.total()} calls are in doubt after {len(seen.kills)} kills of 3 branches"
    if set(seen.asked) != set(undisturbed.asked):
        yield f"asked were {sorted(set(seen.asked))}, undisturbed {sorted(set(undisturbed.asked))}"
