"""Budgets: work inside a call draws on what the call holds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from flujo.entries import Draw
from flujo.execution.account import Account, Purse, RunId, budget_above
from flujo.execution.budget import Budget, BudgetRefused
from flujo.laws import DEFAULT
from flujo.ports import RecordedAnswer
from flujo.runner import SystemClock
from flujo.usage import UsageLimits
from tests.flujo.execution.budgets import UNBOUNDED, Calls, cost, limited, state, ticks, usd

pytestmark = pytest.mark.anyio


async def test_work_inside_a_call_draws_on_what_the_call_holds() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    inner = await outer.inside().reserve(cost("0.03"))
    assert (state(run), state(outer.inside())) == (usd("0", "0", "0.07"), usd("0", "0", "0.03"))
    assert inner.settle(cost("0.02")) == ()
    assert state(run) == usd("0.02", "0", "0.05")
    outer.settle(cost("0.04"))
    assert (state(run), run.overage["cost_usd"]) == (usd("0.06", "0", "0"), Decimal(0))


async def test_work_inside_a_call_that_holds_everything_does_not_wait_for_it() -> None:
    run = limited("0.10")
    outer = await run.reserve(UNBOUNDED)
    inner = await Budget(parent=outer.inside(), name="nested").reserve(cost("0.10"))
    inner.settle(cost("0.10"))
    outer.settle(cost("0"))
    assert state(run) == usd("0.1", "0", "0")


async def test_two_pieces_of_work_inside_one_call_share_what_it_holds() -> None:
    run = limited("0.10")
    outer = await run.reserve(UNBOUNDED)
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, outer.inside())
        for position in (1, 2):
            calls.start(position, cost("0.07"), cost("0.03"), Budget(parent=outer.inside()))
        await ticks()
        assert calls.admitted == [1]
        calls.finish[1].set()
        calls.finish[2].set()
    assert (calls.admitted, state(run)) == ([1, 2], usd("0.06", "0", "0.04"))
    outer.release()


async def test_work_inside_a_call_takes_more_from_above_if_it_is_free() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.02"))
    inner = await outer.inside().reserve(cost("0.08"))
    assert state(run) == usd("0", "0", "0.08")
    inner.settle(cost("0.08"))
    outer.settle(cost("0.01"))
    assert (state(run), run.breaches()) == (usd("0.09", "0", "0"), ())


async def test_work_inside_a_call_never_waits_for_the_holds_of_others() -> None:
    run = limited("0.10")
    outer, other = await run.reserve(cost("0.02")), await run.reserve(cost("0.05"))
    with pytest.raises(BudgetRefused, match=r"0\.08 USD, 0\.02 of 0\.02 left$") as refused:
        await outer.inside().reserve(cost("0.08"))
    assert (refused.value.budget, refused.value.budget.name) == (outer.inside(), "a call of run")
    other.release()
    outer.release()
    assert state(run) == usd("0", "0", "0")


async def test_work_inside_a_call_can_breach_the_budgets_above_but_not_the_call() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.02"))
    assert outer.inside().book(cost("0.05")) == ()
    assert [breach.told() for breach in outer.inside().book(cost("0.06"))] == ["run used 0.11 of 0.1 USD"]
    outer.release()
    assert state(run) == usd("0.11", "0", "0")


async def test_work_inside_work_inside_a_call_is_counted_once_everywhere() -> None:
    run = Budget(UsageLimits(total_cost_usd_limit="0.10", request_limit=9))
    outer = await run.reserve(cost("0.07"))
    middle = await outer.inside().reserve(cost("0.05"))
    inner = await middle.inside().reserve(cost("0.03"))
    inner.settle(cost("0.02"))
    middle.settle(cost("0.01"))
    outer.settle(cost("0.04"))
    assert (state(run), state(run, "requests")) == (usd("0.07", "0", "0"), usd("3", "0", "0"))


async def test_work_lost_inside_a_call_stays_counted_above() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    (await outer.inside().reserve(cost("0.03"))).settle(in_doubt=True)
    outer.settle(cost("0.01"))
    assert state(run) == usd("0.01", "0.03", "0")


async def test_work_that_outlives_its_call_is_counted_as_not_held() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    inner = await outer.inside().reserve(cost("0.03"))
    outer.settle(cost("0.01"))
    inner.settle(cost("0.03"))
    assert (state(run), run.overage["cost_usd"]) == (usd("0.04", "0", "0"), Decimal("0.03"))
    with pytest.raises(BudgetRefused, match=r"0\.05 USD"):
        await outer.inside().reserve(cost("0.05"))


async def test_what_is_freed_inside_a_call_lets_others_outside_go_on() -> None:
    run = limited("0.10")
    outer = await run.reserve(cost("0.07"))
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, run)
        calls.start(1, cost("0.05"), cost("0.05"))
        await ticks()
        assert calls.admitted == []
        outer.inside().book(cost("0.06"))
        await ticks()
        assert calls.refused == [1]
        outer.release()


async def test_a_draw_that_one_budget_counts_is_counted_by_no_other() -> None:
    run = limited("0.10")
    step = limited("0.05", run, "step")
    step.book(draws=[Draw("cost_usd", Decimal("0.01"), Decimal("0.02"), "step")])
    assert (state(run), state(step)) == (usd("0", "0", "0"), usd("0.01", "0.02", "0"))
    step.book(draws=[Draw("cost_usd", Decimal("0.03"), Decimal("0.01"))])
    assert (state(run), state(step)) == (usd("0.03", "0.01", "0"), usd("0.04", "0.03", "0"))


async def test_outside_of_all_asks_there_is_no_budget_above() -> None:
    assert budget_above() is None


def test_a_step_expects_what_its_own_asks_have_drawn_before_and_nobody_elses() -> None:
    def drawn(amount: str, budget: str | None = None) -> RecordedAnswer:
        return RecordedAnswer(None, draws=(Draw("cost_usd", Decimal(amount), Decimal(0), budget),))

    account = Account(RunId("r"), SystemClock(), DEFAULT, None, strict=False)
    account.before = {
        "a/attempt:1": drawn("0.01", "a"),
        "a/attempt:2": drawn("0.02"),
        "a/attempt:3": drawn("0.04", "run"),
        "a/fallback:c/attempt:1": drawn("0.08"),
        "b/attempt:1": drawn("0.16"),
    }
    step, run = limited("1", name="a"), limited("1")
    Purse(account, step).expecting("a/", "a/fallback:")
    Purse(account, run).expecting()
    assert [state(budget)[1] for budget in (step, run)] == list(usd("0.03", "0.3"))
    assert account.expecting == {step, run}
    inner: Any = Purse(account, run).inner(UsageLimits(total_cost_usd_limit="1"), "a").budget
    assert state(inner)[1] == Decimal("0.03")


async def test_the_limits_of_a_step_are_kept_by_the_laws_of_the_run() -> None:
    laws = replace(DEFAULT, admits=lambda *numbers: True, passes=lambda spent, limit: spent >= limit)
    account = Account(RunId("r"), SystemClock(), laws, None, strict=False)
    step: Any = Purse(account, None).inner(UsageLimits(total_cost_usd_limit="0.01"), "a").budget
    hold = await step.reserve(cost("0.04"))
    assert [breach.told() for breach in hold.settle(cost("0.01"))] == ["a used 0.01 of 0.01 USD"]
