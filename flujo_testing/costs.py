"""Cost models for tests: prices written down in the test itself. No price of a real model.

The default prices differ from each other in every kind and are primes, so that a token billed at the price of
another kind, twice, or not at all shows in the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from flujo.money import multiply, show_usd
from flujo.prices import (
    CostModel,
    LineItem,
    Price,
    PriceTable,
    Quote,
    UsdPerMillion,
    bill,
    content_id,
    dearest,
)
from flujo.usage import Usage, count, not_negative


class FixedPriceTable(PriceTable):
    """A price table from literals, USD per million tokens by kind.

    >>> FixedPriceTable({"test:writer": {"input": "3", "output": "17"}}).max_cost("test:writer", 120, 40, at)
    Decimal('0.001040')
    """

    __slots__ = ()

    def __init__(self, rows: Mapping[str, UsdPerMillion]) -> None:
        super().__init__({name: Price(**rates) for name, rates in rows.items()})


class FixedCost:
    """Every request costs ``usd``, whatever its model and however many tokens it reports.

    A request that reports no usage at all stays unpriced, as with any cost model.
    """

    __slots__ = ("table_id", "usd")

    def __init__(self, usd: Decimal | str | int) -> None:
        self.usd = not_negative("the cost of a request", usd)
        self.table_id = content_id({"request": show_usd(self.usd)})

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        """One line item of kind ``request``; several requests reported as one usage cost as many times."""
        cost = multiply(usage.requests, self.usd)
        return Quote((LineItem("request", usage.requests, self.usd, cost),), cost)

    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        """The fixed cost of one request."""
        count("input_tokens", input_tokens)
        count("max_output_tokens", max_output_tokens)
        return self.usd


class PerToken:
    """Every model at the same price: USD per single token of input and of output, whatever their kind."""

    __slots__ = ("_rates", "table_id")

    def __init__(self, *, input: Decimal | str | int, output: Decimal | str | int) -> None:
        price = Price(
            input=multiply(not_negative("the price of input", input), 1_000_000),
            output=multiply(not_negative("the price of output", output), 1_000_000),
        )
        self._rates = dict(price.rates)
        self.table_id = content_id({kind: show_usd(rate) for kind, rate in price.rates})

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        """Line items in USD per million, as everywhere."""
        return bill(model, usage, self._rates)

    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        """The cost if all of the output is used."""
        usage = Usage(input_tokens=input_tokens, output_tokens=max_output_tokens)
        return dearest(model, usage, self._rates)


# Children are priced in primes of a ten-thousandth, below their parents: what a call may cost at most is then
# what its plain input and output cost, and a bound can be computed by hand.
_DEFAULT_PRICES: Mapping[str, UsdPerMillion] = {
    "test:writer": {
        "input": "3",
        "output": "17",
        "cache_read": "0.0101",
        "cache_write": "0.0103",
        "cache_write_1h": "0.0107",
        "output_reasoning": "0.0109",
        "input_audio": "0.0113",
        "cache_audio_read": "0.0127",
        "output_audio": "0.0131",
        "input_image": "0.0137",
    },
    "test:critic": {
        "input": "7",
        "output": "29",
        "cache_read": "0.0139",
        "cache_write": "0.0149",
        "cache_write_1h": "0.0151",
        "output_reasoning": "0.0157",
        "input_audio": "0.0163",
        "cache_audio_read": "0.0167",
        "output_audio": "0.0173",
        "input_image": "0.0179",
    },
    "test:senior": {
        "input": "5",
        "output": "23",
        "cache_read": "0.0181",
        "cache_write": "0.0191",
        "cache_write_1h": "0.0193",
        "output_reasoning": "0.0197",
        "input_audio": "0.0199",
        "cache_audio_read": "0.0211",
        "output_audio": "0.0223",
        "input_image": "0.0227",
    },
    "test:small": {
        "input": "2",
        "output": "11",
        "cache_read": "0.0229",
        "cache_write": "0.0233",
        "cache_write_1h": "0.0239",
        "output_reasoning": "0.0241",
        "input_audio": "0.0251",
        "cache_audio_read": "0.0257",
        "output_audio": "0.0263",
        "input_image": "0.0269",
    },
}


def default_cost_model() -> CostModel:
    """``test:writer``, ``test:critic``, ``test:senior`` and ``test:small``; no other model has a price."""
    return FixedPriceTable(_DEFAULT_PRICES)
