"""Budgets: policies are asked with every number, and a budget that does not add up is noticed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest

from flujo.execution.budget import Budget, BudgetRefused
from flujo.usage import UsageLimits
from tests.flujo.execution.budgets import cost, limited, state, usd

pytestmark = pytest.mark.anyio


async def test_the_policies_of_the_run_are_asked_with_every_number() -> None:
    asked: list[tuple[Decimal, ...]] = []

    def admits(*numbers: Decimal) -> bool:
        asked.append(numbers)
        return True

    def passes(spent: Decimal, limit: Decimal) -> bool:
        return spent >= limit

    run = Budget(UsageLimits(total_cost_usd_limit="0.10"), admits=admits, passes=passes)
    step = Budget(parent=run)
    run.book(cost("0.02"))
    (await run.reserve(cost("0.03"))).release()
    hold = await step.reserve(cost("0.70"))
    assert asked[0] == usd("0.02", "0", "0.03", "0.1")
    assert [breach.told() for breach in hold.settle(cost("0.08"))] == ["run used 0.1 of 0.1 USD"]
    inside = (await step.reserve(cost("0.01"))).inside()
    assert (await inside.reserve(cost("9"))).state == "open"
    within = Budget(UsageLimits(total_cost_usd_limit="0.02"), inside, "inner run")
    assert [breach.told() for breach in within.book(cost("0.02"))] == [
        "run used 0.12 of 0.1 USD",
        "inner run used 0.02 of 0.02 USD",
    ]
    tight = Budget(UsageLimits(total_cost_usd_limit="0.01"), run, "tight")
    assert (await tight.reserve(cost("9"))).state == "open"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda run: run.reserved.update(cost_usd=Decimal("0.01")), "run: cost_usd reserved 0.01, held 0.04"),
        (lambda run: run.spent.update(cost_usd=Decimal("0.07")), "run: cost_usd 0.11 > 0.10"),
    ],
)
async def test_a_budget_that_does_not_add_up_is_noticed(damage: Callable[[Budget], None], told: str) -> None:
    run = limited("0.10")
    hold = await run.reserve(cost("0.04"))
    run.check()
    damage(run)
    with pytest.raises(AssertionError) as noticed:
        Budget(parent=run).check()
    assert str(noticed.value) == told
    assert hold.state == "open"


async def test_the_decimal_context_of_the_thread_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        run = limited("1000.0001")
        run.book(cost("1000"))
        with pytest.raises(BudgetRefused, match=r"0\.00011 USD, 0\.0001 of 1000\.0001 left$"):
            await run.reserve(cost("0.00011"))
        (await run.reserve(cost("0.0001"))).settle(cost("0.0001"))
        rounding = Budget(UsageLimits(total_cost_usd_limit="1000.0001"), passes=lambda spent, limit: +spent > limit)
        assert [breach.told() for breach in rounding.book(cost("1000.0002"))] == ["run used 1000.0002 of 1000.0001 USD"]
    assert state(run) == usd("1000.0001", "0", "0")
