"""What was paid, as a story tells it. Ids, times and the composition of a price are left out."""

from __future__ import annotations

import re
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

from flujo.entries import LedgerEntry
from flujo.events import LimitPassed, NotAdmitted
from flujo.execution.ledger import Ledger
from flujo.money import show_usd
from flujo.usage import Usage

UNKNOWN: Final = "unknown"
ASK: Final = re.compile(
    r"(?P<step>.*)/attempt:(?P<attempt>\d+)(?:/redirect:(?P<hop>\d+))?(?:/plugin:(?P<plugin>.*))?", re.S
)
"""The parts of the path of an ask."""

_BRANCH: Final = re.compile(r"(?:.*/)?branch:[^/]*", re.S)

_KINDS: Final = tuple(
    (field.name, field.name.removesuffix("_tokens")) for field in fields(Usage) if field.name != "requests"
)
KIND_SUMS: Final = {name: field for field, name in _KINDS}
"""What a payment calls the kinds of tokens, and what their sums are called."""
KINDS: Final = frozenset(KIND_SUMS)

_ALWAYS: Final = frozenset({"input", "output"})


def payment(entry: LedgerEntry, number: int) -> dict[str, Any]:
    """One entry of the ledger, the ``number``-th of its ask: model, what it used, what it cost, how it ended.

    What follows from the place where it stands, or is the rule (priced by table, reported by the provider,
    outcome ok), is told only where it is otherwise.
    """
    told: dict[str, Any] = {} if entry.model is None else {"model": entry.model}
    told |= {"usage": "absent"} if entry.usage is None else counts(entry.usage)
    if entry.other_usage:
        told["other"] = {name: show_usd(amount) for name, amount in entry.other_usage}
    told["usd"] = usd(entry.cost_usd)
    return told | _exceptions(entry) | _misplacements(entry, number)


def counts(usage: Usage) -> dict[str, int]:
    """Input and output tokens, and whatever else is not 0."""
    told = {name: n for field, name in _KINDS if (n := getattr(usage, field)) or name in _ALWAYS}
    return told if usage.requests == 1 else told | {"requests": usage.requests}


def spent(ledger: Ledger) -> dict[str, Any]:
    """What the whole run has used and cost."""
    told: dict[str, Any] = {"usd": usd(ledger.total_cost_usd)}
    if ledger.unpriced_requests:
        told["known_usd"] = usd(ledger.known_cost_usd)
        told["possible_usd"] = usd(ledger.possible_cost_usd)
        told["unpriced_requests"] = ledger.unpriced_requests
    usages = [entry.usage for entry in ledger.entries if entry.usage is not None]
    told["requests"] = sum(usage.requests for usage in usages) + len(ledger.entries) - len(usages)
    sums = [(field, name, sum(getattr(usage, field) for usage in usages)) for field, name in _KINDS]
    return told | {field: total for field, name, total in sums if total or name in _ALWAYS}


def not_admitted(event: NotAdmitted) -> dict[str, Any]:
    """What a call might have taken, and what its limit had left."""
    bound = "unbounded" if event.bound is None else _amount(event.dimension, event.bound)
    unit = _unit(event.dimension)
    left, limit = (_amount(event.dimension, amount) for amount in (event.left, event.limit))
    return {f"bound_{unit}": bound, f"left_{unit}": left, f"limit_{unit}": limit}


def limit_passed(event: LimitPassed) -> dict[str, Any]:
    unit = _unit(event.dimension)
    passed, limit = (_amount(event.dimension, amount) for amount in (event.spent, event.limit))
    return {f"spent_{unit}": passed, f"limit_{unit}": limit}


def usd(amount: Decimal | None) -> str:
    """In plain digits; ``unknown`` is not 0."""
    return UNKNOWN if amount is None else show_usd(amount)


def _exceptions(entry: LedgerEntry) -> dict[str, Any]:
    told: dict[str, Any] = {}
    estimated = entry.usage_source == "estimate"
    if estimated:
        told["usage_from"] = "estimate"
    if entry.cost_source not in ("estimate" if estimated else "table", "unpriced"):
        told["usd_from"] = entry.cost_source
    if entry.provider_cost_usd is not None and (entry.cost_source, entry.cost_usd) != (
        "provider",
        entry.provider_cost_usd,
    ):
        told["provider_usd"] = usd(entry.provider_cost_usd)
    if entry.uncertain and entry.possible_usd is not None:
        told["possible_usd"] = usd(entry.possible_usd)
    if entry.outcome != "ok":
        told["outcome"] = entry.outcome
    return told


def _misplacements(entry: LedgerEntry, number: int) -> dict[str, Any]:
    """Facts that contradict the place where the entry stands: empty unless the engine is wrong."""
    told: dict[str, Any] = {}
    ask = ASK.fullmatch(entry.path)
    if ask is None or int(ask["attempt"]) != entry.attempt:
        told["attempt"] = entry.attempt
    if entry.branch != branch_of(entry.path):
        told["branch"] = entry.branch
    if entry.provider != _provider(entry.model):
        told["provider"] = entry.provider
    if not entry.entry_id.endswith(f"/{entry.path}/request:{number}"):
        told["request"] = entry.entry_id.rpartition(":")[2]
    return told


def branch_of(path: str) -> str | None:
    """The path of the innermost branch that a path leads through."""
    found = _BRANCH.match(path)
    return None if found is None else found[0]


def _provider(model: str | None) -> str | None:
    return model.partition(":")[0] if model is not None and ":" in model else None


def _unit(dimension: str) -> str:
    return "usd" if dimension == "cost_usd" else dimension


def _amount(dimension: str, amount: Decimal | int) -> str | int:
    return show_usd(Decimal(amount)) if dimension == "cost_usd" else int(amount)
