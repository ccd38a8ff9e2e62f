"""A store whose file is locked, gone, full, damaged or read-only: one clear error, nothing lost or paid twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flujo import AgentOutput, BranchFailureStrategy, Flujo, PipelineResult, Step
from flujo.errors import MisuseError, StoreError
from flujo.stores import open_store
from flujo.stores.sqlite import SQLiteStore
from flujo_testing import EchoAgent, check_conservation
from tests.flujo.stores.dying import runner
from tests.laws.cast import DRAFT

pytestmark = pytest.mark.anyio
COST = Decimal("0.00104")


class Breaks:
    """Answers, and from a certain call on does something to the store before it does."""

    name, model = "writer", "test:writer"

    def __init__(self, at: int, breaks: Callable[[], Any]) -> None:
        self.at, self.breaks = at, breaks
        self.calls = 0

    async def run(self, text: str) -> AgentOutput[str]:
        self.calls += 1
        if self.calls == self.at:
            done = self.breaks()
            if done is not None:
                await done
        return AgentOutput(f"{text}.", usage=DRAFT, model=self.model)


def three(agent: Any) -> Any:
    return Step("a", agent) >> Step("b", agent) >> Step("c", agent)


async def sql(store: SQLiteStore, *statements: str) -> None:
    for statement in statements:
        await store._database.read(lambda db, said=statement: db.execute(said).fetchall())  # type: ignore[misc]


async def broken(store: SQLiteStore, breaks: Callable[[], Any]) -> tuple[PipelineResult, Breaks]:
    """A run of three steps whose store breaks in the call of the second one."""
    agent = Breaks(2, breaks)
    result = await runner(three(agent), store).run_async("rain", run_id="r")
    assert (result.status, agent.calls, type(result.error)) == ("failed", 2, StoreError)
    assert result.ledger.known_cost_usd == 2 * COST  # the second was paid, and its result shows it
    check_conservation(result)
    return result, agent


async def mended(store: SQLiteStore, asked_again: int) -> None:
    """The same run on a store that works again: what was kept is not asked again."""
    agent = Breaks(0, lambda: None)
    result = await runner(three(agent), store).run_async("rain", run_id="r")
    assert (result.status, result.output, agent.calls) == ("completed", "rain...", asked_again)
    check_conservation(result)


async def test_a_disk_that_is_full_ends_the_run_with_its_spend_and_loses_nothing(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")

    async def fills() -> None:
        ((pages,),) = await store._database.read(lambda db: db.execute("PRAGMA page_count").fetchall())
        await sql(store, f"PRAGMA max_page_count={pages}")
        agent = Breaks(0, lambda: None)
        with pytest.raises(StoreError, match="cannot grow: the disk or its quota is full"):
            await runner(three(agent), store).run_async("x" * 500_000, run_id="large")
        assert agent.calls == 0

    await fills()
    store.close()
    store = SQLiteStore(tmp_path / "runs.db")
    big = "y" * 3_000_000

    class Long(Breaks):
        async def run(self, text: str) -> AgentOutput[str]:
            answer = await super().run(text)
            return answer if self.calls < 2 else AgentOutput(big, usage=DRAFT, model=self.model)

    async def full() -> None:
        ((pages,),) = await store._database.read(lambda db: db.execute("PRAGMA page_count").fetchall())
        await sql(store, f"PRAGMA max_page_count={pages + 20}")

    agent = Long(2, full)
    result = await runner(three(agent), store).run_async("rain", run_id="r")
    assert str(result.error) == (
        f"the store {store.file} cannot grow: the disk or its quota is full (database or disk is full). "
        "Make room; then go on with the same run id: what was kept is not asked or paid again"
    )
    assert (result.status, result.ledger.known_cost_usd, agent.calls) == ("failed", 2 * COST, 2)
    store.close()
    again = SQLiteStore(tmp_path / "runs.db")
    assert [(run.run_id, run.asks, run.in_doubt) for run in again.runs()] == [("r", 1, 1)]
    await mended(again, 2)
    again.close()


async def test_a_file_that_another_process_locks(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")
    other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None, check_same_thread=False)

    async def locks() -> None:
        await sql(store, "PRAGMA busy_timeout=0")
        other.execute("BEGIN IMMEDIATE")

    result, _ = await broken(store, locks)
    assert str(result.error).startswith(f"the store {store.file} is locked by another process (database is locked). ")
    other.execute("ROLLBACK")
    other.close()
    await mended(store, 2)
    store.close()


async def test_a_file_that_is_removed_meanwhile(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")
    result, _ = await broken(store, lambda: (tmp_path / "runs.db").rename(tmp_path / "elsewhere.db") and None)
    assert str(result.error).startswith(f"the store {store.file} was removed or replaced while it was in use. ")
    store.close()


async def test_a_file_that_becomes_read_only_stops_the_next_call(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")
    result, _ = await broken(store, lambda: sql(store, "PRAGMA query_only=ON"))
    assert str(result.error).startswith(f"the store {store.file} cannot be written: it is read-only (attempt to write ")
    await sql(store, "PRAGMA query_only=OFF")
    await mended(store, 2)
    store.close()


async def test_a_store_that_fails_before_a_call_keeps_it_from_being_made(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")

    def breaks(text: str) -> str:
        store._database.read_now(lambda db: db.execute("PRAGMA query_only=ON").fetchall())
        return text

    agent = Breaks(0, lambda: None)
    saved = Step("saved", lambda text: text)
    after = Step("paid", agent, max_retries=3, fallback=saved)
    part = Step("free", lambda text: text, output_processors=[breaks]) >> after
    result = await runner(part, store).run_async("rain", run_id="r")
    assert (result.status, type(result.error), agent.calls, result.ledger.entries) == ("failed", StoreError, 0, ())
    assert getattr(result.error, "path", None) == "paid/attempt:1"
    check_conservation(result)
    await sql(store, "PRAGMA query_only=OFF")
    assert [(run.status, run.asks, run.in_doubt) for run in store.runs()] == [("interrupted", 1, 0)]
    store.close()


async def test_a_store_that_fails_stops_the_branches_beside(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")
    agent = Breaks(1, lambda: sql(store, "PRAGMA query_only=ON"))
    branches = {"a": Step("s", agent) >> Step("t", agent), "b": Step("u", EchoAgent()) >> Step("v", EchoAgent())}
    fan: Any = Step.parallel("fan", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
    result = await runner(fan >> Step("after", agent), store).run_async("rain", run_id="r")
    assert (result.status, type(result.error), agent.calls) == ("failed", StoreError, 1)
    assert result.ledger.known_cost_usd == COST
    check_conservation(result)
    store.close()


async def test_a_file_that_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    store = SQLiteStore(file)
    await runner(three(Breaks(0, lambda: None)), store).run_async("rain", run_id="r")
    store.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    agent = Breaks(0, lambda: None)
    with pytest.raises(StoreError, match=r"is damaged \(.*malformed.*Restore a copy of it"):
        await runner(three(agent), SQLiteStore(file)).run_async("rain", run_id="r")
    assert agent.calls == 0


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("dear diary, " * 100)
    with pytest.raises(
        StoreError, match=r"runs\.db is no SQLite database, or is damaged .*Restore a copy of it, or name"
    ):
        SQLiteStore(tmp_path / "runs.db").runs()


def test_a_database_of_something_else(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "runs.db") as other:
        other.execute("CREATE TABLE birds (name TEXT)")
    other.close()
    with pytest.raises(StoreError, match=r"is a database of something else\. Name another file"):
        SQLiteStore(tmp_path / "runs.db").runs()


def test_a_file_of_a_later_version(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")
    assert store.runs() == []
    store._database.write_now(lambda db: db.execute("UPDATE meta SET value = '99'"))
    store.close()
    with pytest.raises(StoreError, match=r"was written by a later version \(schema 99; this one knows 1\)\. Upgrade"):
        SQLiteStore(tmp_path / "runs.db").runs()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened .* Make sure that its folder exists"):
        SQLiteStore(tmp_path / "nowhere" / "runs.db").runs()


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        SQLiteStore(tmp_path).runs()
    assert str(refused.value) == (
        f"the store {tmp_path} is a folder (unable to open database file). Name a file in it, which need not exist"
    )


@pytest.mark.parametrize("url", ["runs.db", "sqlite:runs.db", "sqlite://runs.db", "mysql://x/y", "sqlite:///"])
def test_a_url_of_no_store_is_refused_with_those_that_there_are(url: str) -> None:
    with pytest.raises(MisuseError, match=r"is no store: write sqlite:///runs\.db"):
        open_store(url)


def test_a_runner_opens_a_store_by_its_url(tmp_path: Path) -> None:
    flow = Flujo(Step("a", lambda text: text), store=f"sqlite:///{tmp_path}/runs.db")
    assert flow.run("rain", run_id="r").output == "rain"
    assert [run.run_id for run in open_store(f"sqlite:///{tmp_path}/runs.db").runs()] == ["r"]


@pytest.mark.parametrize("change", ["UPDATE meta SET value = 'x'", "UPDATE meta SET value = '-1'", "DELETE FROM meta"])
def test_a_file_that_does_not_say_of_which_version_it_is(tmp_path: Path, change: str) -> None:
    changed(tmp_path, change)
    with pytest.raises(StoreError, match=r"runs\.db does not say of which version it is\. Restore a copy of it"):
        SQLiteStore(tmp_path / "runs.db").runs()


def test_an_empty_file_is_brought_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "runs.db").touch()
    store = SQLiteStore(tmp_path / "runs.db")
    assert store.runs() == []
    store.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE runs SET status = 'red\x1b'", r"ValueError: a run has the status 'red\\x1b'"),
        ("UPDATE runs SET ended_at = 'noon'", "ValueError: Invalid isoformat string: 'noon'"),
        ("UPDATE runs SET cost_usd = 'much'", "ValueError: the cost of a run is no amount that can be kept exactly"),
        ("UPDATE runs SET in_doubt = 'two'", "ValueError: a run has 'two' calls in doubt"),
        ("UPDATE runs SET input = '{'", "JSONDecodeError: Expecting property name"),
        ("UPDATE answers SET facts = '[1]'", "ValueError: not enough values to unpack"),
    ],
)
def test_what_no_store_has_written_is_damage(tmp_path: Path, change: str, why: str) -> None:
    changed(tmp_path, change)
    store = SQLiteStore(tmp_path / "runs.db")
    with pytest.raises(StoreError, match=rf"runs\.db holds what no store has written \({why}.*\)\. Restore a copy"):
        store.load("r")
    store.close()


def changed(folder: Path, change: str) -> None:
    """A store with a run in it, then a change by somebody else."""
    store = SQLiteStore(folder / "runs.db")
    Flujo(three(Breaks(0, lambda: None)), store=store).run("rain", run_id="r")
    store._database.write_now(lambda db: db.execute(change))
    store.close()
