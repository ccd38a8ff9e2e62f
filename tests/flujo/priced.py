"""Prices to quote from, and what a request of one model costs or could cost in millionths of a USD."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from flujo.prices import Price, PriceTable, Tier
from flujo.usage import Usage

AT = datetime(2026, 5, 17, 12, tzinfo=UTC)
EVERY_KIND = Price(
    input="101",
    cache_read="11",
    cache_write="127",
    cache_write_1h="211",
    output="401",
    output_reasoning="409",
    input_audio="307",
    cache_audio_read="31",
    output_audio="503",
    input_image="131",
)
TIERED = Price(
    input="3",
    cache_read="2",
    output="17",
    tiers=[Tier(above_input_tokens=200, input="7", output="29"), Tier(above_input_tokens=100, input="5")],
)


def micro(price: Price, usage: Usage, *, context: str | None = None, at: datetime = AT) -> Decimal:
    """The cost in millionths of a USD."""
    return PriceTable({"acme:m": price}).quote("acme:m", usage, at, context).cost.scaleb(6)


def most(price: Price, input_tokens: int, max_output_tokens: int, context: str | None = None) -> Decimal:
    return PriceTable({"acme:m": price}).max_cost("acme:m", input_tokens, max_output_tokens, AT, context).scaleb(6)
