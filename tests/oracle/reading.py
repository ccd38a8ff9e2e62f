"""Reads what the engine did into the oracle's plain words: events and entries as tuples, errors by their gist."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from pydantic import BaseModel

from flujo import PipelineResult, Rejection
from flujo.entries import LedgerEntry
from flujo.events import Event, RunResumed
from tests.oracle import deeds
from tests.oracle.model import Outcome

FAILED = re.compile(r"step '([^']+)' failed( before it was asked| after (\d+) attempts?)?: (.*)", re.DOTALL)
GISTS: tuple[tuple[str, Any], ...] = (
    (r"plugin '(\w+)' rejected the last draft: (.*)", lambda m: ("rejected", m[1], m[2])),
    (r"one attempt was redirected in a circle: (.*)", lambda m: ("circle", *m[1].split(" -> "))),
    (r"(\$.* was changed differently: .*)\. Choose .*", lambda m: m[1]),
    (r"the output (has .*no such field|is of type|does not fit).*", lambda m: "context update"),
    (r"(condition|select|items|message|exit_condition|\w+_mapper) (raised|returned) .*", lambda m: ("decision", m[1])),
    (
        r"(?:condition|select) chose (.*), but the branches are: .*",
        lambda m: ("unknown branch", *literal_eval(m[1] + ",")),
    ),
    (r"the exit condition was not met within (\d+) iterations .*", lambda m: ("max loops", int(m[1]))),
    (r".* passed a limit: .*|\S+ may (cost|use) .* left", lambda m: "limited"),
    (r"no price for model '([^']*)': .*", lambda m: ("unpriced", m[1])),
    (r"cancelled|another branch has ended the parallel step.*", lambda m: "cancelled"),
)
"""What the engine's sentences say, as the oracle says it."""


def differences(result: PipelineResult, outcome: Outcome) -> list[str]:
    """What the engine did otherwise than the oracle foretold; the first event that differs says most."""
    found = []
    for name, did, should in (
        ("event", told(result.transcript), outcome.events),
        ("entry", [entry_of(entry) for entry in result.ledger.entries], outcome.entries),
        ("status", [result.status], [outcome.status]),
        ("output", [result.output], [outcome.output]),
        ("error", [None if result.error is None else gist(str(result.error))], [outcome.error]),
        ("context", list(plain(result.context).items()), list(outcome.context.items())),
    ):
        pairs = zip_longest(did, should, fillvalue="nothing")
        rows = [(number, a, b) for number, (a, b) in enumerate(pairs) if repr(a) != repr(b)]
        found += [f"{name} {number}: the engine has {a!r}, the oracle {b!r}" for number, a, b in rows[:1]]
    return found + wrong_sums(result, outcome)


def wrong_sums(result: PipelineResult, outcome: Outcome) -> list[str]:
    """Totals of the result that are not the oracle's entries added up."""
    costs = [entry[6] for entry in outcome.entries]
    known = sum((cost for cost in costs if cost is not None), Decimal(0))
    lost = any(entry[7] == "in_doubt" for entry in outcome.entries)
    tokens = sum(sum(entry[5] or ()) for entry in outcome.entries)
    sums: dict[str, tuple[Any, Any]] = {
        "total_cost_usd": (result.total_cost_usd, None if None in costs or lost else known),
        "known_cost_usd": (result.ledger.known_cost_usd, known),
        "total_tokens": (result.total_tokens, tokens),
        "requests": (result.usage.requests, len(costs)),
    }
    for grouping, column in (("step", None), ("model", 4), ("branch", 3), ("outcome", None)):
        by = result.cost_by(grouping)  # type: ignore[arg-type]
        sums[f"cost by {grouping}"] = (sum(by.values(), Decimal(0)), known)
        if column is not None:
            own: dict[str, Decimal] = {}
            for entry in outcome.entries:
                own[entry[column] or ""] = own.get(entry[column] or "", Decimal(0)) + (entry[6] or 0)
            sums[f"cost by each {grouping}"] = (by, own)
    return [f"{name} is {a!r}, the entries add up to {b!r}" for name, (a, b) in sums.items() if a != b]


def told(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    """Events as tuples; that a run was resumed is no part of what the oracle foretells."""
    return [
        (type(event).__name__, event.step, *_fields_of(event)) for event in events if not isinstance(event, RunResumed)
    ]


def _fields_of(event: Event) -> Iterable[Any]:
    for each in fields(event):
        if each.name not in ("step", "at") and (each.name != "key" or event.__class__.__name__[:5] != "Cache"):
            value = getattr(event, each.name)
            yield gist(value) if each.name == "error" and value is not None else plain(value)


def plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Rejection):
        return (value.plugin, value.feedback, value.attempt)
    if isinstance(value, LedgerEntry):
        return entry_of(value)
    if isinstance(value, Decimal):
        return deeds.exact(value)
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def entry_of(entry: LedgerEntry) -> tuple[Any, ...]:
    number = int(entry.entry_id.rpartition(":")[2])
    usage = entry.usage
    tokens = None if usage is None else (usage.input_tokens, usage.output_tokens)
    cost = None if entry.cost_usd is None else entry.cost_usd.normalize()
    return entry.path, number, entry.attempt, entry.branch, entry.model, tokens, cost, entry.outcome


def gist(text: str) -> Any:
    if found := FAILED.fullmatch(text):
        path, when, attempts, why = found.groups()
        return ("failed", path, int(attempts or 0) if when else None, gist(why))
    for pattern, meaning in GISTS:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return meaning(found)
    return text
