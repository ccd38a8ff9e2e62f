"""Two stories of one run as one tree of parts, each with what it was before and what it is now. It draws nothing.

The order is that of the run's structure: a part that only one story has stands where that story has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from flujo.money import total, usd
from flujo_testing.golden.limits import Refused
from flujo_testing.golden.parsing import plain_data
from flujo_testing.review.edits import merged_keys
from flujo_testing.transcript.yaml import on_one_line

MAX_DEPTH: Final = 24
"""Parts that lie deeper are drawn as one."""

_PART: Final = re.compile(r"(attempt|branch|fallback|item|iteration|plugin|redirect|step) (.*)", re.DOTALL)
_FAILED: Final = ("error", "timeout", "overrun", "invalid", "refused", "cancelled", "limited", "not_admitted")
_HEAD: Final = frozenset({"format", "owner", "name", "result", "steps"})
_OF_A_PART: Final = frozenset({"kind", "status", "original_error", "unfinished", "not_started", "failed", "stopped"})
"""Facts that stand in the heading of a step; all others are blocks of their own."""

_TONES: Final = {
    "completed": "good",
    "accepted": "good",
    "answered": "good",
    "failed": "bad",
    "error": "bad",
    "crashed": "bad",
    "invalid": "bad",
    "refused": "bad",
    "aborted": "bad",
    "rejected": "warn",
    "timeout": "warn",
    "overrun": "warn",
    "limited": "warn",
    "failed, ignored": "warn",
    "stopped, ignored": "off",
    "not admitted": "warn",
    "cancelled": "off",
    "stopped": "off",
    "unfinished": "bad",
    "redirected": "turn",
    "replaced": "turn",
    "fallback": "turn",
    "paused": "wait",
}

Facts = Mapping[str, Any]
Sides = tuple[Facts | None, Facts | None]
"""A section before and after; None where there is none."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a run in one of its two stories. ``facts``: every fact on one line, by its name.

    ``words`` is what a reader wants to know first, ``usd`` what it has paid (None: it asked for no money).
    """

    outcome: str
    words: str
    usd: Decimal | None
    facts: Mapping[str, str]

    @property
    def tone(self) -> str:
        return _TONES.get(self.outcome, "plain")


@dataclass(frozen=True, slots=True)
class Part:
    """A step, an attempt, a plugin's verdict, ...: what it was and what it is; one of both may be missing.

    ``at_once``: the branches or items in it ran beside each other. ``differs``: it, or a part of it, has changed.
    """

    kind: str
    title: str
    before: Block | None
    after: Block | None
    inner: tuple[Part, ...]
    at_once: bool
    differs: bool

    @property
    def change(self) -> str:
        """``new``, ``gone``, ``changed``, or empty; of the parts in it nothing is said."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        return "" if self.before == self.after else "changed"


def timeline(before: str | None, after: str | None) -> tuple[Part, ...] | None:
    """The parts of a run from the texts of two goldens; None where one of them is no story."""
    was, now = (None if text is None else _story(text) for text in (before, after))
    if (was is None and before is not None) or (now is None and after is not None):
        return None
    start = _leaf("start", "start", (_start(was), _start(now)))
    steps = _steps(_of(was, "steps"), _of(now, "steps"))
    return (start, *steps, _leaf("end", "result", (_of(was, "result"), _of(now, "result"))))


def _story(text: str) -> Facts | None:
    try:
        data = plain_data(text)
    except Refused:
        return None
    return data if isinstance(data, dict) and isinstance(data.get("steps", {}), dict) else None


def _start(story: Facts | None) -> Facts | None:
    return None if story is None else {key: value for key, value in story.items() if key not in _HEAD}


def _of(story: Facts | None, key: str) -> Facts | None:
    return None if story is None else _table(story.get(key, {}))


def _table(value: object) -> Facts:
    return value if isinstance(value, dict) else {"": value}


def _steps(before: Facts | None, after: Facts | None) -> Iterator[Part]:
    for name in merged_keys(before or {}, after or {}):
        yield _part("step", name, (_section(before, name, "step"), _section(after, name, "step")), 0)


def _inner(sides: Sides, depth: int) -> Iterator[Part]:
    """The parts of a section in order; of one that is new or gone all are."""
    before, after = sides
    for key in merged_keys(before or {}, after or {}):
        if key not in _OF_A_PART:
            match = _PART.fullmatch(key)
            kind, name = (match[1], match[2]) if match else ("fact", key)
            yield _part(kind, name, (_section(before, key, kind), _section(after, key, kind)), depth)


