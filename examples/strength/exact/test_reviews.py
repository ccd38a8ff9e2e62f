"""Branches, what they see of each other, how they join, and what stays the caller's own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from examples.strength import scenarios
from examples.strength.desk import Desk
from flujo.errors import RunPausedError
from flujo_testing import FlujoRun


async def test_both_reviews_are_joined_in_declared_order(flujo_run: FlujoRun) -> None:
    result = await scenarios.both_review(flujo_run)
    assert result.context == Desk(
        ticket="My invoice is wrong",
        findings=["legal: fine", "tone: kind"],
        notes={"legal": ["fine"], "tone": ["kind"]},
    )


async def test_every_branch_has_its_own_costs(flujo_run: FlujoRun) -> None:
    result = await scenarios.both_review(flujo_run)
    cost = Decimal("0.000664")
    assert result.cost_by("branch") == {"review/branch:legal": cost, "review/branch:tone": cost}


async def test_reviews_that_are_not_joined_leave_the_context_alone(flujo_run: FlujoRun) -> None:
    result = await scenarios.reviews_are_not_joined(flujo_run)
    assert (result.context.findings, result.context.notes) == ([], {})
    assert result.output == {"legal": "fine", "tone": "kind"}


async def test_an_ignored_failure_leaves_the_other_review(flujo_run: FlujoRun) -> None:
    result = await scenarios.one_reviewer_fails_and_is_ignored(flujo_run)
    assert (result.status, result.output) == ("completed", {"legal": "fine"})
    assert result.context.findings == ["legal: fine"]


async def test_a_failed_review_fails_the_run_and_joins_nothing(flujo_run: FlujoRun) -> None:
    result = await scenarios.one_reviewer_fails(flujo_run)
    assert str(result.error) == "step 'review/branch:tone/read' failed after 1 attempt: ValueError: asleep"
    assert result.context == Desk(ticket="My invoice is wrong")


async def test_reviewers_who_disagree_are_a_conflict(flujo_run: FlujoRun) -> None:
    result = await scenarios.reviewers_disagree(flujo_run)
    assert result.status == "failed"
    assert str(result.error) == (
        "step 'review' failed: $.ticket was changed differently: branch 'legal' has 'a claim', branch 'tone' has "
        "'a complaint'. Choose a merge_strategy that says which one holds"
    )


async def test_every_line_is_answered_in_turn(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_line_answered(flujo_run)
    assert run.result.output == ["noted", "noted", "noted", "noted"]
    assert [asked.input for asked in run.clerk.asked] == ["My", "invoice", "is", "wrong"]
    assert run.result.context.drafts == ["small 1", "small 2", "small 3", "small 4"]


async def test_what_the_caller_gave_stays_as_it_was(flujo_run: FlujoRun) -> None:
    owned = await scenarios.caller_keeps_its_data(flujo_run)
    assert owned.given == {"lines": ["one"], "drafts": ["old"]}
    assert (owned.result.output, owned.result.context.drafts) == (["one", "spoiled"], ["old", "spoiled"])


async def test_a_question_pauses_the_run(flujo_run: FlujoRun) -> None:
    paused, _ = await scenarios.question_answered(flujo_run)
    assert [(question.path, question.message) for question in paused.questions] == [("approve", "Send it?")]
    with pytest.raises(RunPausedError, match=r"^the run waits for answers; resume it with them$"):
        paused.raise_for_status()


async def test_an_answer_resumes_it_and_nothing_is_paid_twice(flujo_run: FlujoRun) -> None:
    _, resumed = await scenarios.question_answered(flujo_run)
    assert (resumed.status, resumed.output) == ("completed", "yes")
    assert (resumed.total_cost_usd, resumed.context.drafts) == (Decimal("0.00104"), ["writer 1"])
