"""A run is run by one process at a time: what a process still writes that has lost its run is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import anyio
import anyio.to_thread
import psycopg
import pytest

from flujo import Flujo, Step
from flujo.errors import MisuseError, RunHeld, RunTakenOver, StoreError
from flujo.ports import RecordedAnswer
from flujo.stores import open_store
from flujo.stores.postgres.holder import lock_key
from flujo.stores.postgres.store import PostgresStore
from tests.dbos.test_worker import Gate

pytestmark = pytest.mark.anyio
Opens = Callable[..., PostgresStore]


@pytest.fixture
def opened(database: str) -> Iterator[Opens]:
    with ExitStack() as closing:

        def opened(**options: Any) -> PostgresStore:
            store = PostgresStore(database, **options)
            closing.callback(store.close)
            return store

        yield opened


async def test_a_run_is_claimed_by_one_process_at_a_time(opened: Opens) -> None:
    first, second = opened(), opened()
    claim = await first.claim("r1")
    with pytest.raises(RunHeld, match=f"run 'r1' is being run by process {first.holder.name} since"):
        await second.claim("r1")
    with pytest.raises(RunHeld, match=f"run 'r1' is being run by process {first.holder.name} since"):
        await first.claim("r1")
    claim.release()
    claim.release()
    (await second.claim("r1")).release()
    (await first.claim("r1")).release()


async def test_the_run_of_a_process_that_is_gone_is_free_and_it_writes_no_more(opened: Opens, database: str) -> None:
    first, second = opened(), opened()
    await first.claim("r1")
    await first.commit("r1", "a", RecordedAnswer("one"))
    lost: Any = first.holder._session
    first.holder._stopped.set()  # as a process that is stopped: it does not take its lock again
    lost.close()
    with psycopg.connect(database) as session:
        session.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(first.holder.name),))
    claim = await second.claim("r1")
    with pytest.raises(RunTakenOver, match=f"run 'r1' was taken over by {second.holder.name}"):
        await first.commit("r1", "b", RecordedAnswer("two"))
    await second.commit("r1", "b", RecordedAnswer("three"))
    claim.release()
    with pytest.raises(RunTakenOver, match="run 'r1' was taken from this process"):
        await first.commit("r1", "c", RecordedAnswer("four"))
    assert await second.paths("r1") == ["a", "b"]


async def test_a_process_whose_runs_were_taken_calls_nobody_any_more(opened: Opens) -> None:
    first, second = opened(), opened()
    gate, after, results = Gate(), Gate(), []
    after.answers.set()
    pipeline = Step("gate", gate) >> Step("after", after)

    async def run_first() -> None:
        results.append(await Flujo(pipeline, store=first).run_async("rain", run_id="r1"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_first)
        await gate.until_called()
        await anyio.to_thread.run_sync(second.release_all, first.holder.name)
        gate.answers.set()
    (lost,) = results
    assert (lost.status, type(lost.error), after.calls) == ("failed", RunTakenOver, 0)
    result = await Flujo(pipeline, store=second).run_async("rain", run_id="r1")
    assert (result.status, gate.calls, after.calls) == ("completed", 2, 1)


async def test_two_tasks_of_one_process_do_not_run_a_run_twice(opened: Opens) -> None:
    gate, store = Gate(), opened()
    runner: Flujo[Any, Any] = Flujo(Step("gate", gate), store=store)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: runner.run_async("rain", run_id="r1"))
        await gate.until_called()
        with pytest.raises(RunHeld, match="run 'r1' is being run by process"):
            await runner.run_async("rain", run_id="r1")
        gate.answers.set()
    assert gate.calls == 1


async def test_a_run_that_is_running_is_listed_so_and_an_interrupted_one_so(opened: Opens, database: str) -> None:
    first, second = opened(), opened()
    gate = Gate()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: Flujo(Step("gate", gate), store=first).run_async("rain", run_id="r1"))
        await gate.until_called()
        assert [run.status for run in await anyio.to_thread.run_sync(second.runs)] == ["running"]
        await anyio.to_thread.run_sync(second.release_all, first.holder.name)
        assert [run.status for run in await anyio.to_thread.run_sync(second.runs)] == ["interrupted"]
        gate.answers.set()


def test_a_store_is_opened_by_its_url(database: str) -> None:
    for url in (database, database.replace("postgresql://", "postgres://")):
        store = open_store(url)
        assert repr(store).startswith("PostgresStore('Postgres at ")
        store.close()


@pytest.mark.parametrize(
    ("url", "error", "told"),
    [
        ("postgresql://", MisuseError, "names no database: write postgresql://user@host/database"),
        ("postgresql://a@b/c?nosuch=1", MisuseError, "this is no URL of Postgres: invalid URI query parameter"),
        (
            "postgresql://me:secret@127.0.0.1:1/runs",
            StoreError,
            "Postgres at 127.0.0.1:1, database runs cannot open",
        ),
    ],
)
def test_a_url_that_leads_nowhere_is_a_clear_error_without_its_password(
    url: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told) as raised:
        open_store(url)
    assert "secret" not in str(raised.value)


def test_a_schema_of_a_later_version_is_left_alone(opened: Opens, database: str) -> None:
    opened()
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE flujo.meta SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(StoreError, match=r"was written by a later version \(schema 99; this one knows \d+\)"):
        opened()


def test_a_schema_without_a_version_is_left_alone(opened: Opens, database: str) -> None:
    opened()
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE flujo.meta SET value = 'x' WHERE key = 'schema_version'")
    with pytest.raises(StoreError, match="does not say of which version its schema 'flujo' is"):
        opened()


def test_many_who_come_first_make_one_schema(database: str) -> None:
    errors: list[BaseException] = []

    def open_and_close() -> None:
        try:
            PostgresStore(database).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_and_close) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
