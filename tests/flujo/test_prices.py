"""What a request costs. Every price here is a prime of its own, so that a token billed wrongly shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo.errors import MissingUnitPrice, UnknownModelPrice, UnknownPriceContext
from flujo.money import total
from flujo.prices import PRICED_AS, Kind, Price, PriceTable, Tier
from flujo.usage import Usage

AT = datetime(2026, 5, 17, 12, tzinfo=UTC)
EVERY_KIND = Price(
    input="101",
    cache_read="11",
    cache_write="127",
    cache_write_1h="211",
    output="401",
    output_reasoning="409",
    input_audio="307",
    cache_audio_read="31",
    output_audio="503",
    input_image="131",
)
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


def micro(price: Price, usage: Usage, *, context: str | None = None, at: datetime = AT) -> Decimal:
    """The cost in millionths of a USD."""
    return PriceTable({"acme:m": price}).quote("acme:m", usage, at, context).cost.scaleb(6)


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
    assert (
        micro(Price(input="29", cache_write="37", cache_write_1h="59"), usage) == 30 * 29 + 40 * 37 + 30 * 59
    )


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
    with pytest.raises(
        MissingUnitPrice, match=r"^model 'acme:m': 6 tokens are of two kinds that have prices"
    ):
        micro(Price(input="13", cache_read="3", input_image="17"), usage)


def test_tokens_of_a_kind_without_any_price_are_an_error() -> None:
    with pytest.raises(MissingUnitPrice) as missing:
        micro(Price(output="17"), Usage(input_tokens=10, cache_read_tokens=7, output_tokens=3))
    assert str(missing.value) == (
        "model 'acme:m' has 3 input tokens and no price for input: add one to its row"
    )


def test_no_tokens_need_no_price() -> None:
    quote = PriceTable({"acme:m": Price(output="17")}).quote("acme:m", Usage(), AT)
    assert (quote.line_items, quote.cost) == ((), Decimal(0))


def test_a_free_model_costs_nothing_and_says_so_item_by_item() -> None:
    quote = PriceTable({"acme:m": Price(input=0)}).quote("acme:m", Usage(input_tokens=5), AT)
    assert ([item.kind for item in quote.line_items], quote.cost) == (["input"], Decimal(0))


TIERED = Price(
    input="3",
    cache_read="2",
    output="17",
    tiers=[Tier(above_input_tokens=200, input="7", output="29"), Tier(above_input_tokens=100, input="5")],
)


@pytest.mark.parametrize(
    ("input_tokens", "expected"),
    [(100, 100 * 3 + 17), (101, 101 * 5 + 17), (200, 200 * 5 + 17), (201, 201 * 7 + 29)],
)
def test_a_tier_holds_for_the_whole_request_and_begins_strictly_above(
    input_tokens: int, expected: int
) -> None:
    assert micro(TIERED, Usage(input_tokens=input_tokens, output_tokens=1)) == expected


def test_a_kind_that_a_tier_does_not_name_keeps_its_price() -> None:
    assert micro(TIERED, Usage(input_tokens=201, cache_read_tokens=201)) == 201 * 2


def test_the_tier_is_decided_by_request_and_not_by_the_sum() -> None:
    usage = Usage(input_tokens=60)
    assert [micro(TIERED, usage) * 2, micro(TIERED, usage + usage)] == [2 * 60 * 3, 120 * 5]


def dated() -> PriceTable:
    return PriceTable(
        {"acme:m": [Price(input="7", starts="2026-05-17"), Price(input="3", starts="2025-01-01")]}
    )


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
    assert str(unknown.value) == (
        "model 'acme:m' has no price for context 'flex' (known: batch): add it to contexts"
    )


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


# Bounds ---------------------------------------------------------------------------------------------------


def most(price: Price, input_tokens: int, max_output_tokens: int, context: str | None = None) -> Decimal:
    return (
        PriceTable({"acme:m": price})
        .max_cost("acme:m", input_tokens, max_output_tokens, AT, context)
        .scaleb(6)
    )


def test_a_bound_is_the_input_and_all_of_the_output() -> None:
    assert most(Price(input="3", cache_read="2", output="17"), 41, 100) == 41 * 3 + 100 * 17


def test_a_bound_takes_the_dearest_kind_since_nobody_knows_the_kinds_beforehand() -> None:
    assert most(EVERY_KIND, 41, 100) == 41 * 307 + 100 * 503


def test_a_bound_is_at_the_tier_that_the_input_reaches() -> None:
    assert [most(TIERED, 200, 10), most(TIERED, 201, 10)] == [200 * 5 + 170, 201 * 7 + 290]


def test_a_bound_counts_a_dearer_tier_below() -> None:
    assert most(Price(input="7", tiers=[Tier(above_input_tokens=100, input="3")]), 101, 0) == 101 * 7


def test_a_bound_is_that_of_the_context() -> None:
    assert most(Price(input="3", contexts={"batch": Price(input="2")}), 100, 0, "batch") == 200


def test_a_bound_without_a_price_is_an_error() -> None:
    with pytest.raises(MissingUnitPrice, match="has 10 output tokens and no price for output"):
        most(Price(input="3"), 10, 10)


@pytest.mark.parametrize("counts", [(-1, 0), (0, -1)])
def test_a_bound_of_negative_tokens_is_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="put_tokens must be at least 0, not -1"):
        most(EVERY_KIND, *counts)


PRICES = st.integers(0, 10**4).map(lambda number: Decimal(number).scaleb(-3))
KINDS: list[Kind] = list(PRICED_AS)


@st.composite
def priced_usages(draw: st.DrawFn) -> tuple[Price, Usage]:
    rates = {kind: draw(PRICES) for kind in KINDS if kind in ("input", "output") or draw(st.booleans())}
    cells = [draw(st.integers(0, 300)) for _ in KINDS]
    plain, cached, write, write_1h, text, reasoning, audio, cached_audio, spoken, image = cells
    usage = Usage(
        input_tokens=plain + cached + write + write_1h + audio + cached_audio + image,
        cache_read_tokens=cached + cached_audio,
        cache_write_tokens=write + write_1h,
        cache_write_1h_tokens=write_1h,
        input_audio_tokens=audio + cached_audio,
        cache_audio_read_tokens=cached_audio,
        input_image_tokens=image,
        output_tokens=text + reasoning + spoken,
        output_reasoning_tokens=reasoning,
        output_audio_tokens=spoken,
    )
    tiers = [Tier(above_input_tokens=draw(st.integers(0, 2000)), input=draw(PRICES), output=draw(PRICES))]
    return Price(tiers=tiers, **rates), usage  # type: ignore[arg-type]


@given(priced_usages())
def test_no_request_within_its_tokens_costs_more_than_its_bound(case: tuple[Price, Usage]) -> None:
    price, usage = case
    assert micro(price, usage) <= most(price, usage.input_tokens, usage.output_tokens)


@given(priced_usages())
def test_every_token_is_billed_exactly_once(case: tuple[Price, Usage]) -> None:
    price, usage = case
    items = PriceTable({"acme:m": price}).quote("acme:m", usage, AT).line_items
    assert sum(item.quantity for item in items) == usage.total_tokens


@given(priced_usages())
def test_the_decimal_context_of_the_thread_changes_no_price(case: tuple[Price, Usage]) -> None:
    price, usage = case
    table = PriceTable({"acme:m": price})
    plain = table.quote("acme:m", usage, AT)
    with localcontext() as context:
        context.prec = 3
        ambient = table.quote("acme:m", usage, AT)
    assert ambient == plain


# The table itself -----------------------------------------------------------------------------------------


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
