"""Writes a story as YAML that every parser, 1.1 or 1.2, reads to the same data. It reads nothing.

Text of users is in double quotes or, where it has lines, a literal block; no anchors, aliases, tags or
folding. What fits on one line of ``COLUMNS`` is written on one, but for the sections of a story, which are
always blocks. The text depends on the data alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from flujo_testing.transcript.quoting import block_lines, key_text, quoted, word
from flujo_testing.transcript.sources import MAPPERS

COLUMNS: Final = 100

_SECTION: Final = re.compile(r"(attempt|branch|fallback|item|iteration|redirect|step) ")
# Words of ours, or names of the pipeline: plain where safe. Below a key of _DATA all text is a user's.
_WORDS: Final = frozenset(
    {"after", "bound_usd", "by", "cache", "failed", "format", "from", "input_from", "items_from", "kind", "outcome"}
    | {"possible_usd", "question_from", "redirect_to", "select_from", "status", "usage", "usage_from", "usd"}
    | {"usd_from"}
    | {f"{mapper}_from" for mapper in MAPPERS}
)
_DATA: Final = frozenset(
    {"answer", "answers", "appended", "condition", "context", "cut", "input", "items", "now", "output", "removed"}
    | {"replaced", "select", "set", "was", *MAPPERS}
)


class _TooWide(Exception):
    """A collection does not fit on the line."""


def render(story: Mapping[str, Any]) -> str:
    """The YAML text of a story, or of any mapping of plain data. TypeError or ValueError for what is not."""
    lines: list[str] = []
    for key, value in story.items():
        if key == "steps" and _is_filled_table(value):
            lines.append("steps:")
            for name, section in value.items():
                _write_entry(lines, "  ", name, section, is_section=True)
        else:
            _write_entry(lines, "", key, value, is_section=key == "result")
    return "\n".join([*lines, ""]) if lines else "{}\n"


def _write_entry(lines: list[str], indent: str, key: str, value: Any, *, is_section: bool) -> None:
    head = f"{indent}{_head(key, indent)}"
    if not is_section or not _is_filled_table(value):
        _write(lines, head, indent, key, value, words=True)
        return
    lines.append(head)
    for name, item in value.items():
        _write_entry(lines, f"{indent}  ", name, item, is_section=_SECTION.match(name) is not None)


def _write(lines: list[str], head: str, indent: str, key: str, value: Any, *, words: bool) -> None:
    """One value behind its key or its dash, on the line if it fits, below it if not."""
    words = words and key not in _DATA
    cls = type(value)
    if cls is str:
        if "\n" in value and (block := block_lines(value)) is not None:
            lines.append(f"{head} {block[0]}")
            lines += [f"{indent}  {line}" if line else "" for line in block[1:]]
        else:
            lines.append(f"{head} {_text(value, key, words)}")
    elif value and (cls is dict or cls is list):
        try:
            lines.append(f"{head} {_within(value, COLUMNS - len(head) - 1, key, words)}")
        except _TooWide:
            lines.append(head)
            _write_below(lines, f"{indent}  ", value, key, words)
    else:
        lines.append(f"{head} {_scalar(value)}")


def _write_below(lines: list[str], indent: str, value: Any, key: str, words: bool) -> None:
    if type(value) is dict:
        for name, item in value.items():
            _write(lines, f"{indent}{_head(name, indent)}", indent, name, item, words=words)
        return
    for item in value:
        first = len(lines)
        if type(item) in (dict, list) and item and not _fits(item, COLUMNS - len(indent) - 2, key, words):
            _write_below(lines, f"{indent}  ", item, key, words)
            lines[first] = f"{indent}- {lines[first][len(indent) + 2 :]}"
        else:
            _write(lines, f"{indent}-", indent, key, item, words=words)


def on_one_line(value: Any) -> str:
    """Plain data in flow form, however long."""
    cls = type(value)
    if cls is str:
        return quoted(value)
    if cls is float:
        return repr(value)
    if cls is dict:
        return f"{{{', '.join(f'{key_text(key)}: {on_one_line(item)}' for key, item in value.items())}}}"
    if cls is list:
        return f"[{', '.join(map(on_one_line, value))}]"
    return _scalar(value)


def _fits(value: Any, room: int, key: str, words: bool) -> bool:
    try:
        _within(value, room, key, words)
    except _TooWide:
        return False
    return True


def _within(value: Any, room: int, key: str, words: bool) -> str:
    """A filled collection in flow form. Raises _TooWide as soon as it has more than ``room`` characters."""
    parts = []
    if type(value) is dict:
        for name, item in value.items():
            start = f"{key_text(name)}: "
            part = start + _part(item, room - len(start) - 2, name, words and name not in _DATA)
            room -= len(part) + 2
            parts.append(part)
        return f"{{{', '.join(parts)}}}"
    for item in value:
        part = _part(item, room - 2, key, words)
        room -= len(part) + 2
        parts.append(part)
    return f"[{', '.join(parts)}]"


def _part(value: Any, room: int, key: str, words: bool) -> str:
    """One value within a line; the brackets around it, or the comma behind it, have their room already."""
    cls = type(value)
    if cls is str:
        if len(value) > room or ("\n" in value and block_lines(value) is not None):
            raise _TooWide
        text = _text(value, key, words)
    elif value and (cls is dict or cls is list):
        text = _within(value, room, key, words)
    else:
        text = _scalar(value)
    if len(text) > room:
        raise _TooWide
    return text


def _text(value: str, key: str, words: bool) -> str:
    return word(value) if words and (key in _WORDS or key.startswith("plugin ")) else quoted(value)


def _scalar(value: Any) -> str:
    cls = type(value)
    if cls is bool:
        return "true" if value else "false"
    if cls is int:
        return repr(value)
    if cls is float:
        return _decimal(value)
    if value is None:
        return "null"
    if cls is dict or cls is list:
        return "{}" if cls is dict else "[]"
    raise TypeError(f"{value!r} is of type {cls.__name__}; tell it as plain data first")


def _decimal(value: float) -> str:
    """With a point and a signed exponent: without them 1.1 and 1.2 read some as text."""
    if not math.isfinite(value):
        raise ValueError(f"{value!r} has no form that all YAML parsers read; tell it as plain data first")
    text = repr(value)
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


def _head(key: str, indent: str) -> str:
    """A key with its colon. Parsers read a long one only where it is marked as a key."""
    text = key_text(key)
    return f"{text}:" if len(text) <= 1000 else f"? {text}\n{indent}:"


def _is_filled_table(value: object) -> bool:
    return type(value) is dict and bool(value)
