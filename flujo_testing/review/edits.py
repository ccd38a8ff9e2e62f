"""What differs between two stories as single edits, each of which can be made without the others.

An edit is a fact of a section that is new, gone or different, a part that is new or gone, or another order of keys.
Together the edits say what ``transcript.differences`` says of the two stories, and made together they turn one into
the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flujo.structure import MISSING
from flujo_testing.transcript import Difference, differences
from flujo_testing.transcript.difference import in_another_order
from flujo_testing.transcript.plain import same

Table = dict[str, Any]
Where = tuple[str, ...]

PART = re.compile(r"(attempt|branch|fallback|item|iteration|redirect|step) (.*)", re.DOTALL)
_COUNTED = ("item ", "iteration ")


@dataclass(frozen=True, slots=True)
class Edit:
    """``keys`` of the section at ``where`` become what they are in the other story; none: their order does.

    ``before`` and ``after`` hold the whole section (not to be changed), ``differences`` say it in words.
    """

    where: Where
    keys: tuple[str, ...]
    before: Table
    after: Table
    differences: tuple[Difference, ...]

    @property
    def place(self) -> tuple[Where, tuple[str, ...]]:
        """What names the edit among all those of two stories."""
        return self.where, self.keys

    def values(self, key: str) -> tuple[Any, Any]:
        """Before and after, MISSING where there was or is nothing."""
        return self.before.get(key, MISSING), self.after.get(key, MISSING)


def edits(before: Table, after: Table) -> list[Edit]:
    """All edits in the order in which they follow from each other: that of the story, the end of the run last.

    Another order of plugins comes before what they said, and the wait for an attempt behind the attempt.
    """
    return list(_of_section(before, after, (), lambda was, now: (was, now)))


def applied(before: Table, after: Table, chosen: Collection[tuple[Where, tuple[str, ...]]]) -> Table:
    """The first story with the edits at the ``chosen`` places made, and no others."""
    return _applied(before, after, (), frozenset(chosen))


def merged_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys of both, in the order of ``after``; one that is only in ``before`` stands where it stood there."""
    behind: dict[str | None, list[str]] = {}
    previous: str | None = None
    for key in before:
        if key in after:
            previous = key
        else:
            behind.setdefault(previous, []).append(key)
    return [*behind.get(None, []), *(name for key in after for name in (key, *behind.get(key, [])))]


# Finding them -------------------------------------------------------------------------------------------

_Around = Callable[[Table, Table], tuple[Table, Table]]
"""Puts two sections into stories that are equal everywhere else."""


def _of_section(before: Table, after: Table, where: Where, around: _Around) -> Iterator[Edit]:
    changed = [key for key in merged_keys(before, after) if not same(*_values(before, after, key))]
    done: set[str] = set()
    if in_another_order(before, after):
        shared = [{key: 0 for key in table if key in before and key in after} for table in (before, after)]
        yield Edit(where, (), before, after, _told(*around(*shared)))
    for key in sorted(changed, key=lambda key: (not where and key == "result", key.startswith("backoff "))):
        was, now = _values(before, after, key)
        if key in done:
            continue
        if type(was) is dict and type(now) is dict and _is_section(where, key):
            yield from _of_section(was, now, (*where, key), partial(_inside, before, after, key, around))
            continue
        together = len(where) > 1  # otherwise keys are names of steps, or parts of the run
        keys = tuple(
            other for other in changed if other == key or (together and _go_together(before, after, key, other))
        )
        done.update(keys)
        yield Edit(where, keys, before, after, _told(*around(*_alone(before, after, keys))))


def _values(before: Table, after: Table, key: str) -> tuple[Any, Any]:
    return before.get(key, MISSING), after.get(key, MISSING)


def _is_section(where: Where, key: str) -> bool:
    """Whether what stands below this key has edits of its own."""
    if not where:
        return key in ("result", "steps")
    return where == ("steps",) or (where[0] == "steps" and PART.fullmatch(key) is not None)


def _go_together(before: Table, after: Table, key: str, other: str) -> bool:
    """A value and where it came from are one fact; so is the number of items, or of iterations."""
    if PART.fullmatch(key) is None:
        return PART.fullmatch(other) is None and key.removesuffix("_from") == other.removesuffix("_from")
    only = (key in before) is not (key in after) and (other in before) is not (other in after)
    return only and any(key.startswith(start) and other.startswith(start) for start in _COUNTED)


def _alone(before: Table, after: Table, keys: tuple[str, ...]) -> tuple[Table, Table]:
    """Two sections that differ in these keys alone, with the others that what is told of them depends on."""
    order = _around_these(before, after, keys)
    was = {key: before[key] if key in keys else 0 for key in order if key not in keys or key in before}
    now = {key: after[key] if key in keys else 0 for key in order if key not in keys or key in after}
    return was, now


def _inside(before: Table, after: Table, key: str, around: _Around, was: Table, now: Table) -> tuple[Table, Table]:
    order = _around_these(before, after, (key,))
    return around(
        {name: was if name == key else 0 for name in order}, {name: now if name == key else 0 for name in order}
    )


def _around_these(before: Table, after: Table, keys: tuple[str, ...]) -> list[str]:
    """Whether a section is a step's, and how many items it has, its parts say."""
    return [key for key in merged_keys(before, after) if key in keys or key == "kind" or PART.fullmatch(key)]


def _told(before: Table, after: Table) -> tuple[Difference, ...]:
    return tuple(differences(before, after))


# Making them --------------------------------------------------------------------------------------------


def _applied(before: Table, after: Table, where: Where, chosen: frozenset[tuple[Where, tuple[str, ...]]]) -> Table:
    taken = {key for place, keys in chosen if place == where for key in keys}
    made: Table = {}
    for key in _order(before, after, (where, ()) in chosen):
        was, now = _values(before, after, key)
        if key in taken:
            value = now
        elif type(was) is dict and type(now) is dict and _is_section(where, key):
            value = _applied(was, now, (*where, key), chosen)
        else:
            value = was
        if value is not MISSING:
            made[key] = value
    return made


def _order(before: Table, after: Table, reordered: bool) -> list[str]:
    if reordered or not in_another_order(before, after):
        return merged_keys(before, after)
    return merged_keys(after, before)
