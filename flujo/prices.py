"""What a model request costs: price tables, quotes and bounds. Data and arithmetic: no clock, no network.

A price is exact decimal USD per million tokens. No price of a real model is kept here; a user pins a table
or a snapshot of a public list.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal, Protocol, TypedDict, Unpack, cast

from flujo.errors import MissingUnitPrice, UnknownModelPrice, UnknownPriceContext
from flujo.money import add, per_million, show_usd, total
from flujo.usage import Usage, count, not_negative

Kind = Literal[
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "output_reasoning",
    "input_audio",
    "cache_audio_read",
    "output_audio",
    "input_image",
]
Rates = Mapping[Kind, Decimal]

# Every kind with the kinds whose price it takes, nearest first. Cached audio has two parents: a discount for
# cached tokens says more about it than a surcharge for audio.
PRICED_AS: Mapping[Kind, tuple[Kind, ...]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "input"),
    "cache_write": ("cache_write", "input"),
    "cache_write_1h": ("cache_write_1h", "cache_write", "input"),
    "input_audio": ("input_audio", "input"),
    "cache_audio_read": ("cache_audio_read", "cache_read", "input_audio", "input"),
    "input_image": ("input_image", "input"),
    "output": ("output",),
    "output_reasoning": ("output_reasoning", "output"),
    "output_audio": ("output_audio", "output"),
}


@dataclass(frozen=True, slots=True)
class LineItem:
    """``quantity`` units of one kind; ``unit_price`` is USD per million tokens (``request``: per request)."""

    kind: Kind | Literal["request"]
    quantity: int
    unit_price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What one request costs, exactly: ``cost`` in USD is the sum of the amounts of ``line_items``."""

    line_items: tuple[LineItem, ...]
    cost: Decimal


class CostModel(Protocol):
    """Prices one request. Pure and synchronous; ``at`` is when the request started (with a time zone).

    ``context`` is a variant such as ``batch``, None the standard price. Errors: UnknownModelPrice,
    MissingUnitPrice, UnknownPriceContext. ``table_id`` changes whenever a price does.
    """

    @property
    def table_id(self) -> str: ...

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote: ...

    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        """The most that one request with so many tokens can cost, whatever their kinds turn out to be."""
        ...


class UsdPerMillion(TypedDict, total=False):
    """Prices by kind, each a text, an int or a Decimal."""

    input: Decimal | str | int
    cache_read: Decimal | str | int
    cache_write: Decimal | str | int
    cache_write_1h: Decimal | str | int
    output: Decimal | str | int
    output_reasoning: Decimal | str | int
    input_audio: Decimal | str | int
    cache_audio_read: Decimal | str | int
    output_audio: Decimal | str | int
    input_image: Decimal | str | int


@dataclass(frozen=True, slots=True, init=False)
class Tier:
    """Prices of a request with strictly more than ``above_input_tokens`` input tokens.

    They hold for all of its tokens, a cliff. A kind that the tier does not name keeps the price it has below.
    """

    above_input_tokens: int
    rates: tuple[tuple[Kind, Decimal], ...]

    def __init__(self, *, above_input_tokens: int, **usd_per_million: Unpack[UsdPerMillion]) -> None:
        object.__setattr__(self, "above_input_tokens", count("above_input_tokens", above_input_tokens))
        object.__setattr__(self, "rates", _rates(usd_per_million))


@dataclass(frozen=True, slots=True, init=False)
class Price:
    """The prices of one model from the start of day ``starts`` (UTC; None: always), USD per million tokens.

    A kind without a price is billed at its nearest priced parent: cached tokens as input, reasoning as
    output. ``contexts`` hold complete prices of their own (with tiers, if any) for variants such as
    ``batch``.
    """

    rates: tuple[tuple[Kind, Decimal], ...]
    tiers: tuple[Tier, ...]
    starts: date | None
    contexts: tuple[tuple[str, Price], ...]

    def __init__(
        self,
        *,
        tiers: Sequence[Tier] = (),
        starts: date | str | None = None,
        contexts: Mapping[str, Price] | None = None,
        **usd_per_million: Unpack[UsdPerMillion],
    ) -> None:
        object.__setattr__(self, "rates", _rates(usd_per_million))
        object.__setattr__(self, "tiers", tuple(sorted(tiers, key=lambda tier: tier.above_input_tokens)))
        object.__setattr__(self, "starts", _day(starts))
        object.__setattr__(self, "contexts", tuple(sorted((contexts or {}).items())))
        _refuse_twins("tier above", [str(tier.above_input_tokens) for tier in self.tiers], "input tokens")
        for name, variant in self.contexts:
            if variant.starts or variant.contexts:
                raise ValueError(f"context '{name}' can't have a start date or contexts of its own")


