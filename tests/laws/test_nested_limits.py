"""Limits of nested pipelines and steps (A6, A7): one budget for all that runs inside, under all those around it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flujo import AgentOutput, BranchFailureStrategy, Pipeline, PipelineResult, Step, UsageLimits
from flujo.events import FellBack, LimitPassed
from flujo_testing import EchoAgent, FlujoRun, FunctionAgent
from tests.laws.cast import DRAFT, bounded, small, usd

ONE = Decimal("0.00104")


def calls(number: int, agent: Any) -> Any:
    """So many asks of one agent, one after the other."""
    return Pipeline(tuple(Step(f"s{i}", agent) for i in range(number)))


def echo() -> EchoAgent:
    """Costs 0.00104 USD a call, and says so before."""
    return EchoAgent(name="echo", model="test:writer", usage=DRAFT, max_output_tokens=40, estimate_input=120)


def same(x: object) -> list[object]:
    return [x] * 4


def always(x: object) -> bool:
    return True


def on_and_on(x: object) -> bool:
    return False


async def run(flujo_run: FlujoRun, part: Any, limits: UsageLimits | None) -> PipelineResult:
    return await flujo_run(part, "rain", usage_limits=limits)


async def test_a6_a_nested_pipeline_has_one_budget_for_everything_inside(flujo_run: FlujoRun) -> None:
    agent = bounded("one", "two")
    inner = calls(4, agent).as_step("inner", usage_limits=usd("0.00208"))
    result = await run(flujo_run, inner, None)
    assert (result.status, result.total_cost_usd, len(agent.calls)) == ("failed", 2 * ONE, 2)
    assert str(result.error) == ("step 'inner' failed: inner/s2/attempt:1 may cost 0.00104 USD, 0 of 0.00208 left")


async def test_a6_its_breach_is_a_failure_that_a_parallel_step_may_ignore(flujo_run: FlujoRun) -> None:
    inner = calls(4, echo()).as_step("inner", usage_limits=usd("0.00208"))
    branches = {"a": inner, "b": Step("small", small("x"))}
    fan: Any = Step.parallel("fan", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
    result = await run(flujo_run, fan, usd("1"))
    assert (result.status, result.output, result.total_cost_usd) == ("completed", {"b": "x"}, Decimal("0.00276"))


async def test_a6_after_it_was_passed_nothing_inside_is_saved_by_a_fallback_of_its_own(flujo_run: FlujoRun) -> None:
    agent = bounded("one", max_output_tokens=None, estimate_input=None)
    spare = small()
    inner = Pipeline.of(Step("s", agent, fallback=Step("spare", spare))).as_step("inner", usage_limits=usd("0.001"))
    result = await run(flujo_run, inner, None)
    assert (result.status, result.total_cost_usd, len(spare.calls)) == ("failed", ONE, 0)
    assert result.transcript.of(FellBack) == ()
    assert [(event.spent, event.limit) for event in result.transcript.of(LimitPassed)] == [(ONE, Decimal("0.001"))]


async def test_a6_whatever_is_spent_passes_a_limit_of_zero(flujo_run: FlujoRun) -> None:
    """The agent says of no call before what it may cost, so it is asked."""

    async def pays(x: object) -> AgentOutput[object]:
        return AgentOutput(x, usage=DRAFT, model="test:writer")

    result = await run(flujo_run, Step("s", FunctionAgent(pays), usage_limits=usd("0")), None)
    assert (result.status, result.total_cost_usd) == ("failed", ONE)
    assert [(event.spent, event.limit) for event in result.transcript.of(LimitPassed)] == [(ONE, 0)]


KINDS: dict[str, Any] = {
    "pipeline": lambda agent: calls(4, agent).as_step("in"),
    "loop": lambda agent: Step.loop_until("in", Step("s", agent), on_and_on, max_loops=4),
    "map": lambda agent: Step.map_over("in", Step("s", agent), same),
    "map at once": lambda agent: Step.map_over("in", Step("s", agent), same, max_concurrency=2),
    "branch": lambda agent: Step.branch_on("in", always, {True: calls(4, agent)}),
    "parallel": lambda agent: Step.parallel("in", {"a": calls(4, agent)}),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a7_what_runs_inside_a_kind_draws_on_the_limits_around_it(flujo_run: FlujoRun, kind: str) -> None:
    agent = echo()
    outer = Pipeline.of(KINDS[kind](agent)).as_step("out", usage_limits=usd("0.00208"))
    result = await run(flujo_run, outer, usd("1"))
    assert (result.status, result.total_cost_usd, len(agent.calls)) == ("failed", 2 * ONE, 2)
    assert str(result.error).startswith("step 'out' failed: out/in/")


@pytest.mark.parametrize("kind", KINDS)
async def test_a7_the_limits_of_the_run_end_the_run_though_those_inside_are_higher(
    flujo_run: FlujoRun, kind: str
) -> None:
    agent = echo()
    outer = Pipeline.of(KINDS[kind](agent)).as_step("out", usage_limits=usd("1"))
    result = await run(flujo_run, outer, usd("0.00208"))
    assert (result.status, result.total_cost_usd, len(agent.calls)) == ("limited", 2 * ONE, 2)


async def test_a7_three_budgets_one_inside_the_other_all_count(flujo_run: FlujoRun) -> None:
    def nested(run_limit: str, outer: str, inner: str) -> Any:
        part = calls(3, bounded("one")).as_step("in", usage_limits=usd(inner))
        return Pipeline.of(part).as_step("out", usage_limits=usd(outer)), usd(run_limit)

    told = []
    for limits in [("0.0011", "1", "1"), ("1", "0.0011", "1"), ("1", "1", "0.0011")]:
        part, of_run = nested(*limits)
        result = await run(flujo_run, part, of_run)
        told.append((result.status, str(result.error).partition(":")[0], result.total_cost_usd))
    assert told == [
        ("limited", "out/in/s1/attempt", ONE),
        ("failed", "step 'out' failed", ONE),
        ("failed", "step 'out/in' failed", ONE),
    ]
