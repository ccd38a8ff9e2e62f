"""Stories of runs that ended badly, as a reader sees them: the same on both backends."""

from __future__ import annotations

from flujo import Step, UsageLimits
from tests.flujo_testing import transcript_runs as runs
from tests.flujo_testing.transcript_runs import Answers, expected, run, text


class Unbounded(Answers):
    """Declares its model, and not what it may use."""

    model = "test:writer"


async def test_a_timeout_of_ours_is_told_as_such_and_nothing_after_it_runs() -> None:
    assert text(await runs.timed_out()) == expected(
        """
        input: "rain"
        result:
          status: failed
          error: "step 'write' failed after 1 attempt: no answer within 0.001 s"
        steps:
          write:
            attempt 1:
              input_from: run
              timeout: "no answer within 0.001 s"
            status: failed
        """
    )


async def test_a_branch_that_was_stopped_says_so_without_the_words_of_the_backend() -> None:
    assert text(await runs.stopped()) == expected(
        """
        input: "rain"
        result:
          status: failed
          error: "step 'both/branch:hasty/hasty' failed after 1 attempt: ValueError: boom"
        steps:
          both:
            branch slow:
              attempt 1:
                input_from: run
                cancelled: true
              status: stopped
            branch hasty:
              attempt 1:
                input_from: run
                error: "ValueError: boom"
              status: failed
            status: failed
        """
    )


async def test_a_call_that_no_budget_admitted_shows_what_it_might_have_cost() -> None:
    assert text(await runs.not_admitted()) == expected(
        """
        input: "rain"
        result:
          status: limited
          error: "publish/attempt:1 may cost 0.00185 USD, 0.00096 of 0.002 left"
          spent: {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}
        steps:
          write:
            attempt 1:
              input_from: run
              output: "Grey rain"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
          publish:
            attempt 1:
              not_admitted: {bound_usd: "0.00185", left_usd: "0.00096", limit_usd: "0.002"}
            status: limited
        """
    )


async def test_a_call_whose_cost_has_no_bound_says_so_where_no_budget_admitted_it() -> None:
    assert text(
        await run(Step("publish", Unbounded("never")), usage_limits=UsageLimits(total_cost_usd_limit="0"))
    ) == expected(
        """
        input: "rain"
        result:
          status: limited
          error: "publish/attempt:1 may cost any amount of USD, 0 of 0 left"
        steps:
          publish:
            attempt 1:
              not_admitted: {bound_usd: unbounded, left_usd: "0", limit_usd: "0"}
            status: limited
        """
    )


async def test_a_limit_that_was_passed_shows_what_was_spent_and_what_was_allowed() -> None:
    assert text(await runs.limited()) == expected(
        """
        input: "rain"
        result:
          status: limited
          error: "write/attempt:1 passed a limit: run used 40 of 39 output tokens"
          spent: {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}
        steps:
          write:
            attempt 1:
              input_from: run
              limited: true
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
              limit_passed: {spent_output_tokens: 40, limit_output_tokens: 39}
            status: limited
        """
    )


async def test_an_aborted_run_keeps_what_was_spent_and_why_it_ended() -> None:
    assert text(await runs.aborted()) == expected(
        """
        input: "rain"
        result:
          status: aborted
          error: "enough"
          spent: {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40}
        steps:
          first:
            attempt 1:
              input_from: run
              output: "one"
              paid: {model: "test:writer", input: 120, output: 40, usd: "0.00104"}
          second:
            attempt 1:
              input_from: first
              output: "one"
        """
    )


async def test_a_failed_run_shows_every_attempt_and_its_error_once() -> None:
    assert text(await runs.failed()) == expected(
        """
        input: "rain"
        result:
          status: failed
          error: "step 'write' failed after 2 attempts: ValueError: bang"
        steps:
          write:
            attempt 1:
              input_from: run
              error: "ValueError: boom"
            attempt 2:
              input_from: run
              error: "ValueError: bang"
            status: failed
        """
    )
