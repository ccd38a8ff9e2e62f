"""The stories of runs are the same, byte for byte, on no store, on a journal in memory and on SQLite; and those of runs
that crashed and went on tell that they did, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flujo import BranchFailureStrategy, Flujo, PipelineResult, Step, UsageLimits
from flujo.stores.memory import MemoryJournal
from flujo.stores.sqlite import SQLiteStore
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, check_conservation
from flujo_testing.golden.assertion import Golden
from flujo_testing.transcript import render, story_of
from tests.flujo.stores.dying import killed, store_at
from tests.laws.cast import PRICES, Notes, bounded, max_words, noting, writer

ASK: Any = Step.human_in_the_loop("approve", "Publish it?", input_schema=bool)


def feedback() -> Any:
    return Step("write", writer("one two three four", "Rain"), plugins=[max_words]) >> Step("note", noting("noted"))


def branches() -> Any:
    failing = Step("check", FailingAgent(error="offline", name="check"), max_retries=0)
    fan = {"legal": Step("write", writer("Rain")) >> ASK, "facts": failing, "tone": Step("echo", EchoAgent(name="e"))}
    return Step.parallel("fan", fan, on_branch_failure=BranchFailureStrategy.IGNORE) >> Step("end", EchoAgent(name="e"))


def rounds() -> Any:
    loop = Step.loop_until("loop", Step("draft", writer("a", "b")), lambda text, *, iteration: iteration == 2)
    return loop >> Step.map_over("each", Step("echo", EchoAgent(name="e")), lambda text: [text, 2, {"a": [1, None]}])


PIPELINES = {"feedback": feedback, "branches": branches, "rounds": rounds}


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "runs.db")
    yield store
    store.close()


async def to_the_end(pipeline: Any, store: Any) -> PipelineResult:
    limits = UsageLimits(request_limit=9)
    flow = Flujo(pipeline, store=store, context_model=Notes, cost_model=PRICES, usage_limits=limits)
    result = await flow.run_async("rain", run_id="r")
    if result.status == "paused":
        (question,) = result.questions
        result = await flow.resume_async(result, {question.path: "yes"})
    check_conservation(result)
    return result


@pytest.mark.flujo_schedules(0, reason="its runs lie in a file: a pass of it more would be told the runs of the first")
@pytest.mark.parametrize("name", PIPELINES)
async def test_a_run_has_one_story_wherever_it_is_kept(
    flujo_run: FlujoRun, golden: Golden, sqlite: SQLiteStore, name: str
) -> None:
    nowhere = await to_the_end(PIPELINES[name](), None)
    golden.check(nowhere)
    told = render(story_of(nowhere))
    assert render(story_of(await to_the_end(PIPELINES[name](), MemoryJournal()))) == told
    kept = await to_the_end(PIPELINES[name](), sqlite)
    assert render(story_of(kept)) == told
    again = await to_the_end(PIPELINES[name](), SQLiteStore(sqlite.file))
    assert render(story_of(again)) == told


async def test_a_run_that_crashed_tells_its_story_and_that_it_went_on(
    flujo_run: FlujoRun, golden: Golden, tmp_path: Path
) -> None:
    """Its process dies before the second draft is kept, which is in doubt: it may have been paid."""
    part = Step("write", bounded("Rain")) >> Step("note", bounded("Fog"))
    store, database = store_at(tmp_path / "runs.db", 5, written=False)
    assert await killed(database, lambda: to_the_end(part, store))
    store.close()
    later = SQLiteStore(tmp_path / "runs.db")
    golden.check(await to_the_end(Step("write", bounded()) >> Step("note", bounded("Fog")), later))
    later.close()
