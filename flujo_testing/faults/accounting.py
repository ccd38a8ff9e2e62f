"""Faults of accounting: what is booked, what it costs, and what a limit admits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flujo.entries import LedgerEntry
from flujo_testing.faults.fault import Fault
from flujo_testing.faults.seams import lying

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
        "forget_redirected_call", GROUP, "P4", "The call of the agent that a plugin redirected to is not booked.",
        "laws.entries_to_book", TOTAL, lying(entries_to_book=_not_redirected),
    ),
    Fault(
        "forget_cancelled_call", GROUP, "A1", "A paid call that was cancelled is not booked.",
        "laws.entries_to_book", TOTAL, lying(entries_to_book=_not_cancelled),
    ),
    Fault(
        "ignore_limit", GROUP, "A5", "Limits are neither asked before a call nor looked at after it.",
        "laws.admits, laws.passes", LIMITED, lying(admits=_always, passes=_never),
    ),
    Fault(
        "check_then_spend", GROUP, "A5", "A budget forgets what calls that are under way have reserved.",
        "laws.admits", LIMITED, lying(admits=_admits_without_reserved),
    ),
    Fault(
        "zero_limit_is_none", GROUP, "A6", "A limit of 0 is taken for no limit.",
        "laws.passes", LIMITED, lying(passes=_passes_but_zero),
    ),
)  # fmt: skip
