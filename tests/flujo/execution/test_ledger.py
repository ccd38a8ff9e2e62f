"""Sums over paid requests, and the pricing of one. Prices are primes per million tokens."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo.entries import LedgerEntry, entry_id, idempotency_key, step_path
from flujo.errors import UnknownModelPrice, UnknownPriceContext
from flujo.execution.ledger import Grouping, Ledger, price_entry
from flujo.prices import CostModel, Price, PriceTable, Tier
from flujo.usage import RequestUsage, Usage

AT = datetime(2026, 5, 17, 12, tzinfo=UTC)
TABLE = PriceTable({
    "test:writer": Price(input="3", output="17", contexts={"batch": Price(input="2", output="11")}),
    "test:critic": Price(input="7", output="29", tiers=[Tier(above_input_tokens=100, input="13")]),
})  # fmt: skip
WRITTEN = RequestUsage(usage=Usage(input_tokens=120, output_tokens=40), model="test:writer")


def paid(
    path: str = "write/attempt:1",
    request: RequestUsage = WRITTEN,
    *,
    number: int = 1,
    branch: str | None = None,
    cost_model: CostModel | None = TABLE,
    context: str | None = None,
    possible_usd: Decimal | None = None,
    strict: bool = False,
) -> LedgerEntry:
    return price_entry(
        request,
        run_id="run",
        path=path,
        number=number,
        attempt=1,
        requested_at=AT,
        branch=branch,
        cost_model=cost_model,
        context=context,
        possible_usd=possible_usd,
        strict=strict,
    )


# One entry ------------------------------------------------------------------------------------------------


def test_an_entry_says_who_paid_what_to_whom() -> None:
    entry = paid("reviews/branch:legal/check/attempt:1", branch="legal")
    quote = TABLE.quote("test:writer", Usage(input_tokens=120, output_tokens=40), AT)
    assert entry == LedgerEntry(
        entry_id="run/reviews/branch:legal/check/attempt:1/request:1",
        path="reviews/branch:legal/check/attempt:1",
        branch="legal",
        attempt=1,
        provider="test",
        model="test:writer",
        requested_at=AT,
        usage=Usage(input_tokens=120, output_tokens=40),
        usage_source="provider",
        table_id=TABLE.table_id,
        line_items=quote.line_items,
        cost_usd=Decimal("0.00104"),
        cost_source="table",
        provider_cost_usd=None,
        possible_usd=None,
        outcome="ok",
    )


def test_a_failed_request_is_paid_like_any_other() -> None:
    entry = paid(request=replace(WRITTEN, outcome="error"))
    assert (entry.outcome, entry.cost_usd) == ("error", Decimal("0.00104"))


def test_the_context_of_the_request_decides_its_price() -> None:
    assert paid(context="batch").cost_usd == Decimal("0.00068")


def test_a_cost_computed_from_an_estimated_usage_says_so() -> None:
    entry = paid(request=replace(WRITTEN, usage_source="estimate"))
    assert (entry.cost_source, entry.cost_usd) == ("estimate", Decimal("0.00104"))


def test_the_cost_of_the_provider_is_kept_beside_ours() -> None:
    entry = paid(request=replace(WRITTEN, cost_usd=Decimal("0.5")))
    assert (entry.cost_source, entry.cost_usd, entry.provider_cost_usd) == (
        "table", Decimal("0.00104"), Decimal("0.5"),
    )  # fmt: skip


@pytest.mark.parametrize("cost_model", [None, TABLE])
def test_the_cost_of_the_provider_counts_where_we_have_none(cost_model: PriceTable | None) -> None:
    request = RequestUsage(usage=Usage(), model="other:model", cost_usd=Decimal("0.5"))
    entry = paid(request=request, cost_model=cost_model, strict=True)
    assert (entry.cost_source, entry.cost_usd, entry.line_items) == ("provider", Decimal("0.5"), ())


@pytest.mark.parametrize(
    ("request_usage", "cost_model", "context"),
    [
        (replace(WRITTEN, model="test:unknown"), TABLE, None),
        (replace(WRITTEN, model=None), TABLE, None),
        (WRITTEN, TABLE, "flex"),
        (WRITTEN, None, None),
        (replace(WRITTEN, usage=None), TABLE, None),
        (
            RequestUsage(usage=Usage(output_tokens=1), model="acme:m"),
            PriceTable({"acme:m": Price(input="3")}),
            None,
        ),
    ],
)
def test_a_request_that_nobody_can_price_is_unpriced_and_not_free(
    request_usage: RequestUsage, cost_model: PriceTable | None, context: str | None
) -> None:
    entry = paid(request=request_usage, cost_model=cost_model, context=context)
    assert (entry.cost_usd, entry.cost_source, entry.line_items) == (None, "unpriced", ())
    assert entry.table_id == (None if cost_model is None else cost_model.table_id)


def test_strict_pricing_raises_instead() -> None:
    with pytest.raises(UnknownModelPrice, match=r"^no price for model 'test:unknown'"):
        paid(request=replace(WRITTEN, model="test:unknown"), strict=True)
    with pytest.raises(UnknownPriceContext, match=r"^model 'test:writer' has no price for context 'flex'"):
        paid(context="flex", strict=True)


@pytest.mark.parametrize(
    ("model", "provider"), [("test:writer", "test"), ("a:b:c", "a"), ("writer", None), (None, None)]
)
def test_the_provider_is_what_stands_before_the_colon(model: str | None, provider: str | None) -> None:
    entry = paid(request=replace(WRITTEN, model=model))
    assert (entry.provider, entry.model) == (provider, model)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cost_usd": None}, "cost None cannot come from 'table'"),
        ({"cost_source": "unpriced"}, "cost 0.001040 cannot come from 'unpriced'"),
        ({"usage": None}, "usage None cannot come from 'provider'"),
        ({"cost_usd": Decimal(-1)}, "cost_usd must be at least 0, not -1"),
        ({"cost_usd": Decimal("NaN")}, "cost_usd must be a finite number, not NaN"),
        ({"provider_cost_usd": Decimal(-1)}, "provider_cost_usd must be at least 0, not -1"),
        ({"possible_usd": Decimal(-1)}, "possible_usd must be at least 0, not -1"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        replace(paid(), **changes)  # type: ignore[arg-type]
    assert str(refused.value) == f"run/write/attempt:1/request:1: {told}"


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("write/attempt:1", "write"),
        ("write/attempt:2/redirect:1", "write"),
        ("reviews/branch:legal/check/attempt:2/plugin:no_promises", "reviews/branch:legal/check"),
        ("write/fallback:write_small/attempt:1", "write/fallback:write_small"),
        ("outer/attempt:1/inner/attempt:3", "outer/inner"),
        ("rounds/iteration:2/draft/attempt:1", "rounds/iteration:2/draft"),
        ("plugin/attempt:1", "plugin"),
    ],
)
def test_the_step_of_a_path_is_the_path_without_its_asks(path: str, step: str) -> None:
    assert (step_path(path), paid(path).step) == (step, step)


def test_the_identity_of_a_request_is_its_place() -> None:
    assert entry_id("run", "write/attempt:2", 3) == "run/write/attempt:2/request:3"


def test_the_key_of_an_ask_is_its_own_and_the_same_on_every_machine() -> None:
    """It is written into the requests that a provider may have had before, so it may never change."""
    assert idempotency_key("run", "write/attempt:2") == "fdea72cd126e81897c7b7599ada41115"
    assert idempotency_key("run", "write/attempt:1") != idempotency_key("run", "write/attempt:2")


def test_an_entry_tells_the_request_again_as_the_agent_told_it() -> None:
    request = replace(WRITTEN, cost_usd=Decimal("0.5"), outcome="in_doubt", other_usage=(("searches", Decimal(2)),))
    assert paid(request=request).request == request


# Sums -----------------------------------------------------------------------------------------------------

REJECTED = paid("write/attempt:1")
FAILED = paid("write/attempt:2", replace(WRITTEN, outcome="error"))
CRITIC = RequestUsage(usage=Usage(input_tokens=41, output_tokens=13), model="test:critic")
LEGAL = paid("reviews/branch:legal/check/attempt:1", CRITIC, branch="legal")
STORY = Ledger((REJECTED, FAILED, paid("write/fallback:small/attempt:1"), LEGAL))


def test_every_paid_request_is_in_the_total_the_failed_and_the_rejected_too() -> None:
    assert STORY.total_cost_usd == 3 * Decimal("0.00104") + Decimal("0.000664")


def test_costs_are_told_by_step_model_branch_and_outcome() -> None:
    verdicts = {"write/attempt:1": "rejected", "write/attempt:2": "invalid", LEGAL.path: "accepted"}
    assert STORY.cost_by("step") == {
        "write": Decimal("0.00208"),
        "write/fallback:small": Decimal("0.00104"),
        "reviews/branch:legal/check": Decimal("0.000664"),
    }
    assert STORY.cost_by("model") == {"test:writer": Decimal("0.00312"), "test:critic": Decimal("0.000664")}
    assert STORY.cost_by("branch") == {"": Decimal("0.00312"), "legal": Decimal("0.000664")}
    assert STORY.cost_by("outcome") == {"ok": Decimal("0.002744"), "error": Decimal("0.00104")}
    assert STORY.cost_by("outcome", verdicts) == {
        "rejected": Decimal("0.00104"),
        "error": Decimal("0.00104"),
        "ok": Decimal("0.00104"),
        "accepted": Decimal("0.000664"),
    }


def test_costs_by_anything_else_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^costs are grouped by step, model, outcome or branch, not by 'day'$"):
        STORY.cost_by("day")  # type: ignore[arg-type]


def test_a_tier_is_decided_by_request_and_not_by_the_sum_of_the_run() -> None:
    small = RequestUsage(usage=Usage(input_tokens=60), model="test:critic")
    ledger = Ledger(tuple(paid(request=small, number=number) for number in (1, 2)))
    assert ledger.total_cost_usd == Decimal("0.00084")
    assert TABLE.quote("test:critic", ledger.usage, AT).cost == Decimal("0.00156")


def test_usages_add_up_and_a_request_without_one_still_is_a_request() -> None:
    silent = paid("review/attempt:1", RequestUsage(usage=None, model="test:writer"))
    ledger = Ledger((REJECTED, silent, LEGAL))
    assert ledger.usage == Usage(input_tokens=161, output_tokens=53, requests=3)
    assert ledger.total_tokens == 214


def test_an_empty_ledger_has_cost_exactly_nothing() -> None:
    ledger = Ledger()
    assert (ledger.total_cost_usd, ledger.known_cost_usd, ledger.possible_cost_usd) == (Decimal(0),) * 3
    assert (ledger.usage, ledger.unpriced_requests) == (Usage(requests=0), 0)
    assert ledger.cost_by("step") == {}


def test_one_unpriced_request_makes_the_total_unknown_and_keeps_the_rest() -> None:
    ledger = Ledger((REJECTED, paid("review/attempt:1", replace(WRITTEN, model="test:unknown"))))
    assert (ledger.total_cost_usd, ledger.known_cost_usd) == (None, Decimal("0.00104"))
    assert (ledger.possible_cost_usd, ledger.unpriced_requests) == (None, 1)
    assert ledger.cost_by("step") == {"write": Decimal("0.00104"), "review": Decimal(0)}


def test_a_call_lost_after_it_was_sent_counts_at_its_bound_in_what_was_possible() -> None:
    lost = RequestUsage(usage=None, model="test:writer", outcome="in_doubt")
    ledger = Ledger((REJECTED, paid("review/attempt:1", lost, possible_usd=Decimal("0.005"))))
    assert (ledger.total_cost_usd, ledger.known_cost_usd) == (None, Decimal("0.00104"))
    assert (ledger.possible_cost_usd, ledger.unpriced_requests) == (Decimal("0.00604"), 1)


@pytest.mark.parametrize(
    ("bound", "possible"),
    [("0.005", Decimal("0.005")), ("0.0001", Decimal("0.00104")), (None, None)],
)
def test_a_call_in_doubt_that_reported_some_usage_is_known_only_from_below(
    bound: str | None, possible: Decimal | None
) -> None:
    lost = replace(WRITTEN, outcome="in_doubt")
    ledger = Ledger((paid(request=lost, possible_usd=None if bound is None else Decimal(bound)),))
    assert (ledger.total_cost_usd, ledger.known_cost_usd) == (None, Decimal("0.00104"))
    assert ledger.possible_cost_usd == possible


def test_a_known_cost_is_its_own_upper_bound() -> None:
    assert Ledger((paid(possible_usd=Decimal("0.005")),)).possible_cost_usd == Decimal("0.00104")


def test_the_same_entry_again_is_no_second_payment() -> None:
    assert Ledger.of((*STORY.entries, *STORY.entries)) == STORY


def test_the_same_entry_with_other_content_is_an_error_that_names_it() -> None:
    changed = replace(REJECTED, outcome="error")
    with pytest.raises(ValueError, match=r"^two ledger entries share the id 'run/write/attempt:1/request:1'"):
        Ledger.of((REJECTED, changed))


# Properties -----------------------------------------------------------------------------------------------

MODELS = ["test:writer", "test:critic", "test:unknown", None]
GROUPINGS: list[Grouping] = ["step", "model", "outcome", "branch"]


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    entries = []
    for number in range(draw(st.integers(0, 12))):
        usage = draw(st.one_of(st.none(), st.builds(Usage, input_tokens=st.integers(0, 300))))
        request = RequestUsage(
            usage=usage,
            model=draw(st.sampled_from(MODELS)),
            outcome=draw(st.sampled_from(["ok", "error", "timeout", "cancelled", "in_doubt"])),
        )
        path = f"{draw(st.sampled_from(['a', 'b/branch:x/c']))}/attempt:{number}"
        possible = draw(st.one_of(st.none(), st.just(Decimal("0.0113"))))
        branch = draw(st.sampled_from([None, "x"]))
        entries.append(paid(path, request, branch=branch, possible_usd=possible))
    return Ledger(tuple(entries))


@given(ledgers())
def test_every_grouping_adds_up_to_the_same_sum(ledger: Ledger) -> None:
    sums = [sum(ledger.cost_by(grouping).values(), Decimal(0)) for grouping in GROUPINGS]
    assert sums == [ledger.known_cost_usd] * 4


@given(ledgers())
def test_known_is_at_most_total_and_total_at_most_possible(ledger: Ledger) -> None:
    known, total, possible = ledger.known_cost_usd, ledger.total_cost_usd, ledger.possible_cost_usd
    assert total in (None, known)
    assert (total is None) == (ledger.unpriced_requests > 0)
    assert possible is None or known <= possible


@given(ledgers(), st.randoms(use_true_random=False))
def test_replaying_entries_in_any_order_changes_no_sum(ledger: Ledger, order: random.Random) -> None:
    replayed = [*ledger.entries, *ledger.entries]
    order.shuffle(replayed)
    again = Ledger.of(replayed)
    assert sorted(entry.entry_id for entry in again.entries) == sorted(entry.entry_id for entry in ledger.entries)
    assert [again.cost_by(grouping) for grouping in GROUPINGS] == [ledger.cost_by(grouping) for grouping in GROUPINGS]
    assert (again.total_cost_usd, again.possible_cost_usd, again.usage) == (
        ledger.total_cost_usd, ledger.possible_cost_usd, ledger.usage,
    )  # fmt: skip


def many() -> Ledger:
    """10,000 entries whose exact sum needs more digits than the default decimal context keeps."""
    unit = paid()
    costs = [Decimal("0.000000000000000000000000001") * 7, Decimal("1000000.01"), Decimal("0.00104")]
    return Ledger(
        tuple(
            replace(unit, entry_id=f"run/{number}", cost_usd=costs[number % 3], cost_source="provider")
            for number in range(10_000)
        )
    )


@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_entries_in_any_order_give_one_exact_total(seed: int) -> None:
    entries = list(many().entries)
    random.Random(seed).shuffle(entries)
    expected = Decimal("3333000036.796320000000000000000023338")
    assert Ledger.of(entries).total_cost_usd == expected


def test_the_decimal_context_of_the_thread_changes_no_sum() -> None:
    with localcontext() as context:
        context.prec = 3
        ledger = many()
        entry = paid()
        summed = (
            ledger.cost_by("step")["write"],
            STORY.total_cost_usd,
            STORY.possible_cost_usd,
            entry.cost_usd,
        )
    assert summed == (many().total_cost_usd, Decimal("0.003784"), Decimal("0.003784"), Decimal("0.00104"))


def test_a_request_is_priced_by_the_time_it_started() -> None:
    table = PriceTable(
        {"test:writer": [Price(input="3", output="17"), Price(input="5", output="23", starts="2026-05-17")]}
    )
    before = price_entry(
        WRITTEN,
        run_id="run",
        path="write/attempt:1",
        number=1,
        attempt=1,
        requested_at=AT - timedelta(days=1),
        cost_model=table,
    )
    assert (before.cost_usd, paid(cost_model=table).cost_usd) == (Decimal("0.00104"), Decimal("0.00152"))
