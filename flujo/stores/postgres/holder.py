"""Who holds runs: a process with a session of its own in Postgres, which ends when the process does, or stops.

The session holds an advisory lock under the process's name and says that it is there; Postgres ends it if it is
silent for too long (``idle_session_timeout``: a clock that all processes share, and that a process which was
stopped cannot turn back). Whoever gets the lock of a name knows that its process is gone, or is refused from then on:
what it still writes for a run that another has taken over does not count. Every write looks at the run's holder.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from flujo.stores.postgres.address import connect, place

log = logging.getLogger(__name__)


def new_name() -> str:
    """Machine, process and chance: no two processes have one name, not even at different times."""
    machine = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-") or "machine"
    return f"{machine}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def lock_key(name: str) -> int:
    """The advisory lock of a name, as the signed 64 bits that Postgres takes."""
    return int.from_bytes(hashlib.sha256(f"flujo:{name}".encode()).digest()[:8], "big", signed=True)


def held(execute: Callable[[str], psycopg.Cursor[Any]]) -> set[int]:
    """The keys of all advisory locks that somebody has in this database."""
    rows = execute(
        "SELECT classid::bigint, objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
        "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return {_signed((high << 32) | low) for high, low in rows}


def _signed(key: int) -> int:
    return key - (1 << 64) if key >= 1 << 63 else key


class Holder:
    """This process among those that hold runs. A process that is silent for ``patience_s`` loses what it holds."""

    def __init__(self, url: str, *, patience_s: float = 15.0) -> None:
        self.url = url
        self.patience_s = patience_s
        self.name = new_name()
        self._session: psycopg.Connection | None = None
        self._started = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._stay, name=f"flujo-holder-{self.name}", daemon=True)

    def start(self) -> None:
        """Take the lock, once. Raises psycopg.OperationalError if Postgres is not there."""
        if not self._started:
            self._session = self._locked_session()
            self._started = True
            self._thread.start()

    def stop(self) -> None:
        """Let go: from now on others may take over what this process holds."""
        self._stopped.set()
        if self._started:
            self._thread.join()
        if self._session is not None:
            with suppress(psycopg.Error):  # it is gone, and its lock with it
                self._session.execute("SELECT pg_advisory_unlock_all()")
            self._session.close()

    def _stay(self) -> None:
        while not self._stopped.wait(self.patience_s / 5):
            try:
                if self._session is None:
                    self._session = self._locked_session()
                    log.warning("%s: %s is back", place(self.url), self.name)
                self._session.execute("SELECT 1")
            except psycopg.Error as error:
                log.warning("%s: %s lost its session: %s", place(self.url), self.name, " ".join(str(error).split()))
                if self._session is not None:
                    self._session.close()
                self._session = None

    def _locked_session(self) -> psycopg.Connection:
        """Waits while a session of ours that Postgres has not ended yet still has the lock."""
        session = connect(self.url)
        try:
            milliseconds = max(1, round(self.patience_s * 1000))
            session.execute(f"SET idle_session_timeout = {milliseconds}")
            session.execute("SELECT pg_advisory_lock(%s)", (lock_key(self.name),))
        except BaseException:
            session.close()
            raise
        return session
