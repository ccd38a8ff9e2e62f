"""A store whose process dies at one of its writes, before it or after it, and what else the tests of stores share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import anyio

from flujo import Flujo, PipelineResult
from flujo.entries import LedgerEntry
from flujo.errors import StoreError
from flujo.events import Event, Paid, RunResumed
from flujo.stores.database import Database, Work
from flujo.stores.sqlite import SQLiteStore
from tests.laws.cast import PRICES

T = TypeVar("T")
NEVER = 10**9


class Still:
    """A clock that stands still, in every process."""

    def now(self) -> float:
        return 7.0

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None: ...


class Dying(Database):
    """The ``dies_at``-th write (from 1) never returns; ``written`` says whether it reaches the disk."""

    def __init__(self, file: Path, dies_at: int, *, written: bool) -> None:
        super().__init__(file)
        self.dies_at, self.written = dies_at, written
        self.writes = 0
        self.died = anyio.Event()
        self.is_gone = False

    async def write(self, work: Work[T]) -> T:
        self.writes += 1
        if self.is_gone:
            raise StoreError(str(self.file), "is written by a dead process", "Nobody is there to do anything")
        if self.writes < self.dies_at:
            return await super().write(work)
        if self.writes == self.dies_at:
            if self.written:
                await super().write(work)
            self.died.set()
        await anyio.sleep_forever()
        raise AssertionError("a sleep without end has ended")


def store_at(file: Path, dies_at: int = NEVER, *, written: bool = True) -> tuple[SQLiteStore, Dying]:
    """A store that dies, and its database."""
    store = SQLiteStore(file)
    database = Dying(file, dies_at, written=written)
    store._database = database
    return store, database


def runner(part: Any, store: Any, **options: Any) -> Flujo:
    return Flujo(part, store=store, cost_model=PRICES, clock=Still(), **options)


async def killed(database: Dying, run: Callable[[], Awaitable[object]]) -> bool:
    """Run until the process dies; whether it did."""
    async with anyio.create_task_group() as group:

        async def to_its_end() -> None:
            await run()
            group.cancel_scope.cancel()

        group.start_soon(to_its_end)
        await database.died.wait()
        database.is_gone = True
        group.cancel_scope.cancel()
    return database.died.is_set()


def undisturbed(events: Iterable[Event]) -> list[Event]:
    """A transcript without what it tells of crashes: that the run went on, and what was in doubt."""
    told: list[Event] = []
    for event in events:
        if isinstance(event, RunResumed) and event.status == "interrupted":
            continue
        if isinstance(event, Paid):
            if event.entry.outcome == "in_doubt":
                continue
            event = type(event)(event.step, event.at, numbered_anew(event.entry))
        told.append(event)
    return told


def numbered_anew(entry: LedgerEntry) -> LedgerEntry:
    """The entry of the first request of its ask, as it would be if none had been in doubt."""
    values = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
    return LedgerEntry(**{**values, "entry_id": f"{entry.entry_id.rpartition(':')[0]}:1"})


def doubts(result: PipelineResult) -> int:
    """How many calls the run tells as in doubt."""
    return sum(entry.outcome == "in_doubt" for entry in result.ledger.entries)
