"""The store in Postgres keeps to the contract of journals, and to that of stores."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from flujo.stores.postgres.store import PostgresStore
from flujo_testing.conformance import JournalConformance


class TestPostgresJournal(JournalConformance):
    @pytest.fixture(autouse=True)
    def _database(self, database: str) -> Iterator[None]:
        self.url = database
        self.opened: list[PostgresStore] = []
        yield
        for store in self.opened:
            store.close()

    def make_journal(self) -> PostgresStore:
        self.opened.append(PostgresStore(self.url))
        return self.opened[-1]

    def reopen(self, journal: Any) -> PostgresStore:
        return self.make_journal()

    async def in_doubt(self, journal: Any) -> Collection[tuple[str, str]]:
        doubts: Collection[tuple[str, str]] = await journal.in_doubt()
        return doubts
