"""What a run of the audit found, added up: by fault, and by test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flujo_testing.audit.endings import Ending
from flujo_testing.audit.trial import Audited, State, Trial
from flujo_testing.faults import Fault


@dataclass(frozen=True)
class OfFault:
    """What came of one fault in all tests: each as (test, trial), in the order of the tests."""

    fault: Fault
    trials: tuple[tuple[str, Trial], ...]

    @cached_property
    def reached(self) -> bool:
        return any(trial.state is not State.NOT_REACHED for _, trial in self.trials)

    @cached_property
    def infected(self) -> tuple[tuple[str, Trial], ...]:
        return tuple(pair for pair in self.trials if pair[1].state is State.INFECTED)

    @cached_property
    def killers(self) -> tuple[tuple[str, Trial], ...]:
        return tuple(pair for pair in self.infected if pair[1].killed)

    @cached_property
    def survived(self) -> tuple[tuple[str, Trial], ...]:
        """Where the test tolerated what was told: it passed, or its end says nothing."""
        return tuple(pair for pair in self.infected if not pair[1].killed)

    @property
    def verdict(self) -> str:
        if self.killers:
            return "KILLED"
        if self.infected:
            return "SURVIVED"
        return "NOT INFECTED" if self.reached else "NOT REACHED"


@dataclass(frozen=True)
class Findings:
    """``catalogue``: the faults there are; ``tests``: those that ran a pipeline and passed without a fault."""

    catalogue: tuple[Fault, ...]
    tests: tuple[Audited, ...]
    full: bool

    @cached_property
    def faults(self) -> tuple[OfFault, ...]:
        trials: dict[str, list[tuple[str, Trial]]] = {fault.name: [] for fault in self.catalogue}
        for audited in self.tests:
            for trial in audited.trials:
                trials[trial.fault].append((audited.test, trial))
        return tuple(OfFault(fault, tuple(trials[fault.name])) for fault in self.catalogue)

    @cached_property
    def unheard(self) -> tuple[Audited, ...]:
        """Tests on which nothing was tried, each with its problem."""
        return tuple(audited for audited in self.tests if audited.problem)

    @cached_property
    def vacuous(self) -> tuple[Audited, ...]:
        """Known after a full audit only: in a fast one a test may have had no chance."""
        return tuple(audited for audited in self.tests if audited.is_vacuous) if self.full else ()

    @property
    def infected_tests(self) -> int:
        return sum(any(trial.state is State.INFECTED for trial in audited.trials) for audited in self.tests)

    @property
    def passes(self) -> int:
        return sum(audited.passes for audited in self.tests)

    def with_verdict(self, verdict: str) -> tuple[OfFault, ...]:
        return tuple(one for one in self.faults if one.verdict == verdict)

    def as_plain(self) -> dict[str, Any]:
        return {
            "format": "flujo-audit/1",
            "mode": "full" if self.full else "fast",
            "passes": self.passes,
            "faults": [dict(_plain_fault(one)) for one in self.faults],
            "tests": [audited.as_plain() for audited in self.tests],
            "vacuous": [audited.test for audited in self.vacuous] if self.full else None,
        }


def _plain_fault(one: OfFault) -> Iterator[tuple[str, Any]]:
    fault = one.fault
    yield from (("name", fault.name), ("group", fault.group), ("law", fault.law), ("wrong", fault.wrong))
    yield "verdict", one.verdict
    yield "killers", [test for test, _ in one.killers]
    yield "survived", [test for test, trial in one.survived if trial.ending is Ending.SURVIVED]
