"""What became weaker between two versions of the test files: rules FL301 to FL308.

A claim may move to another test or helper, a test may be renamed or moved: neither is a finding. A value that
changes is none, either; that an ``==`` turns into less is.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import flujo.errors
from flujo_testing.lint.finding import Finding
from flujo_testing.lint.origins import Origins
from flujo_testing.lint.silent import MATCHES_ALL
from flujo_testing.lint.stated import Expectation, GoldenCheck, Statement, Strength, Unit, units_of

ALIKE: Final = 0.5
"""Two tests that share so much of what they state are one test under two names."""


@dataclass(frozen=True, slots=True)
class Version:
    """One test file before and after: ``old`` is None for a new file, ``new`` for one that is gone."""

    path: str
    old: Origins | None
    new: Origins | None
    old_path: str


@dataclass(frozen=True, slots=True)
class _Pair:
    path: str
    old: Unit
    new: Unit


def weakenings(versions: Sequence[Version]) -> list[Finding]:
    """Compares every test and helper with what it was."""
    pairs, gone, fresh = _paired(versions)
    moved = _added(pairs, fresh)
    findings = [finding for pair in pairs for finding in _compared(pair, moved, _bases(versions))]
    for path, unit in gone:
        findings += _deleted(path, unit, moved)
    return findings


# Which is which -------------------------------------------------------------------------------------------


def _paired(versions: Sequence[Version]) -> tuple[list[_Pair], list[tuple[str, Unit]], list[Unit]]:
    """The pairs of old and new, the old ones that have no new one, and the new ones that have no old one."""
    pairs: list[_Pair] = []
    left: list[tuple[str, Unit]] = []
    fresh: dict[str, list[Unit]] = {}
    for version in versions:
        old = units_of(version.old) if version.old else {}
        new = units_of(version.new) if version.new else {}
        pairs += [_Pair(version.path, old[name], new[name]) for name in old if name in new]
        fresh[version.path] = [unit for name, unit in new.items() if name not in old]
        where = version.path if version.new else version.old_path
        left += [(where, unit) for name, unit in old.items() if name not in new]
    gone = []
    for path, unit in left:
        if (found := _under_another_name(unit, path, fresh)) is None:
            gone.append((path, unit))
        else:
            pairs.append(_Pair(found[0], unit, found[1]))
            fresh[found[0]].remove(found[1])
    return pairs, gone, [unit for units in fresh.values() for unit in units]


def _under_another_name(unit: Unit, path: str, fresh: Mapping[str, list[Unit]]) -> tuple[str, Unit] | None:
    same_name = [(file, one) for file, units in fresh.items() for one in units if one.name == unit.name]
    if same_name:
        return same_name[0]
    alike = [
        (_alike(unit, one), file == path, file, one)
        for file, units in fresh.items()
        for one in units
        if one.is_test is unit.is_test
    ]
    best = max(alike, key=lambda row: row[:2], default=None)
    return None if best is None or best[0] < ALIKE else (best[2], best[3])


def _alike(one: Unit, other: Unit) -> float:
    mine, theirs = (Counter(_texts(unit)) for unit in (one, other))
    return (mine & theirs).total() / mine.total() if mine else 0.0


def _texts(unit: Unit) -> list[str]:
    goldens = [f"golden {golden.name}" for golden in unit.goldens]
    return [one.text for one in unit.statements] + [one.text for one in unit.expectations] + goldens


def _added(pairs: Sequence[_Pair], fresh: Sequence[Unit]) -> Counter[str]:
    """What tests and helpers state now and did not state before: a claim may have moved there."""
    added = Counter(text for unit in fresh for text in _texts(unit))
    for pair in pairs:
        added += Counter(_texts(pair.new)) - Counter(_texts(pair.old))
    return added


def _bases(versions: Sequence[Version]) -> dict[str, list[str]]:
    """The bases of every class that the new versions define."""
    return {name: bases for one in versions if one.new for name, bases in one.new.scopes.bases.items()}


# One test, before and after -------------------------------------------------------------------------------


def _compared(pair: _Pair, moved: Counter[str], bases: Mapping[str, list[str]]) -> Iterator[Finding]:
    yield from _goldens(pair, moved)
    yield from _claims(pair, moved)
    yield from _errors(pair, moved, bases)
    for text, line in pair.new.skips.items():
        if text not in pair.old.skips:
            yield _at(pair, line, 1, "FL304", f"no longer has to pass: `{text}`", "nothing: let the test run and pass")
    for names, (count, line) in pair.new.cases.items():
        before = pair.old.cases.get(names, (0, 0))[0]
        if count < before:
            found = f"is run with {count} cases of {names}, it was run with {before}"
            yield _at(pair, line, 1, "FL302", found, "the cases that are gone")


def _claims(pair: _Pair, moved: Counter[str]) -> Iterator[Finding]:
    old = _without(pair.old.statements, pair.new.statements)
    new = _without(pair.new.statements, pair.old.statements)
    told_whole = len(pair.new.goldens) > len(pair.old.goldens)
    for before in sorted(old, key=lambda one: -one.strength):
        successor = _successor(before, new)
        if successor is not None and successor.strength >= before.strength:
            if not _is_inside(before.subject, successor.subject):  # the whole stands for each of its parts
                new.remove(successor)
            if _wider(before, successor):
                found = f"`{before.text}` became `{successor.text}`: the tolerance is wider"
                yield _at(pair, successor.line, successor.column, "FL307", found, f"assert {before.text}")
            continue
        if told_whole or before.strength is Strength.NOTHING or _is_truth(before, successor):
            continue
        if moved[before.text] > 0:
            moved[before.text] -= 1
            continue
        if successor is not None:
            new.remove(successor)
            found = f"`{before.text}` became `{successor.text}`"
            yield _at(pair, successor.line, successor.column, "FL301", found, f"assert {before.text}")
        elif before.strength > Strength.THERE:
            found = f"`{before.text}` is no longer asserted"
            yield _at(pair, pair.new.line, 1, "FL302", found, f"assert {before.text}")


def _is_truth(before: Statement, successor: Statement | None) -> bool:
    """``x == True`` became ``x``."""
    return (
        successor is not None
        and before.value in ("True", "False")
        and successor.text.removeprefix("not ") == successor.subject == before.subject
    )


def _without(some: Iterable[Statement], others: Iterable[Statement]) -> list[Statement]:
    left = Counter(one.text for one in others)
    rest = []
    for one in some:
        if left[one.text]:
            left[one.text] -= 1
        else:
            rest.append(one)
    return rest


def _successor(before: Statement, new: Sequence[Statement]) -> Statement | None:
    """The new claim that took its place: about the same, about what holds it, or with the same value."""
    same = [one for one in new if one.subject == before.subject]
    around = [one for one in new if _is_inside(before.subject, one.subject)]
    renamed = [one for one in new if before.value and one.value == before.value and one.strength >= before.strength]
    inside = [one for one in new if _is_inside(one.subject, before.subject)]
    within = [one for one in new if _about(before.subject, one.text)]
    for candidates in (same, renamed, around, inside, within):
        if candidates:
            return max(candidates, key=lambda one: one.strength)
    return None


def _is_inside(subject: str, whole: str) -> bool:
    """``result.context.drafts`` is inside ``result.context``."""
    return subject.startswith((f"{whole}.", f"{whole}["))


def _about(subject: str, text: str) -> bool:
    return bool(subject) and re.search(rf"(?<![\w.]){re.escape(subject)}(?!\w)", text) is not None


def _wider(before: Statement, after: Statement) -> bool:
    if before.strength is not Strength.NEAR or after.strength is not Strength.NEAR:
        return False
    if before.tolerance is None or after.tolerance is None:
        return after.tolerance is not None
    return after.tolerance > before.tolerance


def _goldens(pair: _Pair, moved: Counter[str]) -> Iterator[Finding]:
    now = {golden.name: golden for golden in pair.new.goldens}
    for before in pair.old.goldens:
        after = now.get(before.name)
        if after is None:
            named = f" {before.name}" if before.name else ""
            if moved[f"golden {before.name}"] > 0:
                moved[f"golden {before.name}"] -= 1
            else:
                yield _at(pair, pair.new.line, 1, "FL305", f"no longer compares its golden{named}", _check(before))
            continue
        more = [path for path in after.redacted if path not in before.redacted]
        if more:
            found = f"redacts more of its golden: {', '.join(map(repr, more))}"
            write = "golden.check(result) without it, or a function that keeps what does not change"
            yield _at(pair, after.line, after.column, "FL306", found, write)


def _check(golden: GoldenCheck) -> str:
    return f"golden.check(result, name={golden.name})" if golden.name else "golden.check(result)"


def _errors(pair: _Pair, moved: Counter[str], bases: Mapping[str, list[str]]) -> Iterator[Finding]:
    left = list(pair.new.expectations)
    for before in pair.old.expectations:
        same = [one for one in left if one.text == before.text] or [one for one in left if one.body == before.body]
        after = next(iter(same or left), None)
        if after is None:
            if moved[before.text] > 0:
                moved[before.text] -= 1
            else:
                found = f"`{before.text}` is no longer expected"
                yield _at(pair, pair.new.line, 1, "FL302", found, f"with {before.text}:")
            continue
        left.remove(after)
        if why := _widened(before, after, bases):
            found = f"`{before.text}` became `{after.text}`: {why}"
            yield _at(pair, after.line, after.column, "FL308", found, f"with {before.text}:")


def _widened(before: Expectation, after: Expectation, bases: Mapping[str, list[str]]) -> str | None:
    added = [name for name in after.types if name not in before.types]
    if len(after.types) > len(before.types):
        return f"{', '.join(added)} will do, too"
    wide = [name for name in added if any(_is_above(name, old, bases) for old in before.types)]
    if wide:
        return f"{', '.join(wide)} takes more errors"
    if before.match is None or after.match == before.match:
        return None
    if after.match is None:
        return "any message will do"
    old, new = (_constant(match) for match in (before.match, after.match))
    if new in MATCHES_ALL and old not in MATCHES_ALL:
        return "any message will do"
    return "less of the message has to match" if new is not None and old is not None and new in old else None


def _constant(source: str) -> str | None:
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None


def _is_above(name: str, below: str, bases: Mapping[str, list[str]]) -> bool:
    """Whether the error of one name is a base of the other's: builtin errors, ours, and those of the test files."""
    seen, waiting = set(), [below.rpartition(".")[2]]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        found = vars(builtins).get(one) or vars(flujo.errors).get(one)
        known = [base.__name__ for base in found.__mro__[1:]] if isinstance(found, type) else []
        waiting += [*bases.get(one, ()), *known]
    wide = name.rpartition(".")[2]
    return wide in seen - {below.rpartition(".")[2]} or wide in ("Exception", "BaseException")


def _deleted(path: str, unit: Unit, moved: Counter[str]) -> Iterator[Finding]:
    """A deleted helper is only missed where what it claimed has moved nowhere."""
    if unit.is_test:
        claims = len(_texts(unit))
        found = f"was deleted, with {claims} assertion{'' if claims == 1 else 's'}"
        yield Finding(path, unit.line, 1, "FL303", unit.name, found, "the test, or one that compares as much")
        return
    for statement in unit.statements:
        if statement.strength >= Strength.NEAR and moved[statement.text] <= 0:
            found = f"`{statement.text}` is no longer asserted"
            yield Finding(path, unit.line, 1, "FL302", unit.name, found, f"assert {statement.text}")


def _at(pair: _Pair, line: int, column: int, code: str, found: str, write: str) -> Finding:
    return Finding(pair.path, line, column, code, pair.new.name, found, write)
