"""Stories of nested pipelines, people, resumed runs and selections as readers see them: the same on both backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flujo import Pipeline, PipelineResult, Step
from flujo.events import RunResumed
from flujo_testing.transcript import story_of
from tests.flujo_testing import composite_runs as runs
from tests.flujo_testing.composite_runs import fail_on_snow
from tests.flujo_testing.transcript_runs import Ctx, expected, keep, retold, run, text


async def test_a_nested_pipeline_keeps_what_its_completed_steps_changed_though_a_later_one_failed() -> None:
    assert text(await runs.nested_failed()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: failed
          error: "step 'prepare/deep/write' failed after 1 attempt: ValueError: boom"
        steps:
          prepare:
            kind: pipeline
            step first:
              attempt 1:
                input_from: run
                output: "rain"
              context: {drafts: {appended: ["rain"]}}
            step deep:
              kind: pipeline
              step keep:
                attempt 1:
                  input_from: prepare/first
                  output: "rain"
                context: {drafts: {appended: ["rain"]}}
              step write:
                attempt 1:
                  input_from: prepare/deep/keep
                  error: "ValueError: boom"
                status: failed
              status: failed
            status: failed
        """
    )


@pytest.mark.parametrize(
    ("last", "result"),
    [
        (
            Step("write", fail_on_snow, max_retries=0),
            {"status": "failed", "error": "step 'a/fallback:b/write' failed after 1 attempt: ValueError: too cold"},
        ),
        (runs.ASK, {"status": "paused"}),
    ],
    ids=["failed", "paused"],
)
async def test_a_pipeline_to_fall_back_on_keeps_what_its_completed_steps_changed(
    last: Any, result: dict[str, object]
) -> None:
    fallback = Pipeline.of(Step("keep", keep), last).as_step("b")
    step = Step("a", fail_on_snow, max_retries=0, fallback=fallback)
    told = story_of(await run(step, "snow", context_model=Ctx))
    assert told["result"] == result
    assert told["steps"]["a"]["fallback b"]["step keep"]["context"] == {"drafts": {"appended": ["snow"]}}


async def test_a_question_that_a_function_wrote_is_told_once() -> None:
    assert text(await runs.asked_by_function()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: paused
        steps:
          write:
            attempt 1:
              input_from: run
              output: "rain"
            context: {drafts: {appended: ["rain"]}}
          approve:
            kind: human
            message: "Publish rain with 1 drafts?"
            question_from: message
            status: paused
        """
    )


async def test_a_resumed_run_tells_in_its_header_what_it_went_on_with() -> None:
    assert text(await runs.answered_in_turn()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        resumed:
          - {after: paused, answers: {"review/branch:late/approve": "yes"}}
          - {after: paused, answers: {"review/branch:legal/approve": {by: "me"}}}
        result:
          status: completed
          output: {legal: {by: "me"}, facts: "rain: fine", late: "yes"}
          spent: {usd: "0.000664", requests: 1, input_tokens: 41, output_tokens: 13}
        steps:
          review:
            branch legal:
              step keep:
                attempt 1:
                  input_from: run
                  output: "rain"
                context: {drafts: {appended: ["rain"]}}
              step approve:
                kind: human
                question: "Publish it?"
                answer: {by: "me"}
            branch facts:
              step check:
                attempt 1:
                  input_from: run
                  output: "rain: fine"
                  paid: {model: "test:critic", input: 41, output: 13, usd: "0.000664"}
            branch late:
              step approve:
                kind: human
                question: "Publish it?"
                answer: "yes"
            merged: {by: context_update, drafts: {appended: ["rain"], from: [legal]}}
        """
    )


async def test_a_run_that_is_resumed_after_its_first_step_says_so() -> None:
    result = await runs.answered()
    events = [event for event in result.transcript if not isinstance(event, RunResumed)]
    resumed = next(event for event in result.transcript if isinstance(event, RunResumed))
    assert retold(result, [*events[:-1], resumed, events[-1]])["resumed"] == [
        {"after": "paused", "answers": {"approve": 7}, "too_late": True}
    ]


