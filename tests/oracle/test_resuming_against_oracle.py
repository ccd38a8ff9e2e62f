"""Random pipelines that are resumed until they complete: the whole run is told as the laws say, each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flujo import Flujo, PipelineResult
from flujo.events import RunResumed
from tests.oracle.building import limits_of
from tests.oracle.model import Outcome, outcome_of
from tests.oracle.pipelines import Agent, Call, Human, Parallel, Pay, Plain, Rule, Story
from tests.oracle.random_pipelines import KINDS, Taste, stories
from tests.oracle.reading import differences
from tests.oracle.running import examples, given_to, runner_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("virtual_clock")]
TIMES = 4


def reply(path: str) -> str:
    return f"yes {path[-20:]}"


def story_goes_on(story: Story, outcome: Outcome) -> Story:
    """With higher limits, if those of the run were passed."""
    if outcome.status != "limited":
        return story
    return replace(story, limits=tuple((dimension, most * 2) for dimension, most in story.limits))


async def resumed(
    runner: Flujo, story: Story, result: PipelineResult, outcome: Outcome, at_a_time: int
) -> tuple[PipelineResult, Outcome]:
    open_questions = [question.path for question in result.questions]
    assert open_questions == outcome.questions
    answers: dict[str, Any] = {path: reply(path) for path in open_questions[-at_a_time:]}
    past = replace(outcome.past, answers={**outcome.past.answers, **answers})
    outcome = outcome_of(story, past)
    assume(not outcome.uncertain)
    return await runner.resume_async(result, answers, usage_limits=limits_of(story.limits)), outcome


async def resumed_until_completed(story: Story, at_a_time: int, *ended: str) -> None:
    outcome = outcome_of(story)
    assume(not outcome.uncertain and outcome.status in ended)
    runner = runner_of(story)
    result = await runner.run_async(**given_to(story))
    for times in range(TIMES):
        assert differences(result, outcome) == []
        assert len(result.transcript.of(RunResumed)) == times
        if outcome.status == "completed":
            return
        story = story_goes_on(story, outcome)
        result, outcome = await resumed(runner, story, result, outcome, at_a_time)


@given(story=stories(taste=Taste(kinds=("human", *KINDS))), at_a_time=st.integers(1, 3))
@examples(20)
async def test_a_paused_run_goes_on_with_the_answers_that_there_are(story: Story, at_a_time: int) -> None:
    await resumed_until_completed(story, at_a_time, "paused")


@given(story=stories(taste=Taste(kinds=("human", *KINDS))))
@examples(20)
async def test_a_failed_run_goes_on_with_further_attempts(story: Story) -> None:
    await resumed_until_completed(story, 2, "failed")


@given(story=stories(taste=Taste(kinds=("human", *KINDS), limits=True)))
@examples(20)
async def test_a_limited_run_goes_on_under_higher_limits(story: Story) -> None:
    await resumed_until_completed(story, 2, "limited")


@given(story=stories(taste=Taste(kinds=("human", *KINDS), limits=True)), at_a_time=st.integers(1, 3))
@examples(20)
async def test_limits_count_what_they_counted_before_a_run_goes_on(story: Story, at_a_time: int) -> None:
    await resumed_until_completed(story, at_a_time, "paused", "failed")


def ends_before_it_gets_there() -> Story:
    """One branch at a time: the second pays while the first waits for an answer; with it, the first fails."""
    asks, breaks = Human("h", Rule("const", "Go on?")), Plain("s", (Agent("ann", (Call("value_error"),)),))
    pays = Plain("s", (Agent("bob", (Call(pays=(Pay("m:a", (2, 3)), Pay("m:b", None))),)),))
    return Story((Parallel("p", (("x", (asks, breaks)), ("y", (pays,))), max_concurrency=1),))


@given(story=st.just(ends_before_it_gets_there()))
@examples(1)
async def test_what_was_spent_stays_shown_where_a_run_ends_before_it_gets_there(story: Story) -> None:
    paused = outcome_of(story)
    failed = outcome_of(story, replace(paused.past, answers={"p/branch:x/h": "yes"}))
    assert [event[0] for event in failed.events][-3:] == ["PaidBefore", "PaidBefore", "RunEnded"]
    await resumed_until_completed(story, 1, "paused")
