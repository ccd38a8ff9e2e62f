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
from flujo_testing.transcript.words import is_step

Table = dict[str, Any]
Where = tuple[str, ...]

PART = re.compile(r"(attempt|branch|fallback|item|iteration|redirect|step) (.*)", re.DOTALL)
_COUNTED = ("item ", "iteration ")
_NAMED = ("branch ", "fallback ", "step ")


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

    @property
    def renamed(self) -> tuple[str, str] | None:
        """The keys before and after of a part that is the same under another name."""
        gone = [key for key in self.keys if key not in self.after and _has_a_name(self.where, key)]
        new = [key for key in self.keys if key not in self.before and _has_a_name(self.where, key)]
        return (gone[0], new[0]) if gone and new else None

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
    by_section: dict[Where, list[tuple[str, ...]]] = {}
    for where, keys in chosen:
        by_section.setdefault(where, []).append(keys)
    return _applied(before, after, (), by_section)


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
    families = _families(before, after, where, changed)
    beside = {"kind": 0} if is_step(before, after) else {}
    if in_another_order(before, after):
        shared = [{key: 0 for key in table if key in before and key in after} for table in (before, after)]
        yield Edit(where, (), before, after, _told(*around(*shared)))
    for key in sorted(changed, key=lambda key: (not where and key == "result", key.startswith("backoff "))):
        was, now = _values(before, after, key)
        if type(was) is dict and type(now) is dict and _is_section(where, key):
            yield from _of_section(was, now, (*where, key), partial(_inside, key, beside, around))
        elif (keys := families.get(key)) is not None:
            yield Edit(where, keys, before, after, _told(*around(*_alone(before, after, keys, beside))))


def _values(before: Table, after: Table, key: str) -> tuple[Any, Any]:
    return before.get(key, MISSING), after.get(key, MISSING)


def _is_section(where: Where, key: str) -> bool:
    """Whether what stands below this key has edits of its own."""
    if not where:
        return key in ("result", "steps")
    return where == ("steps",) or (where[0] == "steps" and PART.fullmatch(key) is not None)


def _families(before: Table, after: Table, where: Where, changed: list[str]) -> dict[str, tuple[str, ...]]:
    """The keys that are one fact, under the one at which it is told: the first."""
    former = _former_names(before, after, where, changed)
    families: dict[tuple[str, ...], list[str]] = {}
    for key in changed:
        name: tuple[str, ...] = "part", former.get(key, key)
        if len(where) > 1 and key not in former:  # otherwise keys are names of steps, or parts of the run
            name = _family(key, is_on_one_side=key not in before or key not in after)
        families.setdefault(name, []).append(key)
    return {keys[0]: tuple(keys) for keys in families.values()}


def _former_names(before: Table, after: Table, where: Where, changed: list[str]) -> dict[str, str]:
    """Of parts that are the same under another name the one that they had, by the one that they have."""
    gone: dict[tuple[str, str], list[str]] = {}
    for key in reversed(changed):
        if key not in after and _has_a_name(where, key):
            gone.setdefault((_kind(where, key), repr(before[key])), []).append(key)
    former: dict[str, str] = {}
    for key in changed:
        if key not in before and (names := gone.get((_kind(where, key), repr(after[key])))):
            former[key] = names.pop()
    return former


def _has_a_name(where: Where, key: str) -> bool:
    return where == ("steps",) or (len(where) > 1 and key.startswith(_NAMED))


def _kind(where: Where, key: str) -> str:
    return "step" if where == ("steps",) else key.partition(" ")[0]


def _family(key: str, *, is_on_one_side: bool) -> tuple[str, ...]:
    """A value and where it came from are one fact; so is the number of items, or of iterations."""
    if PART.fullmatch(key) is None:
        return "fact", key.removesuffix("_from")
    counted = next((start for start in _COUNTED if key.startswith(start)), None)
    return ("number", counted) if counted is not None and is_on_one_side else ("part", key)


def _alone(before: Table, after: Table, keys: tuple[str, ...], beside: Table) -> tuple[Table, Table]:
    """Two sections that differ in these keys alone, with the others that what is told of them depends on.

    ``beside`` says whether it is the section of a step; how many items it has, its items say.
    """
    alone = frozenset(keys)
    was, now = ({name: beside[name] for name in beside if name not in alone} for _ in range(2))
    for key in merged_keys(before, after) if keys[0].startswith(_COUNTED) else keys:
        for table, told in ((before, was), (after, now)):
            if key in alone and key in table:
                told[key] = table[key]
            elif key not in alone and key.startswith(_COUNTED):
                told[key] = 0
    return was, now


def _inside(key: str, beside: Table, around: _Around, was: Table, now: Table) -> tuple[Table, Table]:
    return around({**beside, key: was}, {**beside, key: now})


def _told(before: Table, after: Table) -> tuple[Difference, ...]:
    return tuple(differences(before, after))


# Making them --------------------------------------------------------------------------------------------


def _applied(before: Table, after: Table, where: Where, chosen: Mapping[Where, list[tuple[str, ...]]]) -> Table:
    here = chosen.get(where, [])
    taken = {key for keys in here for key in keys}
    made: Table = {}
    for key in _order(before, after, () in here):
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
