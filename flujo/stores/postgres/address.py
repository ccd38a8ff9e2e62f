"""Where a Postgres is, how to connect to it, and what is told of it: never a password."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from flujo.errors import MisuseError

SCHEMES: Final = ("postgresql://", "postgres://")
OLDEST: Final = 140000
"""PostgreSQL 14, the first that ends sessions which are silent (``idle_session_timeout``)."""
# A server that is gone without a word is noticed within seconds, not within the hours of the system's own defaults.
_IMPATIENT: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "flujo",
}


def checked(url: str) -> str:
    """The URL. Raises MisuseError, without showing a password, if it is none of Postgres."""
    if not url.startswith(SCHEMES):
        raise MisuseError(f"a store in Postgres is named by postgresql://user@host/database, not by {url!r}")
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise MisuseError(f"this is no URL of Postgres: {str(error).strip()}") from error
    if not parts.get("dbname"):
        raise MisuseError(f"{place(url)} names no database: write postgresql://user@host/database")
    return url


def connect(url: str) -> psycopg.Connection:
    """A connection where each statement counts by itself. Raises psycopg.OperationalError if nobody is there."""
    given = conninfo_to_dict(url)
    connection = psycopg.connect(make_conninfo(url, **{k: v for k, v in _IMPATIENT.items() if k not in given}))
    try:
        connection.autocommit = True
        if connection.info.server_version < OLDEST:
            told = f"{place(url)} is PostgreSQL {connection.info.server_version // 10000}; it has to be 14 or later"
            raise MisuseError(told)
    except BaseException:
        connection.close()
        raise
    return connection


def place(url: str) -> str:
    """Host and database of a URL, for messages."""
    parts = conninfo_to_dict(url)
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"Postgres at {host}{port}, database {parts.get('dbname')}"