def _section(around: Facts | None, key: str, kind: str) -> Facts | None:
    """What a section holds below a key, as a table; None where it has no such key."""
    if around is None or key not in around:
        return None
    value = around[key]
    if kind == "fact":
        return {key: value}
    return {"accepted": True} if kind == "plugin" and value == "accepted" else _table(value)


def _part(kind: str, name: str, sides: Sides, depth: int) -> Part:
    title = name if kind in ("step", "fact") else f"{kind} {name}"
    if kind in ("fact", "plugin") or depth == MAX_DEPTH:
        return _leaf(kind, title, sides)
    is_ask = kind in ("attempt", "redirect")
    inner = tuple(_inner(_each(sides, _parts) if is_ask else sides, depth + 1))
    before, after = (
        None if side is None else _block(kind, _facts(side) if is_ask else _heading(side), side) for side in sides
    )
    at_once = any(side is not None and side.get("kind") == "map_at_once" for side in sides)
    return Part(kind, title, before, after, inner, at_once, before != after or any(part.differs for part in inner))


def _leaf(kind: str, title: str, sides: Sides) -> Part:
    before, after = (None if side is None else _block(kind, side, side) for side in sides)
    return Part(kind, title, before, after, (), False, before != after)


def _each(sides: Sides, pick: Callable[[Facts], Facts]) -> Sides:
    before, after = sides
    return None if before is None else pick(before), None if after is None else pick(after)


def _parts(section: Facts) -> Facts:
    """The parts that lie in an ask: verdicts and redirects."""
    return {key: value for key, value in section.items() if _PART.fullmatch(key)}


def _facts(section: Facts) -> Facts:
    """What an ask tells itself."""
    return {key: value for key, value in section.items() if not _PART.fullmatch(key)}


def _heading(section: Facts) -> Facts:
    """What stands in the heading of a step."""
    return {key: value for key, value in section.items() if key in _OF_A_PART}


# One side of a part -------------------------------------------------------------------------------------


def _block(kind: str, own: Facts, whole: Facts) -> Block:
    facts = {key: on_one_line(value) for key, value in own.items()}
    return Block(_outcome(kind, whole), _words(kind, own), _paid(own), facts)


def _outcome(kind: str, section: Facts) -> str:
    if kind in ("attempt", "redirect"):
        failed = next((key for key in _FAILED if key in section), None)
        return failed.replace("_", " ") if failed else _judged(section)
    if kind == "plugin":
        return _verdict(section)
    if kind == "fact":
        return "answered" if "answer" in section else ""
    if "unfinished" in section or "not_started" in section:
        return "unfinished"
    ignored = next((key for key in ("failed", "stopped") if key in section), None)
    if ignored is not None:
        return f"{ignored}, ignored"
    if isinstance(status := section.get("status"), str):
        return status
    return "fallback" if kind == "fallback" else ""


def _judged(section: Facts) -> str:
    """What came of a draft: the verdict of the plugin that decided."""
    for key, value in section.items():
        if key.startswith("plugin ") and (verdict := _verdict(_table(value))) not in ("accepted", ""):
            return verdict
    return "answered" if "output" in section else ""


def _verdict(section: Facts) -> str:
    for key, outcome in (("crashed", "crashed"), ("redirect_to", "redirected"), ("rejected", "rejected")):
        if key in section:
            return outcome
    return "replaced" if "replaced" in section else "accepted" if section.get("accepted") is True else ""


def _words(kind: str, own: Facts) -> str:
    """The line below the title."""
    if kind == "fact":
        return ", ".join(on_one_line(value) for value in own.values())
    first = {
        "start": ("input",),
        "end": ("error", "output"),
        "plugin": ("crashed", "rejected", "redirect_to", "feedback", "replaced"),
        "fallback": ("original_error",),
    }.get(kind, (*_FAILED, "output"))
    return next((on_one_line(own[key]) for key in first if key in own and own[key] is not True), "")


def _paid(own: Facts) -> Decimal | None:
    """What the payments that are told here come to; None where there is none with a known amount."""
    if isinstance(spent := own.get("spent"), dict):
        return _amount(spent.get("usd"))
    told = [own[key] for key in ("paid", "paid_too_late") if key in own]
    payments = [one for payment in told for one in (payment if isinstance(payment, list) else [payment])]
    amounts = [_amount(one.get("usd")) for one in payments if isinstance(one, dict)]
    known = [amount for amount in amounts if amount is not None]
    return total(known) if known else None


def _amount(told: object) -> Decimal | None:
    try:
        return usd(told) if isinstance(told, str) else None
    except ValueError:
        return None
