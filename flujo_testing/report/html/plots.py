"""Plots as inline SVG, each with a title and a description; the tables beside them hold the exact numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Final

from flujo_testing.report.html.element import Element, element

WIDTH: Final = 360
_ROW: Final = 34
_BAR: Final = 10
_MOST_OF_A_NAME: Final = 34


@dataclass(frozen=True, slots=True)
class Bar:
    """``share`` of the whole width, 0 to 1; ``shown`` is the number in words."""

    name: str
    shown: str
    share: Decimal
    tone: str = "accent"


class Numbers:
    """Gives every plot of a page the ids that join it with its title and description."""

    def __init__(self) -> None:
        self._next = count(1)

    def next(self) -> int:
        return next(self._next)


def bars(numbers: Numbers, title: str, description: str, rows: Sequence[Bar]) -> Element:
    """A horizontal bar for each row, its name and number above it."""
    height = max(1, len(rows)) * _ROW
    drawn = [part for place, row in enumerate(rows) for part in _bar(row, place * _ROW)]
    return _svg(numbers, title, description, WIDTH, height, drawn, class_="bars")


def _bar(row: Bar, top: int) -> list[Element]:
    base = top + 14
    width = _digits(max(row.share * WIDTH, Decimal(1 if row.share else 0)))
    return [
        element("text", _short(row.name), x=0, y=base, class_="name"),
        element("text", row.shown, x=WIDTH, y=base, text_anchor="end", class_="number"),
        element("rect", x=0, y=top + 20, width=WIDTH, height=_BAR, rx=3, class_="track"),
        element("rect", x=0, y=top + 20, width=width, height=_BAR, rx=3, class_=row.tone),
    ]


def strip(numbers: Numbers, title: str, description: str, shares: Sequence[tuple[str, Decimal]]) -> Element:
    """One bar of parts, each a tone and its share of the whole; a part that is there can be seen."""
    drawn, left = [], Decimal(0)
    for tone, share in shares:
        drawn.append(element("rect", x=_digits(left * 1000), y=0, width=_digits(share * 1000), height=10, class_=tone))
        left += share
    return _svg(numbers, title, description, 1000, 10, drawn, class_="strip", preserveAspectRatio="none")


def meter(share: Decimal, tone: str) -> Element:
    """A small bar in a row of a table, which says the number itself."""
    return element(
        "svg",
        element("rect", x=0, y=0, width=100, height=8, rx=2, class_="track"),
        element("rect", x=0, y=0, width=_digits(share * 100), height=8, rx=2, class_=tone),
        class_="meter",
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _svg(
    numbers: Numbers, title: str, description: str, width: int, height: int, drawn: Sequence[Element], **more: str
) -> Element:
    number = numbers.next()
    return element(
        "svg",
        element("title", title, id=f"plot-{number}"),
        element("desc", description, id=f"plot-{number}-is"),
        *drawn,
        role="img",
        viewBox=f"0 0 {width} {height}",
        aria_labelledby=f"plot-{number} plot-{number}-is",
        **more,
    )


def _short(name: str) -> str:
    """The end of a long name: that of a path says more than its beginning."""
    return name if len(name) <= _MOST_OF_A_NAME else f"\N{HORIZONTAL ELLIPSIS}{name[1 - _MOST_OF_A_NAME :]}"


def _digits(number: Decimal) -> str:
    return f"{number:.1f}".removesuffix(".0")
