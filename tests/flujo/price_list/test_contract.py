"""A price list keeps the contract of cost models: an invented one, and the one that is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache

from flujo import CostModel
from flujo.price_list import PriceList, Snapshot
from flujo.price_list.genai import installed
from flujo.price_list.snapshot import Rate
from flujo_testing import CostModelConformance
from tests.flujo.price_list.lists import AT, price_list, snapshot


def repriced(snapshot: Snapshot, provider: str) -> Snapshot:
    """The same list, but for a price of the provider's first model that is a millionth of a USD higher."""
    first, *others = snapshot.providers[provider]
    tariff, *later = first.tariffs
    (unit, rate), *rates = tariff.rates
    dearer = replace(tariff, rates=((unit, Rate(rate.base + Decimal("0.000001"), rate.tiers)), *rates))
    models = (replace(first, tariffs=(dearer, *later)), *others)
    return Snapshot({**snapshot.providers, provider: models}, snapshot.source)


class TestInventedList(CostModelConformance):
    at = AT

    def make_cost_model(self) -> CostModel:
        return price_list()

    def make_repriced(self) -> CostModel:
        return PriceList(repriced(snapshot(), "acme"))

    def models(self) -> Sequence[str]:
        names = ("large", "sound", "moved", "nightly", "asker", "free", "vectors", "painter", "looker", "dated-latest")
        return [f"acme:{name}" for name in names]

    def tiers(self) -> Mapping[str, Sequence[int]]:
        return {"acme:large": [1000, 200_000]}


class TestItsContexts(TestInventedList):
    def models(self) -> Sequence[str]:
        return ["acme:large"]

    def contexts(self) -> Sequence[str]:
        return ["default", "flex", "batch", "speed=fast", "batch+flex"]


@cache
def of_the_package() -> Snapshot:
    return installed()


class TestInstalledList(CostModelConformance):
    at = AT

    def make_cost_model(self) -> CostModel:
        return PriceList(of_the_package())

    def make_repriced(self) -> CostModel:
        return PriceList(repriced(of_the_package(), "openai"))

    def models(self) -> Sequence[str]:
        return [
            *("openai:gpt-4o", "openai:gpt-4o-2024-05-13", "anthropic:claude-sonnet-4-5-20250929"),
            *("google:gemini-2.5-pro", "deepseek:deepseek-chat", "perplexity:sonar", "groq:llama-3.3-70b-versatile"),
        ]

    def tiers(self) -> Mapping[str, Sequence[int]]:
        return {"google:gemini-2.5-pro": [200_000], "anthropic:claude-sonnet-4-5-20250929": [200_000]}
