"""The exact values of the run that a test made, put into what the lint says to write."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from flujo.events import Event, Paid, RunEnded
from flujo_testing.lint.finding import Finding
from flujo_testing.lint.origins import Origins
from flujo_testing.lint.scopes import Kind, Scope

LONGEST: Final = 60
_WRITES: Final = re.compile(r"assert (?P<name>[A-Za-z_]\w*)\.(?P<part>\w+) == .*")


def values_of(events: Iterable[Event]) -> dict[str, str]:
    """By name of a part of the result: its value as source, where it is known and short."""
    known: dict[str, str] = {}
    cost: Decimal | None = Decimal(0)
    tokens = 0
    for event in events:
        if isinstance(event, Paid):
            entry = event.entry
            tokens += entry.usage.total_tokens if entry.usage is not None else 0
            in_doubt = entry.cost_usd is None or entry.outcome == "in_doubt"
            cost = None if cost is None or in_doubt else cost + (entry.cost_usd or 0)
        elif isinstance(event, RunEnded):
            known["status"] = _source(event.status)
            if isinstance(event.output, str | int | bool | None) and len(repr(event.output)) <= LONGEST:
                known["output"] = _source(event.output)
    if cost is not None:
        known["total_cost_usd"] = f'Decimal("{cost.normalize():f}")'
    return {**known, "total_tokens": str(tokens)}


def filled_in(
    findings: Iterable[Finding], values: Mapping[str, Sequence[Mapping[str, str]]], origins: Origins
) -> list[Finding]:
    """The findings, with values where a test made one run and all its passes agree; ``values`` is by test."""
    scopes = {scope.name: scope for scope in origins.scopes.every}
    told = []
    for finding in findings:
        match = _WRITES.fullmatch(finding.write)
        seen = {one.get(match["part"]) for one in values.get(finding.test, ())} if match else set()
        value = seen.pop() if len(seen) == 1 else None
        if match and value is not None and _is_the_run(match["name"], scopes[finding.test], origins):
            equal = "is None" if value == "None" else f"== {value}"
            finding = replace(finding, write=f"assert {match['name']}.{match['part']} {equal}")
        told.append(finding)
    return told


def _is_the_run(name: str, scope: Scope, origins: Origins) -> bool:
    """Whether a name was bound once, to what running a pipeline returned."""
    values = scope.values.get(name, [])
    if len(values) != 1:
        return False
    value = values[0].value if isinstance(values[0], ast.Await) else values[0]
    return isinstance(value, ast.Call) and origins.kind(value.func, scope) is Kind.RUN


def _source(value: object) -> str:
    """As ruff and black write it."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text
