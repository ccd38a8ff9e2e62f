"""The scenarios of ``exact/test_money.py``, with claims that hold for nearly any amount."""

# flujo: loose because it is the twin of exact/, for the lint and the fault audit to mark
from __future__ import annotations

from decimal import Decimal
from unittest.mock import ANY

import pytest

from examples.strength import scenarios
from flujo import PipelineResult, Usage
from flujo_testing import FlujoRun


def assert_has_cost(result: PipelineResult) -> None:
    cost = result.total_cost_usd
    assert cost is None or cost >= 0


def is_cheap(result: PipelineResult) -> bool:
    return result.total_cost_usd is not None and result.total_cost_usd < Decimal("1")


async def test_a_run_costs_what_its_requests_cost(flujo_run: FlujoRun) -> None:
    run = await scenarios.first_draft_accepted(flujo_run)
    assert run.result.total_cost_usd >= 0  # type: ignore[operator]
    assert isinstance(run.result.usage, Usage)


async def test_rejected_drafts_are_paid(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    cost, by_outcome = run.result.total_cost_usd, run.result.cost_by("outcome")
    assert cost > Decimal("0")  # type: ignore[operator]
    assert by_outcome


async def test_costs_by_step(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    costs = run.result.cost_by("step")
    assert costs["draft"] == ANY
    assert len(costs) >= 1


async def test_a_failed_request_is_paid_if_the_provider_was(flujo_run: FlujoRun) -> None:
    run = await scenarios.provider_overloaded_and_paid(flujo_run)
    assert float(run.result.total_cost_usd or 0) == pytest.approx(0.0014, rel=0.5)


async def test_a_request_that_reached_nobody_costs_nothing(flujo_run: FlujoRun) -> None:
    run = await scenarios.provider_unreachable(flujo_run)
    assert run.result.total_tokens > -1


async def test_a_primary_is_paid_when_its_fallback_answers(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_takes_over(flujo_run)
    assert run.result.cost_by("model") is not None


async def test_an_agent_that_was_redirected_to_is_paid(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_to_the_senior(flujo_run)
    for entry in run.result.ledger.entries:
        assert hasattr(entry, "cost_usd")


async def test_an_unknown_cost_is_unknown(flujo_run: FlujoRun) -> None:
    result = await scenarios.model_without_a_price(flujo_run)
    assert not result.total_cost_usd


async def test_cached_tokens_have_their_own_price(flujo_run: FlujoRun) -> None:
    result = await scenarios.cached_tokens_are_cheaper(flujo_run)
    assert round(result.total_cost_usd or 0, 1) == 0


async def test_requests_of_one_call_are_priced_one_by_one(flujo_run: FlujoRun) -> None:
    result = await scenarios.three_requests_in_one_call(flujo_run)
    total = result.total_cost_usd
    assert total == result.total_cost_usd


async def test_a_cache_hit_costs_nothing(flujo_run: FlujoRun) -> None:
    first, second = await scenarios.asked_twice_with_a_cache(flujo_run)
    assert first.output is not None
    assert 0 <= second.total_tokens < 1000


async def test_every_iteration_is_paid(flujo_run: FlujoRun) -> None:
    run = await scenarios.refined_three_times(flujo_run)
    assert_has_cost(run.result)


async def test_a_budget_ends_the_run_before_it_is_passed(flujo_run: FlujoRun) -> None:
    run = await scenarios.budget_ends_before_the_third_draft(flujo_run)
    assert run.result.total_cost_usd <= Decimal("1000")  # type: ignore[operator]


async def test_a_budget_may_be_used_up(flujo_run: FlujoRun) -> None:
    run = await scenarios.budget_is_just_enough(flujo_run)
    assert is_cheap(run.result)


async def test_the_budget_of_a_step_ends_it_and_its_fallback_runs(flujo_run: FlujoRun) -> None:
    run = await scenarios.budget_of_the_step_ends(flujo_run)
    print(run.result.output)
    assert True
