"""Law C4 a second time: how contexts of branches join the one they started from. Plain dicts and lists, no engine."""

from __future__ import annotations

import json
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from tests.oracle import deeds

ABSENT = object()
FUNCTIONS = ("longest", "broken")
Contexts = list[tuple[str, SimpleNamespace]]
Claims = list[tuple[str, Any]]
Changes = tuple[tuple[str, Any, Any], ...]
Sources = tuple[tuple[str, tuple[str, ...]], ...]


class Conflict(Exception):
    """Two branches changed one thing differently; the message says which, and how."""


def differs(a: Any, b: Any) -> bool:
    """Whether two values have different canonical JSON: the order of keys is nothing."""
    return a is not b if a is ABSENT or b is ABSENT else json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True)


def changes(before: SimpleNamespace, after: SimpleNamespace) -> Changes:
    """Field, before, after; what a user can see counts, so the order of keys as well."""
    rows = [(name, getattr(before, name), getattr(after, name)) for name in deeds.FIELDS]
    return deepcopy(tuple(row for row in rows if json.dumps(row[1]) != json.dumps(row[2])))


def merged(
    base: SimpleNamespace, branches: Contexts, strategy: str, fields: tuple[str, ...]
) -> tuple[SimpleNamespace, Sources]:
    """The context after its branches, which are in declared order. Raises Conflict, or what a merge function raises."""
    after, sources = deepcopy(base), []
    made = deeds.longest(base, dict(branches)) if strategy == "longest" else {}
    if strategy == "broken":
        raise KeyError("winner")
    for name in deeds.FIELDS if strategy != "no_merge" else ():
        before = getattr(base, name)
        claims = [(branch, deepcopy(getattr(context, name))) for branch, context in branches]
        claims = [(branch, now) for branch, now in claims if differs(before, now)]
        if strategy == "longest":
            setattr(after, name, deepcopy(made.get(name, before)))
            changed = name in fields and differs(before, getattr(after, name))
        else:
            claims = {"overwrite": claims[-1:], "keep_first": claims[:1]}.get(strategy, claims)
            changed = bool(claims) and name in fields
            if changed:
                setattr(after, name, joined(f"$.{name}", before, claims))
        if changed:
            sources.append((name, tuple(branch for branch, _ in claims)))
    return after, tuple(sources)


def joined(path: str, before: Any, claims: Claims) -> Any:
    """What becomes of one value that at least one branch changed."""
    values = [now for _, now in claims]
    if len(claims) == 1:
        return values[0]
    if all(isinstance(now, dict) for now in (before, *values)):
        return joined_dicts(path, before, claims)
    if isinstance(before, list) and all(
        isinstance(now, list) and not differs(before, now[: len(before)]) for now in values
    ):
        return [*before, *(item for now in values for item in now[len(before) :])]
    if not any(differs(values[0], now) for now in values):
        return values[0]
    told = ", ".join(f"branch '{branch}' has {'<absent>' if now is ABSENT else repr(now)}" for branch, now in claims)
    raise Conflict(f"{path} was changed differently: {told}")


def joined_dicts(path: str, before: dict[str, Any], claims: Claims) -> dict[str, Any]:
    after = dict(before)
    for key in dict.fromkeys(key for each in (before, *(now for _, now in claims)) for key in each):
        was = before.get(key, ABSENT)
        inner = [(branch, now.get(key, ABSENT)) for branch, now in claims if differs(was, now.get(key, ABSENT))]
        value = joined(f"{path}.{key}", was, inner) if inner else was
        if value is ABSENT:
            after.pop(key, None)
        else:
            after[key] = value
    return after
