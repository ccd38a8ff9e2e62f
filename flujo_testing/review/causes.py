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
from typing import Final, NamedTuple

from flujo_testing.review.edits import Edit, Table, edits
from flujo_testing.review.following import Earlier
from flujo_testing.review.signs import LIMITS, MONEY, OTHER, Sign, Signs, signs_of
from flujo_testing.review.spending import POSSIBLE, Sums, added, amounts, change_of

SPENT: Final = (("result",), ("spent",))
_ASKS: Final = ("attempt ", "redirect ")


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


class _Follows(NamedTuple):
    """The nearest earlier edit that an edit can follow from (None: there is none), and whether it must."""

    nearest: int | None
    surely: bool


@dataclass(slots=True)
class _Case:
    """One golden: its edits but the one of what was spent, and for each what it follows from."""

    edits: list[Edit]
    signs: list[Signs]
    follows: list[_Follows]
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
        mark
        for case in cases
        for signs, follows in zip(case.signs, case.follows, strict=True)
        if follows.nearest is None
        for mark in signs.marks
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
    signs = [signs_of(edit, file) for edit in others]
    return _Case(others, signs, _followed(others, signs), spends, spent, rest)


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
    """The key of the cause of each mark: marks that were seen together are of one cause, named by the least."""
    least: dict[Sign, Sign] = {}

    def least_of(mark: Sign) -> Sign:
        while (further := least.setdefault(mark, mark)) != mark:
            least[mark] = mark = least[further]
        return mark

    for together in marks:
        first = min(map(least_of, together))
        least.update((least_of(mark), first) for mark in together)
    return {mark: key_of(least_of(mark)) for mark in list(least)}


# What follows from what ---------------------------------------------------------------------------------


def _sources(case: _Case, alone: set[Sign]) -> list[int]:
    """For each edit the one whose cause it shares; itself where it is a cause."""
    sources: list[int] = []
    for at, (follows, signs) in enumerate(zip(case.follows, case.signs, strict=True)):
        stands_alone = not follows.surely and not alone.isdisjoint(signs.marks)
        sources.append(at if follows.nearest is None or stands_alone else sources[follows.nearest])
    return sources


def _followed(found: Sequence[Edit], signs: Sequence[Signs]) -> list[_Follows]:
    """For each edit the one that it follows from: what was paid only if there is nothing else."""
    payments, others = Earlier(), Earlier()
    follows: list[_Follows] = []
    for at, (edit, sign) in enumerate(zip(found, signs, strict=True)):
        follows.append(_follows(edit, sign.kind, others, payments))
        (payments if sign.kind in MONEY else others).add(edit, at)
    return follows


def _follows(edit: Edit, kind: str, others: Earlier, payments: Earlier) -> _Follows:
    """In one ask the answer follows from what was asked, and the tokens from both; the end of a run from all."""
    at_the_end = edit.where == ("result",)
    if edit.where == () or kind == "price" or edit.renamed is not None or (at_the_end and kind == "paid_before"):
        return _Follows(None, False)
    earlier = [others, payments] if at_the_end or _is_of_limits(edit, kind) else [others]
    if edit.where[-1].startswith(_ASKS) and kind != "paid":
        for edits_so_far in earlier:
            if (nearest := edits_so_far.last_in_section(edit)) is not None:
                return _Follows(nearest, True)
    for edits_so_far in earlier:
        if (nearest := edits_so_far.nearest(edit)) is not None:
            return _Follows(nearest, at_the_end)
    return _Follows(None, False)


def _is_of_limits(edit: Edit, kind: str) -> bool:
    return kind in LIMITS or (kind == "status" and "limited" in edit.values("status"))
