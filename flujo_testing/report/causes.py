"""The red tests of a run as a few causes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flujo.money import show_usd
from flujo_testing.golden.inert import inert
from flujo_testing.report.record import Cause
from flujo_testing.report.signs import GOLDEN, Sign, one_line, strongest

if TYPE_CHECKING:
    from flujo_testing.report.goldens import ChangedTogether


@dataclass(frozen=True, slots=True)
class RedTest:
    """``signs`` are those of the phases that failed, in their order."""

    test: str
    signs: tuple[Sign, ...]

    @property
    def sign(self) -> Sign:
        return strongest(self.signs)


@dataclass(frozen=True, slots=True)
class Commands:
    """Give what to type to see a test, by its node id, and a group of changed goldens, by its key and a test in it."""

    of_test: Callable[[str], str]
    of_group: Callable[[str, str], str]


def causes_of(red: Iterable[RedTest], goldens: Sequence[ChangedTogether], commands: Commands) -> tuple[Cause, ...]:
    """Largest first, and the same in whichever order the tests ran.

    A test is told under one cause; only where its golden differs in several ways it is told under each of them.
    """
    tests = sorted(red, key=lambda one: one.test)
    of_goldens = {one.test for one in tests if one.sign.kind == GOLDEN}
    causes = [cause for one in goldens if (cause := _of_goldens(one, of_goldens, commands)) is not None]
    explained = {test for one in goldens for test in one.tests} & of_goldens
    by_key: dict[str, list[RedTest]] = {}
    for one in tests:
        if one.test not in explained:
            by_key.setdefault(one.sign.key, []).append(one)
    causes += [_of_sign(those, commands) for those in by_key.values()]
    return tuple(sorted(causes, key=lambda cause: (-len(cause.tests), cause.kind, cause.title, cause.key)))


def cause_by_test(causes: Iterable[Cause]) -> dict[str, str]:
    """The key of the largest cause of each red test."""
    found: dict[str, str] = {}
    for cause in causes:
        for test in cause.tests:
            found.setdefault(test, cause.key)
    return found


def _of_goldens(together: ChangedTogether, red: set[str], commands: Commands) -> Cause | None:
    """None where no test is red for it: what has changed was compared by a test that is told otherwise."""
    tests = [test for test in together.tests if test in red]
    if not tests:
        return None
    group = together.group
    texts = [text for instance in sorted(group.instances, key=lambda one: one.golden) for text in instance.texts]
    return Cause(
        key=group.key,
        title=one_line(group.title),
        kind=GOLDEN,
        steps=tuple(map(inert, group.steps)),
        tests=tuple(map(inert, tests)),
        example=one_line(next(iter(texts), group.title)),
        command=commands.of_group(group.key, tests[0]),
        usd=show_usd(group.usd) if group.usd else None,
    )


def _of_sign(tests: Sequence[RedTest], commands: Commands) -> Cause:
    first = tests[0].sign
    return Cause(
        key=first.key,
        title=first.title,
        kind=first.kind,
        steps=tuple(sorted({step for one in tests for step in one.sign.steps})),
        tests=tuple(inert(one.test) for one in tests),
        example=first.example,
        command=commands.of_test(tests[0].test),
        usd=None,
    )
