"""What the terminal says about goldens when the tests are over."""

from __future__ import annotations

from collections.abc import Iterator

from flujo_testing.golden.closing import Outcome
from flujo_testing.golden.findings import Findings, Verdict
from flujo_testing.golden.inert import inert
from flujo_testing.golden.location import GoldenFolder


def summary(findings: Findings, outcome: Outcome, folder: GoldenFolder) -> Iterator[str]:
    """One line with all counts, then a line for every file that needs somebody."""
    partial = " (unused: not looked for, because tests were left out)" if outcome.unused is None else ""
    unused = outcome.unused or []
    yield (
        f"goldens: {len(findings.comparisons)} compared, {findings.count(Verdict.CHANGED)} changed, "
        f"{findings.count(Verdict.MISSING)} missing, {len(unused)} unused, "
        f"{len(outcome.written)} written{partial}"
    )
    for path in unused:
        yield inert(f"unused: {folder.shown(path)} (next, if its test is gone for good: flujo golden prune)")
    for problem in outcome.problems:
        yield inert(f"goldens: {problem}")
