"""What a request costs. Every price here is a prime of its own, so that a token billed wrongly shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from flujo.errors import MissingUnitPrice, UnknownModelPrice, UnknownPriceContext
from flujo.money import total
from flujo.prices import Price, PriceTable, Tier
from flujo.usage import Usage
from tests.flujo.priced import AT, EVERY_KIND, TIERED, micro

FULL = Usage(
    input_tokens=1009,
    cache_read_tokens=101,
    cache_write_tokens=59,
    cache_write_1h_tokens=23,
    output_tokens=401,
    output_reasoning_tokens=37,
    input_audio_tokens=71,
    cache_audio_read_tokens=13,
    output_audio_tokens=29,
    input_image_tokens=43,
)


def test_input_and_output_are_billed_per_million() -> None:
    usage = Usage(input_tokens=120, output_tokens=40)
    assert micro(Price(input="3", output="17"), usage) == 120 * 3 + 40 * 17


def test_every_kind_is_billed_at_its_own_price_and_every_token_once() -> None:
    quote = PriceTable({"acme:m": EVERY_KIND}).quote("acme:m", FULL, AT)
    assert [(item.kind, item.quantity, item.unit_price) for item in quote.line_items] == [
        ("input", 1009 - 101 - 59 - (71 - 13) - 43, Decimal(101)),
        ("cache_read", 101 - 13, Decimal(11)),
        ("cache_write", 59 - 23, Decimal(127)),
        ("cache_write_1h", 23, Decimal(211)),
        ("input_audio", 71 - 13, Decimal(307)),
        ("cache_audio_read", 13, Decimal(31)),
        ("input_image", 43, Decimal(131)),
        ("output", 401 - 37 - 29, Decimal(401)),
        ("output_reasoning", 37, Decimal(409)),
        ("output_audio", 29, Decimal(503)),
    ]
    assert sum(item.quantity for item in quote.line_items) == FULL.total_tokens
    assert quote.cost == total(item.amount for item in quote.line_items)
    assert quote.cost.scaleb(6) == sum(item.quantity * item.unit_price for item in quote.line_items)


def test_cached_tokens_are_not_billed_twice_nor_at_the_full_price() -> None:
    usage = Usage(input_tokens=1000, cache_read_tokens=900)
    assert micro(Price(input="29", cache_read="3"), usage) == 100 * 29 + 900 * 3


def test_writes_kept_for_an_hour_have_their_own_price() -> None:
    usage = Usage(input_tokens=100, cache_write_tokens=70, cache_write_1h_tokens=30)
    assert micro(Price(input="29", cache_write="37", cache_write_1h="59"), usage) == 30 * 29 + 40 * 37 + 30 * 59


def test_reasoning_without_a_price_is_output_and_counted_once() -> None:
    usage = Usage(output_tokens=40, output_reasoning_tokens=30)
    assert micro(Price(output="17"), usage) == 40 * 17


@pytest.mark.parametrize(
    ("usage", "price", "expected"),
    [
        (Usage(input_tokens=10, cache_read_tokens=7), Price(input="3"), 10 * 3),
        (
            Usage(input_tokens=10, cache_write_tokens=7, cache_write_1h_tokens=2),
            Price(input="3", cache_write="5"),
            3 * 3 + 7 * 5,
        ),
        (Usage(input_tokens=10, cache_write_tokens=7, cache_write_1h_tokens=2), Price(input="3"), 10 * 3),
        (
            Usage(input_tokens=10, cache_read_tokens=7, input_audio_tokens=5, cache_audio_read_tokens=4),
            Price(input="13", cache_read="3", input_audio="43"),
            2 * 13 + 7 * 3 + 1 * 43,
        ),
        (
            Usage(input_tokens=10, cache_read_tokens=7, input_audio_tokens=5, cache_audio_read_tokens=4),
            Price(input="13", input_audio="43"),
            5 * 13 + 5 * 43,
        ),
        (Usage(input_tokens=10, input_image_tokens=4), Price(input="13"), 10 * 13),
        (Usage(input_tokens=10, cache_read_tokens=8, input_image_tokens=8), Price(input="13"), 10 * 13),
        (Usage(output_tokens=10, output_audio_tokens=4), Price(output="13"), 10 * 13),
    ],
)
def test_a_kind_without_a_price_is_billed_as_its_nearest_priced_parent(
    usage: Usage, price: Price, expected: int
) -> None:
    assert micro(price, usage) == expected


def test_tokens_of_two_kinds_with_a_price_each_are_an_error_and_no_guess() -> None:
    usage = Usage(input_tokens=10, cache_read_tokens=8, input_image_tokens=8)
    with pytest.raises(MissingUnitPrice, match=r"^model 'acme:m': 6 tokens are of two kinds that have prices"):
        micro(Price(input="13", cache_read="3", input_image="17"), usage)


def test_tokens_of_a_kind_without_any_price_are_an_error() -> None:
    with pytest.raises(MissingUnitPrice) as missing:
        micro(Price(output="17"), Usage(input_tokens=10, cache_read_tokens=7, output_tokens=3))
    assert str(missing.value) == ("model 'acme:m' has 3 input tokens and no price for input: add one to its row")


def test_no_tokens_need_no_price() -> None:
    quote = PriceTable({"acme:m": Price(output="17")}).quote("acme:m", Usage(), AT)
    assert (quote.line_items, quote.cost) == ((), Decimal(0))


def test_a_free_model_costs_nothing_and_says_so_item_by_item() -> None:
    quote = PriceTable({"acme:m": Price(input=0)}).quote("acme:m", Usage(input_tokens=5), AT)
    assert ([item.kind for item in quote.line_items], quote.cost) == (["input"], Decimal(0))


@pytest.mark.parametrize(
    ("input_tokens", "expected"),
    [(100, 100 * 3 + 17), (101, 101 * 5 + 17), (200, 200 * 5 + 17), (201, 201 * 7 + 29)],
)
def test_a_tier_holds_for_the_whole_request_and_begins_strictly_above(input_tokens: int, expected: int) -> None:
    assert micro(TIERED, Usage(input_tokens=input_tokens, output_tokens=1)) == expected


def test_a_kind_that_a_tier_does_not_name_keeps_its_price() -> None:
    assert micro(TIERED, Usage(input_tokens=201, cache_read_tokens=201)) == 201 * 2


def test_the_tier_is_decided_by_request_and_not_by_the_sum() -> None:
    usage = Usage(input_tokens=60)
    assert [micro(TIERED, usage) * 2, micro(TIERED, usage + usage)] == [2 * 60 * 3, 120 * 5]


def dated() -> PriceTable:
    return PriceTable({"acme:m": [Price(input="7", starts="2026-05-17"), Price(input="3", starts="2025-01-01")]})


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 5, 16, 23, 59, 59, tzinfo=UTC), 3),
        (datetime(2026, 5, 17, tzinfo=UTC), 7),
        (datetime(2026, 5, 17, 1, 30, tzinfo=timezone(timedelta(hours=2))), 3),
        (datetime(2026, 5, 16, 23, 30, tzinfo=timezone(timedelta(hours=-2))), 7),
    ],
)
def test_a_request_costs_what_was_valid_in_utc_when_it_started(at: datetime, expected: int) -> None:
    assert dated().quote("acme:m", Usage(input_tokens=1), at).cost.scaleb(6) == expected


def test_a_request_before_the_first_price_has_none() -> None:
    with pytest.raises(UnknownModelPrice, match=r"no price for model 'acme:m' on 2024-12-31: .* 2025-01-01"):
        dated().quote("acme:m", Usage(), datetime(2024, 12, 31, tzinfo=UTC))


def test_a_row_without_a_start_holds_until_the_first_dated_one() -> None:
    table = PriceTable({"acme:m": [Price(input="7", starts=date(2026, 5, 17)), Price(input="3")]})
    assert table.quote("acme:m", Usage(input_tokens=1), datetime(1999, 1, 1, tzinfo=UTC)).cost.scaleb(6) == 3


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone, not 2026-05-17T12:00:00"):
        dated().quote("acme:m", Usage(), AT.replace(tzinfo=None))


def test_a_context_has_its_own_price_and_tiers() -> None:
    batch = Price(input="2", output="11", tiers=[Tier(above_input_tokens=10, input="5")])
    price = Price(input="3", output="17", contexts={"batch": batch})
    assert micro(price, Usage(input_tokens=11, output_tokens=1), context="batch") == 11 * 5 + 11


def test_an_unknown_context_is_an_error_and_not_the_standard_price() -> None:
    with pytest.raises(UnknownPriceContext) as unknown:
        micro(Price(input="3", contexts={"batch": Price(input="2")}), Usage(input_tokens=1), context="flex")
    assert str(unknown.value) == ("model 'acme:m' has no price for context 'flex' (known: batch): add it to contexts")


def test_an_unknown_model_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModelPrice) as unknown:
        PriceTable({"b:m": Price(input="3"), "a:m": Price(input="5")}).quote("acme:m", Usage(), AT)
    assert str(unknown.value) == "no price for model 'acme:m': add a row for it (known: a:m, b:m)"


def test_a_long_list_of_known_models_is_cut() -> None:
    table = PriceTable({f"a:{number:02}": Price(input="3") for number in range(25)})
    with pytest.raises(UnknownModelPrice, match=r"a:19 and 5 more\)$"):
        table.quote("acme:m", Usage(), AT)


def test_an_empty_table_knows_nothing() -> None:
    with pytest.raises(UnknownModelPrice, match=r"\(none is known\)$"):
        PriceTable({}).quote("acme:m", Usage(), AT)
