"""Runs that keep no transcript: what happens is told while it happens, what was paid is known at the end."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from flujo import Flujo, Pipeline, PipelineResult, Step
from flujo.errors import MisuseError, PipelineDefinitionError, Problem
from flujo.events import Event
from flujo.stores.memory import MemoryJournal
from tests.flujo.kinds.cast import PRICES, STILL, Breaker, Notes, Writer, echo, usd

SAVED = Step("saved", Breaker("first", 7), max_retries=1, fallback=Step("second", Writer("second", 11)))
BRANCHES = Step.parallel("all", {"a": Step("s", Writer("a", 13)), "b": Step("t", Writer("b", 17)) >> SAVED})
FAILS = Step.loop_until("loop", Step("u", Writer("u", 19)), lambda x: False, max_loops=3)


async def ended(*parts: Any, **options: Any) -> PipelineResult:
    runner = Flujo(Pipeline.of(*parts), context_model=Notes, cost_model=PRICES, clock=STILL, **options)
    return await runner.run_async("x", run_id="r")


async def test_what_was_paid_is_known_at_the_end() -> None:
    whole = await ended(BRANCHES, FAILS)
    result = await ended(BRANCHES, FAILS, keep_transcript=False)
    assert (result.status, str(result.error), result.context) == (whole.status, str(whole.error), whole.context)
    assert (result.ledger, result.total_cost_usd) == (whole.ledger, usd(13, 17, 7, 7, 11, 19, 19, 19))
    assert [result.cost_by(by) for by in ("step", "model", "branch")] == [
        whole.cost_by(by) for by in ("step", "model", "branch")
    ]
    assert pickle.loads(pickle.dumps(result)).ledger == whole.ledger


async def test_listeners_hear_all_of_it() -> None:
    heard: list[Event] = []
    whole: list[Event] = []
    await ended(BRANCHES, listeners=[whole.append])
    result = await ended(BRANCHES, listeners=[heard.append], keep_transcript=False)
    assert (heard, result.total_cost_usd) == (whole, usd(13, 17, 7, 7, 11))


async def test_a_stream_is_read_to_its_result() -> None:
    whole: list[Event] = []
    await ended(BRANCHES, listeners=[whole.append])
    runner = Flujo(BRANCHES, context_model=Notes, cost_model=PRICES, clock=STILL, keep_transcript=False)
    async with runner.stream_async("x", run_id="r") as events:
        told: list[Any] = [event async for event in events]
    *heard, result = told
    assert (heard, result.total_cost_usd) == (whole, usd(13, 17, 7, 7, 11))


async def test_a_journal_keeps_what_was_answered() -> None:
    store = MemoryJournal()
    runner = Flujo(BRANCHES, context_model=Notes, cost_model=PRICES, clock=STILL, store=store, keep_transcript=False)
    first, again = [await runner.run_async("x", run_id="r") for _ in range(2)]
    assert (again.output, again.ledger) == (first.output, first.ledger)


READ: dict[str, Callable[[PipelineResult], object]] = {
    "transcript": lambda result: result.transcript,
    "step_history": lambda result: result.step_history,
    "cost_by": lambda result: result.cost_by("outcome"),
}


@pytest.mark.parametrize("what", READ)
async def test_what_is_read_from_a_transcript_says_that_there_is_none(what: str) -> None:
    result = await ended(BRANCHES, keep_transcript=False)
    with pytest.raises(MisuseError, match=r"^this run kept no transcript, and nothing that is read from it but"):
        READ[what](result)


async def test_a_run_without_a_transcript_is_not_resumed() -> None:
    with pytest.raises(MisuseError, match=r"^this run kept no transcript"):
        await Flujo(FAILS, cost_model=PRICES).resume_async(await ended(FAILS, keep_transcript=False))


def test_people_are_not_asked_in_a_run_that_cannot_go_on() -> None:
    asks = Step.loop_until("loop", Step.human_in_the_loop("ask", "sure?"), lambda x: True)
    with pytest.raises(PipelineDefinitionError) as refused:
        Flujo(asks, keep_transcript=False)
    text, fix = "a run without a transcript cannot go on after a pause", "Leave keep_transcript=False out."
    assert refused.value.problems == (Problem("transcript-needed", "loop/ask", text, fix),)


async def test_the_log_does_not_grow_with_what_is_free() -> None:
    lengths = []
    for number in (1, 10, 100):
        each = Step.map_over("each", Step("s", echo), lambda x, number=number: range(number), max_concurrency=None)
        lengths.append(len((await ended(each, keep_transcript=False)).log))
    assert lengths == [0, 0, 0]
