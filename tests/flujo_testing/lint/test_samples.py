"""The same scenarios twice: nothing is found in the exact suite, something in every test of the loosened one.

And nothing in this project's own tests.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from flujo_testing.lint.finding import RULES, Finding, Report
from flujo_testing.lint.library import Library, find_tests
from flujo_testing.lint.linter import lint_file
from flujo_testing.lint.origins import is_test
from flujo_testing.lint.scopes import scopes_of

ROOT = Path(__file__).parents[3]
STRENGTH = ROOT / "examples" / "strength"
NAMES = ("test_drafts.py", "test_money.py", "test_reviews.py")
BY_CHANGES_OR_RUNS = ("FL2", "FL3", "FL0")


def report_of(*folders: Path) -> Report:
    library, report = Library(), Report()
    for folder in folders:
        for file in find_tests(folder):
            report += lint_file(file, library, shown=file.relative_to(ROOT).as_posix())
    return report


def names_in(file: Path) -> set[str]:
    scopes = scopes_of(ast.parse(file.read_text(encoding="utf-8"))).every
    return {scope.name for scope in scopes if is_test(scope)}


def marked(findings: tuple[Finding, ...]) -> set[str]:
    """The tests that have a finding of their own, or in a helper."""
    names = set()
    for finding in findings:
        own, _, users = finding.test.partition(" (used by ")
        names.add(users.removesuffix(")") or own)
    return names


@pytest.mark.parametrize("name", NAMES)
def test_the_two_suites_have_the_same_tests(name: str) -> None:
    exact, loosened = (names_in(STRENGTH / suite / name) for suite in ("exact", "loosened"))
    assert {test.rpartition(".")[2] for test in loosened} == exact


def test_nothing_is_found_in_the_exact_suite() -> None:
    report = report_of(STRENGTH / "exact")
    assert (report.findings, report.excused, report.files, report.tests) == ((), (), 3, 45)


@pytest.mark.parametrize("name", NAMES)
def test_every_test_of_the_loosened_suite_is_marked(name: str) -> None:
    report = report_of(STRENGTH / "loosened" / name)
    assert report.findings == ()
    assert marked(report.excused) == names_in(STRENGTH / "loosened" / name)


def test_the_loosened_suite_shows_every_rule_about_the_text_of_a_test() -> None:
    shown = {finding.code for finding in report_of(STRENGTH / "loosened").excused}
    assert shown == {code for code in RULES if not code.startswith(BY_CHANGES_OR_RUNS)}


def test_nothing_is_found_in_the_projects_own_tests(record_property: Callable[[str, object], None]) -> None:
    report = report_of(ROOT / "tests", ROOT / "examples")
    record_property("tests that run pipelines", report.tests)
    print(f"lint: {report.files} files, {report.tests} tests that run pipelines, {len(report.excused)} excused")
    assert [str(finding) for finding in report.findings] == []
    assert report.tests > 45, "the lint looked at nothing"
