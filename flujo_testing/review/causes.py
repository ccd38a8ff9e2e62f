"""Which edit of which golden is due to which cause.

An edit that can follow from an earlier one in the same golden belongs to the cause of that one: an input behind an
output, tokens behind a prompt, the end of the run behind all. Unless the same change stands by itself in another
golden: then it is a cause here, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from flujo_testing.review.edits import Edit, Table, edits
from flujo_testing.review.signs import LIMITS, MONEY, OTHER, Sign, Signs, signs_of
from flujo_testing.review.spending import POSSIBLE, Sums, added, amounts, change_of

SPENT: Final = (("result",), ("spent",))
_APART: Final = ("branch ", "item ")


@dataclass(frozen=True, slots=True)
class Caused:
    """An edit with the cause that it is due to, named by its key, and what it changes in what the run spends.

    ``signs`` are the edit's own; ``is_first``: it is the cause's, not what follows from it.
    """

    edit: Edit
    signs: Signs
    cause: str
    spends: Sums
    is_first: bool


@dataclass(slots=True)
class _Case:
    """One golden: its edits but the one of what was spent, and for each what it follows from."""

    edits: list[Edit]
    signs: list[Signs]
    spends: list[Sums]
    spent: Edit | None
    rest: Sums

    @property
    def spent_is_odd(self) -> bool:
        """What the run has spent has changed, and its payments don't say why."""
        return self.spent is not None and (bool(self.rest) or not any(self.spends))


def caused(stories: Iterable[tuple[str, Table, Table]]) -> list[list[Caused]]:
    """For each golden (test file, before, after) its edits with their causes."""
    cases = [_case(file, before, after) for file, before, after in stories]
    alone = {
        mark for case in cases for at in range(len(case.edits)) if _alone(case, at) for mark in case.signs[at].marks
    }
    sources = [_sources(case, alone) for case in cases]
    keys = _keys(
        case.signs[at].marks
        for case, found in zip(cases, sources, strict=True)
        for at, source in enumerate(found)
        if source == at
    )
    return [_told(case, found, keys) for case, found in zip(cases, sources, strict=True)]


def key_of(mark: Sign) -> str:
    return hashlib.sha256(json.dumps(mark).encode("ascii")).hexdigest()[:8]


def _case(file: str, before: Table, after: Table) -> _Case:
    found = edits(before, after)
    spent = next((edit for edit in found if edit.place == SPENT), None)
    others = [edit for edit in found if edit.place != SPENT]
    spends = [change_of(edit) for edit in others]
    rest: Sums = {}
    if spent is not None:
        was, now = spent.values("spent")
        rest = added(amounts(now), amounts(was), -1)
        for change in spends:
            rest = added(rest, change, -1)
        if "unknown" in (table.get(POSSIBLE) for table in (was, now) if type(table) is dict):
            rest = {name: amount for name, amount in rest.items() if name != POSSIBLE}
    return _Case(others, [signs_of(edit, file) for edit in others], spends, spent, rest)


def _told(case: _Case, sources: Sequence[int], keys: dict[Sign, str]) -> list[Caused]:
    """With what was spent last: it goes with the first payment that changes it."""
    found = [
        Caused(edit, signs, keys[min(case.signs[source].marks)], spends, source == at)
        for at, (edit, signs, spends, source) in enumerate(
            zip(case.edits, case.signs, case.spends, sources, strict=True)
        )
    ]
    if case.spent is None:
        return found
    mark = ("spent", *sorted(case.rest))
    signs = Signs("spent", OTHER, frozenset({mark}))
    if case.spent_is_odd:
        return [*found, Caused(case.spent, signs, key_of(mark), case.rest, True)]
    cause = next(one.cause for one in found if one.spends)
    return [*found, Caused(case.spent, signs, cause, {}, False)]


def _keys(marks: Iterable[frozenset[Sign]]) -> dict[Sign, str]:
    """The key of the cause of each mark: marks that were seen together are of one cause."""
    cluster: dict[Sign, set[Sign]] = {}
    for together in marks:
        joined = set(together).union(*(cluster[mark] for mark in together if mark in cluster))
        cluster.update(dict.fromkeys(joined, joined))
    return {mark: key_of(min(joined)) for mark, joined in cluster.items()}


# What follows from what ---------------------------------------------------------------------------------


def _sources(case: _Case, alone: set[Sign]) -> list[int]:
    """For each edit the one whose cause it shares; itself where it is a cause."""
    sources: list[int] = []
    for at in range(len(case.edits)):
        before = [earlier for earlier in range(at) if _may_follow(case, at, earlier)]
        surely = [earlier for earlier in before if _must_follow(case, at, earlier)]
        is_cause = not before or (not surely and not alone.isdisjoint(case.signs[at].marks))
        sources.append(at if is_cause else sources[_nearest(case, at, surely or before)])
    return sources


def _alone(case: _Case, at: int) -> bool:
    return not any(_may_follow(case, at, earlier) for earlier in range(at))


def _nearest(case: _Case, at: int, earlier: Sequence[int]) -> int:
    """In the closest section, and there the last one; what was paid only if there is nothing else."""
    where = case.edits[at].where

    def closeness(other: int) -> tuple[bool, int, int]:
        return case.signs[other].kind not in MONEY, _shared(where, case.edits[other].where), other

    return max(earlier, key=closeness)


def _may_follow(case: _Case, at: int, earlier: int) -> bool:
    edit, other = case.edits[at], case.edits[earlier]
    kind, cause = case.signs[at].kind, case.signs[earlier].kind
    if edit.where == () or kind == "price" or _are_apart(edit, other):
        return False
    if edit.where == ("result",):
        return kind != "paid_before"
    return cause not in MONEY or _is_of_limits(edit, kind)


def _must_follow(case: _Case, at: int, earlier: int) -> bool:
    """In one ask the answer follows from what was asked, and the tokens from both; the end of a run from all."""
    edit, other = case.edits[at], case.edits[earlier]
    if edit.where == ("result",):
        return True
    return (
        edit.where == other.where
        and edit.where[-1].startswith(("attempt ", "redirect "))
        and case.signs[at].kind != "paid"
    )


def _is_of_limits(edit: Edit, kind: str) -> bool:
    return kind in LIMITS or (kind == "status" and "limited" in edit.values("status"))


def _are_apart(edit: Edit, other: Edit) -> bool:
    """In branches, or items, that know nothing of each other."""
    at = _shared(edit.where, other.where)
    ends = [(*one.where, *one.keys)[at : at + 1] for one in (edit, other)]
    return all(end and end[0].startswith(_APART) for end in ends) and ends[0] != ends[1]


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