class PriceTable:
    """A CostModel of rows ``provider:model``; a model whose prices changed has several, by start day.

    >>> table = PriceTable({"acme:small": Price(input="3", cache_read="0.3", output="17")})
    >>> new_year = datetime(2026, 1, 1, tzinfo=UTC)
    >>> table.quote("acme:small", Usage(input_tokens=120, output_tokens=40), new_year).cost
    Decimal('0.001040')
    """

    __slots__ = ("rows", "table_id")

    def __init__(self, rows: Mapping[str, Price | Sequence[Price]]) -> None:
        self.rows: Mapping[str, tuple[Price, ...]] = {name: _dated(name, rows[name]) for name in sorted(rows)}
        self.table_id = content_id({name: [_content(price) for price in row] for name, row in self.rows.items()})

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        """What a request of ``usage`` costs; the tier is decided by its own input tokens."""
        price = self._price(model, at, context)
        return bill(model, usage, _tiered(price, usage.input_tokens)[-1])

    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        """The cost if every token were of its dearest kind, in the dearest tier that the input may reach."""
        usage = Usage(input_tokens=input_tokens, output_tokens=max_output_tokens)
        price = self._price(model, at, context)
        return max(dearest(model, usage, rates) for rates in _tiered(price, input_tokens))

    def _price(self, model: str, at: datetime, context: str | None) -> Price:
        if at.tzinfo is None:
            raise ValueError(f"the time of a request needs a time zone, not {at.isoformat()}")
        row = self.rows.get(model)
        if row is None:
            raise UnknownModelPrice(f"no price for model '{model}': add a row for it ({_known(self.rows)})")
        day = at.astimezone(UTC).date()
        valid = [price for price in row if price.starts is None or price.starts <= day]
        if not valid:
            raise UnknownModelPrice(f"no price for model '{model}' on {day}: its first row starts on {row[0].starts}")
        return _in_context(model, valid[-1], context)


def bill(model: str, usage: Usage, rates: Rates) -> Quote:
    """Every token billed once: at the price of its kind, or else of the nearest parent that has one."""
    quantities: dict[Kind, int] = {}
    for kind, quantity in _disjoint(usage).items():
        if quantity:
            priced = _priced_as(model, kind, quantity, rates)
            quantities[priced] = quantities.get(priced, 0) + quantity
    for quantity in quantities.values():
        if quantity < 0:
            raise MissingUnitPrice(
                f"model '{model}': {-quantity} tokens are of two kinds that have prices of their own"
                f" (cached images, for one), and no price says which of them holds: {usage}"
            )
    items = tuple(
        LineItem(kind, quantities[kind], rates[kind], per_million(quantities[kind], rates[kind]))
        for kind in PRICED_AS
        if quantities.get(kind)
    )
    return Quote(items, total(item.amount for item in items))


def dearest(model: str, usage: Usage, rates: Rates) -> Decimal:
    """An upper bound for any request with at most these input and output tokens."""
    cost = Decimal(0)
    roots: tuple[tuple[Kind, int], ...] = (("input", usage.input_tokens), ("output", usage.output_tokens))
    for root, tokens in roots:
        if tokens:
            _priced_as(model, root, tokens, rates)
            unit_price = max(rates[kind] for kind in rates if PRICED_AS[kind][-1] == root)
            cost = add(cost, per_million(tokens, unit_price))
    return cost


