"""Stories of runs of the real engine, as a reader sees them: the same on both backends."""

from __future__ import annotations

from tests.flujo_testing import transcript_runs as runs
from tests.flujo_testing.transcript_runs import expected, text


async def test_a_rejected_draft_is_paid_and_its_feedback_reaches_the_next_attempt() -> None:
    assert text(await runs.rejected()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: "Grey rain"
          spent: {usd: "0.00208", requests: 2, input_tokens: 240, output_tokens: 80}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "Rain falls and falls and falls"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin max_words: {rejected: "6 words, at most 4"}
            attempt 2:
              input_from: run
              feedback: [{from: max_words, text: "6 words, at most 4"}]
              output: "Grey rain"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin max_words: accepted
          review:
            attempt 1:
              input_from: write
              output: "Grey rain"
        """
    )


async def test_feedback_within_a_text_input_is_shown_as_the_agent_was_given_it() -> None:
    assert text(await runs.told_in_text()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: "Grey rain"
          spent: {usd: "0.00208", requests: 2, input_tokens: 240, output_tokens: 80}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "Rain falls and falls and falls"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin max_words: {rejected: "6 words, at most 4"}
            attempt 2:
              input: |-
                rain

                <feedback>
                Earlier drafts were rejected:
                - max_words (attempt 1): 6 words, at most 4
                </feedback>
              feedback: [{from: max_words, text: "6 words, at most 4"}]
              output: "Grey rain"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin max_words: accepted
        """
    )


async def test_a_redirect_stands_within_its_attempt_with_its_own_payment_and_verdicts() -> None:
    assert text(await runs.redirected()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: "Bright rain"
          spent: {usd: "0.00256", requests: 2, input_tokens: 240, output_tokens: 80}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "Grey rain"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin max_words: accepted
              plugin tone: {redirect_to: senior, feedback: "too sad"}
              redirect 1 to senior:
                input_from: run
                output: "Bright rain"
                paid: {model: "test:senior", input: 120, output: 40, usd: "0.00152"}
                plugin max_words: accepted
                plugin tone: accepted
        """
    )


async def test_a_fallback_stands_below_the_attempts_that_it_makes_good_with_the_original_error() -> None:
    assert text(await runs.fell_back()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: "ok"
          spent: {usd: "0.00068", requests: 1, input_tokens: 120, output_tokens: 40}
        steps:
          write:
            attempt 1:
              input_from: run
              error: "ValueError: boom"
            attempt 2:
              input_from: run
              error: "ValueError: bang"
            fallback small:
              original_error: "ValueError: bang"
              attempt 1:
                input_from: run
                output: "ok"
                paid: {model: "test:small", input: 120, output: 40, usd: "0.00068"}
        """
    )


async def test_branches_stand_in_declared_order_with_what_they_changed_and_what_was_merged() -> None:
    assert text(await runs.parallel()) == expected(
        """
        input: "rain"
        context: {topic: "rain", drafts: [], notes: {}}
        result:
          status: completed
          output: {legal: "fine", facts: "true"}
          spent: {usd: "0.000951", requests: 2, input_tokens: 82, output_tokens: 13}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "rain"
            context: {drafts: {appended: ["rain"]}}
          review:
            branch legal:
              attempt 1:
                input_from: write
                output: "fine"
                paid: {model: "test:critic", input: 41, output: 13, usd: "0.000664"}
              context: {drafts: {appended: ["legal"]}, notes: {legal: {set: "fine"}}}
            branch facts:
              step look_up:
                attempt 1:
                  input_from: write
                  output: "true"
                context: {drafts: {appended: ["facts"]}}
              step check:
                attempt 1:
                  input_from: "review/branch:facts/look_up"
                  output: "true"
            branch style:
              attempt 1:
                input_from: write
                error: "no luck"
                paid: {model: "test:critic", input: 41, output: 0, usd: "0.000287", outcome: error}
              failed: ignored
            merged:
              by: context_update
              drafts: {appended: ["legal", "facts"], from: [legal, facts]}
              notes: {legal: {set: "fine"}, from: [legal]}
          end:
            attempt 1:
              input_from: review
              output: {legal: "fine", facts: "true"}
        """
    )


