"""The drawing of a timeline: a table, before on the left, after on the right, the same row for the same part.

Lanes are branches, blocks are attempts, redirects, verdicts of plugins, fallbacks and the like, coloured and named by
how they ended; the outline and a word mark what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, Literal

from flujo.money import subtract, total
from flujo_testing.report.html.element import Content, Element, element
from flujo_testing.report.html.grid import Cell, grid
from flujo_testing.report.html.texts import counted, cut, dollars, signed_dollars
from flujo_testing.report.html.timeline import Block, Part

Side = Literal["before", "after"]

MOST_WORDS: Final = 90
MOST_OF_A_FACT: Final = 160
MOST_FACTS: Final = 6
_SIGNS: Final = {"new": "+", "gone": "\N{MINUS SIGN}", "changed": "\N{NOT EQUAL TO}"}
_CONTAINERS: Final = frozenset({"step", "branch", "item", "iteration", "fallback"})


def swimlane(parts: Sequence[Part]) -> Element:
    """The table of a timeline, with a note where it is cut."""
    laid = grid(parts)
    rows = [
        element(
            "tr",
            *_side(laid.cells, row, "before"),
            element("td", *_gutter(laid.cells, row), class_="gutter"),
            *_side(laid.cells, row, "after"),
        )
        for row in range(laid.rows)
    ]
    lanes = [element("col") for _ in range(laid.lanes)]
    heads = (element("th", side.capitalize(), scope="col", colspan=laid.lanes) for side in ("before", "after"))
    before, after = heads
    table = element(
        "table",
        element("caption", "The run before and after, in the order of its structure", class_="unseen"),
        element("colgroup", *lanes, element("col", class_="gutter"), *lanes),
        element("thead", element("tr", before, element("td", class_="gutter"), after)),
        element("tbody", *rows),
        class_=f"run lanes-{min(laid.lanes, 12)}",
    )
    return element("div", table, _cut_off(laid.left_out), class_="wide", tabindex=0, role="region", aria_label="Run")


def _cut_off(rows: int) -> Element | None:
    return element("p", f"{counted(rows, 'more row')} not drawn: see the text below.", class_="note") if rows else None


def _side(cells: Sequence[Cell], row: int, side: Side) -> Iterator[Element]:
    for cell in sorted((cell for cell in cells if cell.row == row), key=lambda cell: cell.lane):
        yield element("td", *_content(cell, side), colspan=cell.lanes, rowspan=cell.rows, class_=_class(cell))


def _class(cell: Cell) -> str:
    if cell.part is None:
        return "rest"
    return f"of-{cell.part.kind}{cell.fork and f' fork {cell.fork}'}"


def _content(cell: Cell, side: Side) -> Iterator[Element]:
    part = cell.part
    if part is None:
        if cell.folded:
            yield element("p", f"{counted(cell.folded, 'more lane')}, folded", class_="note")
        return
    block = part.before if side == "before" else part.after
    if block is None:
        yield element("div", element("span", "not there", class_="unseen"), class_="ghost")
    elif part.kind in _CONTAINERS:
        yield _heading(part, block, side, cell.folded)
    else:
        yield _card(part, block, side)


def _heading(part: Part, block: Block, side: Side, folded: int) -> Element:
    parts = element("small", f"{counted(folded, 'part')}, unchanged") if folded else None
    why = _words(block) if part.kind == "fallback" else None
    return element("div", *_title(part, block), parts, why, *_changes(part, side), class_=_look(part, block, "head"))


def _card(part: Part, block: Block, side: Side) -> Element:
    return element(
        "div", element("div", *_title(part, block), class_="top"), _words(block), *_changes(part, side),
        class_=_look(part, block, "card"),
    )  # fmt: skip


def _words(block: Block) -> Element | None:
    return element("p", cut(block.words, MOST_WORDS), class_="words") if block.words else None


def _look(part: Part, block: Block, shape: str) -> str:
    return " ".join(filter(None, (shape, block.tone, part.change)))


def _title(part: Part, block: Block) -> Iterator[Element]:
    yield element("span", cut(part.title, MOST_WORDS), class_="name")
    if block.outcome and block.outcome not in ("answered", "completed"):
        yield element("span", cut(block.outcome, MOST_WORDS), class_="outcome")
    if part.change:
        yield element("span", part.change, class_="change")
    if block.usd is not None:
        yield element("span", dollars(block.usd), class_="usd")


def _changes(part: Part, side: Side) -> Iterator[Element]:
    """The facts that are not the same on both sides."""
    if part.before is None or part.after is None:
        return
    own, other = (part.before, part.after) if side == "before" else (part.after, part.before)
    facts = [(key, value) for key, value in own.facts.items() if other.facts.get(key) != value]
    missing = [(key, None) for key in other.facts if key not in own.facts]
    for key, value in [*facts, *missing][:MOST_FACTS]:
        yield element("p", *_fact(key, value, "del" if side == "before" else "ins"), class_="detail")
    if len(facts) + len(missing) > MOST_FACTS:
        yield element("p", f"and {len(facts) + len(missing) - MOST_FACTS} more", class_="detail")


def _fact(key: str, value: str | None, tag: str) -> Iterator[Content]:
    yield element("span", cut(key, MOST_WORDS), class_="key")
    yield " "
    if value is None:
        yield element("span", "not told", class_="none")
    else:
        yield element(tag, cut(value, MOST_OF_A_FACT))


def _gutter(cells: Sequence[Cell], row: int) -> Iterator[Element]:
    """What happened to the row: a sign, and by how much its cost has changed."""
    parts = [cell.part for cell in cells if cell.row == row and cell.part is not None and cell.part.change]
    if not parts:
        return
    changes = {part.change for part in parts}
    change = changes.pop() if len(changes) == 1 else "changed"
    yield element("span", _SIGNS[change], class_=f"sign {change}", aria_label=change, role="img")
    if delta := total(subtract(_usd(part.after), _usd(part.before)) for part in parts):
        yield element("span", signed_dollars(delta).removesuffix(" USD"), class_="delta")


def _usd(block: Block | None) -> Decimal:
    return Decimal(0) if block is None or block.usd is None else block.usd
