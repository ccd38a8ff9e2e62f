"""Drafts, their judges and who takes over: every claim is exact, so a lie of the engine about it fails a test."""

from __future__ import annotations

from decimal import Decimal

import pytest

from examples.strength import scenarios
from examples.strength.desk import Asked
from examples.strength.scenarios import TICKET
from flujo import InfiniteRedirectError, StepFailedError
from flujo_testing import FlujoRun
from flujo_testing.golden.assertion import Golden

PROMISES = "do not promise anything"


async def test_a_first_draft_is_accepted(flujo_run: FlujoRun) -> None:
    run = await scenarios.first_draft_accepted(flujo_run)
    assert (run.result.status, run.result.error) == ("completed", None)
    assert run.result.output == {"legal": "fine", "tone": "kind"}
    assert [step.output for step in run.result.step_history] == ["We will look", {"legal": "fine", "tone": "kind"}]


async def test_the_writer_is_asked_once_for_a_good_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.first_draft_accepted(flujo_run)
    assert run.clerk.asked == [Asked(TICKET, (), ())]


async def test_the_story_of_a_corrected_draft(flujo_run: FlujoRun, golden: Golden) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    golden.check(run.result)


async def test_every_reason_reaches_the_next_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    words = "5 words, at most 4"
    assert [asked.feedback for asked in run.clerk.asked] == [(), (PROMISES,), (PROMISES, words)]


async def test_every_attempt_gets_the_ticket_as_it_was(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    assert [asked.input for asked in run.clerk.asked] == [TICKET, TICKET, TICKET]


async def test_rejected_drafts_are_counted(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    draft = run.result.step_history[0]
    assert (draft.attempts, draft.status, draft.feedback) == (3, "completed", "5 words, at most 4")


async def test_what_a_rejected_attempt_wrote_down_is_gone(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    assert [asked.drafts for asked in run.clerk.asked] == [(), (), ()]
    assert run.result.context.drafts == ["writer 3"]


async def test_an_overloaded_provider_is_asked_again(flujo_run: FlujoRun) -> None:
    run = await scenarios.provider_overloaded_and_paid(flujo_run)
    assert (run.result.output, run.result.step_history[0].attempts) == ("We will look", 2)


async def test_an_exception_is_no_feedback(flujo_run: FlujoRun) -> None:
    run = await scenarios.provider_unreachable(flujo_run)
    assert run.clerk.asked == [Asked(TICKET, (), ()), Asked(TICKET, (), ())]


async def test_three_bad_drafts_fail_the_step(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_draft_rejected(flujo_run)
    assert (run.result.status, run.result.output) == ("failed", None)
    assert str(run.result.error) == (
        f"step 'draft' failed after 3 attempts: plugin 'no_promises' rejected the last draft: {PROMISES}"
    )


async def test_nothing_runs_after_a_failed_step(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_draft_rejected(flujo_run)
    assert [step.name for step in run.result.step_history] == ["draft"]


async def test_a_failed_run_raises_its_error(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_draft_rejected(flujo_run)
    with pytest.raises(StepFailedError, match="step 'draft' failed after 3 attempts"):
        run.result.raise_for_status()


async def test_the_smaller_model_takes_over(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_takes_over(flujo_run)
    draft = run.result.step_history[0]
    assert (draft.name, draft.output) == ("draft", "Please wait")
    assert dict(draft.metadata) == {
        "fallback_triggered": True,
        "original_error": f"plugin 'no_promises' rejected the last draft: {PROMISES}",
    }


async def test_the_smaller_model_starts_afresh(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_takes_over(flujo_run)
    assert run.clerk.asked == [Asked(TICKET, (), ())]


async def test_the_smaller_model_gives_up_too(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_gives_up_too(flujo_run)
    assert run.result.status == "failed"
    assert str(run.result.error) == "step 'draft/fallback:draft_small' failed after 2 attempts: ValueError: no idea"


async def test_the_senior_answers_in_the_same_attempt(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_to_the_senior(flujo_run)
    assert (run.result.output, run.result.step_history[0].attempts) == ("We are sorry", 1)
    assert run.clerk.asked == [Asked(TICKET, (), ())]


async def test_the_judges_see_the_seniors_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_to_the_senior(flujo_run)
    assert run.lead.seen == ["We will look", "We are sorry"]


async def test_a_circle_of_redirects_fails(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_round_in_a_circle(flujo_run)
    assert len(run.clerk.asked) == 1
    with pytest.raises(StepFailedError) as caught:
        run.result.raise_for_status()
    assert (type(caught.value.__cause__), str(caught.value.__cause__)) == (
        InfiniteRedirectError,
        "one attempt was redirected in a circle: writer -> writer",
    )


async def test_the_lead_improves_the_draft(flujo_run: FlujoRun) -> None:
    run = await scenarios.draft_improved_by_the_lead(flujo_run)
    assert run.result.output == "We will look today"
    assert run.result.total_cost_usd == Decimal("0.00104")


async def test_a_lead_who_falls_ill_rejects(flujo_run: FlujoRun) -> None:
    run = await scenarios.lead_falls_ill(flujo_run)
    reason = "plugin lead failed (RuntimeError: ill)"
    assert [asked.feedback for asked in run.clerk.asked] == [(), (reason,)]
    assert (run.result.status, run.result.step_history[0].attempts) == ("completed", 2)
