"""The goldens that changed in a run, by cause: as a review of them tells it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.findings import Comparison, Verdict
from flujo_testing.golden.mode import Mode
from flujo_testing.golden.reading import read_golden
from flujo_testing.golden.session import GoldenSession
from flujo_testing.review.groups import Changed, Group, grouped


@dataclass(frozen=True, slots=True)
class ChangedGolden:
    """Several tests may have told one story: one test on two backends."""

    changed: Changed
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedTogether:
    """One cause of changes, and the tests that show it."""

    group: Group
    tests: tuple[str, ...]


def changed_in(session: GoldenSession, red: Collection[str]) -> tuple[ChangedGolden, ...]:
    """The stories of red tests that differ from their goldens, in the order of their paths.

    A golden that nobody can read is left out: its test says so.
    """
    found = (_changed(session, comparisons.values(), red) for comparisons in session.findings.comparisons.values())
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.changed.golden))


def together(changed: Collection[ChangedGolden]) -> tuple[ChangedTogether, ...]:
    """By cause, largest first; none where one of the stories is no story of a run."""
    tests = {one.changed.golden: one.tests for one in changed}
    try:
        groups = grouped(one.changed for one in changed)
    except GoldenCorrupt:
        return ()
    return tuple(
        ChangedTogether(group, tuple(sorted({test for golden in group.goldens for test in tests[golden]})))
        for group in groups
    )


def _changed(session: GoldenSession, comparisons: Iterable[Comparison], red: Collection[str]) -> ChangedGolden | None:
    different = [one for one in comparisons if one.verdict is not Verdict.EQUAL and one.test in red]
    if not different or session.mode is Mode.UPDATE:
        return None
    tests = tuple(sorted(one.test for one in different))
    told = min(different, key=lambda one: one.test)
    try:
        before = read_golden(session.folder, told.path)
    except GoldenCorrupt:
        return None
    text = None if before is None else before.decode("utf-8", "replace")
    return ChangedGolden(Changed(told.path, told.test, text, told.text), tests)