async def test_context_changes_are_told_as_what_was_set_appended_cut_removed_and_changed() -> None:
    assert text(await runs.updated()) == expected(
        """
        input: "rain"
        context: {topic: "", drafts: [], notes: {}}
        result:
          status: completed
          output: "edited"
        steps:
          research:
            attempt 1:
              input_from: run
              output: {topic: "snow", drafts: ["a", "b"], notes: {x: "1"}}
            context: {topic: {was: "", now: "snow"}, drafts: {appended: ["a", "b"]}, notes: {x: {set: "1"}}}
          edit:
            attempt 1:
              input_from: research
              output: "edited"
            context:
              topic: {was: "snow", now: ""}
              drafts: {cut: ["b"]}
              notes: {x: {removed: "1"}, "y": {set: "2"}}
        """
    )


async def test_a_back_off_stands_between_the_attempts() -> None:
    assert text(await runs.waited()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: "ok"
          spent: {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}
        steps:
          write:
            attempt 1:
              input_from: run
              error: "ValueError: boom"
            backoff 1: {delay_s: 0.0}
            attempt 2:
              input_from: run
              output: "ok"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
        """
    )


async def test_feedback_that_an_input_cannot_carry_is_told_as_lost() -> None:
    assert text(await runs.lost()) == expected(
        """
        input: [3]
        result:
          status: completed
          output: 2
          spent: {usd: "0.00208", requests: 2, input_tokens: 240, output_tokens: 80}
        steps:
          count:
            attempt 1:
              input_from: run
              output: 1
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin odd: {rejected: "odd gave no reason"}
            attempt 2:
              feedback_lost: true
              input_from: run
              output: 2
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin odd: accepted
        """
    )


async def test_several_requests_of_one_ask_and_those_of_a_plugin_are_shown_one_by_one() -> None:
    assert text(await runs.several_requests()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: "Done"
          spent:
            usd: unknown
            known_usd: "0.5002450973"
            possible_usd: unknown
            unpriced_requests: 1
            requests: 5
            input_tokens: 42
            cache_read_tokens: 7
            output_tokens: 0
        steps:
          search:
            attempt 1:
              input_from: run
              output: "done"
              paid:
                - {model: "test:critic", input: 31, cache_read: 7, output: 0, usd: "0.0001680973"}
                - {model: "test:critic", usage: absent, usd: unknown, outcome: in_doubt}
                - model: "own:model"
                  input: 0
                  output: 0
                  requests: 2
                  usd: "0.5"
                  usage_from: estimate
                  usd_from: provider
              plugin judge:
                paid: {model: "test:critic", input: 11, output: 0, usd: "0.000077"}
                accepted: true
                feedback: "fine"
              plugin better: {replaced: "Done"}
        """
    )


async def test_nested_branches_name_where_their_input_came_from_by_its_path() -> None:
    assert text(await runs.nested()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: {deep: {a: "rain", b: "B"}, flat: "rain"}
          spent: {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}
        steps:
          outer:
            branch deep:
              step first:
                attempt 1:
                  input_from: run
                  output: "rain"
              step inner:
                branch a:
                  attempt 1:
                    input_from: "outer/branch:deep/first"
                    output: "rain"
                branch b:
                  attempt 1:
                    input_from: "outer/branch:deep/first"
                    output: "B"
                    paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
            branch flat:
              attempt 1:
                input_from: run
                output: "rain"
        """
    )


async def test_a_plugin_that_crashes_is_told_apart_from_one_that_rejects() -> None:
    assert text(await runs.crashed()) == expected(
        """
        input: "rain"
        result:
          status: completed
          output: "three"
          spent: {usd: "0.00312", requests: 3, input_tokens: 360, output_tokens: 120}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "one"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin lint: {crashed: "plugin lint failed (RuntimeError: odd)"}
            attempt 2:
              input_from: run
              feedback: [{from: lint, text: "plugin lint failed (RuntimeError: odd)"}]
              output: "two"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin lint: {crashed: "plugin lint gave no PluginOutcome but NoneType"}
            attempt 3:
              input_from: run
              feedback:
                - {from: lint, text: "plugin lint failed (RuntimeError: odd)"}
                - {from: lint, text: "plugin lint gave no PluginOutcome but NoneType"}
              output: "three"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              plugin lint: accepted
        """
    )
