"""Faults of users' own: how they are registered, and what the helpers do at the door and at the laws."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from flujo import Flujo, Laws, PipelineResult, PluginOutcome, Step, override
from flujo_testing import ScriptedPlugin, StreamingAgent
from flujo_testing.faults import FAULTS, Fault, Lie, answering, is_agent, is_plugin, lying, register, registering
from tests.flujo_testing.faults.scenario import run
from tests.laws.cast import DRAFT, PRICES, writer


def ours(name: str, lie: Lie) -> Fault:
    return Fault(name, "ours", "no draft is lost", "The plugin accepts everything.", "door", "assert ...", lie)


ACCEPTING = answering(is_plugin, lambda outcome: PluginOutcome(True))


async def test_a_registered_fault_is_among_the_faults_and_the_same_name_replaces_it() -> None:
    before = dict(FAULTS)
    with registering():
        register(ours("accepts_everything", lying(redirect_of=lambda outcome: None)))
        fault = register(ours("accepts_everything", ACCEPTING))
        assert FAULTS["accepts_everything"] is fault
    assert dict(FAULTS) == before


def test_the_name_of_a_fault_of_the_catalogue_is_taken() -> None:
    with pytest.raises(ValueError, match=r"^the catalogue has a fault 'plugin_skipped': The last plugin of a step"):
        register(ours("plugin_skipped", ACCEPTING))


async def test_a_plugin_says_something_else_and_the_seam_was_reached_once_per_ask() -> None:
    plugin = ScriptedPlugin("no", "no", name="lint")
    with ours("accepts", ACCEPTING).in_force() as reach:
        result = await run(Step("write", writer("Rain"), plugins=[plugin]))
    assert (result.status, result.output, reach.count) == ("completed", "Rain", 1)


async def test_another_answer_of_an_agent_costs_what_it_cost() -> None:
    with ours("shouts", answering(is_agent, lambda text: f"{text}!")).in_force() as reach:
        result = await run(Step("write", writer("Rain")))
    assert (result.output, result.total_cost_usd, reach.count) == ("Rain!", Decimal("0.00104"), 1)


@pytest.mark.parametrize("usage", [DRAFT, None])
async def test_a_streamed_answer_is_changed_like_any_other(usage: object) -> None:
    options = {"model": "test:writer", "usage": DRAFT} if usage else {}
    flow = Flujo(Step("write", StreamingAgent("Ra", "in", **options)), cost_model=PRICES)  # type: ignore[arg-type]
    with ours("shouts", answering(is_agent, lambda text: f"{text}!")).in_force():
        async with flow.stream_async("rain") as events:
            results = [event async for event in events if isinstance(event, PipelineResult)]
    assert [result.output for result in results] == ["Rain!"]


async def test_faults_stand_in_each_other_and_in_the_laws_of_others() -> None:
    strict = replace(Laws(), attempts_allowed=lambda max_retries: 1)
    plugins = [ScriptedPlugin(PluginOutcome(True, new_solution="Sun"), name="sun"), ScriptedPlugin("no", name="never")]
    step = Step("write", writer("Rain"), plugins=plugins, max_retries=3)
    first_fault, second_fault = FAULTS["new_solution_ignored"], FAULTS["plugin_skipped"]
    with override(laws=strict), first_fault.in_force() as first, second_fault.in_force() as second:
        result = await run(step)
    assert (result.output, first.count, second.count) == ("Rain", 1, 1)
    with override(laws=strict), FAULTS["new_solution_ignored"].in_force():
        failed = await run(Step("write", writer("Rain"), plugins=[ScriptedPlugin("no", name="never")], max_retries=3))
    assert (failed.status, failed.step_history[0].attempts) == ("failed", 1)
