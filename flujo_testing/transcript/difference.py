"""One thing in which two stories differ, and how values are shown in a line of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flujo.canonical import path_segment
from flujo.structure import MISSING
from flujo_testing.transcript.plain import is_mark, same
from flujo_testing.transcript.yaml import on_one_line

WIDTH: Final = 80
"""Characters of a value that are shown."""

_AROUND: Final = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """``kind`` says what changed (``paid``, ``feedback``, ...), ``path`` where (engine path; empty: the run).

    ``before`` and ``after`` are plain data, MISSING where there was or is nothing. ``text`` says it in one
    line.
    """

    kind: str
    path: str
    before: Any
    after: Any
    text: str

    def __str__(self) -> str:
        return self.text


def leaves(before: Any, after: Any, inner: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two different values differ, as (path within them, before, after).

    MISSING for both says that the keys there are in another order.
    """
    if _is_table(before) and _is_table(after):
        yield from _leaves_of_tables(before, after, inner)
    elif type(before) is list and type(after) is list:
        yield from _leaves_of_lists(before, after, inner)
    else:
        yield inner, before, after


def in_another_order(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether the keys that two tables share have different orders."""
    return [key for key in before if key in after] != [key for key in after if key in before]


def arrow(before: Any, after: Any) -> str:
    """``"a" -> "b"``; of long values the part where they begin to differ."""
    left, right = shown(before), shown(after)
    if max(len(left), len(right)) > WIDTH:
        pairs = zip(left, right, strict=False)
        start = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))
        left, right = (_cut(text, max(0, start - _AROUND)) for text in (left, right))
    return f"{left} -> {right}"


def shown(value: Any) -> str:
    """The value on one line, however long; ``nothing`` where there is none."""
    return "nothing" if value is MISSING else on_one_line(value)


def short(value: Any) -> str:
    """The value on one line, its end left out if it is long."""
    return _cut(shown(value), 0)


def _cut(text: str, start: int) -> str:
    end = start + WIDTH
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"


def _leaves_of_tables(before: dict[str, Any], after: dict[str, Any], inner: str) -> Iterator[tuple[str, Any, Any]]:
    for key in {**before, **after}:
        was, now = before.get(key, MISSING), after.get(key, MISSING)
        if not same(was, now):
            yield from leaves(was, now, inner + path_segment(key))
    if in_another_order(before, after):
        yield inner, MISSING, MISSING


def _leaves_of_lists(before: list[Any], after: list[Any], inner: str) -> Iterator[tuple[str, Any, Any]]:
    start, end = 0, 0
    while start < min(len(before), len(after)) and same(before[start], after[start]):
        start += 1
    while end < min(len(before), len(after)) - start and same(before[-1 - end], after[-1 - end]):
        end += 1
    was, now = before[start : len(before) - end], after[start : len(after) - end]
    if len(was) != len(now):
        yield f"{inner}[{start}:{start + len(was)}]", was, now
        return
    for index, (one, other) in enumerate(zip(was, now, strict=True), start):
        if not same(one, other):
            yield from leaves(one, other, f"{inner}[{index}]")


def _is_table(value: object) -> bool:
    return type(value) is dict and not is_mark(value)
