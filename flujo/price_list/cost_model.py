"""What requests cost by a public price list: a strict cost model over a snapshot.

It prices what it knows, and says of everything else that it does not: nothing is 0 because it was not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from flujo.errors import MissingUnitPrice, UnknownModelPrice, UnknownPriceContext
from flujo.money import ZERO, add, multiply
from flujo.price_list.snapshot import Listed, Rate, Snapshot, Tariff
from flujo.prices import PRICED_AS, Kind, LineItem, Quote, Rates, bill, content_id, dearest
from flujo.usage import Usage

KINDS: Mapping[str, Kind] = {f"{kind}_mtok": kind for kind in PRICED_AS}
FEE = "requests_kcount"
# What tools of the provider's used is told in ``other_usage``, which no cost holds.
OF_TOOLS = ("web_searches_kcount", "social_searches_kcount", "storage_searches_kcount", "code_executions_kcount")
PROVIDERS: Mapping[str, str] = MappingProxyType(
    {"bedrock": "aws", "google-gla": "google", "google-vertex": "google", "xai": "x-ai"}
)
"""What agents call a provider, where the list calls it otherwise."""


class PriceList:
    """A CostModel by a public price list, pinned: the same requests cost the same until another list is given.

    A model is ``provider:model`` with the provider's id in the list. Its name is one that the list matches, and
    differs from what the list says by a date, a version, or vendor and region in front; ``aliases`` name others:
    ``{"azure:my-deployment": "azure:gpt-4o"}``. A context is what variants of the list hold for: ``flex``,
    ``service_tier=flex``, several joined by ``+``.
    """

    __slots__ = ("_found", "aliases", "snapshot", "table_id")

    def __init__(self, snapshot: Snapshot, *, aliases: Mapping[str, str] | None = None) -> None:
        self.snapshot = snapshot
        self.aliases: Mapping[str, str] = MappingProxyType(dict(aliases or {}))
        self.table_id = content_id([snapshot.id, sorted(self.aliases.items())]) if self.aliases else snapshot.id
        self._found: dict[str, tuple[str, Listed]] = {}
        for name in self.aliases:
            self.listed(name)

    @classmethod
    def installed(cls, *, aliases: Mapping[str, str] | None = None) -> PriceList:
        """By the list of the installed package ``genai-prices`` (extra ``prices``): other prices with each release."""
        from flujo.price_list.genai import installed

        return cls(installed(), aliases=aliases)

    @classmethod
    def read(cls, path: Path | str, *, aliases: Mapping[str, str] | None = None) -> PriceList:
        """By a file that ``flujo prices export`` has written; it needs no package. ValueError if it is none."""
        return cls(Snapshot.read(path), aliases=aliases)

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        """What a request of ``usage`` costs; the tiers are decided by its own input tokens."""
        terms = self._terms(model, at, context)
        terms.refuse_untold(usage)
        quote = bill(model, usage, terms.rates(usage.input_tokens))
        if terms.fee is None or not usage.requests:
            return quote
        fee = LineItem("request", usage.requests, terms.fee, multiply(usage.requests, terms.fee))
        return Quote((*quote.line_items, fee), add(quote.cost, fee.amount))

    def max_cost(
        self, model: str, input_tokens: int, max_output_tokens: int, at: datetime, context: str | None = None
    ) -> Decimal:
        """The cost if every token were of its dearest kind, in the dearest tier that the input may reach."""
        terms = self._terms(model, at, context)
        usage = Usage(input_tokens=input_tokens, output_tokens=max_output_tokens)
        terms.refuse_untold(usage)
        most = max(dearest(model, usage, terms.rates(size)) for size in terms.sizes(input_tokens))
        return add(most, terms.fee or ZERO)

    def listed(self, model: str) -> tuple[str, Listed]:
        """The provider and the model of the list that a name is priced as. Raises UnknownModelPrice."""
        if model not in self._found:
            self._found[model] = self._find(model)
        return self._found[model]

    def _find(self, model: str) -> tuple[str, Listed]:
        provider, colon, name = self.aliases.get(model, model).partition(":")
        provider = PROVIDERS.get(provider, provider)
        listed = self.snapshot.providers.get(provider)
        if not (colon and name):
            raise UnknownModelPrice(f"no price for model '{model}': a model is named 'provider:model'")
        if listed is None:
            near = ", ".join(get_close_matches(provider, self.snapshot.providers) or sorted(self.snapshot.providers))
            raise UnknownModelPrice(f"no price for model '{model}': no provider '{provider}' is listed, but {near}")
        found = next((one for one in listed if one.match.matches(name.lower())), None)
        found = found or next((one for one in listed if one.id == name), None)  # some do not match their own id
        if found is None:
            near = ", ".join(get_close_matches(name.lower(), [one.id for one in listed])) or "nothing like it"
            raise UnknownModelPrice(f"no price for model '{model}': of '{provider}' there is {near}")
        if not (found.id == name or found.match.explains(name.lower())):
            raise UnknownModelPrice(
                f"no price for model '{model}': the list takes any such name for '{provider}:{found.id}'; if it is one,"
                f" say so: aliases={{'{model}': '{provider}:{found.id}'}}"
            )
        return provider, found

    def _terms(self, model: str, at: datetime, context: str | None) -> Terms:
        if at.tzinfo is None:
            raise ValueError(f"the time of a request needs a time zone, not {at.isoformat()}")
        return terms_of(model, self.listed(model)[1], at, context)


@dataclass(frozen=True, slots=True)
class Terms:
    """The rates of one model for one moment and context, by the list's names of the units."""

    model: str
    by_unit: Mapping[str, Rate]

    @property
    def fee(self) -> Decimal | None:
        """USD per request, beside what its tokens cost."""
        rate = self.by_unit.get(FEE)
        return None if rate is None else multiply(rate.base, Decimal("0.001"))

    def rates(self, input_tokens: int) -> Rates:
        """USD per million tokens of every kind, for a request with so much input."""
        return {kind: self.by_unit[unit].at(input_tokens) for unit, kind in KINDS.items() if unit in self.by_unit}

    def sizes(self, input_tokens: int) -> set[int]:
        """One number of input tokens for each tier up to the one that these reach."""
        tiers = {above + 1 for rate in self.by_unit.values() for above, _ in rate.tiers if above < input_tokens}
        return {0, *tiers}

    def refuse_untold(self, usage: Usage) -> None:
        """Raise MissingUnitPrice if the list has a price for something that a Usage does not tell from other things."""
        for unit in self.by_unit.keys() - KINDS.keys() - {FEE, *OF_TOOLS}:
            kind, is_tokens = unit.removesuffix("_mtok"), unit.endswith("_mtok")
            if not is_tokens:
                raise MissingUnitPrice(f"model '{self.model}' has a price by {unit}, which a Usage does not count")
            if kind == "cache_image_read":
                concerned = min(usage.cache_read_tokens, usage.input_image_tokens)
            else:
                concerned = usage.output_tokens if kind.startswith("output") else usage.input_tokens
            if concerned:
                raise MissingUnitPrice(
                    f"model '{self.model}' has a price of its own for {kind} tokens, and a Usage does not say how many"
                    f" of its {concerned} are: price it in a PriceTable, or let the provider say what it charged"
                )


