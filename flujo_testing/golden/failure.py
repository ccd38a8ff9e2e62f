"""What a failed comparison says: the differences in words, then by line, then the next command."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flujo_testing.golden.inert import inert
from flujo_testing.golden.mode import Mode

if TYPE_CHECKING:
    import pytest

MAX_WORDS = 40
MAX_DIFF_LINES = 200
MAX_LINE = 300
MAX_COMPARED_LINES = 4_000
"""Lines that are held against each other, after equal beginnings and ends: comparing takes quadratic time."""


def told(head: str, words: Iterable[str], old: str, new: str, command: str) -> str:
    """The whole message, made inert."""
    in_words = [f"  {line}" for line in _shortened(words, MAX_WORDS, "differences")]
    lines = [head, *in_words, "", *_shortened(line_diff(old, new), MAX_DIFF_LINES, "lines"), "", command]
    return inert("\n".join(lines))


def line_diff(old: str, new: str) -> Iterator[str]:
    """A unified diff from the golden to the run, without the lines that both begin and end with."""
    before, after = old.splitlines(), new.splitlines()
    start = _equal_lines(before, after)
    end = _equal_lines(before[start:][::-1], after[start:][::-1])
    first = max(start - 3, 0)
    before, after = before[first : len(before) - max(end - 3, 0)], after[first : len(after) - max(end - 3, 0)]
    if len(before) + len(after) > MAX_COMPARED_LINES:
        yield f"(from line {start + 1} on: {len(before)} lines of the golden, {len(after)} of this run)"
        return
    for line in difflib.unified_diff(before, after, "golden", "this run", lineterm=""):
        yield _moved(line, first) if line.startswith("@@") else line[:MAX_LINE]


def command_line(mode: Mode, artifacts: Path | None, test: str) -> str:
    """What to type next, to the letter."""
    accept = f"python -m pytest {shlex.quote(test)} --golden=update"
    if mode is Mode.PENDING:
        return f"next: flujo golden review; or, if this is what it should be: {accept}"
    if artifacts is not None and mode is Mode.CHECK:
        return f"next: flujo golden review --from {shlex.quote(str(artifacts))}; or, to accept it: {accept}"
    return f"next, if this is what it should be: {accept}"


def selection(item: pytest.Item) -> str:
    """The test as an argument for pytest in the folder from which it was called."""
    _, separator, names = item.nodeid.partition("::")
    try:
        file = os.path.relpath(item.path, item.config.invocation_params.dir)
    except ValueError:  # another drive of Windows
        file = str(item.path)
    return Path(file).as_posix() + separator + names


def _shortened(lines: Iterable[str], limit: int, unit: str) -> list[str]:
    listed = list(lines)
    more = len(listed) - limit
    return listed if more <= 0 else [*listed[:limit], f"... and {more} more {unit}"]


def _equal_lines(before: Sequence[str], after: Sequence[str]) -> int:
    pairs = zip(before, after, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))


def _moved(hunk: str, lines: int) -> str:
    """The header of a hunk, counted from the beginning of the file."""
    parts = hunk.split(" ")
    for at in (1, 2):
        line, comma, length = parts[at][1:].partition(",")
        parts[at] = f"{parts[at][0]}{int(line) + lines}{comma}{length}"
    return " ".join(parts)
