"""The cost models that tests use."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from flujo.errors import UnknownModelPrice
from flujo.money import show_usd
from flujo.prices import PRICED_AS, CostModel, Kind
from flujo.usage import Usage
from flujo_testing.costs import FixedCost, FixedPriceTable, PerToken, default_cost_model

AT = datetime(2026, 5, 17, tzinfo=UTC)
MODELS = ["test:writer", "test:critic", "test:senior", "test:small"]
USAGE = Usage(input_tokens=120, output_tokens=40)
OF_KIND: dict[Kind, Usage] = {
    "input": Usage(input_tokens=1),
    "cache_read": Usage(input_tokens=1, cache_read_tokens=1),
    "cache_write": Usage(input_tokens=1, cache_write_tokens=1),
    "cache_write_1h": Usage(input_tokens=1, cache_write_tokens=1, cache_write_1h_tokens=1),
    "input_audio": Usage(input_tokens=1, input_audio_tokens=1),
    "cache_audio_read": Usage(input_tokens=1, cache_read_tokens=1, input_audio_tokens=1, cache_audio_read_tokens=1),
    "input_image": Usage(input_tokens=1, input_image_tokens=1),
    "output": Usage(output_tokens=1),
    "output_reasoning": Usage(output_tokens=1, output_reasoning_tokens=1),
    "output_audio": Usage(output_tokens=1, output_audio_tokens=1),
}


def is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, number))


def default_prices() -> list[Decimal]:
    model = default_cost_model()
    quotes = [model.quote(name, OF_KIND[kind], AT) for name in MODELS for kind in PRICED_AS]
    return [item.unit_price for quote in quotes for item in quote.line_items]


@pytest.mark.parametrize(
    ("model", "input_tokens", "output_tokens", "expected"),
    [
        ("test:writer", 120, 40, "0.00104"),
        ("test:writer", 131, 37, "0.001022"),
        ("test:senior", 120, 41, "0.001543"),
        ("test:critic", 41, 13, "0.000664"),
        ("test:critic", 41, 0, "0.000287"),
        ("test:small", 120, 40, "0.00068"),
    ],
)
def test_the_default_prices_are_those_of_the_manual(
    model: str, input_tokens: int, output_tokens: int, expected: str
) -> None:
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    assert show_usd(default_cost_model().quote(model, usage, AT).cost) == expected


def test_every_kind_of_every_default_model_has_a_price_that_no_other_has() -> None:
    prices = default_prices()
    assert (len(prices), len(set(prices))) == (40, 40)


def test_the_digits_of_every_default_price_are_a_prime_of_its_own() -> None:
    digits = [int(price.scaleb(0 if price >= 1 else 4)) for price in default_prices()]
    assert [number for number in digits if not is_prime(number)] == []
    assert len(set(digits)) == 40


def test_a_default_bound_is_plain_input_and_output() -> None:
    assert show_usd(default_cost_model().max_cost("test:critic", 41, 100, AT)) == "0.003187"


def test_a_model_that_the_default_prices_lack_is_an_error() -> None:
    with pytest.raises(UnknownModelPrice, match=r"^no price for model 'test:other': add a row for it"):
        default_cost_model().quote("test:other", USAGE, AT)


def test_a_table_can_be_written_as_literals() -> None:
    table = FixedPriceTable({"acme:m": {"input": "3", "output": 17}})
    assert table.quote("acme:m", USAGE, AT).cost == Decimal("0.00104")


def test_a_fixed_cost_is_paid_per_request_whatever_the_model() -> None:
    model = FixedCost("0.04")
    quote = model.quote("any:model", USAGE + USAGE, AT)
    assert [(item.kind, item.quantity, item.unit_price, item.amount) for item in quote.line_items] == [
        ("request", 2, Decimal("0.04"), Decimal("0.08"))
    ]
    assert (quote.cost, model.max_cost("", 10**6, 10**6, AT)) == (Decimal("0.08"), Decimal("0.04"))


def test_a_price_per_token_holds_for_every_kind_and_model() -> None:
    model = PerToken(input="0.003", output="0.017")
    usage = Usage(input_tokens=5, cache_read_tokens=3, output_tokens=7, output_reasoning_tokens=2)
    assert model.quote("", usage, AT).cost == 5 * Decimal("0.003") + 7 * Decimal("0.017")
    assert model.max_cost("", 5, 7, AT) == Decimal("0.134")


@pytest.mark.parametrize("model", [FixedCost("0.04"), PerToken(input="0.003", output="0.017")])
@pytest.mark.parametrize("counts", [(-1, 0), (0, -1)])
def test_a_bound_of_negative_tokens_is_refused(model: CostModel, counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="put_tokens must be at least 0, not -1"):
        model.max_cost("", *counts, AT)


def test_a_float_is_no_cost() -> None:
    with pytest.raises(TypeError, match=r"^the cost of a request must be a Decimal, .* not float 0\.1"):
        FixedCost(0.1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^the price of output must be a Decimal, .* not float 0\.1"):
        PerToken(input="3", output=0.1)  # type: ignore[arg-type]


def test_other_prices_have_other_ids() -> None:
    models: list[CostModel] = [
        FixedCost("0.04"),
        FixedCost("0.05"),
        PerToken(input=3, output=5),
        PerToken(input=5, output=3),
        FixedPriceTable({"acme:m": {"input": 3}}),
        default_cost_model(),
    ]
    assert len({model.table_id for model in models}) == 6
    assert FixedCost("0.040").table_id == FixedCost("0.04").table_id
