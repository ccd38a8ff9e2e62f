"""The one thread of a store: the loop goes on while it waits, what waits is written together, nothing is dropped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from flujo.ports import RecordedAnswer
from flujo.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "runs.db")
    assert store.runs() == []
    yield store
    store.close()


@pytest.fixture
def other(store: SQLiteStore) -> Iterator[sqlite3.Connection]:
    """Another process that writes, and keeps the store waiting."""
    other = sqlite3.connect(store.file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


async def some_turns() -> None:
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_the_loop_goes_on_while_a_write_waits(store: SQLiteStore, other: sqlite3.Connection) -> None:
    done: list[str] = []

    async def commits() -> None:
        await store.commit("r", "a", RecordedAnswer(1))
        done.append("committed")

    async with anyio.create_task_group() as group:
        group.start_soon(commits)
        await some_turns()
        done.append("turned")
        other.execute("ROLLBACK")
    assert done == ["turned", "committed"]


async def test_what_was_handed_over_is_written_though_nobody_waits_any_more(
    store: SQLiteStore, other: sqlite3.Connection
) -> None:
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(store.commit, "r", f"a{number}", RecordedAnswer(number))
        await some_turns()
        group.cancel_scope.cancel()
        other.execute("ROLLBACK")
    assert sorted(await store.paths("r")) == ["a0", "a1", "a2"]  # trio starts tasks in any order


async def test_what_waits_is_written_in_one_transaction(store: SQLiteStore, other: sqlite3.Connection) -> None:
    said: list[str] = []
    await store._database.read(lambda db: cast(sqlite3.Connection, db).set_trace_callback(said.append))
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(store.commit, "r", f"a{number}", RecordedAnswer(number))
        await some_turns()
        other.execute("ROLLBACK")
    assert len(await store.paths("r")) == 20
    assert said.count("COMMIT") in (1, 2)  # the thread may have come to the first one before there were more


async def test_one_that_fails_does_not_take_others_with_it(store: SQLiteStore, other: sqlite3.Connection) -> None:
    """Two that are written together; one of them has no room."""
    await store._database.read(lambda db: db.execute("PRAGMA max_page_count=40").fetchall())
    failed: list[str] = []

    async def large() -> None:
        try:
            await store.commit("r", "large", RecordedAnswer("x" * 900_000))
        except Exception as error:
            failed.append(type(error).__name__)

    async with anyio.create_task_group() as group:
        group.start_soon(store.commit, "r", "first", RecordedAnswer(1))
        await some_turns()
        group.start_soon(large)
        group.start_soon(store.commit, "r", "small", RecordedAnswer(2))
        await some_turns()
        other.execute("ROLLBACK")
    assert (failed, list(await store.paths("r"))) == (["StoreError"], ["first", "small"])
