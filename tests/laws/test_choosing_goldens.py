"""The stories of steps that choose what runs: conditions, selections, routers."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from flujo import MergeStrategy, Step
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, FunctionAgent, ScriptedAgent
from flujo_testing.golden.assertion import Golden
from tests.laws.cast import DRAFT, Notes, noting, writer


class Kind(Enum):
    LEGAL = "legal"
    SALES = "sales"


def kind_of(text: str) -> Kind:
    return Kind.LEGAL if "contract" in text else Kind.SALES


def first_word(text: str) -> str:
    return text.split()[0]


def echo(name: str = "echo") -> Any:
    return Step(name, EchoAgent(name=name))


# Conditions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ticket", ["a contract", "an offer"])
async def test_a_condition_chooses_the_branch_that_runs(flujo_run: FlujoRun, golden: Golden, ticket: str) -> None:
    lawyer = EchoAgent(name="lawyer", model="test:writer", usage=DRAFT)
    branches = {Kind.LEGAL: Step("ask_lawyer", lawyer), Kind.SALES: echo("draft") >> echo("polish")}
    result = await flujo_run(echo("read") >> Step.branch_on("route", kind_of, branches), ticket)
    assert result.step_history[1].metadata["executed_branch_key"] == kind_of(ticket)
    golden.check(result)


async def test_a_key_without_branch_takes_the_default(flujo_run: FlujoRun, golden: Golden) -> None:
    route = Step.branch_on("route", first_word, {"legal": echo("lawyer")}, default=echo("anybody"))
    result = await flujo_run(route, "sales please")
    assert (result.output, result.step_history[0].metadata["executed_branch_key"]) == ("sales please", "sales")
    golden.check(result)


async def test_a_key_without_branch_and_default_fails(flujo_run: FlujoRun, golden: Golden) -> None:
    route = Step.branch_on("route", first_word, {"legal": echo("lawyer"), "facts": echo("checker")})
    result = await flujo_run(echo("read") >> route, "sales please")
    assert result.status == "failed"
    golden.check(result)


async def test_p10_mappers_of_a_branch_are_decisions(flujo_run: FlujoRun, golden: Golden) -> None:
    route = Step.branch_on(
        "route",
        first_word,
        {"legal": echo("lawyer")},
        branch_input_mapper=lambda text: text.partition(" ")[2],
        branch_output_mapper=lambda text, context: {"text": text, "mood": context.mood},
    )
    result = await flujo_run(route, "legal advice", context_model=Notes, context_data={"mood": "grey"})
    assert result.output == {"text": "advice", "mood": "grey"}
    golden.check(result)


async def test_c5_a_failed_branch_leaves_the_context_as_it_was(flujo_run: FlujoRun, golden: Golden) -> None:
    check = Step("check", FailingAgent(error="offline", name="check"), max_retries=0)
    failing = Step("note", noting("inside")) >> check
    pipeline = Step("before", noting("before")) >> Step.branch_on("route", bool, {True: failing})
    result = await flujo_run(pipeline, "rain", context_model=Notes)
    assert (result.status, result.context.drafts) == ("failed", ["before of rain"])
    golden.check(result)


async def test_p7_a_fallback_may_be_a_conditional_step(flujo_run: FlujoRun, golden: Golden) -> None:
    spare = Step.branch_on("route", bool, {True: Step("write", writer("Rain")) >> echo()})
    step = Step("primary", FailingAgent(paid=DRAFT, model="test:small", name="primary"), max_retries=0, fallback=spare)
    result = await flujo_run(step, "rain")
    assert (result.output, result.total_cost_usd) == ("Rain", Decimal("0.00068") + Decimal("0.00104"))
    golden.check(result)


# Selections ---------------------------------------------------------------------------------------------


def three() -> dict[str, Any]:
    return {name: Step("check", noting(name)) for name in ("legal", "facts", "tone")}


async def test_chosen_branches_run_in_declared_order(flujo_run: FlujoRun, golden: Golden) -> None:
    fan = Step.parallel(
        "review", three(), select=lambda text: ["tone", "legal", "tone"], merge_strategy=MergeStrategy.CONTEXT_UPDATE
    )
    result = await flujo_run(fan, "rain", context_model=Notes)
    assert list(result.output) == ["legal", "tone"]
    golden.check(result)


async def test_a_step_chooses_the_branches_and_is_paid(flujo_run: FlujoRun, golden: Golden) -> None:
    router = ScriptedAgent(["facts"], name="router", model="test:small", usage=DRAFT)
    fan = Step.parallel("review", three(), select=Step("choose", router))
    result = await flujo_run(fan, "rain", context_model=Notes)
    assert (result.output, result.total_cost_usd) == ({"facts": "rain, facts"}, Decimal("0.00068"))
    golden.check(result)


async def test_an_unknown_name_fails_before_any_branch_runs(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(
        Step.parallel("review", three(), select=lambda text: ["facts", "rain"]), "rain", context_model=Notes
    )
    assert result.status == "failed"
    golden.check(result)


async def test_choosing_nobody_completes_with_nothing(flujo_run: FlujoRun, golden: Golden) -> None:
    fan = Step.parallel("review", three(), select=lambda text: ["rain"], ignore_unknown=True)
    result = await flujo_run(fan >> echo(), "rain", context_model=Notes)
    assert result.output == {}
    golden.check(result)


async def test_a_router_asks_which_branches_to_run(flujo_run: FlujoRun, golden: Golden) -> None:
    async def route(text: str, *, context: Notes) -> list[str]:
        context.mood = "routed"
        return ["legal", "tone"]

    fan = Step.dynamic_parallel_branch("review", FunctionAgent(route), three())
    result = await flujo_run(fan, "rain", context_model=Notes)
    assert (list(result.output), result.context) == (["legal", "tone"], Notes(mood="routed"))
    golden.check(result)
