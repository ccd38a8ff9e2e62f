"""What agents, plugins and user functions of a random pipeline do: pure functions of what they are given.

The model and the real agents both ask here. A context is anything with the fields of ``fresh_context`` as attributes.
"""

from __future__ import annotations

import json
import zlib
from copy import deepcopy
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.oracle.pipelines import Agent, Call, Rule, Verdict, Write

FIELDS = ("log", "notes", "pages", "winner", "count")
Context = Any
Told = tuple[tuple[str, str, int], ...]
"""Feedback, oldest first: plugin, what it said, of which attempt."""


def fresh_context(log: tuple[str, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(log=list(log), notes={}, pages={}, winner="", count=0)


def turn(path: str) -> int:
    """Which turn of its script somebody plays at this path, from 0."""
    numbers = (segment.split(":") for segment in path.split("/") if ":" in segment)
    return sum(int(number) for kind, number in numbers if kind in ("attempt", "iteration", "item")) - 1


def seconds(lasts: int | None, path: str, tempo: int) -> float:
    """How long the ask at a path takes: a time of its own, so that no two end at once; None is no time at all.

    In another ``tempo`` than 0 all asks take some other time.
    """
    if tempo:
        return 0.001 + zlib.crc32(f"{tempo} {path}".encode()) % 5003 / 1024
    return 0.0 if lasts is None else lasts + zlib.crc32(path.encode()) % 1021 / 1024


def call_of(agent: Agent, path: str) -> Call:
    return agent.calls[turn(path) % len(agent.calls)]


def short(value: Any) -> str:
    return json.dumps(value)[-40:]


def exact(amount: Decimal | None) -> str | None:
    """An amount as text that is equal for equal amounts."""
    return None if amount is None else f"{amount.normalize():f}"


def write(context: Context, writes: tuple[Write, ...]) -> None:
    for one in writes:
        match one.how:
            case "append":
                context.log.append(one.value)
            case "drop":
                del context.log[:1]
            case "clear":
                context.log = []
            case "winner":
                context.winner = one.value
            case "note":
                context.notes[one.key] = one.value
            case "unnote":
                context.notes.pop(one.key, None)
            case "page":
                context.pages.setdefault(one.key, []).append(one.value)
            case "count":
                context.count += len(one.value)


def look(context: Context) -> str:
    return short([getattr(context, field) for field in FIELDS])


def answer(agent: Agent, call: Call, value: Any, context: Context | None, feedback: Told | None) -> Any:
    """What an agent answers; it may spoil its input, which is its own."""
    match call.answer:
        case "echo":
            return value
        case "const":
            return deepcopy(call.value)
        case "update":
            return {"winner": deepcopy(call.value), "count": 7}
        case "spoil":
            return spoil(value)
        case "look" if context is not None:
            return look(context)
    told = "".join(f" {plugin}{attempt}:{text[-20:]}" for plugin, text, attempt in feedback or ())
    return f"{agent.name}({short(value)}{told})"


def spoil(value: Any) -> Any:
    """Change a value in place as far as it can be changed."""
    if isinstance(value, list):
        value.append("spoilt")
    elif isinstance(value, dict):
        for inner in value.values():
            spoil(inner)
        value["spoilt"] = True
    return value


def feedback_of(verdict: Verdict, output: Any, value: Any, attempt: int, told: Told) -> str | None:
    """A reason that shows everything in the draft; None if the plugin gives none."""
    if verdict.feedback is None:
        return None
    return f"{verdict.feedback} {attempt}.{len(told)} {short(output)[-15:]} {short(value)[-15:]}"


def decide(rule: Rule, value: Any, context: Context, **extras: Any) -> Any:
    """What a user function returns. ``context`` is None for one that does not take it."""
    match rule.how:
        case "const":
            return deepcopy(rule.value)
        case "keep":
            return value
        case "wrap":
            return f"<{short(value)}>"
        case "log":
            return short(context.log)
        case "size":
            return deepcopy(rule.value)[len(short(value)) % len(rule.value)]
        case "by_log":
            return deepcopy(rule.value)[len(context.log) % len(rule.value)]
        case "told":
            return f"{extras['iteration']} {short(extras['input'])} {short(value)}"
        case "from":
            return extras["iteration"] >= rule.value
        case "spoil":
            spoil(value)
            if context is not None:
                context.log.append("spoilt")
            return deepcopy(rule.value)
    raise ZeroDivisionError("decision")


def longest(base: Context, branches: dict[str, Context]) -> dict[str, Any]:
    """A merge function: the longest log of a branch, and how many branches there were."""
    logs = [branch.log for branch in branches.values()]
    return {"log": max(logs, key=len, default=base.log), "count": len(logs)}
