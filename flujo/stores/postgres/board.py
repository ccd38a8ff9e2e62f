"""What waits for whom: the runs that were handed over, and the workers that are there to take them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal

import psycopg

from flujo.stores.postgres.holder import held, lock_key
from flujo.stores.records import RunSummary


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many runs of a pipeline that nobody runs, and why."""

    pipeline: str
    version: str
    runs: int
    reason: str

    def __str__(self) -> str:
        runs = "1 run waits" if self.runs == 1 else f"{self.runs} runs wait"
        return f"{self.pipeline}: {runs} for {self.reason}"


def enlist(session: psycopg.Connection, name: str, version: str, pipelines: Iterable[str]) -> None:
    """A worker is there as long as the lock of its name is held."""
    session.execute(
        "INSERT INTO flujo.workers (name, version, pipelines, since) VALUES (%s, %s, %s, now()) "
        "ON CONFLICT (name) DO UPDATE SET version = excluded.version, pipelines = excluded.pipelines",
        (name, version, list(pipelines)),
    )


def strike_off(session: psycopg.Connection, name: str) -> None:
    session.execute("DELETE FROM flujo.workers WHERE name = %s", (name,))


def waiting(session: psycopg.Connection) -> tuple[Waiting, ...]:
    """What is handed over, not over, and held by nobody who is there, by pipeline and version."""
    there = held(session.execute)
    workers = [
        (version, pipeline)
        for name, version, pipelines in session.execute("SELECT name, version, pipelines FROM flujo.workers")
        if lock_key(name) in there
        for pipeline in pipelines
    ]
    rows = session.execute(
        "SELECT d.pipeline, d.version, h.holder FROM flujo.dispatched d LEFT JOIN flujo.holds h USING (run_id) "
        "WHERE NOT d.over"
    ).fetchall()
    counted: dict[tuple[str, str], int] = {}
    for pipeline, version, holder in rows:
        if holder is None or lock_key(holder) not in there:
            counted[pipeline, version] = counted.get((pipeline, version), 0) + 1
    return tuple(
        Waiting(pipeline, version, runs, _reason(pipeline, version, workers))
        for (pipeline, version), runs in sorted(counted.items())
    )


def queued(session: psycopg.Connection) -> list[RunSummary]:
    """What was handed over and not begun, the newest first."""
    rows = session.execute(
        "SELECT run_id, pipeline, at FROM flujo.dispatched d WHERE NOT over "
        "AND NOT EXISTS (SELECT 1 FROM flujo.runs r WHERE r.run_id = d.run_id) ORDER BY at DESC"
    )
    return [
        RunSummary(run_id, pipeline, pipeline, "queued", at.astimezone(UTC), None, Decimal(0), 0, 0)
        for run_id, pipeline, at in rows.fetchall()
    ]


def _reason(pipeline: str, version: str, workers: list[tuple[str, str]]) -> str:
    versions = sorted({known for known, served in workers if served == pipeline})
    if version in versions:
        return "a worker that has time"
    if versions:
        return f"a worker of version {version!r}; those that are there have {', '.join(map(repr, versions))}"
    return f"a worker of version {version!r} that serves it: flujo worker {pipeline} --version {version}"
