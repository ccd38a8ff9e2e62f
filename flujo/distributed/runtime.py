"""Runs handed over to workers: started, answered, waited for and looked at, from any process and any event loop.

Nothing runs here, and no worker needs to be there yet. DBOS queues what is handed over and knows what is over; Postgres
keeps what a run was answered, by its paths.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import anyio
import anyio.to_thread
import sqlalchemy as sa
from dbos import DBOSClient, EnqueueOptions, run_dbos_database_migrations
from sqlalchemy.exc import SQLAlchemyError

from flujo.distributed.application import NAME
from flujo.distributed.serializer import JsonSerializer
from flujo.errors import MisuseError, NoSuchRun, StoreError
from flujo.stores.codec import Codec
from flujo.stores.facts import limits_data
from flujo.stores.postgres.address import checked, place
from flujo.stores.postgres.board import Waiting
from flujo.stores.postgres.store import PostgresStore
from flujo.stores.records import StoredRun
from flujo.usage import UsageLimits

T = TypeVar("T")
VERSION: Final = "flujo-1"
"""Of what is handed over. Workers of another version leave it alone."""
RUN: Final = "flujo_run"
WENT_WRONG: Final = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED")


class DBOSRuntime:
    """Hands runs over to the workers of a database; ``flujo worker`` is one of them.

    ``version`` is that of the workers which are to run what is handed over here.
    """

    def __init__(self, url: str, *, version: str = VERSION, poll_s: float = 0.5) -> None:
        self.url = checked(url)
        self.version = version
        self.poll_s = poll_s
        self.store = PostgresStore(url)  # says what is wrong with the database, if anything
        run_dbos_database_migrations(url)
        self._engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        self._client = DBOSClient(
            system_database_engine=self._engine, serializer=JsonSerializer(), application_name=NAME,
            retry_connection_errors=False,
        )  # fmt: skip

    def close(self) -> None:
        self._client.destroy()
        self._engine.dispose()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def start(
        self,
        pipeline: str,
        input: object,
        *,
        run_id: str | None = None,
        context_data: Mapping[str, Any] | None = None,
    ) -> str:
        """Hand a run over to whoever serves ``pipeline`` (``module:attribute``): its id.

        The same run twice is one run. Raises MisuseError for an id that is that of another run, NotStorable for an
        input that cannot be written down, StoreError if the database is not there.
        """
        named = uuid.uuid4().hex if run_id is None else run_id
        _check_names(pipeline, named)
        told = Codec().text({"input": input, "context_data": dict(context_data or {})}, "what the run begins with")
        await self._in_thread(partial(self._hand_over, named, pipeline, "start", told, named))
        return named

    async def signal(
        self,
        run_id: str,
        answers: Mapping[str, object] | None = None,
        *,
        usage_limits: UsageLimits | None = None,
    ) -> None:
        """Let a run go on that has ended: with people's ``answers`` by path, or with other limits.

        Told twice, it goes on once. Raises NoSuchRun.
        """
        given = {"answers": dict(answers or {}), "limits": limits_data(usage_limits)}
        digest = hashlib.sha256(Codec().text(given, "the answers").encode("utf-8", "surrogatepass")).hexdigest()[:12]
        await self._in_thread(partial(self._go_on, run_id, given, digest))

    async def result(self, run_id: str) -> StoredRun:
        """Wait until a worker has brought the run to an end, and what is kept of it then: ``summary.status`` is
        ``paused`` where people have to answer. Raises NoSuchRun; StoreError where no worker could run it."""
        found = await self._in_thread(partial(self._found, run_id))
        while found is None:
            await anyio.sleep(self.poll_s)
            found = await self._in_thread(partial(self._found, run_id))
        return found

    def history(self, run_id: str) -> StoredRun:
        """All that is kept of the run so far. Raises NoSuchRun."""
        return self.store.load(run_id)

    def waiting(self) -> tuple[Waiting, ...]:
        """What nobody runs, and what it waits for."""
        return self.store.waits()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(work)
        except SQLAlchemyError as error:
            told = " ".join(str(getattr(error, "orig", None) or error).split())
            raise StoreError(place(self.url), f"cannot be reached: {told}", "Look at the server and its log") from error

    def _hand_over(self, run_id: str, pipeline: str, act: str, told: str, workflow_id: str) -> None:
        """Both or neither: the run on the board, and the workflow in the queue."""
        digest = hashlib.sha256(f"{pipeline}\n{told}".encode("utf-8", "surrogatepass")).hexdigest()
        values = {"run": run_id, "workflow": workflow_id, "pipeline": pipeline, "version": self.version}
        values["digest"] = digest
        with self._engine.begin() as session:
            known = session.execute(_PUT, values).rowcount == 0
            if known:
                before = session.execute(_DIGEST, {"run": run_id}).scalar_one()
                if before != digest:
                    raise MisuseError(f"run '{run_id}' was started with another pipeline or input: use another id")
                return
            self._enqueue(session, pipeline, workflow_id, act, run_id, told)

    def _go_on(self, run_id: str, given: dict[str, Any], digest: str) -> None:
        with self._engine.begin() as session:
            row = session.execute(_LOCKED, {"run": run_id}).one_or_none()
            if row is None:
                raise NoSuchRun(run_id)
            went_wrong = self._status(row.workflow).status in WENT_WRONG
            if row.workflow.rpartition("/resume:")[2].startswith(digest) and not went_wrong:
                return
            if not row.over and not went_wrong:
                raise MisuseError(f"run '{run_id}' has not ended yet: wait for result({run_id!r})")
            workflow_id = f"{run_id}/resume:{digest}:{uuid.uuid4().hex[:8]}"
            session.execute(_AGAIN, {"run": run_id, "workflow": workflow_id, "version": self.version})
            told = Codec().text({**given, "resumes": row.resumes}, "the answers")
            self._enqueue(session, row.pipeline, workflow_id, "resume", run_id, told)

    def _enqueue(self, session: sa.Connection, pipeline: str, workflow_id: str, *arguments: str) -> None:
        options: EnqueueOptions = {
            "workflow_name": RUN,
            "queue_name": pipeline,
            "workflow_id": workflow_id,
            "app_version": self.version,
        }
        self._client.enqueue_in_transaction(session, options, pipeline, *arguments)

    def _found(self, run_id: str) -> StoredRun | None:
        with self._engine.connect() as session:
            row = session.execute(_WORKFLOW, {"run": run_id}).one_or_none()
        if row is None:
            raise NoSuchRun(run_id)
        status = self._status(row.workflow)
        if status.status in WENT_WRONG:
            why = str(status.error) if status.error is not None else f"DBOS says {status.status}"
            raise StoreError(place(self.url), f"has no end of run '{run_id}': {why}", "signal() lets it go on")
        return self.store.load(run_id) if status.status == "SUCCESS" else None

    def _status(self, workflow_id: str) -> Any:
        (status,) = self._client.list_workflows(workflow_ids=[workflow_id], load_input=False)
        return status


def _check_names(pipeline: str, run_id: str) -> None:
    module, colon, attribute = pipeline.partition(":")
    if not (module and colon and attribute):
        raise MisuseError(f"{pipeline!r} names no pipeline: write module:attribute, as it is given to 'flujo worker'")
    if not run_id.strip():
        raise MisuseError(f"run_id is {run_id!r}; pass a text that names the run, or leave it out")


_PUT: Final = sa.text(
    "INSERT INTO flujo.dispatched (run_id, workflow, pipeline, version, digest, at, over) "
    "VALUES (:run, :workflow, :pipeline, :version, :digest, now(), false) ON CONFLICT (run_id) DO NOTHING"
)
_DIGEST: Final = sa.text("SELECT digest FROM flujo.dispatched WHERE run_id = :run")
_LOCKED: Final = sa.text(
    "SELECT pipeline, workflow, over, (SELECT count(*) FROM flujo.resumes r WHERE r.run_id = d.run_id) AS resumes "
    "FROM flujo.dispatched d WHERE run_id = :run FOR UPDATE"
)
_AGAIN: Final = sa.text(
    "UPDATE flujo.dispatched SET workflow = :workflow, version = :version, over = false WHERE run_id = :run"
)
_WORKFLOW: Final = sa.text("SELECT workflow FROM flujo.dispatched WHERE run_id = :run")
