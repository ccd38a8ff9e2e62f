"""A public price list of an invented provider, in the package's own records, with prices that are distinct primes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal as D

from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from flujo.price_list import PriceList, Snapshot
from flujo.price_list.genai import snapshot_of

AT = datetime(2026, 5, 17, 12, tzinfo=UTC)


def named(name: str, prices: ModelPrice | list[ConditionalPrice], **more: object) -> ModelInfo:
    return ModelInfo(id=name, match=ClauseEquals(name), prices=prices, **more)  # type: ignore[arg-type]


def large() -> ModelInfo:
    """Tiers at two thresholds, and variants: two partial ones, and one that is the standard price."""
    return named(
        "large",
        ModelPrice(
            input_mtok=TieredPrices(D(3), [Tier(200_000, D(7)), Tier(1000, D(5))]),
            cache_read_mtok=D("0.3"),
            cache_write_mtok=D("3.7"),
            cache_write_1h_mtok=TieredPrices(D("5.9"), [Tier(1000, D("6.1"))]),
            output_mtok=TieredPrices(D(17), [Tier(200_000, D(19))]),
            output_reasoning_mtok=D(23),
            web_searches_kcount=D(11),
        ),
        price_variants=[
            PriceVariant({"service_tier": "default"}, ModelPrice()),
            PriceVariant({"service_tier": "flex"}, ModelPrice(input_mtok=D(2), output_mtok=D(13))),
            PriceVariant(
                {"processing": "batch"},
                ModelPrice(input_mtok=D("1.3")),
                StartDateConstraint(date(2026, 1, 1)),
            ),
            PriceVariant({"service_tier": "fast"}, ModelPrice(output_mtok=D(31))),
            PriceVariant({"speed": "fast"}, ModelPrice(output_mtok=D(37))),
            PriceVariant({"processing": "batch", "service_tier": "flex"}, ModelPrice(output_mtok=D(41))),
        ],
    )


def sound() -> ModelInfo:
    return named(
        "sound",
        ModelPrice(
            input_mtok=D(3),
            output_mtok=D(17),
            cache_read_mtok=D(2),
            input_audio_mtok=D(29),
            cache_audio_read_mtok=D(5),
            output_audio_mtok=D(47),
        ),
    )


def models() -> list[ModelInfo]:
    since = StartDateConstraint(date(2026, 1, 1))
    night = TimeOfDateConstraint(time(22, tzinfo=UTC), time(6, tzinfo=UTC))
    at_first, then, cheap = (ModelPrice(input_mtok=D(price), output_mtok=D(7)) for price in (2, 3, 1))
    return [
        large(),
        sound(),
        named("moved", [ConditionalPrice(prices=at_first), ConditionalPrice(since, prices=then)]),
        named("late", [ConditionalPrice(since, prices=then)]),
        named("nightly", [ConditionalPrice(prices=then), ConditionalPrice(night, prices=cheap)]),
        named("asker", ModelPrice(input_mtok=D(3), output_mtok=D(17), requests_kcount=D(7))),
        named("free", ModelPrice(input_mtok=D(0), output_mtok=D(0))),
        named("unpriced", ModelPrice()),
        named("vectors", ModelPrice(input_mtok=D(3))),
        named("painter", ModelPrice(input_mtok=D(3), output_mtok=D(17), output_image_mtok=D(31))),
        named(
            "looker",
            ModelPrice(
                input_mtok=D(3),
                output_mtok=D(17),
                cache_read_mtok=D(2),
                input_image_mtok=D(5),
                cache_image_read_mtok=D(7),
            ),
        ),
        named("listener", ModelPrice(input_mtok=D(3), output_mtok=D(17), audio_hours=D(31))),
        ModelInfo("dated", ClauseStartsWith("Dated"), prices=ModelPrice(input_mtok=D(2), output_mtok=D(3))),
        ModelInfo(
            "part",
            ClauseOr([ClauseContains("vendor.part"), ClauseEndsWith("/part"), ClauseRegex(r"^part-\d$")]),
            prices=ModelPrice(input_mtok=D(5), output_mtok=D(7)),
        ),
        ModelInfo(
            "both",
            ClauseAnd([ClauseStartsWith("eu."), ClauseContains("both")]),
            prices=ModelPrice(input_mtok=D(11), output_mtok=D(13)),
        ),
        ModelInfo("not-by-id", ClauseEquals("another"), prices=ModelPrice(input_mtok=D(13), output_mtok=D(17))),
    ]


def providers() -> list[Provider]:
    other = [named("large", ModelPrice(input_mtok=D(101), output_mtok=D(103)))]
    return [
        Provider(id="acme", name="Acme", api_pattern="https://acme[.]example", models=models()),
        Provider(id="reseller", name="Reseller", api_pattern="x", models=[], fallback_model_providers=["acme"]),
        Provider(id="aws", name="AWS", api_pattern="y", provider_match=ClauseContains("amazon"), models=other),
    ]


def snapshot() -> Snapshot:
    return snapshot_of(providers(), "a list")


def price_list() -> PriceList:
    return PriceList(snapshot())
