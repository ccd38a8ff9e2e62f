"""What requests cost by a public price list: names, times, contexts, kinds, fees, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flujo import AgentOutput, Flujo, Step, Usage, UsageLimits
from flujo.errors import MissingUnitPrice, UnknownModelPrice, UnknownPriceContext
from flujo.price_list import PriceList
from flujo.prices import LineItem, PriceTable
from tests.flujo.price_list.lists import AT, price_list, snapshot


def cost(model: str, context: str | None = None, **usage: int) -> Decimal:
    return price_list().quote(f"acme:{model}", Usage(**usage), AT, context).cost.scaleb(6)


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("large", "large"),
        ("LARGE", "large"),
        ("dated-20260517", "dated"),
        ("dated-2026-05-17", "dated"),
        ("Dated@20260517", "dated"),
        ("dated-latest", "dated"),
        ("dated-v2", "dated"),
        ("dated-20260517-v1:0", "dated"),
        ("vendor.part", "part"),
        ("eu.vendor.part-v1:0", "part"),
        ("publishers/vendor/models/part", "part"),
        ("part-7", "part"),
        ("eu.maker.both-20260517", "both"),
        ("another", "not-by-id"),
        ("not-by-id", "not-by-id"),
    ],
)
def test_a_name_is_that_of_a_listed_model(name: str, listed: str) -> None:
    provider, found = price_list().listed(f"acme:{name}")
    assert (provider, found.id) == ("acme", listed)


@pytest.mark.parametrize(
    "name", ["dated2", "dated-mini", "dated-202605170", "xvendor.part", "vendor.part-two", "eu.both-large"]
)
def test_a_name_that_says_more_than_date_version_and_vendor_is_refused(name: str) -> None:
    with pytest.raises(
        UnknownModelPrice, match=rf"^no price for model 'acme:{name}': the list takes any such name for"
    ):
        price_list().quote(f"acme:{name}", Usage(input_tokens=1), AT)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("acme:larg", "of 'acme' there is large"),
        ("acme:part-77", "of 'acme' there is part"),
        ("acme:", "a model is named 'provider:model'"),
        ("", "a model is named 'provider:model'"),
        ("acm:large", "no provider 'acm' is listed, but acme"),
    ],
)
def test_an_unknown_model_is_told_with_what_there_is(model: str, told: str) -> None:
    for ask in (
        lambda: price_list().quote(model, Usage(input_tokens=1), AT),
        lambda: price_list().max_cost(model, 1, 1, AT),
    ):
        with pytest.raises(UnknownModelPrice) as caught:
            ask()
        assert str(caught.value) == f"no price for model '{model}': {told}"


def test_a_provider_goes_by_the_name_that_agents_give_it() -> None:
    assert price_list().listed("bedrock:large")[0] == "aws"
    assert price_list().quote("bedrock:large", Usage(input_tokens=1_000_000), AT).cost == 101


def test_aliases_name_models_and_are_checked_at_once_and_are_part_of_the_id() -> None:
    mine = PriceList(snapshot(), aliases={"mine:x": "acme:large"})
    assert mine.quote("mine:x", Usage(input_tokens=100), AT) == price_list().quote(
        "acme:large", Usage(input_tokens=100), AT
    )
    assert (
        len({price_list().table_id, mine.table_id, PriceList(snapshot(), aliases={"mine:y": "acme:large"}).table_id})
        == 3
    )
    with pytest.raises(UnknownModelPrice, match=r"^no price for model 'mine:x': of 'acme' there is large$"):
        PriceList(snapshot(), aliases={"mine:x": "acme:larg"})


def test_tiers_are_decided_by_the_input_of_the_request_strictly_above() -> None:
    assert cost("large", input_tokens=1000) == 3000
    assert cost("large", input_tokens=1001) == 5005
    assert cost("large", input_tokens=200_000, output_tokens=1) == 1_000_017
    assert cost("large", input_tokens=200_001, output_tokens=1) == 1_400_007 + 19


def test_every_kind_has_its_price_or_that_of_its_nearest_parent() -> None:
    usage = Usage(
        input_tokens=1000, cache_read_tokens=100, cache_write_tokens=70, cache_write_1h_tokens=30, output_tokens=50,
        output_reasoning_tokens=20, input_image_tokens=5,
    )  # fmt: skip
    items = price_list().quote("acme:large", usage, AT).line_items
    assert [(item.kind, item.quantity, item.unit_price) for item in items] == [
        ("input", 830, Decimal(3)),
        ("cache_read", 100, Decimal("0.3")),
        ("cache_write", 40, Decimal("3.7")),
        ("cache_write_1h", 30, Decimal("5.9")),
        ("output", 30, Decimal(17)),
        ("output_reasoning", 20, Decimal(23)),
    ]


def test_cached_audio_is_billed_once_at_its_own_price() -> None:
    heard = cost("sound", input_tokens=100, cache_read_tokens=30, input_audio_tokens=50, cache_audio_read_tokens=20)
    assert heard == 40 * 3 + 10 * 2 + 30 * 29 + 20 * 5
    assert cost("sound", output_tokens=10, output_audio_tokens=4) == 6 * 17 + 4 * 47


@pytest.mark.parametrize(
    ("context", "input_usd", "output_usd"),
    [
        (None, 3, 17),
        ("default", 3, 17),
        ("service_tier=default", 3, 17),
        ("flex", 2, 13),
        ("service_tier=flex", 2, 13),
        ("batch", Decimal("1.3"), 17),
        ("service_tier=fast", 3, 31),
        ("speed=fast", 3, 37),
        ("batch+flex", 2, 13),
        ("flex+batch", 2, 13),
    ],
)
def test_a_context_overrides_the_prices_that_it_names(
    context: str | None, input_usd: Decimal, output_usd: Decimal
) -> None:
    assert cost("large", context, input_tokens=100, output_tokens=10) == 100 * input_usd + 10 * output_usd


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ("Flex", "'Flex' nowhere among its contexts: "),
        ("", "'' nowhere among its contexts: "),
        ("fast", "'fast' in several senses among its contexts: "),
        ("speed=fast+flex", "prices for context 'speed=fast+flex' apart only: "),
        ("flex+", "'' nowhere among its contexts: "),
    ],
)
def test_a_context_that_the_list_has_no_price_for_is_an_error(context: str, told: str) -> None:
    known = (
        "processing=batch, processing=batch+service_tier=flex, service_tier=default, service_tier=fast,"
        " service_tier=flex, speed=fast"
    )
    with pytest.raises(UnknownPriceContext) as caught:
        cost("large", context, input_tokens=1)
    assert str(caught.value) == f"model 'acme:large' has {told}{known}"


def test_a_context_before_the_first_day_of_its_price_is_an_error() -> None:
    early = AT.replace(year=2025)
    with pytest.raises(UnknownPriceContext, match="has prices for context 'batch' only on other days: processing=ba"):
        price_list().quote("acme:large", Usage(input_tokens=1), early, "batch")
    with pytest.raises(UnknownPriceContext, match="'batch' nowhere among its contexts: it has one price for all"):
        cost("moved", "batch", input_tokens=1)


def test_a_price_per_request_comes_beside_those_of_its_tokens() -> None:
    quote = price_list().quote("acme:asker", Usage(input_tokens=100, output_tokens=10), AT)
    assert quote.line_items[-1] == LineItem("request", 1, Decimal("0.007"), Decimal("0.007"))
    assert quote.cost == Decimal("0.00747")
    assert price_list().max_cost("acme:asker", 100, 10, AT) == Decimal("0.00747")


def test_what_is_free_costs_nothing_because_the_list_says_so() -> None:
    assert cost("free", input_tokens=100, output_tokens=10) == 0


def test_a_model_with_prices_for_what_a_usage_does_not_tell_is_refused() -> None:
    with pytest.raises(MissingUnitPrice) as caught:
        price_list().max_cost("acme:painter", 100, 10, AT)
    assert str(caught.value) == (
        "model 'acme:painter' has a price of its own for output_image tokens, and a Usage does not say how many of its"
        " 10 are: price it in a PriceTable, or let the provider say what it charged"
    )
    assert cost("painter", input_tokens=100) == 300
    with pytest.raises(MissingUnitPrice, match="has a price by audio_hours, which a Usage does not count"):
        cost("listener", input_tokens=1)


def test_cached_images_are_refused_only_where_there_may_be_some() -> None:
    assert cost("looker", input_tokens=100, cache_read_tokens=40) == 60 * 3 + 40 * 2
    assert cost("looker", input_tokens=100, input_image_tokens=40) == 60 * 3 + 40 * 5
    with pytest.raises(MissingUnitPrice, match="cache_image_read tokens, and a Usage does not say how many of its 30"):
        cost("looker", input_tokens=100, cache_read_tokens=30, input_image_tokens=40)


def test_a_bound_is_that_of_the_dearest_kind_and_tier_within_reach() -> None:
    most = price_list().max_cost
    assert most("acme:large", 1000, 0, AT) == Decimal("0.0059")
    assert most("acme:large", 1001, 0, AT) == Decimal("0.0061061")
    assert most("acme:large", 200_001, 10, AT) == Decimal("1.400007") + Decimal("0.00023")


def test_the_id_of_the_list_is_that_of_every_entry_and_an_unknown_model_makes_the_cost_unknown() -> None:
    async def write(text: str) -> AgentOutput[str]:
        return AgentOutput(text, usage=Usage(input_tokens=100, output_tokens=10), model="acme:large")

    async def guess(text: str) -> AgentOutput[str]:
        return AgentOutput(text, usage=Usage(input_tokens=100), model="acme:dated-but-another")

    result = Flujo(Step("write", write) >> Step("guess", guess), cost_model=price_list()).run("rain")
    assert [entry.table_id for entry in result.ledger.entries] == [snapshot().id] * 2
    assert [entry.cost_usd for entry in result.ledger.entries] == [Decimal("0.00047"), None]
    assert (result.total_cost_usd, result.ledger.known_cost_usd) == (None, Decimal("0.00047"))


def test_a_metered_call_that_cannot_be_priced_is_not_made_under_a_cost_limit() -> None:
    class Painter:
        model = "acme:painter"
        max_output_tokens = 10
        asked = 0

        def estimate_input(self, text: str) -> int:
            return 100

        async def run(self, text: str) -> str:
            self.asked += 1
            return text

    painter = Painter()
    limits = UsageLimits(total_cost_usd_limit=Decimal(1))
    result = Flujo(Step("paint", painter), cost_model=price_list(), usage_limits=limits).run("rain")
    assert (result.status, painter.asked, result.ledger.entries) == ("failed", 0, ())
    assert str(result.error) == (
        "step 'paint' failed before it was asked: model 'acme:painter' has a price of its own for output_image tokens, "
        "and a Usage does not say how many of its 10 are: price it in a PriceTable, or let the provider say what it "
        "charged"
    )


def test_a_price_table_of_the_same_prices_says_the_same() -> None:
    from flujo import Price
    from flujo.prices import Tier

    same = Price(
        input="3", cache_read="0.3", cache_write="3.7", cache_write_1h="5.9", output="17", output_reasoning="23",
        tiers=[
            Tier(above_input_tokens=1000, input="5", cache_write_1h="6.1"),
            Tier(above_input_tokens=200_000, input="7", output="19"),
        ],
    )  # fmt: skip
    table = PriceTable({"acme:large": same})
    for size in (0, 999, 1000, 1001, 200_000, 200_001):
        usage = Usage(input_tokens=size, cache_read_tokens=size // 3, output_tokens=7, output_reasoning_tokens=2)
        assert price_list().quote("acme:large", usage, AT) == table.quote("acme:large", usage, AT)
        assert price_list().max_cost("acme:large", size, 7, AT) == table.max_cost("acme:large", size, 7, AT)
