"""What a suite asks of DBOS: a queue per run, and in it one workflow per test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from dbos import DBOS, DBOSClient, EnqueueOptions, WorkflowStatus, run_dbos_database_migrations

from flujo.distributed.application import NAME, Pace
from flujo.distributed.serializer import JsonSerializer

VERSION: Final = "suite-1"
"""Of what is written into the queue: workers of another one take nothing from it."""
RETRIES: Final = 2
"""So often a test is run again because its worker was lost, before it is told as failed."""
LATE: Final = timedelta(seconds=30)
"""So much later than it says, what ended may be seen by others."""
WORKFLOW: Final = "flujo_case"
_LOST: Final = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
_OVER: Final = ("SUCCESS", "ERROR", _LOST, "CANCELLED")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The reports of a test, as pytest serialises them, or why there are none."""

    node_id: str
    reports: tuple[dict[str, Any], ...]
    problem: str | None


class Serving(Protocol):
    """Whoever runs tests in this process."""

    def run_case(self, node_id: str) -> str: ...


class _Here:
    """DBOS has one registry in a process, and knows functions only."""

    serving: Serving | None = None


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RETRIES)
def case(node_id: str) -> str:
    """Runs a test where this process serves a suite: its reports as JSON."""
    assert _Here.serving is not None
    return _Here.serving.run_case(node_id)


def serve(serving: Serving | None) -> None:
    """From now on cases are run by this one."""
    _Here.serving = serving


class Cases:
    """The cases of one run, as seen from outside. Whoever has collected other tests has another queue."""

    def __init__(self, url: str, run: str, node_ids: Iterable[str]) -> None:
        run_dbos_database_migrations(url)
        self._node_ids = {_digest(node_id): node_id for node_id in node_ids}
        self.queue = f"suite-{run}-{_digest(*sorted(self._node_ids))[:12]}"
        self._client = DBOSClient(system_database_url=url, serializer=JsonSerializer(), application_name=NAME)
        self._until = datetime.fromtimestamp(0, UTC)

    def close(self) -> None:
        self._client.destroy()

    def put(self) -> None:
        """Queue each test that is not queued yet."""
        known = {status.workflow_id for status in self._listed()}
        for digest, node_id in self._node_ids.items():
            if f"{self.queue}:{digest}" not in known:
                options: EnqueueOptions = {
                    "workflow_name": WORKFLOW,
                    "queue_name": self.queue,
                    "workflow_id": f"{self.queue}:{digest}",
                    "app_version": VERSION,
                }
                self._client.enqueue(options, node_id)

    def is_empty(self) -> bool:
        """Nobody has queued these tests."""
        return not self._listed(limit=1)

    def results(self) -> Iterator[CaseResult]:
        """What there is, the first time; later what may be new since."""
        over = self._listed(status=list(_OVER), completed_after=self._until.isoformat())
        for status in over:
            ended = datetime.fromtimestamp((status.completed_at or 0) / 1000, UTC)
            self._until = max(self._until, ended - LATE)
        ids = [status.workflow_id for status in over]
        for status in self._client.list_workflows(workflow_ids=ids, load_input=False) if ids else ():
            yield _result(self._node_ids[status.workflow_id.rpartition(":")[2]], status)

    def _listed(self, **options: Any) -> list[WorkflowStatus]:
        return self._client.list_workflows(
            workflow_id_prefix=f"{self.queue}:", load_input=False, load_output=False, **options
        )


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _result(node_id: str, status: WorkflowStatus) -> CaseResult:
    if status.status == "SUCCESS":
        return CaseResult(node_id, tuple(map(_with_tuples, json.loads(str(status.output)))), None)
    if status.status == "ERROR":
        return CaseResult(node_id, (), str(status.error))
    lost = f"{RETRIES + 1} workers were lost over it"
    return CaseResult(node_id, (), lost if status.status == _LOST else f"DBOS says {status.status}")


def _with_tuples(report: dict[str, Any]) -> dict[str, Any]:
    """A report as pytest reads it: JSON knows lists only."""
    for name in ("location", "longrepr"):
        if isinstance(report.get(name), list):
            report[name] = tuple(report[name])
    for name in ("sections", "user_properties"):
        report[name] = [tuple(pair) for pair in report.get(name, ())]
    return report


def pace(at_once: int | None, rate: tuple[int, float] | None) -> Pace:
    """A worker takes one test at a time: one that takes its worker down takes no other test with it."""
    starts, per_s = rate or (None, None)
    return Pace(at_once=at_once, at_once_here=1, starts=starts, per_s=per_s)
