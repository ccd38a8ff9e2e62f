"""Runs that are handed over are run by a worker as they would be here; what nobody runs says what it waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

from chaos.workers import flows
from flujo import Flujo, MisuseError, Step, UsageLimits
from flujo.distributed.runtime import DBOSRuntime
from flujo.distributed.worker import Worker
from flujo.errors import NoSuchRun, NotStorable, StoreError
from flujo.stores.codec import Codec

pytestmark = pytest.mark.anyio
SHORT, ASKING, HELD = (f"{flows.HERE}:{name}" for name in ("short", "asking", "held"))
CALL = Decimal("0.000152")


class Gate:
    """An agent that says that it was called, and answers when it is told to."""

    def __init__(self) -> None:
        self.called, self.answers, self.calls = threading.Event(), threading.Event(), 0

    async def run(self, text: str) -> str:
        self.calls += 1
        self.called.set()
        await anyio.to_thread.run_sync(self.answers.wait, abandon_on_cancel=True)
        return text

    async def until_called(self) -> None:
        await anyio.to_thread.run_sync(self.called.wait)


@pytest.fixture
def runtime(database: str) -> Iterator[DBOSRuntime]:
    with DBOSRuntime(database, poll_s=0.02) as runtime:
        yield runtime


def serving(database: str, runners: dict[str, Flujo[Any, Any]], **options: Any) -> Worker:
    return Worker(database, runners, poll_s=0.02, **{"patience_s": 2.0, **options})


async def test_a_run_is_run_where_a_worker_serves_its_pipeline(runtime: DBOSRuntime, database: str) -> None:
    run_id = await runtime.start(SHORT, "rain", run_id="r1")
    assert [str(entry) for entry in runtime.waiting()] == [
        f"{SHORT}: 1 run waits for a worker of version 'flujo-1' that serves it: flujo worker {SHORT} --version flujo-1"
    ]
    async with serving(database, {SHORT: flows.short}):
        found = await runtime.result(run_id)
    assert (found.summary.status, found.summary.asks, found.summary.cost_usd) == ("completed", 2, 2 * CALL)
    assert [ask.path for ask in found.asks] == ["a/attempt:1", "b/attempt:1"]
    assert str(found.output).startswith("rain b#1 ")
    assert runtime.waiting() == ()


async def test_a_queued_run_is_listed_and_says_that_nobody_has_begun_it(runtime: DBOSRuntime) -> None:
    await runtime.start(SHORT, "rain", run_id="r1")
    assert [(run.run_id, run.status, run.reference) for run in runtime.store.runs()] == [("r1", "queued", SHORT)]
    with pytest.raises(MisuseError, match="run 'r1' is queued: no worker has begun it yet"):
        runtime.history("r1")


async def test_the_same_run_twice_is_one_run_and_another_under_its_id_is_refused(
    runtime: DBOSRuntime, database: str
) -> None:
    for _ in range(2):
        assert await runtime.start(SHORT, "rain", run_id="r1") == "r1"
    with pytest.raises(MisuseError, match="run 'r1' was started with another pipeline or input: use another id"):
        await runtime.start(SHORT, "snow", run_id="r1")
    async with serving(database, {SHORT: flows.short}):
        found = await runtime.result("r1")
        assert await runtime.start(SHORT, "rain", run_id="r1") == "r1"
        again = await runtime.result("r1")
    assert (again.output, again.asks) == (found.output, found.asks)


async def test_people_answer_and_the_run_goes_on(runtime: DBOSRuntime, database: str) -> None:
    await runtime.start(ASKING, "rain", run_id="r1")
    async with serving(database, {ASKING: flows.asking}):
        assert (await runtime.result("r1")).summary.status == "paused"
        for _ in range(2):
            await runtime.signal("r1", {"ask": "yes"})
        found = await runtime.result("r1")
    assert (found.summary.status, found.summary.cost_usd) == ("completed", 2 * CALL)
    assert [(resume.status, resume.answers) for resume in found.resumes] == [("paused", (("ask", "yes"),))]
    assert [ask.path for ask in found.asks] == ["draft/attempt:1", "ask/human:1", "publish/attempt:1"]


async def test_a_run_that_has_not_ended_takes_no_answer(runtime: DBOSRuntime) -> None:
    await runtime.start(ASKING, "rain", run_id="r1")
    with pytest.raises(MisuseError, match=r"run 'r1' has not ended yet: wait for result\('r1'\)"):
        await runtime.signal("r1", {"ask": "yes"})


async def test_an_answer_that_nobody_asked_for_is_told_and_another_one_helps(
    runtime: DBOSRuntime, database: str
) -> None:
    await runtime.start(ASKING, "rain", run_id="r1")
    async with serving(database, {ASKING: flows.asking}):
        await runtime.result("r1")
        await runtime.signal("r1", {"nobody": "yes"})
        with pytest.raises(StoreError, match=r"has no end of run 'r1': flujo\.errors\.MisuseError: .*nobody"):
            await runtime.result("r1")
        await runtime.signal("r1", {"ask": "yes"})
        assert (await runtime.result("r1")).summary.status == "completed"


async def test_a_run_goes_on_with_other_limits(runtime: DBOSRuntime, database: str) -> None:
    limited = Flujo(flows.short.pipeline, cost_model=flows.PRICES, usage_limits=UsageLimits(total_cost_usd_limit=CALL))
    await runtime.start(SHORT, "rain", run_id="r1")
    async with serving(database, {SHORT: limited}):
        assert (await runtime.result("r1")).summary.status == "limited"
        await runtime.signal("r1", usage_limits=UsageLimits(total_cost_usd_limit=3 * CALL))
        found = await runtime.result("r1")
    assert (found.summary.status, found.summary.cost_usd) == ("completed", 2 * CALL)


async def test_a_worker_that_stops_leaves_its_run_to_the_next(runtime: DBOSRuntime, database: str) -> None:
    gate, first = Gate(), Gate()
    first.answers.set()
    held: Flujo[Any, Any] = Flujo(Step("first", first) >> Step("gate", gate))
    await runtime.start(HELD, "rain", run_id="r1")
    async with serving(database, {HELD: held}):
        await gate.until_called()
    assert runtime.history("r1").summary.status in ("interrupted", "cancelled")
    gate.answers.set()
    async with serving(database, {HELD: held}):
        found = await runtime.result("r1")
    assert (found.summary.status, found.output, first.calls, gate.calls) == ("completed", "rain", 1, 2)


async def test_an_answer_of_a_person_counts_once_however_often_its_run_is_handed_on(
    runtime: DBOSRuntime, database: str
) -> None:
    gate = Gate()
    asking: Flujo[Any, Any] = Flujo(Step.human_in_the_loop("ask", "Publish?") >> Step("gate", gate))
    await runtime.start(HELD, "rain", run_id="r1")
    async with serving(database, {HELD: asking}):
        await runtime.result("r1")
        await runtime.signal("r1", {"ask": "yes"})
        await gate.until_called()
    gate.answers.set()
    async with serving(database, {HELD: asking}) as worker:
        found = await runtime.result("r1")
        assert (found.summary.status, found.output, gate.calls) == ("completed", "yes", 2)
        told = Codec().text({"answers": {"ask": "yes"}, "limits": None, "resumes": 0})
        assert await worker.run(HELD, "resume", "r1", told) == "completed"  # as if its end had not reached DBOS
    again = runtime.history("r1")
    assert [resume.answers for resume in again.resumes] == [(("ask", "yes"),), ()]
    assert (again.asks, again.resumes, gate.calls) == (found.asks, found.resumes, 2)


async def test_other_versions_are_left_alone_and_named(runtime: DBOSRuntime, database: str) -> None:
    later = DBOSRuntime(database, version="v2", poll_s=0.02)
    async with serving(database, {SHORT: flows.short}) as worker:
        await later.start(SHORT, "rain", run_id="r2")
        await runtime.start(SHORT, "rain", run_id="r1")
        assert (await runtime.result("r1")).summary.status == "completed"
        assert [str(entry) for entry in worker.waiting_for_others()] == [
            f"{SHORT}: 1 run waits for a worker of version 'v2'; those that are there have 'flujo-1'"
        ]
    async with serving(database, {SHORT: flows.short}, version="v2"):
        assert (await runtime.result("r2")).summary.status == "completed"
    later.close()


async def test_a_changed_pipeline_does_not_go_on_with_a_run_of_the_old_one(runtime: DBOSRuntime, database: str) -> None:
    await runtime.start(SHORT, "rain", run_id="r1")
    async with serving(database, {SHORT: flows.short}):
        await runtime.result("r1")
    await runtime.signal("r1", {})
    async with serving(database, {SHORT: flows.changed}):
        with pytest.raises(StoreError, match=r"PipelineChanged: run 'r1' was made by another pipeline: .*'b'"):
            await runtime.result("r1")


async def test_what_cannot_be_meant_is_refused(runtime: DBOSRuntime, database: str) -> None:
    with pytest.raises(MisuseError, match="'short' names no pipeline: write module:attribute"):
        await runtime.start("short", "rain")
    with pytest.raises(MisuseError, match="run_id is ' '; pass a text that names the run"):
        await runtime.start(SHORT, "rain", run_id=" ")
    with pytest.raises(NotStorable, match="what the run begins with cannot be stored"):
        await runtime.start(SHORT, threading.Lock())
    for act in (partial(runtime.result, "nosuch"), partial(runtime.signal, "nosuch")):
        with pytest.raises(NoSuchRun, match="there is no run 'nosuch' in the store"):
            await act()
    with pytest.raises(MisuseError, match="a worker needs a pipeline to serve"):
        Worker(database, {})
    async with serving(database, {SHORT: flows.short}):
        with pytest.raises(MisuseError, match="there is a worker in this process already"):
            async with serving(database, {SHORT: flows.short}):
                ...
    with pytest.raises(MisuseError, match="write 'async with' in an event loop"):
        serving(database, {SHORT: flows.short}).start()
