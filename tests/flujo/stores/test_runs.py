"""Runs on a store: told again, gone on with, forked, held by one process, and refused where they are others."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

import anyio
import pytest

from flujo import AgentError, AgentOutput, MisuseError, PipelineContext, PluginOutcome, Step, UsageLimits
from flujo.errors import NoSuchRun, NotStorable, PipelineChanged, RunHeld, StepFailedError
from flujo.events import Asked, RunResumed
from flujo.stores.sqlite import SQLiteStore
from flujo_testing import EchoAgent, FailingAgent, ScriptedAgent, check_conservation
from flujo_testing.conformance.answers import failure_of
from tests.flujo.stores.dying import killed, runner, store_at
from tests.laws.cast import DRAFT, bounded, noting, usd, writer

pytestmark = pytest.mark.anyio
ASK: Any = Step.human_in_the_loop("ask", "Publish?")


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    return SQLiteStore(tmp_path / "runs.db")


def again(store: SQLiteStore) -> SQLiteStore:
    """The store as a later process finds it."""
    store.close()
    return SQLiteStore(store.file)


async def test_a_run_that_has_completed_is_told_again(store: SQLiteStore) -> None:
    agent = writer("Rain", "Fog")
    flow = runner(Step("a", agent) >> Step("b", agent), store)
    first = await flow.run_async("rain", run_id="r", context_data={})
    told = await runner(flow.pipeline, again(store)).run_async("rain", run_id="r")
    assert (told.status, told.output, len(agent.calls)) == ("completed", "Fog", 2)
    assert told.transcript == first.transcript
    assert told.ledger == first.ledger
    assert told.step_history == first.step_history
    assert told.context == first.context
    check_conservation(told)


@pytest.mark.parametrize("how", ["input", "context_data"])
async def test_another_beginning_for_a_known_run_is_refused(store: SQLiteStore, how: str) -> None:
    class Ctx(PipelineContext):
        topic: str = ""

    flow = runner(Step("a", EchoAgent()), store, context_model=Ctx)
    await flow.run_async({"x": [1, 2]}, run_id="r", context_data={"topic": "rain"})
    given: Any = {"x": [1, 3]} if how == "input" else {"x": [1, 2]}
    topic = {"topic": "rain" if how == "input" else "fog"}
    with pytest.raises(MisuseError) as refused:
        await flow.run_async(given, run_id="r", context_data=topic)
    at = "$.x[1]" if how == "input" else "$.topic"
    assert str(refused.value).startswith(f"run 'r' was begun with another {how}; it differs at {at}: ")


async def test_an_input_that_cannot_be_stored_is_refused_before_anything_is_paid(store: SQLiteStore) -> None:
    agent = writer("Rain")
    flow = runner(Step("a", agent), store)
    with pytest.raises(
        NotStorable, match=r"the input of the run cannot be stored: at \$\.client, it is of type object"
    ):
        await flow.run_async({"client": object()}, run_id="r")
    assert (len(agent.calls), store.runs()) == (0, [])


async def test_an_answer_that_cannot_be_stored_fails_its_step_with_its_spend(store: SQLiteStore) -> None:
    class Gives:
        model, calls = "test:writer", 0

        async def run(self, text: str) -> AgentOutput[object]:
            self.calls += 1
            return AgentOutput({"made": [object()]}, usage=DRAFT, model=self.model)

    agent = Gives()
    flow = runner(Step("a", agent, max_retries=3), store)
    result = await flow.run_async("rain", run_id="r")
    assert type(result.error) is StepFailedError
    assert str(result.error).startswith(
        "step 'a' failed after 1 attempt: the answer at 'a/attempt:1' cannot be stored: at $.made[0], "
    )
    assert (agent.calls, result.ledger.known_cost_usd) == (1, Decimal("0.00104"))
    told = await runner(flow.pipeline, again(store)).run_async("rain", run_id="r")
    assert (told.status, agent.calls, told.ledger) == ("failed", 1, result.ledger)


async def test_an_output_that_cannot_be_stored_fails_the_run(store: SQLiteStore) -> None:
    step = Step("a", writer("Rain"), output_processors=[lambda text: object()])
    result = await runner(step, store).run_async("rain", run_id="r")
    assert (result.status, result.output, result.ledger.known_cost_usd) == ("failed", None, Decimal("0.00104"))
    assert str(result.error).startswith(
        "step 'a' failed: the output of the run cannot be stored: at $, it is of type object"
    )
    check_conservation(result)
    assert store.load("r").error == str(result.error)


async def test_a_decision_that_cannot_be_stored_fails_its_step(store: SQLiteStore) -> None:
    body = Step("body", EchoAgent())
    result = await runner(Step.map_over("map", body, lambda text: [object()]), store).run_async("rain", run_id="r")
    assert result.status == "failed"
    assert str(result.error) == (
        "step 'map' failed: the answer at 'map/decision:items:0' cannot be stored: at $[0], it is of type object, "
        "which has no form that could be read back. Use plain data, pydantic models or dataclasses of a module that "
        "can be imported; clients, locks and the like belong into resources"
    )


async def test_a_paused_run_goes_on_by_its_id(store: SQLiteStore) -> None:
    agent = writer("Rain")
    flow = runner(Step("a", agent) >> ASK >> Step("b", noting("b")), store, context_model=_Notes)
    paused = await flow.run_async("rain", run_id="r")
    assert [question.path for question in paused.questions] == ["ask"]
    later = runner(flow.pipeline, again(store), context_model=_Notes)
    with pytest.raises(MisuseError, match="nobody asks for an answer at 'b'; open questions: 'ask'"):
        await later.resume_async("r", {"b": "yes"})
    result = await later.resume_async("r", {"ask": "yes"})
    assert (result.status, result.output, len(agent.calls)) == ("completed", "yes, b", 1)
    assert [(event.status, event.answers) for event in result.transcript.of(RunResumed)] == [
        ("paused", (("ask", "yes"),))
    ]
    with pytest.raises(MisuseError, match="the run has completed: there is nothing to resume"):
        await later.resume_async("r")


class _Notes(PipelineContext):
    drafts: list[str] = []


async def test_a_question_in_an_iteration_is_read_by_its_schema(store: SQLiteStore) -> None:
    asks: Any = Step.human_in_the_loop("ask", "How many?", input_schema=int)
    loop = Step.loop_until("loop", asks, lambda number, *, iteration: iteration == 2)
    await runner(loop, store).run_async(0, run_id="r")
    flow = runner(loop, again(store))
    with pytest.raises(MisuseError, match="the answer 'many' at 'loop/iteration:1/ask' does not fit its input_schema"):
        await flow.resume_async("r", {"loop/iteration:1/ask": "many"})
    await flow.resume_async("r", {"loop/iteration:1/ask": "3"})
    result = await flow.resume_async("r", {"loop/iteration:2/ask": "4"})
    assert (result.status, result.output) == ("completed", 4)


async def test_a_failed_run_gets_further_attempts(store: SQLiteStore) -> None:
    agent = ScriptedAgent(ValueError("offline"), ValueError("offline"), "fine")
    flow = runner(Step("a", EchoAgent()) >> Step("b", agent, max_retries=1), store)
    failed = await flow.run_async("rain", run_id="r")
    assert (failed.status, (await flow.run_async("rain", run_id="r")).status, len(agent.calls)) == (
        "failed",
        "failed",
        2,
    )
    result = await runner(flow.pipeline, again(store)).resume_async("r")
    assert (result.status, result.output, len(agent.calls)) == ("completed", "fine", 3)
    assert [event.attempt for event in result.transcript.of(Asked) if event.step == "b"] == [1, 2, 3]


async def test_a_failure_that_is_not_retried_is_not_retried_after_a_crash(tmp_path: Path) -> None:
    agent = ScriptedAgent(ValueError("offline"), "fine")
    part = Step("a", agent, max_retries=3, retry_on=KeyError)
    store, database = store_at(tmp_path / "runs.db", 3, written=False)  # all but its end
    assert await killed(database, lambda: runner(part, store).run_async("rain", run_id="r"))
    result = await runner(part, again(store)).run_async("rain", run_id="r")
    assert (result.status, len(agent.calls)) == ("failed", 1)


async def test_further_attempts_are_granted_once_though_the_process_dies(tmp_path: Path) -> None:
    agent = FailingAgent(error="offline")
    part = Step("a", agent, max_retries=1)
    store = SQLiteStore(tmp_path / "runs.db")
    await runner(part, store).run_async("rain", run_id="r")
    store.close()
    dying, database = store_at(tmp_path / "runs.db", 2)  # the resume and one more answer
    assert await killed(database, lambda: runner(part, dying).resume_async("r"))
    result = await runner(part, again(dying)).run_async("rain", run_id="r")
    assert (result.status, len(agent.calls)) == ("failed", 4)
    assert str(result.error) == "step 'a' failed after 4 attempts: offline"


async def test_a_limited_run_needs_higher_limits(store: SQLiteStore) -> None:
    agent = bounded("x", "y")
    flow = runner(Step("a", agent) >> Step("b", agent), store, usage_limits=usd("0.0015"))
    assert (await flow.run_async("rain", run_id="r")).status == "limited"
    with pytest.raises(MisuseError, match="the run ended at its limits and would do so again"):
        await flow.resume_async("r")
    result = await flow.resume_async("r", usage_limits=UsageLimits(total_cost_usd_limit="0.003"))
    assert (result.status, len(agent.calls), result.total_cost_usd) == ("completed", 2, Decimal("0.00208"))
    assert store.load("r").limits == UsageLimits(total_cost_usd_limit="0.003")


async def test_a_cancelled_run_goes_on(store: SQLiteStore) -> None:
    agent = bounded("x")
    hangs = anyio.Event()

    class Hangs:
        calls = 0

        async def run(self, text: str) -> str:
            self.calls += 1
            if self.calls == 1:
                hangs.set()
                await anyio.sleep_forever()
            return text

    last = Hangs()
    flow = runner(Step("a", agent) >> Step("b", last), store)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: flow.run_async("rain", run_id="r"))
        await hangs.wait()
        group.cancel_scope.cancel()
    assert [run.status for run in store.runs()] == ["cancelled"]
    result = await runner(flow.pipeline, again(store)).run_async("rain", run_id="r")
    assert (result.status, len(agent.calls), last.calls) == ("completed", 1, 2)
    assert [event.status for event in result.transcript.of(RunResumed)] == ["cancelled"]


async def test_a_plugin_that_redirects_does_so_again(tmp_path: Path) -> None:
    senior = ScriptedAgent("better", name="senior")

    class Sends:
        name, priority, to = "sends", 0, senior

        async def validate(self, draft: Any) -> PluginOutcome:
            done = draft["output"] == "better"
            return PluginOutcome(done, redirect_to=None if done else self.to)

    first = writer("grey")
    part = Step("a", first, plugins=[Sends()]) >> ASK
    store, database = store_at(tmp_path / "runs.db", 6, written=False)
    assert await killed(database, lambda: runner(part, store).run_async("rain", run_id="r"))
    flow = runner(part, again(store))
    paused = await flow.run_async("rain", run_id="r")
    result = await flow.resume_async("r", {"ask": "yes"})
    assert (paused.status, result.status, len(first.calls), len(senior.calls)) == ("paused", "completed", 1, 1)
    assert [event.agent for event in result.transcript.of(Asked)] == ["writer", "senior"]


async def test_a_long_answer_is_kept_once(store: SQLiteStore) -> None:
    long = "x" * 100_000
    flow = runner(Step("a", ScriptedAgent(long)) >> Step("b", EchoAgent()), store)
    await flow.run_async("rain", run_id="r")
    blobs = await store._database.read(lambda db: db.execute("SELECT LENGTH(content) FROM blobs").fetchall())
    assert sorted(blobs)[0] == (100_002,)
    assert [ask.answer.value for ask in again(store).load("r").asks] == [long, long]


# Which run, whose -----------------------------------------------------------------------------------------------


async def test_a_changed_pipeline_is_refused_with_the_first_path_that_differs(store: SQLiteStore) -> None:
    await runner(Step("a", EchoAgent()) >> Step("b", EchoAgent()) >> ASK, store).run_async("rain", run_id="r")
    changed = {
        "b": Step("a", EchoAgent()) >> Step("b", EchoAgent(), max_retries=2) >> ASK,
        "ask": Step("a", EchoAgent()) >> Step("b", EchoAgent()),
        "c": Step("a", EchoAgent()) >> Step("b", EchoAgent()) >> ASK >> Step("c", EchoAgent()),
    }
    for path, pipeline in changed.items():
        with pytest.raises(PipelineChanged) as refused:
            await runner(pipeline, store).resume_async("r", {"ask": "yes"})
        assert (refused.value.path, refused.value.fork_at) == (path, "" if path == "c" else path)
    forked = store.fork("r", "")
    paused = await runner(changed["c"], store).run_async("rain", run_id=forked)
    result = await runner(changed["c"], store).resume_async(forked, {"ask": "yes"})
    assert (paused.status, result.status, result.output) == ("paused", "completed", "yes")


async def test_a_fork_goes_on_differently_from_the_last_step_in_common(store: SQLiteStore) -> None:
    agent = writer("Rain", "Fog")
    await runner(Step("a", agent) >> Step("b", agent) >> ASK, store).run_async("rain", run_id="r")
    changed = Step("a", agent) >> Step("other", writer("Snow")) >> ASK
    with pytest.raises(PipelineChanged, match="where step 'b' was, there is 'other'"):
        await runner(changed, store).run_async("rain", run_id="r")
    forked = store.fork("r", "b")
    assert [ask.path for ask in store.load(forked).asks] == ["a/attempt:1"]
    paused = await runner(changed, store).run_async("rain", run_id=forked)
    assert (paused.status, len(agent.calls), paused.questions[0].input) == ("paused", 2, "Snow")
    assert [run.run_id for run in store.runs()] == [forked, "r"]
    with pytest.raises(MisuseError, match=r"has no step at 'nowhere'; its steps: 'a', 'b', 'ask'"):
        store.fork("r", "nowhere")


async def test_a_fork_within_a_loop_keeps_the_iterations_before(store: SQLiteStore) -> None:
    body = Step("draft", EchoAgent()) >> Step("mend", EchoAgent())
    loop = Step.loop_until("loop", body, lambda text, *, iteration: iteration == 3)
    await runner(Step("a", EchoAgent()) >> loop, store).run_async("rain", run_id="r")
    kept = {
        "loop/iteration:2/mend": ["a", "loop/iteration:1/draft", "loop/iteration:1/mend", "loop/iteration:2/draft"],
        "loop/mend": ["a", "loop/iteration:1/draft"],
        "loop": ["a"],
        "a": [],
    }
    for path, before in kept.items():
        assert [ask.path for ask in store.load(store.fork("r", path)).asks] == [f"{step}/attempt:1" for step in before]


async def test_a_run_has_one_holder_at_a_time(store: SQLiteStore) -> None:
    started, goes_on = anyio.Event(), anyio.Event()

    async def waits(text: str) -> str:
        started.set()
        await goes_on.wait()
        return text

    flow = runner(Step("a", waits), store)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: flow.run_async("rain", run_id="r"))
        await started.wait()
        assert [run.status for run in store.runs()] == ["running"]
        with pytest.raises(RunHeld) as refused:
            await runner(flow.pipeline, SQLiteStore(store.file)).run_async("rain", run_id="r")
        assert refused.value.holder.startswith(f"process {os.getpid()} on {socket.gethostname()} since 20")
        goes_on.set()
    assert [run.status for run in store.runs()] == ["completed"]


HOLDER = """
import sys
from pathlib import Path
from flujo.stores.locks import claim
lock = claim(Path(sys.argv[1]), "r")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_of_another_process_is_free_when_it_is_dead(store: SQLiteStore) -> None:
    runner(Step("a", EchoAgent()) >> ASK, store).run("rain", run_id="r")
    folder = store.file.with_name(f"{store.file.name}-held")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert next(iter(cast(IO[str], holder.stdout))) == "held\n"
        flow = runner(Step("a", EchoAgent()) >> ASK, store)
        with pytest.raises(RunHeld, match=f"run 'r' is being run by process {holder.pid} on "):
            anyio.run(flow.resume_async, "r", {"ask": "yes"})
        holder.kill()
        holder.wait()
    assert anyio.run(flow.resume_async, "r", {"ask": "yes"}).status == "completed"


