"""A metered agent with round prices: 1,000 tokens in and 1,000 out cost two cents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio

from flujo import (
    AgentOutput,
    Flujo,
    PipelineResult,
    Price,
    PriceTable,
    Usage,
    UsageLimits,
)

PRICES = PriceTable({"test:m": Price(input="3", output="17"), "test:n": Price(input="5", output="13")})


class Metered:
    """Declares what it may use, and uses it; ``gate`` holds it until somebody opens it."""

    model = "test:m"

    def __init__(
        self,
        *,
        input_tokens: int = 1000,
        output_tokens: int = 1000,
        bound: int | None = 1000,
        model: str = "test:m",
        gate: anyio.Event | None = None,
        error: BaseException | None = None,
    ) -> None:
        self.usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        self.max_output_tokens = bound
        self.model = model
        self.gate = gate
        self.error = error
        self.calls = 0

    def estimate_input(self, x: object) -> int:
        return self.usage.input_tokens

    async def run(self, x: object) -> AgentOutput[object]:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return AgentOutput(x, usage=self.usage, model=self.model)


ONE = Decimal("0.02")  # 1,000 in and 1,000 out on test:m


async def run(pipeline: Any, *, limit: str | None = None, **options: Any) -> PipelineResult:
    limits = None if limit is None else UsageLimits(total_cost_usd_limit=limit)
    return await Flujo(pipeline, **{"cost_model": PRICES, "usage_limits": limits, **options}).run_async("rain")
