"""The story of a run for each law of accounting: what A1 to A9 look like in a golden."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flujo import (
    AgentError,
    AgentOutput,
    PluginOutcome,
    RequestUsage,
    Step,
    Usage,
    UsageLimits,
    validator,
)
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, ScriptedAgent, ScriptedPlugin, SlowAgent
from flujo_testing.clock import VirtualClock
from flujo_testing.golden.assertion import Golden

DRAFT = Usage(input_tokens=120, output_tokens=40)


def writer(*script: Any, **options: Any) -> ScriptedAgent:
    return ScriptedAgent(*script, **{"name": "writer", "model": "test:writer", "usage": DRAFT, **options})


def bounded(*script: Any, **options: Any) -> ScriptedAgent:
    """May cost 0.00104 USD: 120 tokens in, 40 out."""
    return writer(*script, **{"max_output_tokens": 40, "estimate_input": 120, **options})


@validator
def never(output: object) -> str:
    return "not good enough"


def limits(usd: str) -> UsageLimits:
    return UsageLimits(total_cost_usd_limit=usd)


async def test_a1_three_attempts_of_which_two_fail_cost_three(flujo_run: FlujoRun, golden: Golden) -> None:
    paid = AgentError("overloaded", usage=DRAFT, model="test:writer")
    result = await flujo_run(Step("write", writer(paid, paid, "Rain"), max_retries=2), "rain")
    assert result.total_cost_usd == 3 * Decimal("0.00104")
    golden.check(result)


async def test_a1_a_fallbacks_primary_is_paid(flujo_run: FlujoRun, golden: Golden) -> None:
    small = ScriptedAgent("Rain", name="small", model="test:small", usage=DRAFT)
    result = await flujo_run(Step("write", writer("x", "y"), plugins=[never], fallback=Step("small", small)), "rain")
    assert result.total_cost_usd == 2 * Decimal("0.00104") + Decimal("0.00068")
    golden.check(result)


async def test_a1_a_redirected_agent_is_paid(flujo_run: FlujoRun, golden: Golden) -> None:
    senior = ScriptedAgent("Bright rain", name="senior", model="test:senior", usage=DRAFT)
    tone = ScriptedPlugin(PluginOutcome(False, redirect_to=senior), PluginOutcome(True), name="tone")
    result = await flujo_run(Step("write", writer("Rain"), plugins=[tone]), "rain")
    assert result.cost_by("model") == {"test:writer": Decimal("0.00104"), "test:senior": Decimal("0.00152")}
    golden.check(result)


async def test_a1_a_plugin_that_calls_a_model_is_paid(flujo_run: FlujoRun, golden: Golden) -> None:
    judge = ScriptedPlugin(PluginOutcome(True, usage=DRAFT, model="test:critic"), name="judge")
    result = await flujo_run(Step("write", writer("Rain"), plugins=[judge]), "rain")
    assert result.total_cost_usd == Decimal("0.00104") + Decimal("0.002")
    golden.check(result)


async def test_a1_requests_of_one_call_are_entries_of_their_own(flujo_run: FlujoRun, golden: Golden) -> None:
    requests = tuple(
        RequestUsage(usage=Usage(input_tokens=tokens, output_tokens=1), model="test:writer") for tokens in (5, 7, 11)
    )
    result = await flujo_run(Step("tools", writer(AgentOutput("done", requests=requests))), "rain")
    assert [entry.cost_usd for entry in result.ledger.entries] == [
        Decimal("0.000032"),
        Decimal("0.000038"),
        Decimal("0.00005"),
    ]
    golden.check(result)


async def test_a2_branches_and_steps_add_up(flujo_run: FlujoRun, golden: Golden) -> None:
    critic: dict[str, Any] = {"model": "test:critic", "usage": DRAFT}
    fan = Step.parallel(
        "review",
        {
            "legal": Step("check", writer("fine")),
            "facts": Step("check", ScriptedAgent("true", name="critic", **critic)),
        },
    )
    result = await flujo_run(Step("write", writer("Rain")) >> fan, "rain")
    assert (
        sum(result.cost_by("branch").values())
        == sum(result.cost_by("step").values())
        == result.total_cost_usd
        == Decimal("0.00408")
    )
    golden.check(result)


async def test_a3_every_kind_of_token_has_its_price(flujo_run: FlujoRun, golden: Golden) -> None:
    usage = Usage(
        input_tokens=1000,
        cache_read_tokens=100,
        cache_write_tokens=70,
        cache_write_1h_tokens=30,
        input_audio_tokens=50,
        cache_audio_read_tokens=20,
        input_image_tokens=10,
        output_tokens=500,
        output_reasoning_tokens=200,
        output_audio_tokens=30,
    )
    result = await flujo_run(Step("write", writer("Rain", usage=usage)), "rain")
    assert sum(item.amount for item in result.ledger.entries[0].line_items) == result.total_cost_usd
    golden.check(result)


async def test_a4_an_unknown_price_is_an_unknown_total(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(Step("write", writer("Rain", model="test:new")) >> Step("again", writer("Rain")), "rain")
    assert (result.total_cost_usd, result.ledger.known_cost_usd) == (None, Decimal("0.00104"))
    golden.check(result)


async def test_a4_an_unknown_price_is_refused_under_a_limit(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = EchoAgent(name="writer", model="test:new", usage=DRAFT, max_output_tokens=40, estimate_input=120)
    result = await flujo_run(Step("write", agent, max_retries=3), "rain", usage_limits=limits("1"))
    assert (result.status, len(agent.calls)) == ("failed", 0)
    golden.check(result)


async def test_a5_a_call_that_could_pass_the_limit_is_not_made(flujo_run: FlujoRun, golden: Golden) -> None:
    publish = EchoAgent(name="publish", model="test:writer", usage=DRAFT, max_output_tokens=40, estimate_input=120)
    result = await flujo_run(
        Step("write", bounded("Rain")) >> Step("publish", publish), "rain", usage_limits=limits("0.002")
    )
    assert (result.status, len(publish.calls)) == ("limited", 0)
    golden.check(result)


async def test_a5_equality_is_allowed(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(
        Step("write", bounded("Rain")) >> Step("again", bounded("Rain")),
        "rain",
        usage_limits=limits("0.00208"),
    )
    assert (result.status, result.total_cost_usd) == ("completed", Decimal("0.00208"))
    golden.check(result)


async def test_a5_parallel_calls_wait_for_what_others_give_back(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    half = Usage(input_tokens=60, output_tokens=20)
    fan = Step.parallel(
        "review",
        {name: Step("check", bounded("fine", usage=half, delay_s=5)) for name in ("legal", "facts", "tone")},
    )
    result = await flujo_run(fan, "rain", usage_limits=limits("0.00208"))
    assert (result.status, result.total_cost_usd, virtual_clock.elapsed) == (
        "completed",
        Decimal("0.00156"),
        10,
    )
    golden.check(result)


async def test_a6_a_breach_ends_the_run_and_no_fallback_saves_it(flujo_run: FlujoRun, golden: Golden) -> None:
    small = EchoAgent(name="small")
    result = await flujo_run(
        Step("write", writer("x", max_output_tokens=None), plugins=[never], fallback=Step("small", small)),
        "rain",
        usage_limits=limits("0.001"),
    )
    assert (result.status, result.total_cost_usd, len(small.calls)) == ("limited", Decimal("0.00104"), 0)
    golden.check(result)


async def test_a6_a_steps_own_limit_fails_the_step_only(flujo_run: FlujoRun, golden: Golden) -> None:
    step = Step(
        "write",
        bounded("x"),
        plugins=[never],
        max_retries=3,
        usage_limits=limits("0.0015"),
        fallback=Step("small", EchoAgent(name="small")),
    )
    result = await flujo_run(step, "rain")
    assert (result.status, result.output, result.total_cost_usd) == ("completed", "rain", Decimal("0.00104"))
    golden.check(result)


async def test_a5_a_call_that_timed_out_is_in_doubt(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    slow = SlowAgent(
        60, "late", name="slow", model="test:writer", usage=DRAFT, max_output_tokens=40, estimate_input=120
    )
    result = await flujo_run(
        Step("write", slow, timeout_s=30, max_retries=0, fallback=Step("small", EchoAgent(name="small"))),
        "rain",
        usage_limits=limits("0.01"),
    )
    assert (result.total_cost_usd, result.ledger.possible_cost_usd) == (None, Decimal("0.00104"))
    golden.check(result)


async def test_a6_an_ignored_branch_cannot_hide_a_breach(flujo_run: FlujoRun, golden: Golden) -> None:
    from flujo import BranchFailureStrategy

    facts = EchoAgent(name="facts", model="test:writer", usage=DRAFT, max_output_tokens=40, estimate_input=120)
    fan = Step.parallel(
        "review",
        {"legal": Step("check", bounded("fine")), "facts": Step("check", facts)},
        on_branch_failure=BranchFailureStrategy.IGNORE,
    )
    result = await flujo_run(fan, "rain", usage_limits=limits("0.0015"))
    assert result.status == "limited"
    golden.check(result)


async def test_a1_a_refused_request_costs_nothing(flujo_run: FlujoRun, golden: Golden) -> None:
    refused = AgentError("429 too many requests", model="test:writer", cost_usd=Decimal(0))
    result = await flujo_run(Step("write", writer(refused, "Rain")), "rain")
    assert result.total_cost_usd == Decimal("0.00104")
    golden.check(result)


async def test_a1_an_agent_that_fails_before_it_was_paid(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(Step("write", FailingAgent(on_call=1, then="Rain", name="writer")), "rain")
    assert (result.output, result.total_cost_usd) == ("Rain", Decimal(0))
    golden.check(result)
