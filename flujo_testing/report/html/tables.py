"""Tables whose columns a reader can sort, and the blocks of text that sections share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flujo_testing.report.html.element import Content, Element, element


@dataclass(frozen=True, slots=True)
class Column:
    """``number``: right-aligned. ``sorted``: how the rows stand at first, ``ascending`` or ``descending``."""

    title: str
    number: bool = False
    sorted: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A cell: what is shown, and the number that it is sorted by if that is not what is shown."""

    content: Content
    sort: str | None = None
    class_: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """The first value is the row's head. ``found``: the search looks at it; ``outcome``: so does the filter."""

    values: tuple[Value, ...]
    found: bool = False
    outcome: str | None = None


def table(caption: str, columns: Sequence[Column], rows: Sequence[Row], foot: Row | None = None) -> Element:
    """A table that scrolls by itself where it is wider than the screen."""
    heads = [_head(column) for column in columns]
    return element(
        "div",
        element(
            "table",
            element("caption", caption, class_="unseen"),
            element("thead", element("tr", *heads)),
            element("tbody", *(_row(row, columns) for row in rows)),
            None if foot is None else element("tfoot", _row(foot, columns)),
            class_="sortable",
        ),
        class_="wide",
        tabindex=0,
        role="region",
        aria_label=caption,
    )


def _head(column: Column) -> Element:
    button = element("button", column.title, type="button", data_sorts="number" if column.number else "text")
    kind = "number" if column.number else None
    return element("th", button, scope="col", aria_sort=column.sorted or "none", class_=kind)


def _row(row: Row, columns: Sequence[Column]) -> Element:
    cells = []
    for place, (value, column) in enumerate(zip(row.values, columns, strict=True)):
        kind = " ".join(filter(None, ("number" if column.number else None, value.class_))) or None
        tag, scope = ("td", None) if place else ("th", "row")
        cells.append(element(tag, value.content, scope=scope, class_=kind, data_sort=value.sort))
    return element("tr", *cells, class_="find" if row.found else None, data_outcome=row.outcome)


def section(key: str, title: str, *content: Content | None, told: str | None = None) -> Element:
    """A section of the page; ``told`` says beside its title how much is in it."""
    count = None if told is None else element("span", told, class_="told")
    return element(
        "section",
        element("h2", title, " " if count else None, count, id=f"{key}-title"),
        *content,
        element("p", "Nothing here matches.", class_="nothing", hidden=True),
        id=key,
        aria_labelledby=f"{key}-title",
    )


def empty(text: str, hint: str | None = None) -> Element:
    """What stands in a section that has nothing to show."""
    return element("p", text, " " if hint else None, element("small", hint) if hint else None, class_="empty")
