"""Transcripts and contexts of runs out of a store: values that no file can hold are told there as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import PipelineContext, Step
from flujo.events import StepEnded
from flujo.stores.sqlite import SQLiteStore
from tests.flujo.stores.dying import runner
from tests.laws.cast import writer

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    return SQLiteStore(tmp_path / "runs.db")


async def test_what_is_no_answer_and_cannot_be_stored_is_told_in_the_transcript(store: SQLiteStore) -> None:
    """Between steps a processor makes things of two kinds that no file can hold; the run itself is kept."""

    class Local(BaseModel):
        number: int

    made = Step("a", writer("Rain"), output_processors=[lambda text: {"lock": object(), "text": text}])
    read = Step("b", lambda made: made["text"], output_processors=[lambda text: Local(number=len(text))])
    last = Step("c", lambda local: local.number)
    flow = runner(made >> read >> last, store)
    result = await flow.run_async("rain", run_id="r")
    assert (result.status, result.output) == ("completed", 4)
    told = await runner(flow.pipeline, SQLiteStore(store.file)).run_async("rain", run_id="r")
    ends = list(told.transcript.of(StepEnded))
    assert str(ends[0].output).startswith("{'lock': <object object at ")
    assert [str(end.output) for end in ends[1:]] == ["Local(number=4)", "4"]


async def test_a_value_that_is_written_and_not_read_again_is_told(store: SQLiteStore) -> None:
    broken = Titled.model_construct(title=3)
    step = Step("a", writer("Rain"), output_processors=[lambda text: broken])
    flow = runner(step >> Step("b", lambda notes: notes.title), store)
    assert (await flow.run_async("rain", run_id="r")).output == 3
    told = await runner(flow.pipeline, SQLiteStore(store.file)).run_async("rain", run_id="r")
    assert [end.output for end in told.transcript.of(StepEnded)] == ["Titled(title=3)", 3]


class Titled(BaseModel):
    title: str


class Notes(PipelineContext):
    made: Any = None
    count: int = 0


async def counting(text: str, *, context: Notes) -> str:
    context.count = 0  # as it was, but set
    return text


async def counting_up(text: str, *, context: Notes) -> str:
    context.count += 1
    return text


async def clearing(made: object, *, context: Notes) -> str:
    context.made = None
    return "Rain"


async def looking(text: str, *, context: Notes) -> list[Any]:
    return [context.made, context.count, sorted(context.model_fields_set)]


ASK: Any = Step.human_in_the_loop("ask", "Publish?")


@pytest.mark.parametrize("agent", [counting, counting_up])
async def test_the_context_of_a_run_out_of_a_store_is_the_one_that_it_had(store: SQLiteStore, agent: Any) -> None:
    flow = runner(Step("a", agent) >> ASK >> Step("b", looking), store, context_model=Notes)
    paused = await flow.run_async("rain", run_id="r")
    assert store.load("r").events == paused.transcript.events
    later = runner(flow.pipeline, SQLiteStore(store.file), context_model=Notes)
    result = await later.resume_async("r", {"ask": "yes"})
    assert (result.status, result.output) == ("completed", [None, int(agent is counting_up), ["count"]])


async def test_a_context_merged_by_a_function_is_out_of_a_store_the_one_that_it_was(store: SQLiteStore) -> None:
    def merging(notes: Notes, branches: object) -> Notes:
        notes.made, notes.count = None, 1  # the first as it was, but set
        return notes

    async def echo(text: str) -> str:
        return text

    fan: Any = Step.parallel("fan", {"a": Step("a", echo)}, merge_strategy=merging)
    flow = runner(fan >> ASK >> Step("b", looking), store, context_model=Notes)
    paused = await flow.run_async("rain", run_id="r")
    assert store.load("r").events == paused.transcript.events
    later = runner(flow.pipeline, SQLiteStore(store.file), context_model=Notes)
    result = await later.resume_async("r", {"ask": "yes"})
    assert (result.status, result.output) == ("completed", [None, 1, ["count", "made"]])


async def test_a_run_goes_on_whose_context_held_meanwhile_what_cannot_be_stored(store: SQLiteStore) -> None:
    makes = Step("a", counting_up, output_processors=[lambda text: {"made": object()}], updates_context=True)
    flow = runner(makes >> Step("b", clearing) >> ASK >> Step("c", looking), store, context_model=Notes)
    paused = await flow.run_async("rain", run_id="r")
    assert (paused.status, paused.context) == ("paused", Notes(count=1))
    later = runner(flow.pipeline, SQLiteStore(store.file), context_model=Notes)
    result = await later.resume_async("r", {"ask": "yes"})
    assert (result.status, result.output) == ("completed", [None, 1, ["count", "made"]])