async def test_a_run_that_is_not_there_is_told_with_those_that_are_near(store: SQLiteStore) -> None:
    flow = runner(Step("a", EchoAgent()), store)
    await flow.run_async("rain", run_id="review-17")
    for call in (lambda: store.load("review-71"), lambda: store.fork("review-71", "a")):
        with pytest.raises(NoSuchRun) as refused:
            call()
        assert str(refused.value) == "there is no run 'review-71' in the store; did you mean 'review-17'?"
    with pytest.raises(NoSuchRun, match="did you mean 'review-17'"):
        await flow.resume_async("review-71")


async def test_what_is_kept_of_a_run_can_be_looked_at(store: SQLiteStore) -> None:
    agent = writer(AgentError("offline", usage=DRAFT, model="test:writer"), "Rain")
    flow = runner(Step("a", agent) >> ASK, store, name="poems", usage_limits=usd("1"))
    flow.reference = "poems:pipeline"
    result = await flow.run_async("rain", run_id="r")
    stored = again(store).load("r")
    summary = stored.summary
    assert (summary.pipeline, summary.reference, summary.status, summary.asks, summary.in_doubt) == (
        "poems", "poems:pipeline", "paused", 2, 0,
    )  # fmt: skip
    assert (summary.cost_usd, stored.input, stored.limits, stored.error) == (
        result.ledger.known_cost_usd, "rain", usd("1"), None,
    )  # fmt: skip
    assert [(ask.path, ask.number, failure_of(ask.answer.error)) for ask in stored.asks] == [
        ("a/attempt:1", 1, ("error", True, "offline")), ("a/attempt:2", 2, None),
    ]  # fmt: skip
    assert stored.events == result.transcript.events
    assert json.dumps(stored.fingerprint) == json.dumps(flow.pipeline.fingerprint)


async def test_one_store_serves_many_runs_at_once(store: SQLiteStore) -> None:
    flow = runner(Step("a", EchoAgent()) >> Step("b", EchoAgent()), store)

    async def one(number: int) -> None:
        assert (await flow.run_async(number, run_id=f"r{number}")).output == number

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(one, number)
    assert [(run.status, run.asks) for run in store.runs()] == [("completed", 2)] * 30
