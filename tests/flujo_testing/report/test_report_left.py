"""What a run of pytest leaves of itself: its page, and nothing where it cannot."""

from __future__ import annotations

import pytest

from tests.flujo_testing.golden_project import Project
from tests.flujo_testing.report.planted_suite import empty_suite, reds, run

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return empty_suite(pytester, monkeypatch)


def test_a_cache_that_cannot_be_made_is_a_problem_and_no_fault(suite: Project) -> None:
    suite.write("tests/test_it.py", reds(1))
    suite.write(".pytest_cache/d", "no folder")
    result = run(suite, "-Wignore")
    assert (result.ret, result.parseoutcomes()) == (pytest.ExitCode.TESTS_FAILED, {"failed": 1})
    assert [line for line in result.outlines if line.startswith("flujo report: ")] == [
        f"flujo report: {suite.path}/.pytest_cache/d/flujo was not written: Not a directory"
    ]
