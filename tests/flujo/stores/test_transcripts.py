"""Transcripts of runs out of a store: values between steps that no file can hold are told there as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from flujo import Step
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
