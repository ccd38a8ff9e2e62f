"""One pipeline, unchanged, on every store and engine: the same story, the same golden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from dbos import DBOS

from flujo import Flujo, PipelineContext, Step
from flujo.distributed.runtime import DBOSRuntime
from flujo.distributed.serializer import JsonSerializer
from flujo.distributed.worker import Worker, on_store
from flujo.stores import open_store
from flujo.stores.memory import MemoryJournal
from flujo.stores.postgres.store import PostgresStore
from flujo_testing.golden.assertion import Golden
from flujo_testing.transcript import render, story_of
from tests.laws.cast import PRICES, max_words, noting, small, writer

pytestmark = pytest.mark.anyio
HERE, RUN, INPUT = "tests.dbos.test_stories:desk", "run-1", "a line about rain"


class Notes(PipelineContext):
    drafts: list[str] = []


def desk(store: Any = None) -> Flujo[Any, Any]:
    """A retry with feedback, branches that write into the context, a loop, a decision and a price."""
    draft = Step("draft", writer("Rain falls and falls", "Grey rain"), plugins=[max_words], max_retries=1)
    fan = Step.parallel("fan", {name: Step(name, noting(name)) for name in ("law", "tone")})
    choose: Any = Step.branch_on("choose", lambda x: "both", {"both": Step("both", small("Grey rain, both"))})
    polish: Any = Step.loop_until("polish", Step("again", writer("Grey", "Grey!")), lambda x: str(x).endswith("!"))
    return Flujo(draft >> fan >> choose >> polish, context_model=Notes, cost_model=PRICES, store=store, name="desk")


async def on_dbos_with_sqlite(folder: Path) -> str:
    """As a workflow of a DBOS that has its own tables in SQLite, too."""
    store = open_store(f"sqlite:///{folder / 'workflow.db'}")
    told: list[str] = []

    @DBOS.workflow(name="desk_on_sqlite")
    async def workflow(text: str) -> str:
        told.append(render(story_of(await desk(store).run_async(text, run_id=RUN))))
        return "told"

    def launch() -> None:
        url = f"sqlite:///{folder / 'dbos.db'}"
        DBOS(config={"name": "flujo", "system_database_url": url, "serializer": JsonSerializer(), "log_level": "ERROR"})
        DBOS.launch()

    await anyio.to_thread.run_sync(launch)
    try:
        handle: Any = await anyio.to_thread.run_sync(lambda: DBOS.start_workflow(workflow, INPUT))
        assert await anyio.to_thread.run_sync(handle.get_result) == "told"
    finally:
        await anyio.to_thread.run_sync(DBOS.destroy)
        await anyio.to_thread.run_sync(store.close)
    return told[0]


async def on_a_worker(database: str) -> str:
    """Handed over to a worker, and told again out of its store."""
    runner = desk()
    with DBOSRuntime(database, poll_s=0.02) as runtime:
        await runtime.start(HERE, INPUT, run_id=RUN)
        async with Worker(database, {HERE: runner}, poll_s=0.02, patience_s=2.0):
            assert (await runtime.result(RUN)).summary.status == "completed"
        result = await on_store(runner, runtime.store, HERE).run_async(INPUT, run_id=RUN)
        return render(story_of(result))


async def test_the_story_is_the_same_wherever_a_run_is_kept(golden: Golden, database: str, tmp_path: Path) -> None:
    result = await desk().run_async(INPUT, run_id=RUN)
    golden.check(result)
    told = render(story_of(result))
    assert render(story_of(await desk(MemoryJournal()).run_async(INPUT, run_id=RUN))) == told
    with_sqlite = open_store(f"sqlite:///{tmp_path / 'runs.db'}")
    assert render(story_of(await desk(with_sqlite).run_async(INPUT, run_id=RUN))) == told
    with_sqlite.close()
    with_postgres = PostgresStore(database)
    assert render(story_of(await desk(with_postgres).run_async(INPUT, run_id="direct"))) == told
    with_postgres.close()
    assert await on_dbos_with_sqlite(tmp_path) == told
    assert await on_a_worker(database) == told
