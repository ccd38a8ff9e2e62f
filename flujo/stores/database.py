"""One SQLite file and the one thread that reads and writes it: what waits is committed together, the loop never waits.

Answers are safe once a write has returned: WAL with ``synchronous=FULL``. It knows no runs, only work to be done.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

import anyio
import anyio.to_thread

from flujo.errors import StoreError
from flujo.stores.schema import prepared

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
BUSY_S = 5.0
"""So long another process may write before the file counts as locked."""


class Job(Generic[T]):
    """Work that waits for the thread. ``fails`` is asked for the error to raise once it is done."""

    __slots__ = ("brought", "error", "is_done", "work")

    def __init__(self, work: Work[T]) -> None:
        self.work = work
        self.is_done = False
        self.error: Exception | None = None
        self.brought: T | None = None

    def do(self, connection: sqlite3.Connection) -> None:
        """Do it within a transaction. Errors of the database go on; others are the job's own."""
        try:
            self.brought = self.work(connection)
        except sqlite3.Error:
            raise
        except Exception as error:  # raised where it is waited for, beside jobs that are done
            self.error = error


class Database:
    """Opened by the first work; closed by ``close``, or when nobody has it any more."""

    def __init__(self, file: Path) -> None:
        self.file = file.absolute()
        self._waiting: deque[Job[Any]] = deque()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="flujo-store")
        self._opened: list[sqlite3.Connection] = []
        self._identity: tuple[int, int] | None = None
        self._closes = weakref.finalize(self, _close, self._executor, self._opened)

    async def write(self, work: Work[T]) -> T:
        """Have it done in a transaction, with whatever waits meanwhile; it is safe on the disk when this returns.

        Work that was handed over is done, even if whoever waits for it is cancelled. Raises StoreError, and what the
        work raises.
        """
        return await self._in_thread(self._do_waiting, self._handed_over(work))

    async def read(self, work: Work[T]) -> T:
        return await self._in_thread(self._do_now, work)

    def write_now(self, work: Work[T]) -> T:
        """The same for code that may wait."""
        return self._executor.submit(self._do_waiting, self._handed_over(work)).result()

    def read_now(self, work: Work[T]) -> T:
        return self._executor.submit(self._do_now, work).result()

    def close(self) -> None:
        """Do what waits, and close the file."""
        self._executor.shutdown(wait=True)
        self._closes()

    def _handed_over(self, work: Work[T]) -> Job[T]:
        job = Job(work)
        self._waiting.append(job)
        return job

    async def _in_thread(self, call: Callable[[Any], T], argument: object) -> T:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # not on asyncio
            done = self._executor.submit(call, argument)
            with anyio.CancelScope(shield=True):
                return await anyio.to_thread.run_sync(done.result)
        try:
            return await loop.run_in_executor(self._executor, call, argument)
        except asyncio.CancelledError:
            self._executor.submit(call, argument)  # the thread may not have come to it; done twice it is done once
            raise

    # In the thread -------------------------------------------------------------------------------------------

    def _do_now(self, work: Work[T]) -> T:
        try:
            return work(self._connection())
        except sqlite3.Error as error:
            raise told_clearly(error, self.file) from error

    def _do_waiting(self, job: Job[T]) -> T:
        if not job.is_done:
            jobs = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not self._is_done_together(jobs):
                for alone in jobs:
                    self._do_alone(alone)
        if job.error is not None:
            raise job.error
        return job.brought  # type: ignore[return-value]  # T may be None

    def _is_done_together(self, jobs: list[Job[Any]]) -> bool:
        try:
            self._transact(jobs)
        except (sqlite3.Error, StoreError) as error:
            if len(jobs) > 1:
                return False
            jobs[0].error = _as_told(error, self.file)
        for job in jobs:
            job.is_done = True
        return True

    def _do_alone(self, job: Job[Any]) -> None:
        job.error = None
        try:
            self._transact([job])
        except (sqlite3.Error, StoreError) as error:
            job.error = _as_told(error, self.file)
        job.is_done = True

    def _transact(self, jobs: list[Job[Any]]) -> None:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job.do(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._check_identity()

    def _connection(self) -> sqlite3.Connection:
        if not self._opened:
            self._opened.append(self._open())
            status = self.file.stat()
            self._identity = status.st_dev, status.st_ino
        return self._opened[0]

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self.file, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except sqlite3.Error as error:
            raise told_clearly(error, self.file) from error
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            prepared(connection, self.file)
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise told_clearly(error, self.file) from error
            raise
        return connection

    def _check_identity(self) -> None:
        """SQLite goes on writing into a file that somebody has removed; what was written there is nowhere."""
        try:
            status = os.stat(self.file)
        except FileNotFoundError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != self._identity:
            raise StoreError(
                str(self.file), "was removed or replaced while it was in use",
                "Put the file back, or begin again with a new one: what was kept before is in the removed file only",
            )  # fmt: skip


def _close(executor: ThreadPoolExecutor, opened: list[sqlite3.Connection]) -> None:
    executor.shutdown(wait=False)  # nothing waits any more; and it may be its own thread that has let go of it last
    while opened:
        opened.pop().close()


def _as_told(error: sqlite3.Error | StoreError, file: Path) -> StoreError:
    return error if isinstance(error, StoreError) else told_clearly(error, file)


GO_ON = "then go on with the same run id: what was kept is not asked or paid again"
CLEARLY: dict[str, tuple[str, str]] = {
    "BUSY": ("is locked by another process", f"Wait for that process, or end it; {GO_ON}"),
    "LOCKED": ("is locked by another process", f"Wait for that process, or end it; {GO_ON}"),
    "FULL": ("cannot grow: the disk or its quota is full", f"Make room; {GO_ON}"),
    "CORRUPT": (
        "is damaged",
        "Restore a copy of it; without one, 'sqlite3 FILE .recover' saves what can be read",
    ),
    "NOTADB": ("is no SQLite database, or is damaged", "Restore a copy of it, or name another file"),
    "READONLY": ("cannot be written: it is read-only", f"Make the file and its folder writable; {GO_ON}"),
    "CANTOPEN": ("cannot be opened", "Make sure that its folder exists and may be read and written"),
    "PERM": ("may not be opened by this user", "Make the file and its folder readable and writable"),
    "IOERR": ("cannot be read or written: the disk fails, or is gone", f"Mend that; {GO_ON}"),
}


def told_clearly(error: sqlite3.Error, file: Path) -> StoreError:
    """An error of SQLite as ours: which file, what, and what to do."""
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR").removeprefix("SQLITE_").partition("_")[0]
    what, fix = CLEARLY.get(name, ("failed", "Look at the cause; " + GO_ON))
    if os.path.isdir(file):
        what, fix = "is a folder", "Name a file in it, which need not exist"
    return StoreError(str(file), f"{what} ({error})", fix)
