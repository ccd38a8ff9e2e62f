"""What a run of a suite is told to do, as it is handed from the command to the processes of pytest."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from typing import Final

OPTIONS: Final = ("--golden=check", "--flujo-lint=off", "-p", "no:cacheprovider", "--junitxml=", "-q")
"""Of workers: they write nothing that the run which tells their reports writes, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``arguments`` are pytest's; ``workers`` are started here, others may join from elsewhere. A worker that is silent
    for ``patience_s`` is given up."""

    url: str
    run: str
    workers: int = 2
    at_once: int | None = None
    rate: tuple[int, float] | None = None
    arguments: tuple[str, ...] = ()
    patience_s: float = 15.0

    def command(self, plugin: str, *options: str) -> list[str]:
        """A run of pytest with one of our plugins for suites."""
        told = json.dumps(asdict(self))
        return [sys.executable, "-m", "pytest", "-p", plugin, f"--flujo-suite={told}", *self.arguments, *options]


def plan_of(text: str) -> Plan:
    """The plan in an option that people do not write."""
    try:
        plan = Plan(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"'flujo suite run' passes this on: {error}") from error
    rate = None if plan.rate is None else (plan.rate[0], plan.rate[1])
    return Plan(plan.url, plan.run, plan.workers, plan.at_once, rate, tuple(plan.arguments), plan.patience_s)
