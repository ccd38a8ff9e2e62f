"""What kills the faults of accounting. No tests."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from flujo import AgentError, AgentOutput, Flujo, Pipeline, PipelineResult, PluginOutcome, RequestUsage, Step, Usage
from flujo.stores.memory import MemoryCache
from flujo_testing import FailingAgent, FunctionAgent, ScriptedAgent, ScriptedPlugin, StreamingAgent
from tests.flujo_testing.faults.scenario import Killer, Scenario, run, status, total
from tests.laws.cast import DRAFT, PRICES, bounded, never, small, usd, writer


async def retried() -> PipelineResult:
    paid = AgentError("overloaded", usage=DRAFT, model="test:writer")
    return await run(Step("write", writer(paid, "Rain"), max_retries=1))


async def saved() -> PipelineResult:
    fallback = Step("small", small("Rain"))
    return await run(Step("write", writer("Snow"), plugins=[never], max_retries=0, fallback=fallback))


async def cached_tokens() -> PipelineResult:
    usage = Usage(input_tokens=120, cache_read_tokens=100, output_tokens=40)
    return await run(Step("write", writer("Rain", usage=usage)))


async def tools() -> PipelineResult:
    requests = tuple(
        RequestUsage(usage=Usage(input_tokens=tokens, output_tokens=1), model="test:writer") for tokens in (5, 7)
    )
    return await run(Step("tools", writer(AgentOutput("done", requests=requests))))


async def streamed() -> PipelineResult:
    agent = StreamingAgent("Ra", "in", model="test:writer", usage=DRAFT)
    async with Flujo(Step("write", agent), cost_model=PRICES).stream_async("rain") as events:
        results = [event async for event in events if isinstance(event, PipelineResult)]
    return results[-1]


@dataclass(frozen=True)
class Poet:
    style: str = "haiku"

    async def run(self, x: str) -> AgentOutput[str]:
        return AgentOutput(f"{self.style} about {x}", usage=DRAFT, model="test:writer")


def poems(runs: int) -> Scenario:
    """The last of so many runs, all of which may take what is in the cache."""

    async def scenario() -> PipelineResult:
        flow = Flujo(Step.cached(Step("write", Poet()), MemoryCache()), cost_model=PRICES)
        results = [await flow.run_async("rain") for _ in range(runs)]
        return results[-1]

    return scenario


async def redirected() -> PipelineResult:
    senior = ScriptedAgent("Bright rain", name="senior", model="test:senior", usage=DRAFT)
    tone = ScriptedPlugin(PluginOutcome(False, redirect_to=senior), PluginOutcome(True), name="tone")
    return await run(Step("write", writer("Rain"), plugins=[tone]))


async def cancelled() -> PipelineResult:
    breaks = Step("break", FailingAgent(error=ValueError("broken"), delay_s=1), max_retries=0)
    return await run(Step.parallel("both", {"a": Step("write", writer("Rain", delay_s=2)), "b": breaks}))


async def too_dear() -> PipelineResult:
    return await run(Step("write", bounded("Rain")) >> Step("again", bounded("Snow")), limits=usd("0.0015"))


async def at_once() -> PipelineResult:
    branches = {name: Step("write", bounded("Rain", delay_s=1)) for name in ("a", "b")}
    return await run(Step.parallel("both", branches), limits=usd("0.0015"))


async def with_nothing() -> PipelineResult:
    async def poet(x: str) -> AgentOutput[str]:
        return AgentOutput("Rain", usage=DRAFT, model="test:writer")

    return await run(Step("write", FunctionAgent(poet)), limits=usd("0"))


async def nested() -> PipelineResult:
    inner = Pipeline((Step("write", bounded("Rain")),)).as_step("inner", usage_limits=usd("1"))
    return await run(inner, limits=usd("0.001"))


def runs(times: int) -> Scenario:
    """The last of so many runs of one runner."""

    async def scenario() -> PipelineResult:
        flow = Flujo(Step("write", writer("Rain", "Snow")), cost_model=PRICES)
        results = [await flow.run_async("rain") for _ in range(times)]
        return results[-1]

    return scenario


def costs(result: PipelineResult) -> list[Decimal | None]:
    return [entry.cost_usd for entry in result.ledger.entries]


def outcomes(result: PipelineResult) -> list[str]:
    return [entry.outcome for entry in result.ledger.entries]


ACCOUNTING = {
    "drop_failed_attempt_cost": Killer(retried, total, Decimal("0.00208")),
    "drop_primary_cost_on_fallback": Killer(saved, total, Decimal("0.00172")),
    "charge_fallback_twice": Killer(saved, total, Decimal("0.00172")),
    "misprice_cached_tokens": Killer(cached_tokens, total, Decimal("0.00074101")),
    "price_sum_of_requests": Killer(tools, costs, [Decimal("0.000032"), Decimal("0.000038")]),
    "count_streamed_usage_twice": Killer(streamed, total, Decimal("0.00104")),
    "bill_cache_hit": Killer(poems(2), total, Decimal("0"), null=poems(1)),
    "forget_redirected_call": Killer(redirected, total, Decimal("0.00256")),
    "forget_cancelled_call": Killer(cancelled, outcomes, ["cancelled"]),
    "ignore_limit": Killer(too_dear, status, "limited"),
    "check_then_spend": Killer(at_once, total, Decimal("0.00104"), null=too_dear),
    "zero_limit_is_none": Killer(with_nothing, status, "limited", null=too_dear),
    "limit_not_nested": Killer(nested, status, "limited", null=too_dear),
    "accumulate_over_runs": Killer(runs(2), total, Decimal("0.00104"), null=runs(1)),
}
