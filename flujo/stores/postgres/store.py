"""The store in PostgreSQL: the statements are the store's own, in another dialect; here is who may write what."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import psycopg

from flujo.errors import MisuseError, NoSuchRun, RunHeld, RunTakenOver, StoreError
from flujo.stores.postgres import board
from flujo.stores.postgres.address import checked, place
from flujo.stores.postgres.connections import Connections
from flujo.stores.postgres.database import PostgresDatabase
from flujo.stores.postgres.holder import Holder, held, lock_key
from flujo.stores.postgres.schema import prepare
from flujo.stores.records import RunSummary, StoredRun
from flujo.stores.rows import Executes
from flujo.stores.sql import SQLStore, T, Work

TRIES, BETWEEN_S = 4, 0.05
"""Postgres takes a moment to end the session of who is gone, and whoever looks holds its lock for an instant."""
log = logging.getLogger(__name__)


class PostgresStore(SQLStore):
    """Keeps runs in the schema ``flujo`` of a database, for any number of processes; each run is run by one of them.

    A process that is silent for ``patience_s`` may lose its runs to others; what it then still writes is refused.
    Raises MisuseError for what is no URL, StoreError if the database is not there.
    """

    def __init__(self, url: str, *, patience_s: float = 15.0) -> None:
        self.connections = Connections(checked(url))
        super().__init__(PostgresDatabase(self.connections), Numbers())
        self.holder = Holder(url, patience_s=patience_s)
        self._claims: dict[str, int] = {}
        self._starting = threading.Lock()
        try:
            self.connections.run_now("open the store", partial(prepare, url=url))
        except BaseException:
            self.connections.close()
            raise

    def __repr__(self) -> str:
        return f"PostgresStore({self.place!r})"

    @property
    def place(self) -> str:
        return place(self.connections.url)

    def close(self) -> None:
        self.holder.stop()
        super().close()

    def runs(self) -> Sequence[RunSummary]:
        """Those that wait for a worker to begin them, ``queued``, come first."""
        return [*self.connections.run_now("read", board.queued), *super().runs()]

    def load(self, run_id: str) -> StoredRun:
        """Raises MisuseError for a run that no worker has begun yet."""
        try:
            return super().load(run_id)
        except NoSuchRun:
            if any(run.run_id == run_id for run in self.connections.run_now("read", board.queued)):
                raise MisuseError(f"run '{run_id}' is queued: no worker has begun it yet") from None
            raise

    def waiting(self) -> Sequence[str]:
        return [str(entry) for entry in self.waits()]

    def waits(self) -> tuple[board.Waiting, ...]:
        """What nobody runs that was handed over, by pipeline and version."""
        return self.connections.run_now("look at what waits", board.waiting)

    def enlist(self, version: str, pipelines: Sequence[str]) -> None:
        """Say that this process serves pipelines, as long as it is there."""
        name = self.holder.name
        self.connections.run_now("enlist", lambda session: board.enlist(session, name, version, pipelines))

    def strike_off(self) -> None:
        name = self.holder.name
        self.connections.run_now("strike off", lambda session: board.strike_off(session, name))

    async def claim(self, run_id: str) -> Hold:
        claim = partial(self._claimed, run_id=run_id)
        for _ in range(TRIES):
            try:
                return await self.connections.run(f"claim run '{run_id}'", claim)
            except RunHeld:
                await anyio.sleep(BETWEEN_S)
        return await self.connections.run(f"claim run '{run_id}'", claim)

    def release_all(self, name: str) -> None:
        """Take from a process that is gone what it held: whatever it still writes is refused."""
        statement = "UPDATE holds SET holder = NULL, claims = claims + 1 WHERE holder = %s"
        self.connections.run_now(f"take over from {name}", lambda session: session.execute(statement, (name,)))

    async def over(self, run_id: str) -> None:
        """A run that was handed over has come to an end, and waits for nobody."""
        statement = "UPDATE dispatched SET over = true WHERE run_id = %s"
        await self.connections.run("tell the end", lambda session: session.execute(statement, (run_id,)))

    # Whose run it is -----------------------------------------------------------------------------------------

    def _claimed(self, connection: psycopg.Connection, run_id: str) -> Hold:
        """Twice is once. Whoever has the lock of a name holds what is held under it, and nobody does if it is free."""
        with self._starting:
            self.holder.start()  # once
        with connection.transaction():
            connection.execute(
                "INSERT INTO holds (run_id, holder, claims, since) VALUES (%s, NULL, 0, now()) ON CONFLICT DO NOTHING",
                (run_id,),
            )
            row = connection.execute(
                "SELECT holder, claims, since FROM holds WHERE run_id = %s FOR UPDATE", (run_id,)
            ).fetchone()
            assert row is not None
            holder, claims, since = row
            if self._is_elsewhere(connection, run_id, holder):
                raise RunHeld(run_id, f"process {holder} since {since.isoformat(timespec='seconds')}")
            connection.execute(
                "UPDATE holds SET holder = %s, claims = %s, since = now() WHERE run_id = %s",
                (self.holder.name, claims + 1, run_id),
            )
            last = connection.execute("SELECT MAX(number) FROM answers WHERE run_id = %s", (run_id,)).fetchone()
        self._numbers[run_id] = 0 if last is None else last[0] or 0
        self._claims[run_id] = claims + 1
        return Hold(self, run_id, claims + 1)

    def _is_elsewhere(self, connection: psycopg.Connection, run_id: str, holder: str | None) -> bool:
        if holder is None:
            return False
        if holder == self.holder.name:
            return run_id in self._claims
        row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock_key(holder),)).fetchone()
        return row is None or not row[0]

    def _released(self, run_id: str, claims: int) -> None:
        if self._claims.get(run_id) != claims:
            return
        del self._claims[run_id]
        statement = "UPDATE holds SET holder = NULL WHERE run_id = %s AND holder = %s AND claims = %s"
        values = run_id, self.holder.name, claims
        try:
            self.connections.run_now("let go of a run", lambda session: session.execute(statement, values))
        except StoreError as error:  # nobody else can claim it before this process has ended; this one can
            log.warning("%s", error)

    # How it is written ---------------------------------------------------------------------------------------

    async def _write(self, run_id: str, work: Work[T]) -> T:
        """In one transaction with a look at who holds the run: nobody can take it over in between."""
        claims = self._claims.get(run_id)

        def fenced(session: Executes) -> T:
            row = session.execute("SELECT holder, claims FROM holds WHERE run_id = ? FOR SHARE", (run_id,)).fetchone()
            if row is not None and row != (self.holder.name, claims):
                raise RunTakenOver(run_id, self.place, row[0])
            return work(session)

        return await self._database.write(fenced)

    def _held(self, db: Executes) -> Callable[[str], bool]:
        there = held(db.execute)
        rows = db.execute("SELECT run_id, holder FROM holds WHERE holder IS NOT NULL").fetchall()
        return {run_id for run_id, holder in rows if lock_key(holder) in there}.__contains__


class Numbers(dict[str, int]):
    """The last place in the order of commits by run, given out to one thread after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def get(self, run_id: str, default: Any = None) -> Any:
        with self._lock:
            if run_id not in self:
                return default
            super().__setitem__(run_id, self[run_id] + 1)
            return self[run_id] - 1

    def __setitem__(self, run_id: str, number: int) -> None:
        with self._lock:
            super().__setitem__(run_id, max(number, super().get(run_id, 0)))


@dataclass(slots=True)
class Hold:
    """That this process runs a run, for the so-many-th time that somebody claimed it."""

    store: PostgresStore
    run_id: str
    claims: int

    def release(self) -> None:
        self.store._released(self.run_id, self.claims)
