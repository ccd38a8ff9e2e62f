"""What metered agents and plugins declare, where prices or limits are only half there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from flujo import AgentOutput, Draft, Flujo, PluginOutcome, Price, PriceTable, Rejection, Step, Usage, UsageLimits

PRICES = PriceTable({"test:m": Price(input="3", output="17")})
USAGE = Usage(input_tokens=1000, output_tokens=100)
COST = Decimal("0.0047")


class Metered:
    model, max_output_tokens = "test:m", 100

    def __init__(self, **report: Any) -> None:
        self.report = report

    def estimate_input(self, x: object) -> int:
        return 1000

    async def run(self, x: object) -> AgentOutput[object]:
        return AgentOutput(x, usage=USAGE, **self.report)


class Unpriced(Metered):
    model = "test:unknown"


async def test_strict_pricing_without_limits_reserves_nothing_and_pays_what_has_a_price() -> None:
    result = await Flujo(Step("s", Metered()), cost_model=PRICES, strict_pricing=True).run_async("x")
    assert (result.status, result.total_cost_usd) == ("completed", COST)


async def test_a_limit_that_is_no_cost_limit_needs_no_prices() -> None:
    limits = UsageLimits(request_limit=1)
    pipeline = Step("s", Metered()) >> Step("t", Metered())
    for prices in (None, PRICES):
        agent = Metered() if prices is None else Unpriced()
        result = await Flujo(Step("s", agent), cost_model=prices, usage_limits=limits).run_async("x")
        assert (result.status, result.total_cost_usd, result.ledger.unpriced_requests) == ("completed", None, 1)
    limited = await Flujo(pipeline, usage_limits=limits).run_async("x")
    assert (limited.status, str(limited.error)) == ("limited", "t/attempt:1 may use 1 request, 0 of 1 left")


async def test_what_reports_no_model_is_booked_for_the_declared_one() -> None:
    (entry,) = (await Flujo(Step("s", Metered()), cost_model=PRICES).run_async("x")).ledger.entries
    assert (entry.model, entry.cost_usd) == ("test:m", COST)


async def test_a_metered_plugin_without_a_price_fails_the_step_before_it_is_asked() -> None:
    asked: list[Draft] = []

    class Judge:
        name, priority, model, max_output_tokens = "judge", 0, "test:unknown", 10

        async def validate(self, draft: Draft) -> PluginOutcome:
            asked.append(draft)
            return PluginOutcome(True)

    limits = UsageLimits(total_cost_usd_limit="1")
    step = Step("s", Metered(), plugins=[Judge()], max_retries=3)
    result = await Flujo(step, cost_model=PRICES, usage_limits=limits).run_async("x")
    assert (result.status, asked, result.total_cost_usd) == ("failed", [], COST)


class Ticket(BaseModel):
    title: str


async def test_data_of_another_type_is_rejected_with_the_reason() -> None:
    told: list[tuple[Rejection, ...]] = []

    class Filing:
        output_type = Ticket

        async def run(self, x: object, *, feedback: tuple[Rejection, ...] = ()) -> object:
            told.append(feedback)
            return {"title": "Rain"} if feedback else {"titel": "Rain"}

    assert (await Flujo(Step("file", Filing())).run_async("x")).output == Ticket(title="Rain")
    assert told == [(), (Rejection("output_type", "title: Field required", 1),)]
