"""What runs cost and what limits allow, to the last digit."""

from __future__ import annotations

from decimal import Decimal

from examples.strength import scenarios
from flujo import Usage
from flujo_testing import FlujoRun


async def test_a_run_costs_what_its_requests_cost(flujo_run: FlujoRun) -> None:
    run = await scenarios.first_draft_accepted(flujo_run)
    assert run.result.total_cost_usd == Decimal("0.002368")
    assert run.result.usage == Usage(input_tokens=202, output_tokens=66, requests=3)


async def test_rejected_drafts_are_paid(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    assert run.result.total_cost_usd == Decimal("0.004448")
    assert run.result.cost_by("outcome") == {"rejected": Decimal("0.00208"), "accepted": Decimal("0.002368")}


async def test_costs_by_step(flujo_run: FlujoRun) -> None:
    run = await scenarios.two_drafts_rejected(flujo_run)
    assert run.result.cost_by("step") == {
        "draft": Decimal("0.00312"),
        "review/branch:legal/read": Decimal("0.000664"),
        "review/branch:tone/read": Decimal("0.000664"),
    }


async def test_a_failed_request_is_paid_if_the_provider_was(flujo_run: FlujoRun) -> None:
    run = await scenarios.provider_overloaded_and_paid(flujo_run)
    assert run.result.cost_by("outcome") == {"error": Decimal("0.00036"), "accepted": Decimal("0.00104")}


async def test_a_request_that_reached_nobody_costs_nothing(flujo_run: FlujoRun) -> None:
    run = await scenarios.provider_unreachable(flujo_run)
    assert (run.result.total_cost_usd, run.result.total_tokens) == (Decimal("0.00104"), 160)


async def test_a_primary_is_paid_when_its_fallback_answers(flujo_run: FlujoRun) -> None:
    run = await scenarios.smaller_model_takes_over(flujo_run)
    assert run.result.cost_by("model") == {
        "test:writer": Decimal("0.00208"),
        "test:small": Decimal("0.000315"),
        "test:critic": Decimal("0.001328"),
    }


async def test_an_agent_that_was_redirected_to_is_paid(flujo_run: FlujoRun) -> None:
    run = await scenarios.sent_to_the_senior(flujo_run)
    entries = [(entry.model, entry.cost_usd) for entry in run.result.ledger.entries]
    assert entries == [("test:writer", Decimal("0.00104")), ("test:senior", Decimal("0.001543"))]


async def test_an_unknown_cost_is_unknown(flujo_run: FlujoRun) -> None:
    result = await scenarios.model_without_a_price(flujo_run)
    assert (result.total_cost_usd, result.total_tokens, result.ledger.unpriced_requests) == (None, 14, 1)


async def test_cached_tokens_have_their_own_price(flujo_run: FlujoRun) -> None:
    result = await scenarios.cached_tokens_are_cheaper(flujo_run)
    assert result.total_cost_usd == Decimal("0.00200909")


async def test_requests_of_one_call_are_priced_one_by_one(flujo_run: FlujoRun) -> None:
    result = await scenarios.three_requests_in_one_call(flujo_run)
    costs = [entry.cost_usd for entry in result.ledger.entries]
    assert costs == [Decimal("0.000164"), Decimal("0.000178"), Decimal("0.000206")]


async def test_a_cache_hit_costs_nothing(flujo_run: FlujoRun) -> None:
    first, second = await scenarios.asked_twice_with_a_cache(flujo_run)
    assert (first.output, second.output) == ("Re: My invoice is wrong", "Re: My invoice is wrong")
    assert (first.total_cost_usd, second.total_cost_usd) == (Decimal("0.000106"), Decimal(0))
    assert second.step_history[0].metadata["cache_hit"] is True


async def test_every_iteration_is_paid(flujo_run: FlujoRun) -> None:
    run = await scenarios.refined_three_times(flujo_run)
    assert run.result.total_cost_usd == Decimal("0.00312")
    assert [asked.input for asked in run.clerk.asked] == ["My invoice is wrong", "We", "We will"]


async def test_a_budget_ends_the_run_before_it_is_passed(flujo_run: FlujoRun) -> None:
    run = await scenarios.budget_ends_before_the_third_draft(flujo_run)
    assert (run.result.status, run.result.total_cost_usd) == ("limited", Decimal("0.00208"))
    assert str(run.result.error) == "draft/attempt:3 may cost 0.00104 USD, 0.00092 of 0.003 left"


async def test_a_budget_may_be_used_up(flujo_run: FlujoRun) -> None:
    run = await scenarios.budget_is_just_enough(flujo_run)
    assert (run.result.status, run.result.total_cost_usd) == ("completed", Decimal("0.00208"))


async def test_the_budget_of_a_step_ends_it_and_its_fallback_runs(flujo_run: FlujoRun) -> None:
    run = await scenarios.budget_of_the_step_ends(flujo_run)
    assert (run.result.output, run.result.total_cost_usd) == ("Please wait", Decimal("0.000675"))
    assert run.result.step_history[0].metadata["original_error"] == "draft/attempt:2 may use 1 request, 0 of 1 left"