def content_id(content: object) -> str:
    """The id of a price table: 16 hex digits of the SHA-256 of its content (JSON data, keys in any order)."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _disjoint(usage: Usage) -> dict[Kind, int]:
    # Cached audio is in both of its parents, so the plain input gives it back once.
    cached_audio = usage.cache_audio_read_tokens
    plain_audio = usage.input_audio_tokens - cached_audio
    children = usage.cache_read_tokens + usage.cache_write_tokens + plain_audio + usage.input_image_tokens
    return {
        "input": usage.input_tokens - children,
        "cache_read": usage.cache_read_tokens - cached_audio,
        "cache_write": usage.cache_write_tokens - usage.cache_write_1h_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "input_audio": plain_audio,
        "cache_audio_read": cached_audio,
        "input_image": usage.input_image_tokens,
        "output": usage.output_tokens - usage.output_reasoning_tokens - usage.output_audio_tokens,
        "output_reasoning": usage.output_reasoning_tokens,
        "output_audio": usage.output_audio_tokens,
    }


def _priced_as(model: str, kind: Kind, quantity: int, rates: Rates) -> Kind:
    for priced in PRICED_AS[kind]:
        if priced in rates:
            return priced
    raise MissingUnitPrice(
        f"model '{model}' has {abs(quantity)} {kind} tokens and no price for {' or '.join(PRICED_AS[kind])}:"
        " add one to its row"
    )


def _tiered(price: Price, input_tokens: int) -> list[Rates]:
    """The prices of every tier up to the one that ``input_tokens`` reach, which is the last."""
    reached: list[Rates] = [dict(price.rates)]
    for tier in price.tiers:
        if input_tokens > tier.above_input_tokens:
            reached.append({**reached[-1], **dict(tier.rates)})
    return reached


def _in_context(model: str, price: Price, context: str | None) -> Price:
    if context is None:
        return price
    variants = dict(price.contexts)
    if context not in variants:
        raise UnknownPriceContext(
            f"model '{model}' has no price for context '{context}' ({_known(variants)}): add it to contexts"
        )
    return variants[context]


def _rates(usd_per_million: UsdPerMillion) -> tuple[tuple[Kind, Decimal], ...]:
    given = cast("Mapping[str, Decimal | str | int]", usd_per_million)
    unknown = sorted(given.keys() - PRICED_AS.keys())
    if unknown:
        raise TypeError(f"no such kind of price: {', '.join(unknown)} ({_known(PRICED_AS)})")
    if not given:
        raise ValueError("a price needs at least one kind, such as input='3'; what is free costs '0'")
    kinds = [kind for kind in PRICED_AS if kind in given]
    return tuple((kind, not_negative(f"the price of {kind}", given[kind])) for kind in kinds)


def _day(starts: date | str | None) -> date | None:
    if isinstance(starts, datetime):
        raise TypeError(f"starts is a day in UTC, not a time: {starts.isoformat()}; give its date")
    return date.fromisoformat(starts) if isinstance(starts, str) else starts


def _dated(name: str, row: Price | Sequence[Price]) -> tuple[Price, ...]:
    provider, colon, model = name.partition(":")
    if not (provider and colon and model):
        raise ValueError(f"a row is named 'provider:model', not '{name}'")
    prices = (row,) if isinstance(row, Price) else tuple(row)
    if not prices:
        raise ValueError(f"the row '{name}' has no prices")
    _refuse_twins(f"price of '{name}' starting on", [str(price.starts or "any day") for price in prices], "")
    return tuple(sorted(prices, key=lambda price: price.starts or date.min))


def _refuse_twins(what: str, values: list[str], unit: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"more than one {what} {value} {unit}".rstrip())


def _content(price: Price) -> dict[str, object]:
    return {
        "starts": str(price.starts),
        "rates": _shown(price.rates),
        "tiers": [[tier.above_input_tokens, _shown(tier.rates)] for tier in price.tiers],
        "contexts": {name: _content(variant) for name, variant in price.contexts},
    }


def _shown(rates: Iterable[tuple[Kind, Decimal]]) -> dict[str, str]:
    return {kind: show_usd(rate) for kind, rate in rates}


def _known(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - 20} more" if len(listed) > 20 else ""
    return f"known: {', '.join(listed[:20])}{more}" if listed else "none is known"
