"""Budgets in budgets: who is drawn on, and whose refusal or breach comes first."""

from __future__ import annotations

import pytest

from flujo.execution.budget import Budget, BudgetRefused
from tests.flujo.execution.budgets import cost, limited, state, usd

pytestmark = pytest.mark.anyio


async def test_a_nested_budget_draws_on_all_above_it() -> None:
    run = limited("0.10")
    inner = Budget(parent=limited("0.05", run, "step"), name="nested")
    hold = await inner.reserve(cost("0.04"))
    assert [state(budget) for budget in inner.chain] == [usd("0", "0", "0.04")] * 3
    hold.settle(cost("0.03"))
    assert [state(budget) for budget in inner.chain] == [usd("0.03", "0", "0")] * 3


async def test_a_refusal_anywhere_reserves_nowhere() -> None:
    run = limited("0.10")
    step = limited("0.02", run, "step")
    with pytest.raises(BudgetRefused) as refused:
        await step.reserve(cost("0.03"))
    assert (refused.value.budget, state(run), state(step)) == (step, usd("0", "0", "0"), usd("0", "0", "0"))
    assert (run.open_holds, step.open_holds) == (0, 0)


async def test_the_refusal_of_the_run_outranks_that_of_the_step() -> None:
    run = limited("0.01")
    with pytest.raises(BudgetRefused) as refused:
        await limited("0.02", run, "step").reserve(cost("0.03"))
    assert refused.value.budget == run


def test_the_breach_of_the_run_comes_before_that_of_the_step() -> None:
    run = limited("0.01")
    step = limited("0.02", run, "step")
    assert [breach.told() for breach in step.book(cost("0.03"))] == [
        "run used 0.03 of 0.01 USD",
        "step used 0.03 of 0.02 USD",
    ]


def test_the_breach_of_a_step_is_not_one_of_the_run() -> None:
    run = limited("0.10")
    step = limited("0.02", run, "step")
    assert [breach.budget for breach in step.book(cost("0.03"))] == [step]
    assert run.breaches() == ()


async def test_a_call_blocked_by_a_step_and_refused_by_the_run_is_refused() -> None:
    run = limited("0.10")
    step = limited("0.05", run, "step")
    run.book(cost("0.06"))
    hold = await step.reserve(cost("0.03"))
    with pytest.raises(BudgetRefused, match=r"0\.05 USD, 0\.04 of 0\.1 left$"):
        await step.reserve(cost("0.05"))
    hold.release()
