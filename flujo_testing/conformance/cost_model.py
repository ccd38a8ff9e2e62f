"""What a cost model must keep to, as tests to inherit: subclass ``CostModelConformance``.

Each test says in its failure what the contract is. Pure functions: nothing here waits, or needs a loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_UP, Context, Decimal, DecimalException, FloatOperation, Inexact, getcontext, localcontext
from functools import partial
from itertools import pairwise
from typing import Final

from flujo import AgentOutput, CostModel, Flujo, Step, Usage
from flujo.errors import MissingUnitPrice, PriceError, UnknownModelPrice, UnknownPriceContext
from flujo.money import multiply, per_million, show_usd, total
from flujo.prices import PRICED_AS, LineItem, Quote
from flujo_testing.conformance.contract import ConformanceError, broken, counts, shown
from flujo_testing.conformance.purity import reached_by
from flujo_testing.conformance.samples import ladder, of_one_kind, requests

ANSWERS: Final = "a cost model answers at once, with a Quote whose line items are LineItems of the kinds of tokens"
EXACT: Final = "a quote is exact: finite Decimals, every amount quantity times unit price, the cost their sum"
SAME: Final = "the same request costs the same, whatever was quoted before, by whichever object of equal prices"
PURE: Final = "a cost model is a pure function: no clock, no chance, no file, no network"
AMBIENT: Final = "the decimal context of the thread changes nothing in a quote, and a quote nothing in it"
CLIFF: Final = "a tier is a cliff: one unit price for all tokens of a kind, decided by the request's input tokens"
NOT_PRICED: Final = "a model without a price is UnknownModelPrice, never 0"
BOUND: Final = "max_cost is a Decimal and never below what a request within its tokens costs, of whichever kinds"


class CostModelConformance:
    """The contract of cost models. Subclass it as ``class TestMyPrices(CostModelConformance)``; define the makers."""

    at = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    """When the requests start."""
    knows_every_model = False
    """True for one that prices any model, in any context."""

    def make_cost_model(self) -> CostModel:
        """A new cost model; each has the same prices."""
        raise NotImplementedError(f"{type(self).__name__} must define make_cost_model(self)")

    def make_repriced(self) -> CostModel:
        """One of the same kind with another price for something."""
        raise NotImplementedError(f"{type(self).__name__} must define make_repriced(self)")

    def models(self) -> Sequence[str]:
        """Models that it has prices for, ``provider:model``."""
        raise NotImplementedError(f"{type(self).__name__} must define models(self)")

    def tiers(self) -> Mapping[str, Sequence[int]]:
        """By model, the input tokens above which other prices hold."""
        return {}

    def contexts(self) -> Sequence[str]:
        """Variants such as ``batch`` that every one of ``models`` has prices for."""
        return ()

    def test_a_quote_is_exact(self) -> None:
        for model, usage, context in self._requests():
            prices = self.make_cost_model()
            quote = self._quoted(prices, model, usage, context)
            if quote is not None and (why := inexact(quote)):
                raise broken(prices, EXACT, f"for {model} with {counts(usage)} {why}")

    def test_no_cost_is_negative(self) -> None:
        for model, usage, context in self._requests():
            prices = self.make_cost_model()
            quote = self._quoted(prices, model, usage, context)
            amounts = [] if quote is None else [quote.cost, *(item.amount for item in quote.line_items)]
            if any(amount < 0 for amount in amounts):
                parts = ", ".join(map(show_usd, amounts[1:]))
                text = f"{model} with {counts(usage)} costs {cost_of(quote)}, in amounts of {parts}"
                raise broken(prices, "no request costs less than nothing", text)

    def test_the_same_request_always_costs_the_same(self) -> None:
        prices, other = self.make_cost_model(), self.make_cost_model()
        first = [self._quoted(prices, *request) for request in self._requests()]
        again = [self._quoted(prices, *request) for request in reversed([*self._requests()])][::-1]
        apart = [self._quoted(other, *request) for request in self._requests()]
        for request, *quotes in zip(self._requests(), first, again, apart, strict=True):
            for one, another in pairwise(quotes):
                if one != another:
                    text = f"{request[0]} with {counts(request[1])} cost {cost_of(one)} and {cost_of(another)}"
                    raise broken(prices, SAME, text)

    def test_it_reads_no_clock_and_nothing_outside(self) -> None:
        for request in self._requests():
            self._priced(self.make_cost_model(), request)  # what is imported then is imported no more
            prices = self.make_cost_model()
            if reached := reached_by(partial(self._priced, prices, request)):
                raise broken(prices, PURE, f"for {request[0]} with {counts(request[1])} it calls {reached[0]}")

    def test_the_ambient_decimal_context_changes_nothing(self) -> None:
        for request in self._requests():
            prices = self.make_cost_model()
            plain = self._priced(prices, request)
            with localcontext(prec=2, rounding=ROUND_UP):
                coarse = self._priced(prices, request)
            if plain != coarse:
                text = f"{request[0]} with {counts(request[1])} costs {told(plain)}, with two digits {told(coarse)}"
                raise broken(prices, AMBIENT, text)
            with localcontext(Context(prec=9, traps=[Inexact, FloatOperation])):
                before = repr(getcontext())
                try:
                    self._priced(prices, request)
                except DecimalException as error:
                    text = f"{request[0]} with {counts(request[1])} raises {type(error).__name__} where that is trapped"
                    raise broken(prices, AMBIENT, text) from error
                if (after := repr(getcontext())) != before:
                    raise broken(prices, AMBIENT, f"for {request[0]} it changes {before} to {after}")

    def test_an_instant_costs_the_same_in_every_time_zone(self) -> None:
        for model, usage, context in self._requests():
            prices = self.make_cost_model()
            moments = [self.at.astimezone(timezone(timedelta(hours=hours))) for hours in (-12, 0, 14)]
            costs = [cost_of(self._quoted(prices, model, usage, context, moment)) for moment in moments]
            if len(set(costs)) > 1:
                contract = "prices hold by the instant of a request, in whichever time zone it is told"
                told_costs = ", ".join(f"{cost} at {at.isoformat()}" for cost, at in zip(costs, moments, strict=True))
                raise broken(prices, contract, f"{model} with {counts(usage)} costs {told_costs}")

    def test_every_token_is_billed_once(self) -> None:
        for model, usage, context in self._requests():
            prices = self.make_cost_model()
            quote = self._quoted(prices, model, usage, context)
            if quote is None:
                continue
            billed = billed_tokens(quote.line_items)
            used = {"input": usage.input_tokens, "output": usage.output_tokens, "request": 0}
            kinds = {item.kind for item in quote.line_items}
            if "request" in kinds:  # a price for each request, in place of tokens or beside them
                used = {**(used if len(kinds) > 1 else billed_tokens(())), "request": usage.requests}
            if billed != used:
                contract = "every token is billed once, children (cached, reasoning, audio) not again as their parent"
                raise broken(prices, contract, f"for {model} with {counts(usage)} it bills {billed}, not {used}")

    def test_a_kind_is_billed_as_itself_or_its_nearest_parent(self) -> None:
        for model in self._models():
            for kind, usage in of_one_kind(1000):
                prices = self.make_cost_model()
                quote = self._quoted(prices, model, usage, None)
                kinds: set[str] = set() if quote is None else {item.kind for item in quote.line_items}
                if strange := kinds - {*PRICED_AS[kind], "request"}:
                    contract = "tokens are billed at the price of their kind, or of the nearest parent that has one"
                    raise broken(prices, contract, f"{model} has {kind} tokens billed as {', '.join(sorted(strange))}")

    def test_a_tier_is_a_cliff(self) -> None:
        for model in self._models():
            prices = self.make_cost_model()
            for size in ladder(self.tiers().get(model, ())):
                steps = [self._unit_prices(prices, model, Usage(input_tokens=size + n)) for n in (0, 1, 2)]
                if steps[0] != steps[1] != steps[2]:
                    text = f"{model} has another price with each of {size}, {size + 1} and {size + 2} input tokens"
                    raise broken(prices, CLIFF, text)
                much = self._unit_prices(prices, model, Usage(input_tokens=size, output_tokens=10**7)).get("input")
                if much is not None and much != steps[0].get("input"):
                    text = f"{model} has another price of input for {size} input tokens when there is much output"
                    raise broken(prices, CLIFF, text)

    def test_its_tiers_begin_above_their_threshold(self) -> None:
        for model, thresholds in self.tiers().items():
            for threshold in thresholds:
                prices = self.make_cost_model()
                around = [Usage(input_tokens=threshold + step, output_tokens=1) for step in (-1, 0, 1)]
                below, at, above = (self._unit_prices(prices, model, usage) for usage in around)
                contract = "a tier holds for strictly more input tokens than its threshold"
                if below != at:
                    raise broken(prices, contract, f"{model} has it with {threshold} already")
                if at == above:
                    raise broken(prices, contract, f"{model} does not have it with {threshold + 1}")

    def test_an_unknown_model_is_an_error(self) -> None:
        prices = self.make_cost_model()
        for model in ("no_such_provider:no_such_model", "") if not self.knows_every_model else ():
            for answer in self._answers(prices, model, UnknownModelPrice, None):
                raise broken(prices, NOT_PRICED, f"for {shown(model)} {answer}")

    def test_an_unknown_context_is_an_error(self) -> None:
        prices = self.make_cost_model()
        for model in self._models() if not self.knows_every_model else ():
            for answer in self._answers(prices, model, UnknownPriceContext, "no_such_context"):
                contract = "a context without prices is UnknownPriceContext, never the standard price"
                raise broken(prices, contract, f"for {model} in 'no_such_context' {answer}")

    def test_a_bound_is_never_below_a_quote(self) -> None:
        for model in self._models():
            for context in (None, *self.contexts()):
                prices = self.make_cost_model()
                sizes = ladder(self.tiers().get(model, ()))
                for size in sizes:
                    bound = self._bound(prices, model, size, size, context)
                    for usage in (usage for inner in sizes if inner <= size for usage in requests(inner, size)):
                        quote = self._quoted(prices, model, usage, context)
                        if bound is not None and quote is not None and quote.cost > bound:
                            costs = f"costs {cost_of(quote)}, its bound is {show_usd(bound)}"
                            raise broken(prices, BOUND, f"{model} with {counts(usage)} {costs}")

    def test_its_id_stands_for_its_prices(self) -> None:
        prices, again, other = self.make_cost_model(), self.make_cost_model(), self.make_repriced()
        contract = "table_id is a text that is the same for the same prices and another for others"
        before = prices.table_id
        if not (isinstance(before, str) and before):
            raise broken(prices, contract, f"it is {shown(before)}")
        for request in self._requests():
            self._quoted(prices, *request)
        for same in (prices, again):
            if same.table_id != before:
                raise broken(prices, contract, f"{shown(before)} became {shown(same.table_id)}")
        if other.table_id == before:
            raise broken(prices, contract, f"with another price it is {shown(before)} still")

    def test_a_run_costs_the_sum_of_its_requests(self) -> None:
        for model in self._models():
            prices = self.make_cost_model()
            quote = self._quoted(prices, model, Usage(input_tokens=120, output_tokens=40), None)
            if quote is None:
                continue
            pipeline = _asking(model, "one") >> _asking(model, "two")
            result = Flujo(pipeline, cost_model=prices, clock=_StandingClock(self.at)).run("rain")
            if result.total_cost_usd != multiply(2, quote.cost):
                text = f"one request to {model} costs {cost_of(quote)}, a run of two {result.total_cost_usd}"
                raise broken(prices, "cost is additive: a run costs the sum of its requests", text)

    def _models(self) -> Sequence[str]:
        models = self.models()
        if not models:
            raise NotImplementedError(f"{type(self).__name__} must name a model that the cost model has prices for")
        return models

    def _requests(self) -> Iterator[tuple[str, Usage, str | None]]:
        """Requests of every kind to every model, in every context."""
        for model in self._models():
            for context in (None, *self.contexts()):
                for size in ladder(self.tiers().get(model, ())):
                    for usage in requests(size, 997):
                        yield model, usage, context

    def _priced(self, prices: CostModel, request: tuple[str, Usage, str | None]) -> tuple[Quote | None, Decimal | None]:
        model, _, context = request
        return self._quoted(prices, *request), self._bound(prices, model, 10**6 + 1, 10**6 + 1, context)

    def _quoted(
        self, prices: CostModel, model: str, usage: Usage, context: str | None, at: datetime | None = None
    ) -> Quote | None:
        """The quote; None where the model has no price for a kind of tokens, which is an answer."""
        quote = self._answer(prices, partial(prices.quote, model, usage, at or self.at, context))
        if quote is None:
            return None
        if not isinstance(quote, Quote) or type(quote.line_items) is not tuple:
            raise broken(prices, ANSWERS, f"it returns {shown(quote)}")
        if type(quote.cost) is not Decimal:
            raise broken(prices, EXACT, f"for {model} with {counts(usage)} the cost is {shown(quote.cost)}")
        for item in quote.line_items:
            if not (isinstance(item, LineItem) and item.kind in (*PRICED_AS, "request")):
                raise broken(prices, ANSWERS, f"one of its items is {shown(item)}")
        return quote

    def _bound(
        self, prices: CostModel, model: str, input_tokens: int, output_tokens: int, context: str | None
    ) -> Decimal | None:
        ask = partial(prices.max_cost, model, input_tokens, output_tokens, self.at, context)
        bound = self._answer(prices, ask)
        if bound is not None and not (type(bound) is Decimal and bound.is_finite()):
            raise broken(prices, BOUND, f"for {model} it is {shown(bound)}")
        return bound

    def _answer(self, prices: CostModel, ask: Callable[[], object]) -> object:
        try:
            answer = ask()
        except MissingUnitPrice:
            return None
        except PriceError as error:
            contract = "what a cost model is said to have prices for, it can price"
            raise broken(prices, contract, f"{type(error).__name__}: {error}") from error
        return at_once(prices, answer)

    def _unit_prices(self, prices: CostModel, model: str, usage: Usage) -> dict[str, Decimal]:
        quote = self._quoted(prices, model, usage, None)
        items = () if quote is None else quote.line_items
        if len({item.kind for item in items}) < len(items):
            raise broken(prices, CLIFF, f"{model} with {counts(usage)} has a kind twice: {shown(items)}")
        return {item.kind: item.unit_price for item in items}

    def _answers(self, prices: CostModel, model: str, expected: type[PriceError], context: str | None) -> Iterator[str]:
        """What quote and max_cost do instead of raising the error that is expected."""
        usage = Usage(input_tokens=120, output_tokens=40)
        asked: dict[str, Callable[[], object]] = {
            "quote": partial(prices.quote, model, usage, self.at, context),
            "max_cost": partial(prices.max_cost, model, 120, 40, self.at, context),
        }
        for name, ask in asked.items():
            try:
                yield f"{name} says {shown(at_once(prices, ask()))}"
            except expected:
                continue
            except ConformanceError:
                raise
            except Exception as error:  # whatever else a cost model raises
                yield f"{name} raises {type(error).__name__}: {error}"


def at_once(prices: CostModel, answer: object) -> object:
    if inspect.iscoroutine(answer):
        answer.close()
        raise broken(prices, ANSWERS, "it returns a coroutine")
    return answer


def inexact(quote: Quote) -> str | None:
    """What in a quote is no exact amount."""
    for item in quote.line_items:
        for name, value in (("unit_price", item.unit_price), ("amount", item.amount)):
            if type(value) is not Decimal or not value.is_finite():
                return f"{name} of {item.kind} is {shown(value)}"
        exact = multiply if item.kind == "request" else per_million
        if item.amount != exact(item.quantity, item.unit_price):
            return f"{item.quantity} {item.kind} at {item.unit_price} are {item.amount}"
    if quote.cost != total(item.amount for item in quote.line_items):
        return f"the cost is {quote.cost}, and the amounts are {[str(item.amount) for item in quote.line_items]}"
    return None


def billed_tokens(items: Sequence[LineItem]) -> dict[str, int]:
    billed = {"input": 0, "output": 0, "request": 0}
    for item in items:
        billed["request" if item.kind == "request" else PRICED_AS[item.kind][-1]] += item.quantity
    return billed


def cost_of(quote: Quote | None) -> str:
    return "no price" if quote is None else show_usd(quote.cost)


def told(priced: tuple[Quote | None, Decimal | None]) -> str:
    quote, bound = priced
    return f"{cost_of(quote)} (at most {bound})"


class _StandingClock:
    """It is always the same moment."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def _asking(model: str, name: str) -> Step[str, str]:
    async def answer(text: str) -> AgentOutput[str]:
        return AgentOutput(text, usage=Usage(input_tokens=120, output_tokens=40), model=model)

    return Step(name, answer)
