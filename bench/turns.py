"""Measuring by turns: every contender has a process of its own, and one round of each follows one of the other.

These machines are shared and change their speed: only figures of the same minute may be compared, so ratios are
medians of the ratios within one round.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
QUIET = {"PYTHONHASHSEED": "0", "HAYSTACK_TELEMETRY_ENABLED": "False", "DO_NOT_TRACK": "1"}
OURS = ("bare", "ours", "shapes")


@dataclass(frozen=True, slots=True)
class Contender:
    """A peer at a workload of size ``n``."""

    label: str
    peer: str
    workload: str
    n: int


@dataclass(frozen=True, slots=True)
class Rounds:
    """CPU microseconds per unit of every contender, round by round; and why some were not measured."""

    us: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def median(self, label: str) -> float | None:
        return statistics.median(self.us[label]) if self.us.get(label) else None

    def ratio(self, above: str, below: str) -> float | None:
        """How many times the one takes what the other takes; None unless both were measured."""
        if not self.us.get(above) or not self.us.get(below):
            return None
        return statistics.median(a / b for a, b in zip(self.us[above], self.us[below], strict=True))


class NotMeasured(Exception):
    """A contender cannot run here, or its process ended; says why."""


class Worker(AbstractContextManager["Worker"]):
    """The process of one contender, waiting for its turns."""

    def __init__(self, contender: Contender) -> None:
        python = python_of(contender.peer)
        if not python.exists():
            raise NotMeasured(f"no environment at {python}")
        words = [str(python), str(HERE / "measure.py"), contender.peer, contender.workload, str(contender.n)]
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115  # closed on exit
        self._process = subprocess.Popen(
            words,
            env={**os.environ, **QUIET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ready(self) -> None:
        """Wait until it has checked its result. Raises NotMeasured for a workload that the peer cannot do."""
        if "unsupported" in self._answer():
            raise NotMeasured("n/a")

    def turn(self) -> float:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no answer, either
            print(file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise NotMeasured((self._errors.read().strip().splitlines() or ["it ended without a word"])[-1])
        return json.loads(line)

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._errors.close()


def python_of(peer: str) -> Path:
    """The interpreter with the peer installed; what is ours, and bare awaits, run in this one."""
    if peer in OURS:
        return Path(sys.executable)
    scripts = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return Path(os.environ.get("BENCH_VENVS", ".")) / peer / scripts


def by_turns(contenders: Sequence[Contender], rounds: int) -> Rounds:
    """Every contender once per round, each round beginning with another one."""
    measured = Rounds()
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for contender in contenders:
            try:
                worker = stack.enter_context(Worker(contender))
                worker.ready()
            except NotMeasured as error:
                measured.missing[contender.label] = str(error)
            else:
                workers[contender.label] = worker
        for number in range(rounds):
            _one_round(workers, number, measured)
    return measured


def _one_round(workers: dict[str, Worker], number: int, measured: Rounds) -> None:
    labels = [label for label in workers if label not in measured.missing]
    first = number % max(1, len(labels))
    for label in labels[first:] + labels[:first]:
        try:
            measured.us.setdefault(label, []).append(workers[label].turn())
        except NotMeasured as error:
            measured.missing[label] = str(error)
            del measured.us[label]
