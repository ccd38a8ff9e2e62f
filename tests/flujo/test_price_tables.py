"""Price tables: their ids, and the rows and prices that are refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flujo.prices import Price, PriceTable, Tier
from tests.flujo.priced import AT, EVERY_KIND, TIERED


def test_equal_contents_have_equal_ids_however_they_are_written() -> None:
    first = PriceTable({"a:m": Price(input="2.5", output="10"), "b:m": [TIERED]})
    second = PriceTable({"b:m": TIERED, "a:m": Price(output=Decimal(10), input="2.500")})
    assert first.table_id == second.table_id


@pytest.mark.parametrize(
    "other",
    [
        {"a:m": Price(input="3.01")},
        {"a:n": Price(input="3")},
        {"a:m": Price(input="3", output="0")},
        {"a:m": Price(input="3", starts="2026-01-01")},
        {"a:m": Price(input="3", contexts={"batch": Price(input="3")})},
        {"a:m": Price(input="3", tiers=[Tier(above_input_tokens=1, input="3")])},
        {"a:m": Price(input="3"), "b:m": Price(input="3")},
        {},
    ],
)
def test_other_contents_have_other_ids(other: dict[str, Price]) -> None:
    assert PriceTable(other).table_id != PriceTable({"a:m": Price(input="3")}).table_id


def test_the_id_of_a_table_never_changes() -> None:
    assert PriceTable({"acme:m": Price(input="3", output="17")}).table_id == "b1e344dad0d39a4d"


@pytest.mark.parametrize("name", ["m", ":m", "acme:", ""])
def test_a_row_needs_a_provider_and_a_model(name: str) -> None:
    with pytest.raises(ValueError, match=f"^a row is named 'provider:model', not '{name}'$"):
        PriceTable({name: Price(input="3")})


def test_a_row_needs_a_price() -> None:
    with pytest.raises(ValueError, match=r"^the row 'a:m' has no prices$"):
        PriceTable({"a:m": []})


def test_two_prices_from_the_same_day_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^more than one price of 'a:m' starting on any day$"):
        PriceTable({"a:m": [Price(input="3"), Price(input="5")]})


def test_two_tiers_from_the_same_count_are_refused() -> None:
    tiers = [Tier(above_input_tokens=9, input="5"), Tier(above_input_tokens=9, input="7")]
    with pytest.raises(ValueError, match=r"^more than one tier above 9 input tokens$"):
        Price(input="3", tiers=tiers)


@pytest.mark.parametrize("variant", [Price(input="3", starts="2026-01-01"), EVERY_KIND])
def test_a_context_has_no_start_and_no_contexts_of_its_own(variant: Price) -> None:
    nested = variant if variant.starts else Price(input="3", contexts={"flex": variant})
    with pytest.raises(ValueError, match=r"^context 'batch' can't have a start date or contexts of its own$"):
        Price(input="3", contexts={"batch": nested})


@pytest.mark.parametrize("rate", [0.1, True])
def test_a_price_that_is_a_float_or_a_bool_is_refused(rate: float) -> None:
    with pytest.raises(TypeError, match=f"^the price of input must be a Decimal, .* {rate}"):
        Price(input=rate)  # type: ignore[arg-type]


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the price of output must be at least 0, not -1$"):
        Price(output="-1")


def test_a_price_without_any_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a price needs at least one kind"):
        Price()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^no such kind of price: inputs "):
        Price(inputs="3")  # type: ignore[call-arg]


def test_a_start_is_a_day_and_no_time() -> None:
    with pytest.raises(TypeError, match=r"^starts is a day in UTC, not a time: 2026-05-17T12:00:00"):
        Price(input="3", starts=AT)
