"""Stories of loops, conditions and maps as a reader sees them: the same on both backends."""

from __future__ import annotations

from tests.flujo_testing import composite_runs as runs
from tests.flujo_testing.transcript_runs import expected, text


async def test_a_loop_tells_its_iterations_with_the_decisions_about_each_and_where_inputs_come_from() -> None:
    assert text(await runs.loop_mapped()) == expected(
        """
        input: "rain now"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: completed
          output: "Rain"
        steps:
          refine:
            kind: loop
            initial_input_mapper: "rain now again"
            iteration 1:
              step shorten:
                attempt 1:
                  input_from: initial_input_mapper
                  output: "rain now"
                context: {drafts: {appended: ["rain now again"]}}
              exit_condition: false
            iteration 2:
              iteration_input_mapper: "cold rain now"
              step shorten:
                attempt 1:
                  input_from: iteration_input_mapper
                  output: "cold rain"
                context: {drafts: {appended: ["cold rain now"]}}
              exit_condition: false
            iteration 3:
              iteration_input_mapper_from: run
              step shorten:
                attempt 1:
                  input_from: iteration_input_mapper
                  output: "rain"
                context: {drafts: {appended: ["rain now"]}}
              exit_condition: true
            loop_output_mapper: "Rain"
        """
    )


async def test_a_failed_iteration_leaves_the_context_as_the_one_before_left_it() -> None:
    assert text(await runs.loop_failed()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: failed
          error: "step 'refine/iteration:2/write' failed after 1 attempt: ValueError: boom"
          spent: {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}
        steps:
          refine:
            kind: loop
            iteration 1:
              step keep:
                attempt 1:
                  input_from: run
                  output: "rain"
                context: {drafts: {appended: ["rain"]}}
              step write:
                attempt 1:
                  input_from: "refine/iteration:1/keep"
                  output: "draft"
                  paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              exit_condition: false
            iteration 2:
              step keep:
                attempt 1:
                  input_from: iteration 1
                  output: "draft"
                context: {drafts: {appended: ["draft"]}}
              step write:
                attempt 1:
                  input_from: "refine/iteration:2/keep"
                  error: "ValueError: boom"
                status: failed
            status: failed
        """
    )


async def test_a_paused_loop_keeps_what_its_completed_steps_changed() -> None:
    assert text(await runs.loop_paused()) == expected(
        """
        input: "cold grey rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: paused
        steps:
          refine:
            kind: loop
            iteration 1:
              step shorten:
                attempt 1:
                  input_from: run
                  output: "cold grey"
                context: {drafts: {appended: ["cold grey rain"]}}
              step route:
                kind: branch
                condition: false
                branch False:
                  step more:
                    attempt 1:
                      input_from: "refine/iteration:1/shorten"
                      output: "cold grey"
              exit_condition: false
            iteration 2:
              step shorten:
                attempt 1:
                  input_from: iteration 1
                  output: "cold"
                context: {drafts: {appended: ["cold grey"]}}
              step route:
                kind: branch
                condition: true
                branch True:
                  step done:
                    attempt 1:
                      input_from: "refine/iteration:2/shorten"
                      output: "cold"
                    context: {drafts: {appended: ["cold"]}}
                  step approve:
                    kind: human
                    question: "Publish it?"
                    status: paused
                status: paused
            status: paused
        """
    )


async def test_a_conditional_step_tells_its_condition_and_the_branch_that_ran() -> None:
    assert text(await runs.branched()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: completed
          output: "rain: fine"
          spent: {usd: "0.000664", requests: 1, input_tokens: 41, output_tokens: 13}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "rain"
          route:
            kind: branch
            condition: "sales"
            branch sales:
              step draft:
                attempt 1:
                  input_from: write
                  output: "rain"
                context: {drafts: {appended: ["rain"]}}
              step polish:
                attempt 1:
                  input_from: "route/branch:sales/draft"
                  output: "rain: fine"
                  paid: {model: "test:critic", input: 41, output: 13, usd: "0.000664"}
          end:
            attempt 1:
              input_from: route
              output: "rain: fine"
        """
    )


async def test_mappers_of_a_branch_are_told_where_their_values_enter() -> None:
    assert text(await runs.branch_mapped()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: completed
          output: {text: "RAIN"}
        steps:
          route:
            kind: branch
            condition: "other"
            branch_input_mapper: "RAIN"
            branch default:
              step any:
                attempt 1:
                  input_from: branch_input_mapper
                  output: "RAIN"
            branch_output_mapper: {text: "RAIN"}
        """
    )


async def test_a_map_tells_its_items_once_and_what_each_became_until_one_failed() -> None:
    assert text(await runs.map_failed()) == expected(
        """
        input: ["rain", "snow", "hail"]
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: failed
          error: "step 'each/item:2/note' failed after 1 attempt: ValueError: too cold"
        steps:
          each:
            kind: map
            items_from: run
            item 1:
              step note:
                attempt 1:
                  input_from: item 1
                  output: "RAIN"
                context: {drafts: {appended: ["rain"]}}
            item 2:
              step note:
                attempt 1:
                  input_from: item 2
                  error: "ValueError: too cold"
                status: failed
              status: failed
            status: failed
        """
    )


async def test_items_that_ran_at_once_say_so_and_join_like_branches() -> None:
    assert text(await runs.mapped_at_once()) == expected(
        """
        input: "rain hail"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: completed
          output: ["RAIN", "HAIL"]
        steps:
          first:
            attempt 1:
              input_from: run
              output: "rain hail"
            context: {drafts: {appended: ["rain hail"]}}
          each:
            kind: map_at_once
            items: ["rain", "hail"]
            item 1:
              step note:
                attempt 1:
                  input_from: item 1
                  output: "RAIN"
                context: {drafts: {appended: ["rain"]}}
            item 2:
              step note:
                attempt 1:
                  input_from: item 2
                  output: "HAIL"
                context: {drafts: {appended: ["hail"]}}
            merged: {by: context_update, drafts: {appended: ["rain", "hail"], from: ["item:1", "item:2"]}}
          end:
            attempt 1:
              input_from: each
              output: ["RAIN", "HAIL"]
            context: {drafts: {appended: ["RAIN", "HAIL"]}}
        """
    )
