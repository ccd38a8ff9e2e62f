"""Budgets: what is counted when a call ends, in doubt, without a price, or above its bound."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flujo.entries import Draw
from flujo.execution.amount import Amount
from flujo.execution.budget import Breach, Budget, BudgetRefused
from flujo.usage import Usage, UsageLimits
from tests.flujo.execution.budgets import UNBOUNDED, cost, limited, state, usd

pytestmark = pytest.mark.anyio


async def test_a_hold_settled_twice_counts_once() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    hold.settle(cost("0.03"))
    assert (hold.settle(cost("0.03")), hold.state) == ((), "settled")
    hold.release()
    hold.settle(cost("0.02"), in_doubt=True)
    assert (hold.state, state(run)) == ("settled", usd("0.03", "0", "0"))


async def test_a_released_hold_stays_released() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    hold.release()
    hold.release()
    hold.settle(cost("0.03"))
    assert (hold.state, state(run)) == ("released", usd("0", "0", "0"))


async def test_more_than_the_bound_is_recorded_in_full_and_named_as_a_breach() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    breaches = hold.settle(cost("0.13"))
    assert breaches == (Breach(run, "cost_usd", Decimal("0.1"), Decimal("0.13")),)
    assert [breach.told() for breach in breaches] == ["run used 0.13 of 0.1 USD"]
    assert (state(run), run.overage["cost_usd"], run.left("cost_usd")) == (
        usd("0.13", "0", "0"), Decimal("0.09"), Decimal(0),
    )  # fmt: skip


async def test_a_call_in_doubt_stays_counted_at_its_bound() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.07"))
    assert hold.settle(in_doubt=True) == ()
    assert (hold.state, state(run), run.left("cost_usd")) == (
        "in_doubt", usd("0", "0.07", "0"), Decimal("0.03"),
    )  # fmt: skip
    with pytest.raises(BudgetRefused, match=r"0\.04 USD, 0\.03 of 0\.1 left$"):
        await run.reserve(cost("0.04"))


@pytest.mark.parametrize(("reported", "expected"), [("0.05", ("0.05", "0.02", "0")), ("0.09", ("0.09", "0", "0"))])
async def test_what_a_call_in_doubt_did_report_is_spent(reported: str, expected: tuple[str, ...]) -> None:
    run = limited("0.10")
    (await run.reserve(cost("0.07"))).settle(cost(reported), in_doubt=True)
    assert state(run) == usd(*expected)


async def test_an_unpriced_answer_does_not_defeat_the_limit() -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.07"))
    hold.settle(Amount.of(Usage(input_tokens=5), None))
    assert (hold.state, state(run), state(run, "input_tokens")) == (
        "settled", usd("0", "0.07", "0"), usd("5", "0", "0"),
    )  # fmt: skip


async def test_an_unpriced_answer_without_a_bound_leaves_nothing() -> None:
    run = limited("0.10")
    (await run.reserve(UNBOUNDED)).settle(Amount.of(None, None))
    with pytest.raises(BudgetRefused, match=r"0 of 0\.1 left$"):
        await run.reserve(cost("0.01"))


async def test_what_stays_in_doubt_is_told_once_where_it_had_a_bound_and_by_budget_where_it_had_none() -> None:
    run = limited("0.10")
    step = limited("0.04", run, "step")
    request = Draw("requests", Decimal(0), Decimal(1))
    bounded = await step.reserve(cost("0.03"))
    bounded.settle(cost("0.01"), in_doubt=True)
    assert bounded.draws == (Draw("cost_usd", Decimal(0), Decimal("0.02")),)
    unbounded = await step.reserve(UNBOUNDED)
    unbounded.settle(in_doubt=True)
    assert unbounded.draws == (
        Draw("cost_usd", Decimal(0), Decimal("0.07"), "run"),
        request,
        Draw("cost_usd", Decimal(0), Decimal("0.01"), "step"),
    )
    settled = await run.reserve(cost("0"))
    settled.settle(cost("0"))
    assert settled.draws == ()


def test_what_was_not_held_is_booked_and_its_breach_named() -> None:
    run = Budget(UsageLimits(total_cost_usd_limit="0.10", request_limit=1))
    assert run.book(cost("0.10")) == ()
    assert [breach.told() for breach in run.book(cost("0.01"))] == [
        "run used 0.11 of 0.1 USD",
        "run used 2 of 1 request",
    ]
    assert state(run) == usd("0.11", "0", "0")


async def test_what_a_budget_has_drawn_is_what_was_spent_and_what_is_in_doubt() -> None:
    run = limited("0.10")
    assert run.draws() == ()
    run.book(Amount(cost_usd=Decimal("0.01"), input_tokens=5, output_tokens=0, requests=0))
    (await run.reserve(cost("0.07"))).settle(cost("0.02"), in_doubt=True)
    await run.reserve(cost("0.01"))
    assert run.draws() == (
        Draw("cost_usd", Decimal("0.03"), Decimal("0.05")),
        Draw("input_tokens", Decimal(5), Decimal(0)),
        Draw("total_tokens", Decimal(5), Decimal(0)),
        Draw("requests", Decimal(1), Decimal(0)),
    )
    run.expect({"tool_calls": Decimal(3)})
    assert run.draws()[-1] == Draw("tool_calls", Decimal(0), Decimal(3))


def test_an_unknown_cost_that_was_not_held_adds_what_is_known() -> None:
    run = limited("0.10")
    assert run.book(Amount.of(None, None)) == ()
    assert (run.spent["cost_usd"], run.spent["requests"]) == (Decimal(0), Decimal(1))
