"""Where the parts of a timeline stand: rows are the order of the run, lanes what ran at once.

Every part is as wide as the sequence it stands in; branches and items that ran at once share that width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from flujo_testing.report.html.timeline import Part

MOST_LANES: Final = 6
MOST_ROWS: Final = 120
WHOLE_UP_TO: Final = 40
"""A timeline with more rows than these shows steps that have not changed as one row each."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the grid; without a part it is the empty rest of a lane.

    ``folded``: so many parts are not drawn. ``fork``: which of the lanes that begin here it is (``first``, ``last``,
    ``between``); empty where only one does.
    """

    row: int
    lane: int
    rows: int
    lanes: int
    part: Part | None
    folded: int = 0
    fork: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """``left_out``: how many rows at the end are not drawn."""

    cells: tuple[Cell, ...]
    rows: int
    lanes: int
    left_out: int


def grid(parts: Sequence[Part]) -> Grid:
    """The places of all parts; what has not changed is folded where the whole would be too much to look at."""
    whole = _height(parts, fold=False) <= WHOLE_UP_TO
    lanes = _width(parts, fold=not whole)
    height = _height(parts, fold=not whole)
    cells = _sequence(parts, 0, 0, lanes, fold=not whole)
    drawn = tuple(_clipped(cell) for cell in cells if cell.row < MOST_ROWS)
    return Grid(drawn, min(height, MOST_ROWS), lanes, max(0, height - MOST_ROWS))


def _clipped(cell: Cell) -> Cell:
    return replace(cell, rows=min(cell.rows, MOST_ROWS - cell.row))


def size(part: Part) -> int:
    """How many parts there are in it, itself not counted."""
    return sum(1 + size(inner) for inner in part.inner)


def _stretches(parts: Sequence[Part], *, at_once: bool) -> Iterator[tuple[bool, list[Part]]]:
    """Parts in a row, and those in between that ran at once."""

    def beside(part: Part) -> bool:
        return part.kind == "branch" or (at_once and part.kind == "item")

    for together, stretch in groupby(parts, beside):
        yield together, list(stretch)


def _lanes(branches: Sequence[Part]) -> tuple[list[Part], int]:
    """The branches that get a lane, those that have changed before others, and how many get none."""
    if len(branches) <= MOST_LANES:
        return list(branches), 0
    ranked = sorted(range(len(branches)), key=lambda at: (not branches[at].differs, at))
    return [branches[at] for at in sorted(ranked[: MOST_LANES - 1])], len(branches) - MOST_LANES + 1


def _folds(part: Part, fold: bool) -> bool:
    return fold and bool(part.inner) and not part.differs


def _height(parts: Sequence[Part], *, fold: bool, at_once: bool = False) -> int:
    height = 0
    for together, stretch in _stretches(parts, at_once=at_once):
        heights = [_part_height(part, fold) for part in (_lanes(stretch)[0] if together else stretch)]
        height += max(heights) if together else sum(heights)
    return height


def _part_height(part: Part, fold: bool) -> int:
    return 1 if _folds(part, fold) else 1 + _height(part.inner, fold=fold, at_once=part.at_once)


def _width(parts: Sequence[Part], *, fold: bool, at_once: bool = False) -> int:
    width = 1
    for together, stretch in _stretches(parts, at_once=at_once):
        shown, folded = _lanes(stretch) if together else (stretch, 0)
        widths = [_part_width(part, fold) for part in shown]
        width = max(width, sum(widths) + bool(folded) if together else max(widths))
    return width


def _part_width(part: Part, fold: bool) -> int:
    return 1 if _folds(part, fold) else _width(part.inner, fold=fold, at_once=part.at_once)


def _sequence(
    parts: Sequence[Part], row: int, lane: int, lanes: int, *, fold: bool, at_once: bool = False
) -> Iterator[Cell]:
    for together, stretch in _stretches(parts, at_once=at_once):
        if together:
            yield from _beside(stretch, row, lane, lanes, fold)
            row += max(_part_height(part, fold) for part in _lanes(stretch)[0])
        else:
            for part in stretch:
                yield from _placed(part, row, lane, lanes, fold)
                row += _part_height(part, fold)


def _placed(part: Part, row: int, lane: int, lanes: int, fold: bool) -> Iterator[Cell]:
    folds = _folds(part, fold)
    yield Cell(row, lane, 1, lanes, part, size(part) if folds else 0)
    if not folds:
        yield from _sequence(part.inner, row + 1, lane, lanes, fold=fold, at_once=part.at_once)


def _beside(branches: Sequence[Part], row: int, lane: int, lanes: int, fold: bool) -> Iterator[Cell]:
    """Branches side by side; the last one takes the width that is left, a shorter one ends in an empty cell."""
    shown, folded = _lanes(branches)
    height = max(_part_height(part, fold) for part in shown)
    end = lane + lanes - bool(folded)
    for number, part in enumerate(shown):
        width = end - lane if number == len(shown) - 1 else _part_width(part, fold)
        first, *others = _placed(part, row, lane, width, fold)
        yield replace(first, fork=_fork(number, len(shown)))
        yield from others
        if rest := height - _part_height(part, fold):
            yield Cell(row + height - rest, lane, rest, width, None)
        lane += width
    if folded:
        yield Cell(row, lane, height, 1, None, folded)


def _fork(number: int, lanes: int) -> str:
    if lanes == 1:
        return ""
    return {0: "first", lanes - 1: "last"}.get(number, "between")
