"""Connections to a Postgres, lent one at a time; what is asked while it is away waits, and says for what."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import psycopg

from flujo.errors import MisuseError, StoreError
from flujo.stores.postgres.address import checked, connect, place

T = TypeVar("T")
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 10.0
LAPSES: Final = frozenset({"08", "40", "53", "57"})
"""The classes of errors that go by: connection lost, lost a race for locks, out of disk or memory, shutting down."""
log = logging.getLogger(__name__)


class Connections:
    """At most ``most`` at once. Everything that is done over them can be done twice to the same effect."""

    def __init__(self, url: str, most: int = 8) -> None:
        self.url = checked(url)
        self._free: list[psycopg.Connection] = []
        self._lock = threading.Lock()
        self._most = most
        self._process = os.getpid()

    async def run(self, what: str, work: Callable[[psycopg.Connection], T]) -> T:
        """Do it in a thread, again and again while Postgres is away. Raises StoreError for what does not go by."""
        wait_s = FIRST_WAIT_S
        while True:
            lapse, result = await anyio.to_thread.run_sync(partial(self._tried, what, work))
            if lapse is None:
                return result  # type: ignore[return-value]  # there is a result where nothing lapsed
            log.warning("%s: %s waits, again in %.1f s: %s", place(self.url), what, wait_s, lapse)
            await anyio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def run_now(self, what: str, work: Callable[[psycopg.Connection], T]) -> T:
        """Do it in this thread. Raises StoreError if Postgres is away. A connection that broke while nobody used it is
        replaced."""
        tries = len(self._free) + 1
        while True:
            lapse, result = self._tried(what, work)
            if lapse is None:
                return result  # type: ignore[return-value]
            tries -= 1
            if tries == 0:
                raise self._fault(what, lapse) from lapse

    def close(self) -> None:
        with self._lock:
            while self._free:
                self._free.pop().close()

    def _tried(self, what: str, work: Callable[[psycopg.Connection], T]) -> tuple[psycopg.Error | None, T | None]:
        try:
            with self._lent() as connection:
                return None, work(connection)
        except psycopg.Error as error:
            if _goes_by(error):
                return error, None
            raise self._fault(what, error) from error

    @contextmanager
    def _lent(self) -> Iterator[psycopg.Connection]:
        if os.getpid() != self._process:
            raise MisuseError(f"{place(self.url)} was opened before this process was forked: open the store in it")
        with self._lock:
            connection = self._free.pop() if self._free else None
        if connection is None:
            connection = connect(self.url)
            connection.execute("SET search_path TO flujo, public")
        try:
            yield connection
        except BaseException:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.close()
            raise
        finally:
            with self._lock:
                keep = not connection.closed and len(self._free) < self._most
                if keep:
                    self._free.append(connection)
            if not keep:
                connection.close()

    def _fault(self, what: str, error: psycopg.Error) -> StoreError:
        told = " ".join(str(error).split())
        return StoreError(place(self.url), f"cannot {what}: {told}", "Look at the server, its rights and its log")


def _goes_by(error: psycopg.Error) -> bool:
    """A failure to connect has no code of its own; a wrong password or database has."""
    if error.sqlstate is not None:
        return error.sqlstate[:2] in LAPSES
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
