"""Where we price a request at all, we say what genai-prices says, for every model that its list has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext

from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import Usage as PackageUsage

from flujo import Usage
from flujo.errors import MissingUnitPrice, UnknownModelPrice, UnknownPriceContext
from flujo.price_list import PriceList
from flujo.price_list.genai import installed
from flujo.price_list.names import Clauses, Match

LIST = DataSnapshot(providers, False)
PRICES = PriceList(installed())
NIGHT = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
CONTEXTS = {None: None, "flex": {"service_tier": "flex"}, "batch": {"processing": "batch"}}
USAGES = (
    Usage(input_tokens=1000, output_tokens=30),
    Usage(input_tokens=200_000),
    Usage(
        input_tokens=300_001, cache_read_tokens=101, cache_write_tokens=91, cache_write_1h_tokens=41, output_tokens=997,
        output_reasoning_tokens=89,
    ),
    Usage(input_tokens=500, input_audio_tokens=103, output_tokens=31, output_audio_tokens=7),
)  # fmt: skip


def names() -> Iterator[tuple[str, str]]:
    """Every model by its id, and by every text that the list compares names with."""
    for provider, models in PRICES.snapshot.providers.items():
        found = {name for model in models for name in (model.id, *texts(model.match))}
        yield from ((provider, name) for name in sorted(found))


def texts(match: Match) -> Iterator[str]:
    if isinstance(match, Clauses):
        for clause in match.clauses:
            yield from texts(clause)
    elif match.how != "regex":
        yield match.text


def by_the_package(provider: str, name: str, usage: Usage, context: str | None) -> Decimal:
    kinds = {kind: count for kind, count in asdict(usage).items() if kind != "requests"}
    with localcontext(Context(prec=100)):
        return LIST.calc(PackageUsage(**kinds), name, provider, None, NIGHT, CONTEXTS[context]).total_price


def test_the_two_agree_on_every_model_and_price() -> None:
    agreed: Counter[str] = Counter()
    for provider, name in names():
        try:
            model = LIST.find_provider_model(name, None, provider, None)[1].id
        except LookupError:
            continue  # only its own id is known of it, which the package does not find
        try:
            assert PRICES.listed(f"{provider}:{name}")[1].id == model
        except UnknownModelPrice:
            agreed["name refused"] += 1
            continue
        agreed["name"] += 1
        for context in CONTEXTS:
            for usage in USAGES:
                try:
                    cost = PRICES.quote(f"{provider}:{name}", usage, NIGHT, context).cost
                except (MissingUnitPrice, UnknownPriceContext) as error:
                    agreed[type(error).__name__] += 1
                    continue
                assert (provider, name, usage, context, cost) == (
                    provider, name, usage, context, by_the_package(provider, name, usage, context),
                )  # fmt: skip
                agreed["cost"] += 1
    print(dict(agreed))
    models = sum(len(provider.models) for provider in providers)
    assert (agreed["name"] > models, agreed["cost"] > 5 * models) == (True, True)
