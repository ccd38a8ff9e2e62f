"""Cost models that break the contract, one sentence each, and two that keep it."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, getcontext
from typing import Any

from flujo import Price, PriceTable, Usage
from flujo.money import add, multiply, per_million, subtract, total
from flujo.prices import Kind, LineItem, Quote, Tier

M = "acme:m"


INPUT, OUTPUT = Decimal(3), Decimal(17)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Fine:
    """3 and 17 USD per million tokens, 5 for input above 1000 tokens."""

    tiers = {M: [1000]}
    table_id = "fine"
    output = OUTPUT

    def __init__(self, table_id: str = "fine") -> None:
        self.table_id = table_id

    def __repr__(self) -> str:
        return type(self).__name__

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        return self.table().quote(model, usage, at, context)

    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        return self.table().max_cost(model, input_tokens, max_output_tokens, at, context)

    def table(self) -> PriceTable:
        tier = Tier(above_input_tokens=1000, input="5")
        return PriceTable({M: Price(input=INPUT, output=self.output, cache_read="0.3", tiers=[tier])})


class OfItems(Fine):
    """Its quotes are made of ``items``."""

    tiers: dict[str, list[int]] = {}

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        super().quote(model, Usage(), at, context)  # for the errors
        items = tuple(item for item in self.items(usage, at) if item.quantity)
        return Quote(items, total(item.amount for item in items))

    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        return [billed("input", usage.input_tokens, INPUT), billed("output", usage.output_tokens, OUTPUT)]


def billed(kind: Kind, tokens: int, price: Decimal) -> LineItem:
    return LineItem(kind, tokens, price, per_million(tokens, price))


def times(quote: Quote, factor: Decimal) -> Quote:
    items = tuple(billed(it.kind, it.quantity, multiply(it.unit_price, factor)) for it in quote.line_items)  # type: ignore[arg-type]
    return Quote(items, multiply(quote.cost, factor))


class QuotesLater(Fine):
    async def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Any:  # type: ignore[override]
        return super().quote(model, usage, at, context)


class QuotesANumber(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Any:
        return super().quote(model, usage, at, context).cost


class InventsAKind(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        return [replace(item, kind="prompt") for item in super().items(usage, at)]  # type: ignore[arg-type]


class CountsInFloats(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        quote = super().quote(model, usage, at, context)
        return Quote(quote.line_items, float(quote.cost))  # type: ignore[arg-type]


class WasAFloat(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        quote = super().quote(model, usage, at, context)
        return Quote(quote.line_items, Decimal(float(quote.cost)))


class RoundsToCents(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        return [replace(item, amount=round(item.amount, 2)) for item in super().items(usage, at)]


class GivesMoney(OfItems):
    output = Decimal(0)

    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        return [billed("input", usage.input_tokens, INPUT), billed("output", usage.output_tokens, subtract(0, OUTPUT))]


class GivesARebate(Fine):
    """The second request costs half."""

    def __init__(self, table_id: str = "fine") -> None:
        super().__init__(table_id)
        self.seen: set[Usage] = set()

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        quote = super().quote(model, usage, at, context)
        if usage in self.seen:
            return times(quote, Decimal("0.5"))
        self.seen.add(usage)
        return quote


class ReadsTheClock(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        return super().quote(model, usage, max(datetime.now(UTC), at), context)


class TimesItself(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        self.began = time.monotonic()
        return super().quote(model, usage, at, context)


class Samples(Fine):
    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        random.random()
        return super().max_cost(model, input_tokens, max_output_tokens, at, context)


class ReadsAFile(Fine):
    def table(self) -> PriceTable:
        with open(__file__, encoding="utf-8"):
            return super().table()


class UsesTheAmbientContext(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        quote = super().quote(model, usage, at, context)
        return Quote(quote.line_items, quote.cost + 0)


class SetsTheAmbientContext(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        getcontext().prec = 60
        return super().quote(model, usage, at, context)


class BoundsInTheAmbientContext(Fine):
    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        return super().max_cost(model, input_tokens, max_output_tokens, at, context) * Decimal("1.0001")


class GoesByTheLocalDay(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        price = INPUT if at.replace(tzinfo=UTC) < NEW_YEAR else INPUT - 1
        return [billed("input", usage.input_tokens, price), billed("output", usage.output_tokens, OUTPUT)]


class BillsCachedTokensTwice(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        return [*super().items(usage, at), billed("cache_read", usage.cache_read_tokens, Decimal("0.3"))]


class BillsReasoningTwice(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        return [*super().items(usage, at), billed("output_reasoning", usage.output_reasoning_tokens, OUTPUT)]


class ChargesAFee(OfItems):
    """A thousandth of a USD per request, beside its tokens."""

    fee = Decimal("0.001")

    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        fee = LineItem("request", usage.requests, self.fee, multiply(usage.requests, self.fee))
        return [*super().items(usage, at), fee]

    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        return add(self.fee, super().max_cost(model, input_tokens, max_output_tokens, at, context))


class ForgetsOutputForAFee(ChargesAFee):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        return [item for item in super().items(usage, at) if item.kind != "output" or not usage.input_tokens]


class ForgetsCacheWrites(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        tokens = usage.input_tokens - usage.cache_write_tokens
        return [billed("input", tokens, INPUT), billed("output", usage.output_tokens, OUTPUT)]


class BillsImagesAsAudio(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        images = usage.input_image_tokens
        plain = usage.input_tokens - images
        return [
            billed("input", plain, INPUT),
            billed("input_audio", images, Decimal(1)),
            billed("output", usage.output_tokens, OUTPUT),
        ]


class HasMarginalTiers(OfItems):
    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        above = max(0, usage.input_tokens - 1000)
        below = usage.input_tokens - above
        output = billed("output", usage.output_tokens, OUTPUT)
        return [billed("input", below, INPUT), billed("input", above, INPUT - 1), output]


class BlendsItsTiers(OfItems):
    """The price of a token falls with each further one."""

    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        price = subtract(INPUT, per_million(usage.input_tokens, Decimal(1)))
        return [billed("input", usage.input_tokens, price), billed("output", usage.output_tokens, OUTPUT)]


class CountsOutputToo(OfItems):
    """Its tier is decided by all tokens of the request."""

    def items(self, usage: Usage, at: datetime) -> list[LineItem]:
        price = INPUT - 1 if usage.total_tokens > 5_000_000 else INPUT
        return [billed("input", usage.input_tokens, price), billed("output", usage.output_tokens, OUTPUT)]


class BeginsTooEarly(Fine):
    def table(self) -> PriceTable:
        return PriceTable({M: Price(input=INPUT, output=OUTPUT, tiers=[Tier(above_input_tokens=999, input="5")])})


class LacksItsTier(Fine):
    def table(self) -> PriceTable:
        return PriceTable({M: Price(input=INPUT, output=OUTPUT)})


class GivesUnknownModelsAway(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        return super().quote(model, usage, at, context) if model == M else Quote((), Decimal(0))


class BoundsUnknownModelsByNothing(Fine):
    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        if model != M:
            return Decimal(0)
        return super().max_cost(model, input_tokens, max_output_tokens, at, context)


class RaisesKeyError(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        return {M: super().quote}[model](model, usage, at, context)


class IgnoresItsContext(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        return super().quote(model, usage, at)


class BoundsByTheLowestTier(Fine):
    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        super().max_cost(model, input_tokens, max_output_tokens, at, context)  # for the errors
        return add(per_million(input_tokens, INPUT), per_million(max_output_tokens, OUTPUT))


class BoundsInFloats(Fine):
    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Any:
        return 2 * float(super().max_cost(model, input_tokens, max_output_tokens, at, context))


class HasNoId(Fine):
    def __init__(self, table_id: str = "fine") -> None:
        self.table_id = None  # type: ignore[assignment]


class HasOneIdForAllPrices(Fine):
    def __init__(self, table_id: str = "fine") -> None:
        self.table_id = "prices"


class ChangesItsId(Fine):
    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        self.table_id = f"fine-{usage.input_tokens}"
        return super().quote(model, usage, at, context)


class PricesTheRun(Fine):
    """A request costs more, the more were quoted before."""

    def __init__(self, table_id: str = "fine") -> None:
        super().__init__(table_id)
        self.quoted = 0

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        self.quoted += 1
        quote = super().quote(model, usage, at, context)
        return times(quote, Decimal(self.quoted))


class LosesItsPrices(Fine):
    def table(self) -> PriceTable:
        return PriceTable({"acme:other": Price(input=INPUT)})
