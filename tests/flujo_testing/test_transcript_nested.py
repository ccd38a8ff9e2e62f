"""Stories of nested pipelines, people, resumed runs and selections as readers see them: the same on both backends."""

from __future__ import annotations

from tests.flujo_testing import composite_runs as runs
from tests.flujo_testing.transcript_runs import expected, text


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
