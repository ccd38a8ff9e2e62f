"""A Postgres as the store in SQL sees it: work in transactions, in its dialect; see ``flujo.stores.database``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import psycopg

from flujo.stores.postgres.connections import Connections
from flujo.stores.sql import T, Work


class Session:
    """A connection within a transaction that takes the statements of SQLite's dialect."""

    __slots__ = ("_connection",)

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        return self._connection.execute(in_dialect(statement).encode(), values, prepare=True)


@cache
def in_dialect(statement: str) -> str:
    """One of the store's statements as Postgres takes it; none of them has a text with a question mark in it."""
    told = (
        statement.replace("%", "%%").replace("?", "%s").replace("GROUP_CONCAT(cost_usd)", "STRING_AGG(cost_usd, ',')")
    )
    if re.match("INSERT OR IGNORE ", told):
        return f"INSERT {told.removeprefix('INSERT OR IGNORE ')} ON CONFLICT DO NOTHING"
    return told


class PostgresDatabase:
    """Done over any of the connections. What is written waits while Postgres is away; what people ask does not."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections

    async def write(self, work: Work[T]) -> T:
        return await self.connections.run("write", _in_transaction(work))

    async def read(self, work: Work[T]) -> T:
        return await self.connections.run("read", _in_transaction(work))

    def write_now(self, work: Work[T]) -> T:
        return self.connections.run_now("write", _in_transaction(work))

    def read_now(self, work: Work[T]) -> T:
        return self.connections.run_now("read", _in_transaction(work))

    def close(self) -> None:
        self.connections.close()


def _in_transaction(work: Work[T]) -> Callable[[psycopg.Connection], T]:
    def done(connection: psycopg.Connection) -> T:
        with connection.transaction():
            return work(Session(connection))

    return done