def terms_of(model: str, listed: Listed, at: datetime, context: str | None) -> Terms:
    """Raises UnknownModelPrice before the first day that the list knows of, UnknownPriceContext."""
    holding = [tariff for tariff in listed.tariffs if tariff.holds(at)]
    if not holding:
        raise UnknownModelPrice(f"no price for model '{model}' at {at.isoformat()}: the list has later ones only")
    by_unit = dict(holding[-1].rates)
    if context is not None:
        by_unit.update(_overrides(model, listed.variants, at, context))
    return Terms(model, by_unit)


def contexts_of(listed: Listed, at: datetime) -> list[str]:
    """The contexts that a model has prices for at this time, in full: ``service_tier=flex``."""
    return _names(variant for variant in listed.variants if variant.holds(at))


def _overrides(model: str, variants: tuple[Tariff, ...], at: datetime, context: str) -> dict[str, Rate]:
    """The rates of the variants for these terms, the first that has one for a unit."""
    asked = frozenset(_term(model, part, variants) for part in context.split("+"))
    holding = [variant for variant in variants if variant.holds(at)]
    if asked not in {frozenset(variant.when) for variant in holding}:
        later = "only on other days" if asked in {frozenset(variant.when) for variant in variants} else "apart only"
        raise UnknownPriceContext(f"model '{model}' has prices for context '{context}' {later}: {_told(variants)}")
    rates: dict[str, Rate] = {}
    for variant in holding:
        if asked.issuperset(variant.when):
            rates = {**dict(variant.rates), **rates}
    return rates


def _term(model: str, part: str, variants: tuple[Tariff, ...]) -> tuple[str, str]:
    """``flex`` or ``service_tier=flex`` as the list has it."""
    terms = {term for variant in variants for term in variant.when if part in (term[1], "=".join(term))}
    if len(terms) != 1:
        which = "in several senses" if terms else "nowhere"
        raise UnknownPriceContext(f"model '{model}' has '{part}' {which} among its contexts: {_told(variants)}")
    return terms.pop()


def _told(variants: tuple[Tariff, ...]) -> str:
    return ", ".join(_names(variants)) or "it has one price for all"


def _names(variants: Iterable[Tariff]) -> list[str]:
    return sorted({"+".join(map("=".join, variant.when)) for variant in variants})
