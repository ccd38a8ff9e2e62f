"""A process holds runs as long as its session lives; Postgres ends the session of one that is silent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from flujo.stores.postgres.address import connect
from flujo.stores.postgres.holder import Holder, lock_key, new_name


@pytest.fixture
def holder(database: str) -> Iterator[Holder]:
    holder = Holder(database)
    holder.start()
    yield holder
    holder.stop()


def is_free(session: psycopg.Connection, name: str) -> bool:
    with session.transaction():
        row: Any = session.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock_key(name),)).fetchone()
    return bool(row[0])


def test_the_lock_of_a_process_is_held_until_it_stops(database: str, holder: Holder) -> None:
    with connect(database) as session:
        assert not is_free(session, holder.name)
        assert is_free(session, new_name())
        holder.stop()
        assert is_free(session, holder.name)


def test_a_process_that_loses_its_session_gets_its_lock_back(database: str, holder: Holder) -> None:
    quick = Holder(database, patience_s=0.5)
    quick.start()
    with connect(database) as session:
        ended = session.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
            "AND ((classid::bigint << 32) | objid::bigint) = %s",
            (lock_key(quick.name),),
        )
        assert ended.fetchall() == [(True,)]
        session.execute("SET lock_timeout = '20s'")
        while is_free(session, quick.name):
            session.execute("SELECT pg_sleep(0.02)")
    quick.stop()


def test_postgres_ends_the_session_of_a_process_that_is_silent(database: str) -> None:
    silent = Holder(database, patience_s=0.2)
    silent._session = silent._locked_session()  # as of a process that is stopped before it says anything
    with connect(database) as session:
        session.execute("SET lock_timeout = '20s'")
        session.execute("SELECT pg_advisory_lock(%s)", (lock_key(silent.name),))
    with pytest.raises(psycopg.errors.IdleSessionTimeout):
        silent._session.execute("SELECT 1")
