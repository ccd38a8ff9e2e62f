"""The price list of the package ``genai-prices``, as a snapshot. The only file that knows the package.

Only data is taken from it, and only from the list that is given, or from the one that is bundled with the package:
never what its process-wide snapshot happens to be, and nothing here lets it fetch another. What it computes is not
asked for, because it answers where it does not know: without a provider it guesses one, without a time it takes the
present, an unknown context is the standard price, a kind of tokens without a price costs nothing, and its sums are
rounded as the decimal context of the thread says.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from importlib.metadata import version
from typing import Any

from flujo.price_list.names import Clause, Clauses, Match
from flujo.price_list.snapshot import Listed, Rate, Snapshot, Tariff, rate_of

try:
    from genai_prices.data import providers as _bundled
    from genai_prices.types import (
        ClauseAnd,
        ClauseContains,
        ClauseEndsWith,
        ClauseEquals,
        ClauseOr,
        ClauseRegex,
        ClauseStartsWith,
        ModelInfo,
        ModelPrice,
        Provider,
        StartDateConstraint,
        TieredPrices,
        TimeOfDateConstraint,
    )
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "the public price list needs the package genai-prices: pip install 'flujo-pipelines[prices]'",
        name=missing.name,
    ) from missing


def installed() -> Snapshot:
    """The list that is bundled with the package."""
    return snapshot_of(_bundled, f"genai-prices {version('genai-prices')}")


def snapshot_of(providers: Iterable[Provider], source: str) -> Snapshot:
    """A frozen copy of a list. TypeError or ValueError for what is no exact price; the list is read once, now."""
    return Snapshot({provider.id: tuple(map(_listed, provider.models)) for provider in providers}, source)


def _listed(model: ModelInfo) -> Listed:
    dated = (
        [(None, model.prices)]
        if isinstance(model.prices, ModelPrice)
        else [(conditional.constraint, conditional.prices) for conditional in model.prices]
    )
    return Listed(
        id=model.id,
        match=_match(model.match),
        tariffs=tuple(_tariff(prices, constraint, {}) for constraint, prices in dated),
        variants=tuple(_tariff(one.prices, one.constraint, one.when) for one in model.price_variants or ()),
    )


def _tariff(prices: ModelPrice, constraint: object, when: dict[str, str]) -> Tariff:
    starts, hours = _times(constraint)
    rates = {unit: value for unit, value in vars(prices).items() if value is not None}
    return Tariff(tuple((unit, _rate(unit, rates[unit])) for unit in sorted(rates)), starts, hours, tuple(when.items()))


def _times(constraint: object) -> tuple[date | None, tuple[time, time] | None]:
    match constraint:
        case None:
            return None, None
        case StartDateConstraint(start_date=day):
            return day, None
        case TimeOfDateConstraint(start_time=begin, end_time=end):
            return None, (_utc(begin), _utc(end))
    raise ValueError(f"prices under a condition that is not known here: {constraint!r}")


def _utc(moment: time) -> time:
    """The time of day in UTC, which a time without a zone is in already."""
    whole = datetime.combine(date(2000, 1, 1), moment)
    return (whole if moment.tzinfo is None else whole.astimezone(UTC)).time()


def _rate(unit: str, value: Any) -> Rate:
    if isinstance(value, TieredPrices):
        return rate_of(unit, value.base, [(tier.start, tier.price) for tier in value.tiers])
    return rate_of(unit, value, ())


def _match(clause: object) -> Match:
    match clause:
        case ClauseEquals(equals=text):
            return Clause("equals", text)
        case ClauseStartsWith(starts_with=text):
            return Clause("starts_with", text)
        case ClauseEndsWith(ends_with=text):
            return Clause("ends_with", text)
        case ClauseContains(contains=text):
            return Clause("contains", text)
        case ClauseRegex(regex=text):
            return Clause("regex", text)
        case ClauseOr(or_=clauses):
            return Clauses("any", tuple(map(_match, clauses)))
        case ClauseAnd(and_=clauses):
            return Clauses("all", tuple(map(_match, clauses)))
    raise ValueError(f"names are compared in a way that is not known here: {clause!r}")
