"""Which orders are tried: all of them if there are few, else those with the fewest deviations and others by chance.

The orders are the leaves of a tree: at each decision one of those who wait goes on. A pass shows the decisions on its
way; every other choice at one of them, behind its own beginning, is a branch of the tree that nobody has been in yet.
Branches are taken in turns: one with the fewest deviations, then any one, followed at random to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from flujo_testing.schedules.gate import Tail, first
from flujo_testing.schedules.schedule import Decision, Schedule


@dataclass(frozen=True, slots=True)
class Plan:
    """A pass to make: ``schedule``, then ``tail``; ``expected`` is what led there, and has to come again."""

    schedule: Schedule
    tail: Tail
    expected: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class _Branch:
    """The choice ``choice`` at the decision ``at`` of a pass that chose otherwise there."""

    of: Sequence[Decision]
    at: int
    choice: int

    @property
    def choices(self) -> tuple[int, ...]:
        return (*(decision.chosen for decision in self.of[: self.at]), self.choice)


class Orders:
    """The orders that are left to try, the same list on every machine for the same ``seed``."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._branches: list[list[_Branch]] = []
        self._turns = 0

    @property
    def all_tried(self) -> bool:
        return not any(self._branches)

    def learn(self, decisions: Sequence[Decision], known: int) -> None:
        """A pass has made these decisions; at the first ``known`` of them the other choices are known already."""
        deviations = sum(decision.chosen > 0 for decision in decisions[:known])
        for at, decision in enumerate(decisions[known:], known):
            for choice in range(len(decision.waiting)):
                if choice != decision.chosen:
                    self._add(_Branch(decisions, at, choice), deviations + (choice > 0))
            deviations += decision.chosen > 0

    def next(self) -> Plan:
        """The next pass to make. There must be one left."""
        self._turns += 1
        fewest_deviations = self._turns % 2 == 1
        if fewest_deviations:
            bucket = next(bucket for bucket in self._branches if bucket)
        else:
            bucket = self._random.choices(self._branches, [len(bucket) for bucket in self._branches])[0]
        index = self._random.randrange(len(bucket))
        bucket[index], bucket[-1] = bucket[-1], bucket[index]
        branch = bucket.pop()
        tail = first if fewest_deviations else self._random.randrange
        return Plan(Schedule(branch.choices), tail, tuple(branch.of[: branch.at + 1]))

    def _add(self, branch: _Branch, deviations: int) -> None:
        while len(self._branches) <= deviations:
            self._branches.append([])
        self._branches[deviations].append(branch)
