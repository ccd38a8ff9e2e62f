"""The lines in which two texts differ, with the lines around them, as a list of rows; bounded."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from flujo_testing.report.html.element import Element, element
from flujo_testing.report.html.texts import counted, cut

AROUND: Final = 3
MOST_LINES: Final = 160
MOST_OF_A_LINE: Final = 240
MOST_COMPARED: Final = 4000
"""Lines of a text that are compared: beyond them the time grows faster than anybody reads."""


def textdiff(before: str | None, after: str | None) -> Element:
    """Both texts as one block: lines that went, lines that came, and some around them."""
    was, now = (_lines(text) for text in (before, after))
    rows = list(_rows(was[:MOST_COMPARED], now[:MOST_COMPARED]))
    left_out = max(0, len(rows) - MOST_LINES)
    uncompared = max(0, len(was) - MOST_COMPARED) + max(0, len(now) - MOST_COMPARED)
    notes = [counted(left_out, "more line") + " of the difference"] if left_out else []
    notes += [counted(uncompared, "line") + " not compared"] if uncompared else []
    note = element("p", f"{'; '.join(notes)}.", class_="note") if notes else None
    return element("div", element("pre", *rows[:MOST_LINES], class_="diff"), note)


def _lines(text: str | None) -> list[str]:
    """Other line breaks than a line feed are shown, not made."""
    return text.removesuffix("\n").split("\n") if text else []


def _rows(was: list[str], now: list[str]) -> Iterator[Element]:
    groups = SequenceMatcher(None, was, now, autojunk=False).get_grouped_opcodes(AROUND)
    for number, group in enumerate(groups):
        if number:
            yield _line("gap", "\N{VERTICAL ELLIPSIS}", "")
        for tag, start, end, other_start, other_end in group:
            if tag == "equal":
                yield from (_line("same", " ", line) for line in was[start:end])
            else:
                yield from (_line("gone", "-", line) for line in was[start:end])
                yield from (_line("new", "+", line) for line in now[other_start:other_end])


def _line(kind: str, sign: str, text: str) -> Element:
    tag = {"gone": "del", "new": "ins"}.get(kind, "span")
    return element(tag, f"{sign} {cut(text, MOST_OF_A_LINE)}\n", class_=f"line {kind}")
