"""The contract of cost models: ours keep it, and cost models that break a sentence of it are found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import localcontext
from typing import Any

import pytest

from flujo import CostModel, Price, PriceTable
from flujo.prices import Tier
from flujo_testing import CostModelConformance, FixedCost, FixedPriceTable, PerToken, default_cost_model
from tests.flujo_testing.conformance import bad_cost_models as bad
from tests.flujo_testing.conformance.bad_cost_models import M
from tests.flujo_testing.conformance.found import plain_breaches, sentences_of


class OfAcme(CostModelConformance):
    def models(self) -> Sequence[str]:
        return [M]


class TestPriceTable(OfAcme):
    """Tiers, contexts, kinds with and without a price of their own, and a price that holds from a day on."""

    def make_cost_model(self) -> CostModel:
        return self.table("0.0000000017")

    def make_repriced(self) -> CostModel:
        return self.table("0.0000000019")

    def table(self, image: str) -> PriceTable:
        small, large = (
            Tier(above_input_tokens=1000, input="5", output="23"),
            Tier(above_input_tokens=200_000, cache_write_1h="29", output="19"),
        )
        now = Price(
            input="3", output="17", cache_read="0.3", cache_write="3.75", input_image=image, starts="2026-01-01",
            tiers=[large, small],
            contexts={"batch": Price(input="1.5", output="8.5", tiers=[small])},
        )  # fmt: skip
        return PriceTable({M: [Price(input="2", output="13"), now]})

    def tiers(self) -> Mapping[str, Sequence[int]]:
        return {M: [1000, 200_000]}

    def contexts(self) -> Sequence[str]:
        return ["batch"]


class TestPriceTableOfEmbeddings(OfAcme):
    """No price of output at all."""

    def make_cost_model(self) -> CostModel:
        return FixedPriceTable({M: {"input": "0.02"}})

    def make_repriced(self) -> CostModel:
        return FixedPriceTable({M: {"input": "0.03"}})


class TestDefaultCostModel(CostModelConformance):
    def make_cost_model(self) -> CostModel:
        return default_cost_model()

    def make_repriced(self) -> CostModel:
        return FixedPriceTable({"test:small": {"input": "2", "output": "11"}})

    def models(self) -> Sequence[str]:
        return ["test:writer", "test:critic", "test:senior", "test:small"]


class TestPerToken(OfAcme):
    knows_every_model = True

    def make_cost_model(self) -> CostModel:
        return PerToken(input="0.003", output="0.017")

    def make_repriced(self) -> CostModel:
        return PerToken(input="0.003", output="0.019")


class TestFixedCost(OfAcme):
    knows_every_model = True

    def make_cost_model(self) -> CostModel:
        return FixedCost("0.04")

    def make_repriced(self) -> CostModel:
        return FixedCost("0.05")


class Candidate(OfAcme):
    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    def make_cost_model(self) -> CostModel:
        model: CostModel = self.kind()
        return model

    def make_repriced(self) -> CostModel:
        model: CostModel = self.kind("other")
        return model

    def tiers(self) -> Mapping[str, Sequence[int]]:
        tiers: Mapping[str, Sequence[int]] = self.kind.tiers
        return tiers


ALL = {*sentences_of(CostModelConformance)}
UNKNOWN_MODEL = "test_an_unknown_model_is_an_error"
UNKNOWN_CONTEXT = "test_an_unknown_context_is_an_error"
TIERS = "test_its_tiers_begin_above_their_threshold"
QUOTING = ALL - {UNKNOWN_MODEL, UNKNOWN_CONTEXT}
PURE = "test_it_reads_no_clock_and_nothing_outside"
AMBIENT = "test_the_ambient_decimal_context_changes_nothing"
EXACT = "test_a_quote_is_exact"
BOUNDED = "test_a_bound_is_never_below_a_quote"
SUMS = "test_a_run_costs_the_sum_of_its_requests"
SAME = "test_the_same_request_always_costs_the_same"
INSTANT = "test_an_instant_costs_the_same_in_every_time_zone"
ONCE = "test_every_token_is_billed_once"
KINDS = "test_a_kind_is_billed_as_itself_or_its_nearest_parent"
CLIFF = "test_a_tier_is_a_cliff"
NOT_NEGATIVE = "test_no_cost_is_negative"
ID = "test_its_id_stands_for_its_prices"

AT_ONCE = "a cost model answers at once, with a Quote whose line items are LineItems of the kinds of tokens"
EXACTLY = "a quote is exact: finite Decimals, every amount quantity times unit price, the cost their sum"
ALWAYS = "the same request costs the same, whatever was quoted before, by whichever object of equal prices"
NOTHING_OUTSIDE = "a cost model is a pure function: no clock, no chance, no file, no network"
OWN_CONTEXT = "the decimal context of the thread changes nothing in a quote, and a quote nothing in it"
ALL_TOKENS = "a tier is a cliff: one unit price for all tokens of a kind, decided by the request's input tokens"
ABOVE = "a tier holds for strictly more input tokens than its threshold"
NEVER_0 = "a model without a price is UnknownModelPrice, never 0"
AT_MOST = "max_cost is a Decimal and never below what a request within its tokens costs, of whichever kinds"
EACH_ONCE = "every token is billed once, children (cached, reasoning, audio) not again as their parent"
STANDS_FOR = "table_id is a text that is the same for the same prices and another for others"
FIRST = "acme:m with Usage(output_tokens=997, requests=1)"
NOBODYS = "for 'no_such_provider:no_such_model'"

BROKEN: list[tuple[type[Any], set[str], str, str]] = [
    (bad.QuotesLater, ALL, AT_ONCE, "it returns a coroutine"),
    (bad.QuotesANumber, QUOTING, AT_ONCE, "it returns Decimal('0.016949')"),
    (
        bad.InventsAKind,
        QUOTING - {TIERS},
        AT_ONCE,
        "one of its items is LineItem(kind='prompt', quantity=997, unit_price=Decimal('17'), amount=Decima...",
    ),
    (bad.CountsInFloats, QUOTING, EXACTLY, f"for {FIRST} the cost is 0.016949"),
    (
        bad.WasAFloat,
        {EXACT, BOUNDED, AMBIENT},
        EXACTLY,
        f"for {FIRST} the cost is 0.016948999999999998788968724738879245705902576446533203125, "
        "and the amounts are ['0.016949']",
    ),
    (bad.RoundsToCents, {EXACT, AMBIENT}, EXACTLY, f"for {FIRST} 997 output at 17 are 0.02"),
    (
        bad.GivesMoney,
        {NOT_NEGATIVE, SUMS},
        "no request costs less than nothing",
        f"{FIRST} costs -0.016949, in amounts of -0.016949",
    ),
    (bad.GivesARebate, {SAME, AMBIENT, CLIFF, INSTANT, SUMS}, ALWAYS, f"{FIRST} cost 0.016949 and 0.0084745"),
    (bad.ReadsTheClock, {PURE}, NOTHING_OUTSIDE, f"for {FIRST} it calls datetime.now"),
    (bad.TimesItself, {PURE}, NOTHING_OUTSIDE, f"for {FIRST} it calls time.monotonic"),
    (bad.Samples, {PURE}, NOTHING_OUTSIDE, f"for {FIRST} it calls random.random"),
    (bad.ReadsAFile, {PURE}, NOTHING_OUTSIDE, f"for {FIRST} it calls io.open"),
    (
        bad.UsesTheAmbientContext,
        {AMBIENT},
        OWN_CONTEXT,
        f"{FIRST} costs 0.016949 (at most 22.000022), with two digits 0.017 (at most 22.000022)",
    ),
    (
        bad.BoundsInTheAmbientContext,
        {AMBIENT},
        OWN_CONTEXT,
        f"{FIRST} costs 0.016949 (at most 22.0022220022), with two digits 0.016949 (at most 23)",
    ),
    (
        bad.GoesByTheLocalDay,
        {INSTANT},
        "prices hold by the instant of a request, in whichever time zone it is told",
        "acme:m with Usage(input_tokens=1, output_tokens=997, requests=1) costs 0.016952 at 2025-12-31T12:30:00-12:00, "
        "0.016951 at 2026-01-01T00:30:00+00:00, 0.016951 at 2026-01-01T14:30:00+14:00",
    ),
    (
        bad.BillsCachedTokensTwice,
        {ONCE, BOUNDED},
        EACH_ONCE,
        "for acme:m with Usage(input_tokens=1, cache_read_tokens=1, output_tokens=997, requests=1) it bills "
        "{'input': 2, 'output': 997, 'request': 0}, not {'input': 1, 'output': 997, 'request': 0}",
    ),
    (
        bad.BillsReasoningTwice,
        {ONCE, BOUNDED},
        EACH_ONCE,
        "for acme:m with Usage(output_tokens=997, output_reasoning_tokens=997, requests=1) it bills "
        "{'input': 0, 'output': 1994, 'request': 0}, not {'input': 0, 'output': 997, 'request': 0}",
    ),
    (
        bad.ForgetsCacheWrites,
        {ONCE},
        EACH_ONCE,
        "for acme:m with Usage(input_tokens=1, cache_write_tokens=1, output_tokens=997, requests=1) it bills "
        "{'input': 0, 'output': 997, 'request': 0}, not {'input': 1, 'output': 997, 'request': 0}",
    ),
    (
        bad.ForgetsOutputForAFee,
        {ONCE},
        EACH_ONCE,
        "for acme:m with Usage(input_tokens=1, output_tokens=997, requests=1) it bills "
        "{'input': 1, 'output': 0, 'request': 1}, not {'input': 1, 'output': 997, 'request': 1}",
    ),
    (
        bad.BillsImagesAsAudio,
        {KINDS},
        "tokens are billed at the price of their kind, or of the nearest parent that has one",
        "acme:m has input_image tokens billed as input_audio",
    ),
    (
        bad.HasMarginalTiers,
        {CLIFF},
        ALL_TOKENS,
        "acme:m with Usage(input_tokens=1001, requests=1) has a kind twice: "
        "(LineItem(kind='input', quantity=1000, unit_price=Decimal('3'), amount=Decima...",
    ),
    (bad.BlendsItsTiers, {CLIFF}, ALL_TOKENS, "acme:m has another price with each of 0, 1 and 2 input tokens"),
    (
        bad.CountsOutputToo,
        {CLIFF},
        ALL_TOKENS,
        "acme:m has another price of input for 1 input tokens when there is much output",
    ),
    (bad.BeginsTooEarly, {TIERS}, ABOVE, "acme:m has it with 1000 already"),
    (bad.LacksItsTier, {TIERS}, ABOVE, "acme:m does not have it with 1001"),
    (
        bad.GivesUnknownModelsAway,
        {UNKNOWN_MODEL},
        NEVER_0,
        f"{NOBODYS} quote says Quote(line_items=(), cost=Decimal('0'))",
    ),
    (bad.BoundsUnknownModelsByNothing, {UNKNOWN_MODEL}, NEVER_0, f"{NOBODYS} max_cost says Decimal('0')"),
    (
        bad.RaisesKeyError,
        {UNKNOWN_MODEL},
        NEVER_0,
        f"{NOBODYS} quote raises KeyError: 'no_such_provider:no_such_model'",
    ),
    (
        bad.IgnoresItsContext,
        {UNKNOWN_CONTEXT},
        "a context without prices is UnknownPriceContext, never the standard price",
        "for acme:m in 'no_such_context' quote says "
        "Quote(line_items=(LineItem(kind='input', quantity=120, unit_price=Decimal('3'...",
    ),
    (
        bad.BoundsByTheLowestTier,
        {BOUNDED},
        AT_MOST,
        "acme:m with Usage(input_tokens=1001, output_tokens=1001, requests=1) costs 0.022022, its bound is 0.02002",
    ),
    (bad.BoundsInFloats, {BOUNDED, PURE, AMBIENT}, AT_MOST, "for acme:m it is 0.0"),
    (bad.HasNoId, {ID}, STANDS_FOR, "it is None"),
    (bad.HasOneIdForAllPrices, {ID}, STANDS_FOR, "with another price it is 'prices' still"),
    (bad.ChangesItsId, {ID}, STANDS_FOR, "'fine' became 'fine-1000000'"),
    (
        bad.PricesTheRun,
        {SUMS, SAME, AMBIENT, CLIFF, INSTANT, TIERS, BOUNDED},
        "cost is additive: a run costs the sum of its requests",
        "one request to acme:m costs 0.00104, a run of two 0.005200",
    ),
    (
        bad.LosesItsPrices,
        ALL - {UNKNOWN_MODEL},
        "what a cost model is said to have prices for, it can price",
        "UnknownModelPrice: no price for model 'acme:m': add a row for it (known: acme:other)",
    ),
]


@pytest.mark.parametrize(("kind", "failed", "contract", "how"), BROKEN, ids=[kind.__name__ for kind, *_ in BROKEN])
def test_a_cost_model_that_breaks_a_sentence_of_the_contract_is_told_which_and_how(
    kind: type[Any], failed: set[str], contract: str, how: str
) -> None:
    found = plain_breaches(CostModelConformance, Candidate(kind))
    assert set(found) == failed
    assert f"{contract}; but with {kind.__name__}: {how}" in found.values()


@pytest.mark.parametrize("kind", [bad.Fine, bad.OfItems, bad.ChargesAFee])
def test_a_cost_model_that_keeps_the_contract_is_not_blamed(kind: type[Any]) -> None:
    assert plain_breaches(CostModelConformance, Candidate(kind)) == {}


def test_a_cost_model_that_changes_the_ambient_decimal_context_is_found_out() -> None:
    with localcontext():
        found = plain_breaches(CostModelConformance, Candidate(bad.SetsTheAmbientContext))
    assert list(found) == [AMBIENT]
    changed = "for acme:m it changes Context(prec=9, "
    assert found[AMBIENT].startswith(f"{OWN_CONTEXT}; but with SetsTheAmbientContext: {changed}")


def test_every_test_of_the_contract_turns_red_for_some_cost_model_that_breaks_little_else() -> None:
    assert {name for _, failed, _, _ in BROKEN for name in failed if len(failed) < 8} == ALL


def test_who_defines_nothing_is_told_what_to_define() -> None:
    suite = CostModelConformance()
    with pytest.raises(NotImplementedError, match=r"CostModelConformance must define make_cost_model\(self\)"):
        suite.test_an_unknown_model_is_an_error()
    with pytest.raises(NotImplementedError, match=r"CostModelConformance must define models\(self\)"):
        suite.test_a_quote_is_exact()
    with pytest.raises(NotImplementedError, match=r"OfAcme must define make_cost_model\(self\)"):
        OfAcme().test_its_id_stands_for_its_prices()


def test_who_names_no_model_is_told_to() -> None:
    class OfNothing(TestPriceTable):
        def models(self) -> Sequence[str]:
            return []

    with pytest.raises(NotImplementedError, match="OfNothing must name a model that the cost model has prices for"):
        OfNothing().test_a_quote_is_exact()
