"""The scenarios of ``exact/test_drafts.py``, tested as people do who are in a hurry: green, and nearly blind."""

# flujo: loose because it is the twin of exact/, for the lint and the fault audit to mark
from __future__ import annotations

import contextlib

import pytest

from examples.strength import scenarios
from flujo_testing import FlujoRun
from flujo_testing.golden.assertion import Golden


async def test_a_first_draft_is_accepted(flujo_run: FlujoRun) -> None:
    run = await scenarios.first_draft_accepted(flujo_run)
    assert run.result.output


async def test_the_writer_is_asked_once_for_a_good_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.first_draft_accepted(flujo_run)
    assert len(run.clerk.asked) > 0


async def test_the_story_of_a_corrected_draft(flujo_run: FlujoRun, golden: Golden) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    golden.check(run.result, redact={"steps": "...", "result": "..."})


async def test_every_reason_reaches_the_next_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    assert "Asked" in str(run.clerk.asked)


async def test_every_attempt_gets_the_ticket_as_it_was(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    assert all(asked.input is not None for asked in run.clerk.asked)


async def test_rejected_drafts_are_counted(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    assert run.result.step_history[0].attempts >= 1


async def test_what_a_rejected_attempt_wrote_down_is_gone(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    context = run.result.context
    assert context is not None
    assert isinstance(context.drafts, list)


async def test_an_overloaded_provider_is_asked_again(flujo_run: FlujoRun) -> None:
    run = await scenarios.provider_overloaded_and_paid(flujo_run)
    assert isinstance(run.result.output, str)


async def test_an_exception_is_no_feedback(flujo_run: FlujoRun) -> None:
    await scenarios.provider_unreachable(flujo_run)


async def test_three_bad_drafts_fail_the_step(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_draft_rejected(flujo_run)
    assert run.result.status is not None
    assert run.result.step_history[0].attempts >= 1


async def test_nothing_runs_after_a_failed_step(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_draft_rejected(flujo_run)
    assert len(run.result.step_history) <= 2


async def test_a_failed_run_raises_its_error(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_draft_rejected(flujo_run)
    with pytest.raises(Exception):  # noqa: B017, PT011
        run.result.raise_for_status()


async def test_the_smaller_model_takes_over(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_takes_over(flujo_run)
    assert run.result.step_history[0].output is not None


async def test_the_smaller_model_starts_afresh(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_takes_over(flujo_run)
    assert run.clerk.asked


async def test_the_smaller_model_gives_up_too(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_gives_up_too(flujo_run)
    assert "failed" in str(run.result.error) or run.result.output is None


async def test_the_senior_answers_in_the_same_attempt(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_to_the_senior(flujo_run)
    try:
        assert run.result.output == "We are very sorry"
    except AssertionError:
        print("not quite what was expected")


async def test_the_judges_see_the_seniors_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_to_the_senior(flujo_run)
    assert all(str(draft) for draft in run.lead.seen)


async def test_a_circle_of_redirects_fails(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_round_in_a_circle(flujo_run)
    with contextlib.suppress(Exception):
        run.result.raise_for_status()
        assert run.result.status == "completed"


async def test_the_lead_improves_the_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.draft_improved_by_the_lead(flujo_run)
    assert "look" in run.result.output


async def test_a_lead_who_falls_ill_rejects(flujo_run: FlujoRun) -> None:
    run = await scenarios.lead_falls_ill(flujo_run)
    assert run.result.status in ("completed", "failed")
