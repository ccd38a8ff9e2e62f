"""What holds of the price of any request: its bound, every token once, the same in any decimal context."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from flujo.prices import PRICED_AS, Kind, Price, PriceTable, Tier
from flujo.usage import Usage
from tests.flujo.priced import AT, micro, most

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