@pytest.mark.parametrize(
    ("make", "status"), [(runs.failed_and_resumed, "failed"), (runs.limited_and_resumed, "limited")]
)
async def test_a_run_that_went_on_without_answers_tells_after_what(
    make: Callable[[], Awaitable[PipelineResult]], status: str
) -> None:
    assert story_of(await make())["resumed"] == [{"after": status}]


async def test_what_was_paid_before_a_run_went_on_and_is_not_reached_again_stands_beside_its_result() -> None:
    assert text(await runs.not_reached_again()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        resumed: [{after: paused, answers: {approve: "yes"}}]
        result:
          status: failed
          error: "step 'check' failed before it was asked: ValueError: boom"
          spent: {usd: "0.000664", requests: 1, input_tokens: 41, output_tokens: 13}
          paid_before: {"check/attempt:1": {model: "test:critic", input: 41, output: 13, usd: "0.000664"}}
        steps:
          check:
            status: failed
        """
    )


async def test_a_step_that_pauses_does_not_tell_again_how_its_branches_failed() -> None:
    assert text(await runs.asked_in_branches()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: paused
          spent: {usd: "0.000664", requests: 1, input_tokens: 41, output_tokens: 13}
        steps:
          review:
            branch legal:
              step keep:
                attempt 1:
                  input_from: run
                  output: "rain"
                context: {drafts: {appended: ["rain"]}}
              step approve:
                kind: human
                question: "Publish it?"
                status: paused
              status: paused
            branch facts:
              step check:
                attempt 1:
                  input_from: run
                  output: "rain: fine"
                  paid: {model: "test:critic", input: 41, output: 13, usd: "0.000664"}
            branch style:
              step write:
                attempt 1:
                  input_from: run
                  error: "ValueError: boom"
                status: failed
              failed: ignored
            branch late:
              step approve:
                kind: human
                question: "Publish it?"
                status: paused
              status: paused
            status: paused
        """
    )


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (runs.mapped_nothing, {"each": {"kind": "map", "items": []}}),
        (runs.selected_nothing, {"review": {"select": []}}),
    ],
    ids=["map", "parallel"],
)
async def test_a_step_with_nothing_to_do_does_not_tell_its_empty_output(
    make: Callable[[], Awaitable[PipelineResult]], step: dict[str, object]
) -> None:
    assert story_of(await make())["steps"] == step


async def test_a_step_that_selects_branches_has_a_section_of_its_own() -> None:
    assert text(await runs.selected_by_a_step()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: completed
          output: {legal: "rain"}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "rain"
          review:
            step router:
              attempt 1:
                input_from: write
                output: ["legal"]
              context: {notes: {routed: {set: "rain"}}}
            select_from: review/router
            branch legal:
              attempt 1:
                input_from: write
                output: "rain"
              context: {drafts: {appended: ["rain"]}}
            merged: {by: context_update, drafts: {appended: ["rain"], from: [legal]}}
        """
    )


async def test_an_input_from_further_out_is_named_by_its_whole_path() -> None:
    assert text(await runs.deeply_nested()) == expected(
        """
        input: "rain,cold hail"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: completed
          output: "rain,cold"
        steps:
          again:
            kind: loop
            iteration 1:
              step each:
                kind: map
                items: ["rain", "cold hail"]
                item 1:
                  step one:
                    kind: pipeline
                    step route:
                      kind: branch
                      condition: "short"
                      branch short:
                        attempt 1:
                          input_from: "again/iteration:1/each/item:1"
                          output: "rain"
                        context: {drafts: {appended: ["rain"]}}
                item 2:
                  step one:
                    kind: pipeline
                    step route:
                      kind: branch
                      condition: "long"
                      branch long:
                        kind: pipeline
                        step cut:
                          attempt 1:
                            input_from: "again/iteration:1/each/item:2"
                            output: "cold"
                          context: {drafts: {appended: ["cold hail"]}}
              step join:
                attempt 1:
                  input_from: "again/iteration:1/each"
                  output: "rain,cold"
              exit_condition: true
        """
    )
