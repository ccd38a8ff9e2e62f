"""Kills processes that run a pipeline on a SQLite store, at random moments; holds what is left against the promises.

``python -m nox -s chaos`` kills 200 times, ``-- sample`` 10 times. A committed call is never repeated, none is lost, a
run has one outcome, and the ledger of a resumed run is that of an undisturbed one but for calls in doubt, which are
counted. Exit code 1 on any violation.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evidence import Evidence, Kill, violations

WORKER = Path(__file__).with_name("worker.py")
READY = "ready"
LONGEST_S = 0.4
"""A run that nobody kills takes about 1 s from its begin."""


class Run:
    """One run, from its first process to its last."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.database, self.log, self.run_id = folder / "runs.db", folder / f"{run_id}.asked", run_id
        self.log.touch()

    def process(self) -> subprocess.Popen[str]:
        words = [sys.executable, str(WORKER), str(self.database), str(self.log), self.run_id]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def outcome(self) -> dict[str, Any]:
        """Run to the end."""
        process = self.process()
        told, error = process.communicate()
        begun, _, outcome = told.partition("\n")
        if begun != READY or process.returncode != 0:
            raise SystemExit(f"a process ended with {process.returncode} after it told {told!r}: {error}")
        return dict(json.loads(outcome))

    def killed(self, after_s: float) -> Kill | None:
        """Kill a process of the run so long after its begin; None if it had ended by itself."""
        process = self.process()
        assert process.stdout is not None
        if process.stdout.readline() != f"{READY}\n":
            raise SystemExit(f"a process did not start: {process.communicate()[1]}")
        time.sleep(after_s)
        process.kill()
        process.communicate()  # what else it told may have been read with its first line, and is lost
        return Kill(self.kept(), len(self.asked())) if process.returncode < 0 else None

    def asked(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def kept(self) -> dict[str, str]:
        """Read with nothing of the store's own."""
        with sqlite3.connect(self.database) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'answers'").fetchall()
            query = "SELECT path, value || COALESCE(facts, '') FROM answers WHERE run_id = ?"
            kept = dict(connection.execute(query, (self.run_id,)).fetchall()) if tables else {}
        connection.close()
        return kept

    def evidence(self, kills: list[Kill]) -> Evidence:
        first, again = self.outcome(), self.outcome()
        return Evidence(self.asked(), self.kept(), [first, again], kills)


def seen(run: Run, chance: random.Random, most: int) -> Evidence:
    """What is seen of a run that is killed up to so many times; a process that has ended by itself ends it."""
    kills: list[Kill] = []
    while len(kills) < most and (kill := run.killed(chance.uniform(0, LONGEST_S))) is not None:
        kills.append(kill)
    return run.evidence(kills)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", nargs="?", choices=["sample"], help="10 kills instead of 200")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    wanted, chance = 10 if asked.how else 200, random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        undisturbed = Run(folder, "undisturbed").evidence([])
        everything: list[Evidence] = []
        while (left := wanted - sum(len(each.kills) for each in everything)) > 0:
            everything.append(seen(Run(folder, f"run-{len(everything)}"), chance, min(left, 9)))
    broken = [
        f"run {number}: {what}" for number, each in enumerate(everything) for what in violations(each, undisturbed)
    ]
    print(told(figures(everything, undisturbed), broken))
    return 1 if broken else 0


def figures(everything: list[Evidence], undisturbed: Evidence) -> Mapping[str, int]:
    kept = sum(len(kill.kept) for each in everything for kill in each.kills)
    return {
        "kills": sum(len(each.kills) for each in everything),
        "runs": len(everything),
        "calls of an undisturbed run": len(undisturbed.asked),
        "calls": sum(len(each.asked) for each in everything),
        "answers kept at kills": kept,
        "calls repeated, all of them in doubt": sum(each.repeated for each in everything),
        "calls told as in doubt": sum(each.doubts for each in everything),
    }


def told(counted: Mapping[str, int], broken: list[str]) -> str:
    lines = [f"{what:42}{number:8}" for what, number in counted.items()]
    return "\n".join([*lines, *broken, f"{len(broken)} violations in {counted['runs']} runs, {counted['kills']} kills"])


if __name__ == "__main__":
    sys.exit(main())
