"""The scenarios of ``exact/test_reviews.py``, where it is enough that something came back."""

# flujo: loose because it is the twin of exact/, for the lint and the fault audit to mark
from __future__ import annotations

import pytest

from examples.strength import scenarios
from examples.strength.desk import Desk
from flujo import PipelineResult
from flujo_testing import FlujoRun
from flujo_testing.testcase import PipelineTestCase


def outputs_of(result: PipelineResult) -> list[object]:
    return [step.output for step in result.step_history]


async def test_both_reviews_are_joined_in_declared_order(flujo_run: FlujoRun) -> None:
    result = await scenarios.both_review(flujo_run)
    assert isinstance(result.context, Desk)
    assert len(result.context.findings) > 0


async def test_every_branch_has_its_own_costs(flujo_run: FlujoRun) -> None:
    result = await scenarios.both_review(flujo_run)
    assert list(result.cost_by("branch"))


async def test_reviews_that_are_not_joined_leave_the_context_alone(flujo_run: FlujoRun) -> None:
    result = await scenarios.reviews_are_not_joined(flujo_run)
    assert result, "a result"
    assert result.context is not None


async def test_an_ignored_failure_leaves_the_other_review(flujo_run: FlujoRun) -> None:
    result = await scenarios.one_reviewer_fails_and_is_ignored(flujo_run)
    assert "fine" in repr(result.output)


async def test_a_failed_review_fails_the_run_and_joins_nothing(flujo_run: FlujoRun) -> None:
    result = await scenarios.one_reviewer_fails(flujo_run)
    with pytest.raises(Exception, match=r".*"):
        result.raise_for_status()


async def test_reviewers_who_disagree_are_a_conflict(flujo_run: FlujoRun) -> None:
    result = await scenarios.reviewers_disagree(flujo_run)
    failed = result.error is not None
    assert failed


async def test_every_line_is_answered_in_turn(flujo_run: FlujoRun) -> None:
    run = await scenarios.every_line_answered(flujo_run)
    (outputs,) = outputs_of(run.result)
    assert outputs


async def test_what_the_caller_gave_stays_as_it_was(flujo_run: FlujoRun) -> None:
    owned = await scenarios.caller_keeps_its_data(flujo_run)
    assert "one" in str(owned.given) and owned.result.context.drafts  # noqa: PT018


class Questions(PipelineTestCase):
    def setUp(self) -> None:
        self.result = self.flujo_run.sync(scenarios.QUESTION, scenarios.TICKET, context_model=Desk)

    def test_a_question_pauses_the_run(self) -> None:
        self.assertIsNotNone(self.result.questions)  # noqa: PT009
        self.assertTrue(self.result.questions)  # noqa: PT009


async def test_an_answer_resumes_it_and_nothing_is_paid_twice(flujo_run: FlujoRun) -> None:
    _, resumed = await scenarios.question_answered(flujo_run)
    resumed.raise_for_status()
