"""Faults of accounting: what is booked, what it costs, and what a limit admits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flujo import AgentOutput, CostModel, RequestUsage, Usage
from flujo.entries import LedgerEntry, entry_id
from flujo.events import CacheHit, FellBack, Paid
from flujo.money import ZERO, add, total
from flujo.prices import Quote
from flujo.usage import added
from flujo_testing.faults.fault import Fault, Reach
from flujo_testing.faults.logs import Record, path_of, telling, told_by
from flujo_testing.faults.seams import lying, noting

Entries = tuple[LedgerEntry, ...]
GROUP = "accounting"
TOTAL = "assert result.total_cost_usd == Decimal(...)"
LIMITED = 'assert result.status == "limited"'


def _ok_only(entries: Entries) -> Entries:
    return tuple(entry for entry in entries if entry.outcome == "ok")


def _not_redirected(entries: Entries) -> Entries:
    return tuple(entry for entry in entries if "/redirect:" not in entry.path)


def _not_cancelled(entries: Entries) -> Entries:
    return tuple(entry for entry in entries if entry.outcome != "cancelled")


def _fallbacks_twice(entries: Entries) -> Entries:
    again = (replace(entry, entry_id=f"{entry.entry_id}/again") for entry in entries if "/fallback:" in entry.path)
    return (*entries, *again)


def _without_primaries(records: list[Record]) -> list[Record] | None:
    saved = {path_of(record) for record in records if record[0] is FellBack}
    told = [record for record in records if record[0] is not Paid or record[4].step not in saved]
    return told if saved else None


def _cached_at_full_price(reach: Reach) -> Callable[..., Quote]:
    def quote(prices: CostModel, model: str, usage: Usage, at: datetime, context: str | None) -> Quote:
        if usage.cache_read_tokens:
            reach.note()
        return prices.quote(model, replace(usage, cache_read_tokens=0, cache_audio_read_tokens=0), at, context)

    return quote


def _one_request(reach: Reach) -> Callable[..., tuple[RequestUsage, ...]]:
    def summed(requests: tuple[RequestUsage, ...]) -> tuple[RequestUsage, ...]:
        usages = [request.usage for request in requests if request.usage is not None]
        if len(requests) < 2 or len(usages) < len(requests):
            return requests
        reach.note()
        costs = [request.cost_usd for request in requests if request.cost_usd is not None]
        tools = sum(request.tool_calls for request in requests)
        return (replace(requests[0], usage=added(usages), cost_usd=total(costs) if costs else None, tool_calls=tools),)

    return summed


def _stream_twice(chunks: list[str], last: AgentOutput[Any] | None) -> object:
    if last is None or last.usage is None:
        return "".join(chunks) if last is None else last
    return replace(last, usage=replace(added([last.usage, last.usage]), requests=last.usage.requests))


def _hits_billed(records: list[Record]) -> list[Record] | None:
    told: list[Record] = []
    for record in records:
        told.append(record)
        if record[0] is CacheHit:
            told.append([Paid, *record[1:4], _bill(f"{path_of(record)}/attempt:1")])
    return told if len(told) > len(records) else None


def _bill(path: str) -> LedgerEntry:
    return LedgerEntry(
        entry_id=entry_id("cache", path, 1), path=path, branch=None, attempt=1, provider=None, model=None,
        requested_at=datetime.fromtimestamp(0, UTC), usage=None, usage_source="absent", table_id=None, line_items=(),
        cost_usd=Decimal("0.01"), cost_source="provider", provider_cost_usd=Decimal("0.01"), possible_usd=None,
        outcome="ok",
    )  # fmt: skip


def _with_former_runs() -> Callable[[list[Record]], list[Record] | None]:
    spent = ZERO

    def accumulated(records: list[Record]) -> list[Record] | None:
        nonlocal spent
        paid = [record for record in records if record[0] is Paid and record[4].cost_usd is not None]
        if not paid:
            return None
        before, spent = spent, add(spent, total(record[4].cost_usd for record in paid))
        if not before:
            return None
        paid[0][4] = replace(paid[0][4], cost_usd=add(paid[0][4].cost_usd, before))
        return records

    return accumulated


def _no_budget_around(budget: object) -> None:
    return None


def _passes_but_zero(spent: Decimal, limit: Decimal) -> bool:
    return bool(limit) and spent > limit


def _admits_without_reserved(spent: Decimal, reserved: Decimal, bound: Decimal, limit: Decimal) -> bool:
    return spent + bound <= limit


def _never(*_: Any) -> bool:
    return False


def _always(*_: Any) -> bool:
    return True


ACCOUNTING = (
    Fault(
        "drop_failed_attempt_cost", GROUP, "A1", "A request that failed is not booked.",
        "laws.entries_to_book", TOTAL, lying(entries_to_book=_ok_only),
    ),
    Fault(
        "drop_primary_cost_on_fallback", GROUP, "P7", "What a step has paid is dropped when its fallback answers.",
        "laws.log_of_run", TOTAL, telling(_without_primaries),
    ),
    Fault(
        "charge_fallback_twice", GROUP, "A1", "What a fallback has paid is booked twice.",
        "laws.entries_to_book", TOTAL, lying(entries_to_book=_fallbacks_twice),
    ),
    Fault(
        "misprice_cached_tokens", GROUP, "A3", "Tokens read from the provider's cache are billed at the full price.",
        "laws.quote", TOTAL, noting(quote=_cached_at_full_price),
    ),
    Fault(
        "price_sum_of_requests", GROUP, "A1", "The requests of one call are priced as if they were a single one.",
        "laws.requests_to_book", "assert [entry.cost_usd for entry in result.ledger.entries] == [...]",
        noting(requests_to_book=_one_request),
    ),
    Fault(
        "count_streamed_usage_twice", GROUP, "P7", "The usage at the end of a stream is counted twice.",
        "laws.answer_of_stream", TOTAL, lying(answer_of_stream=_stream_twice),
    ),
    Fault(
        "bill_cache_hit", GROUP, "A8", "A result that comes from the cache is billed.",
        "laws.log_of_run", TOTAL, telling(_hits_billed),
    ),
    Fault(
        "forget_redirected_call", GROUP, "P4", "The call of the agent that a plugin redirected to is not booked.",
        "laws.entries_to_book", TOTAL, lying(entries_to_book=_not_redirected),
    ),
    Fault(
        "forget_cancelled_call", GROUP, "A1", "A paid call that was cancelled is not booked.",
        "laws.entries_to_book", "assert [entry.outcome for entry in result.ledger.entries] == [...]",
        lying(entries_to_book=_not_cancelled),
    ),
    Fault(
        "ignore_limit", GROUP, "A5", "Limits are neither asked before a call nor looked at after it.",
        "laws.admits, laws.passes", LIMITED, lying(admits=_always, passes=_never),
    ),
    Fault(
        "check_then_spend", GROUP, "A5", "A budget forgets what calls that are under way have reserved.",
        "laws.admits", TOTAL, lying(admits=_admits_without_reserved),
    ),
    Fault(
        "zero_limit_is_none", GROUP, "A6", "A limit of 0 is taken for no limit.",
        "laws.passes", LIMITED, lying(passes=_passes_but_zero),
    ),
    Fault(
        "limit_not_nested", GROUP, "A7", "Nested runs, pipelines and steps do not draw on the limits around them.",
        "laws.budget_around", LIMITED, lying(budget_around=_no_budget_around),
    ),
    Fault(
        "accumulate_over_runs", GROUP, "A9", "What former runs have cost is counted in this one, too.",
        "laws.log_of_run", TOTAL, noting(log_of_run=lambda reach: told_by(_with_former_runs())(reach)),
    ),
)  # fmt: skip
