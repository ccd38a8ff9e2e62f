"""What a price list says of each model, as short texts, and in what two lists differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flujo.money import show_usd
from flujo.price_list.names import Clause, Match
from flujo.price_list.snapshot import Listed, Rate, Snapshot, Tariff


@dataclass(frozen=True, slots=True)
class Change:
    """``old`` of something about a model became ``new``; None where one of the lists does not have it."""

    model: str
    what: str
    old: str | None
    new: str | None


def changes(old: Snapshot, new: Snapshot) -> Iterator[Change]:
    """All differences, by model. A model that one list does not have is one change, of its ``prices``."""
    before, after = models_of(old), models_of(new)
    for model in sorted(before.keys() | after.keys()):
        if model not in before or model not in after:
            gone, come = (None if found is None else _prices(found) for found in (before.get(model), after.get(model)))
            yield Change(model, "prices", gone, come)
            continue
        was, now = told(before[model]), told(after[model])
        for what in [*was, *(what for what in now if what not in was)]:
            if was.get(what) != now.get(what):
                yield Change(model, what, was.get(what), now.get(what))


def models_of(snapshot: Snapshot) -> dict[str, Listed]:
    """Every model by ``provider:id``, in the order of the list. The first of an id counts: others are not found."""
    found: dict[str, Listed] = {}
    for provider, models in snapshot.providers.items():
        for model in models:
            found.setdefault(f"{provider}:{model.id}", model)
    return found


def told(model: Listed) -> dict[str, str]:
    """Each price by its unit and the terms that it holds for, and what names it goes by."""
    prices = {
        f"{unit}{terms(tariff)}": told_rate(rate)
        for tariff in (*model.tariffs, *model.variants)
        for unit, rate in tariff.rates
    }
    return {**prices, "names": _names(model.match)}


def terms(tariff: Tariff) -> str:
    """``' (batch, from 2026-08-17)'``; empty for a price that always holds."""
    said = ["=".join(term) for term in tariff.when]
    if tariff.starts is not None:
        said.append(f"from {tariff.starts.isoformat()}")
    if tariff.hours is not None:
        said.append(f"from {tariff.hours[0]:%H:%M} to {tariff.hours[1]:%H:%M} UTC")
    return f" ({', '.join(said)})" if said else ""


def told_rate(rate: Rate) -> str:
    """``1.25, above 200000: 2.5``: USD for one unit, by the input tokens of a request."""
    return ", ".join([show_usd(rate.base), *(f"above {above}: {show_usd(price)}" for above, price in rate.tiers)])


def _prices(model: Listed) -> str:
    return "; ".join(f"{what} {price}" for what, price in told(model).items() if what != "names")


def _names(match: Match) -> str:
    if isinstance(match, Clause):
        return f"{match.how} {match.text}"
    return f"{match.how} of ({', '.join(map(_names, match.clauses))})"
