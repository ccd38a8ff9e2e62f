"""What a run of pytest records: each test once, with its outcome, its runs and its cause, and where that is told."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from flujo_testing.report.gathering import Gathered, gathered
from flujo_testing.report.last_run import kept_in, read_record
from flujo_testing.report.record import CaseRecord, Payment, RunRecord
from tests.flujo_testing.golden_project import Project
from tests.flujo_testing.report.planted_suite import empty_suite, kept, reds, run, triage

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return empty_suite(pytester, monkeypatch)


def is_lost(suite: Project) -> bool:
    return read_record(kept_in(suite.path)) is None


def cases(suite: Project) -> dict[str, CaseRecord]:
    """By the name of the test."""
    record = kept(suite)
    return {case.test.rpartition("::")[2]: case for case in record.cases}


OUTCOMES = """
import unittest

import pytest
from flujo import Step
from app import writer

@pytest.fixture
def bad_setup(flujo_run):
    flujo_run.sync(Step("write", writer()), "rain")
    raise KeyError("rain")

@pytest.fixture
def bad_teardown():
    yield
    raise ValueError("snow")

def test_fine(flujo_run):
    flujo_run.sync(Step("write", writer()), "rain")

def test_wrong():
    assert 1 == 2

def test_not_set_up(bad_setup):
    pass

def test_not_torn_down(bad_teardown):
    pass

def test_wrong_and_not_torn_down(bad_teardown):
    assert 1 == 2

@pytest.mark.skip(reason="later")
def test_skipped():
    pass

@pytest.mark.xfail(reason="later")
def test_expected():
    assert 1 == 2

@pytest.mark.xfail(reason="later", strict=False)
def test_unexpected():
    pass

@pytest.mark.xfail(reason="later", strict=True)
def test_refused():
    pass

class Case(unittest.TestCase):
    def test_of_unittest(self):
        self.assertEqual(1, 2)
"""


def test_each_test_is_one_case_with_its_outcome_place_and_cause(suite: Project) -> None:
    suite.write("tests/test_it.py", OUTCOMES)
    run(suite, "--flujo-summary=out.md").assert_outcomes(passed=2, failed=4, errors=3, skipped=1, xfailed=1, xpassed=1)
    record = kept(suite)
    titles = {cause.key: cause.title for cause in record.causes}
    found = cases(suite)
    told = {name: (case.outcome, case.line, titles.get(case.cause or "")) for name, case in found.items()}
    rain, snow = lines_with('KeyError("rain")'), lines_with('ValueError("snow")')
    asserts = lines_with("assert")
    assert told == {
        "test_fine": ("passed", 0, None),
        "test_wrong": ("failed", asserts[0], f"assert N == N, at tests/test_it.py:{asserts[0]}"),
        "test_not_set_up": ("error", rain[0], f"KeyError: …, at tests/test_it.py:{rain[0]}"),
        "test_not_torn_down": ("error", snow[0], f"ValueError: snow, at tests/test_it.py:{snow[0]}"),
        "test_wrong_and_not_torn_down": ("failed", asserts[1], f"assert N == N, at tests/test_it.py:{asserts[1]}"),
        "test_skipped": ("skipped", 0, None),
        "test_expected": ("xfailed", 0, None),
        "test_unexpected": ("xpassed", 0, None),
        "test_refused": ("failed", 0, "[XPASS(strict)] later"),
        "test_of_unittest": ("failed", asserts[-1], f"N != N, at tests/test_it.py:{asserts[-1]}"),
    }
    assert found["test_wrong_and_not_torn_down"].message == "assert 1 == 2\nValueError: snow"
    payment = Payment("write", "test:writer", "ok", "0.00104", 120, 40)
    paid = (RunRecord("pipeline", "completed", "0.00104", (payment,)),)
    assert [found[name].runs for name in ("test_fine", "test_not_set_up", "test_wrong")] == [paid, paid, ()]
    assert record.usd == "0.00208"


def lines_with(text: str) -> list[int]:
    return [number for number, line in enumerate(OUTCOMES.split("\n"), 1) if text in line]


RERUNNING = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in (1, 2, 3):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        again = attempt < 3 and any(report.failed for report in reports)
        for report in reports:
            if again and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not again:
            break
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

def pytest_report_teststatus(report):
    if report.outcome == "rerun":
        return "rerun", "R", "RERUN"
"""
FLAKY = """
from itertools import count
from flujo import Step
from app import writer

tries = count(1)

def test_flaky(flujo_run):
    assert flujo_run.sync(Step("write", writer()), "rain").output == "Grey rain"
    assert next(tries) == 2

def test_wrong(flujo_run):
    assert flujo_run.sync(Step("write", writer()), "rain").output == "Bright rain"
"""


def test_of_a_test_that_is_run_again_the_last_pass_counts(suite: Project) -> None:
    suite.write("conftest.py", RERUNNING)
    suite.write("tests/test_it.py", FLAKY)
    result = run(suite, "--flujo-summary=out.md", "--flujo-triage=always")
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "rerun": 3}
    found = cases(suite)
    assert {name: (case.outcome, len(case.runs)) for name, case in found.items()} == {
        "test_flaky": ("passed", 1),
        "test_wrong": ("failed", 1),
    }
    assert [line.partition(" [")[0] for line in triage(result)[:2]] == [
        "1 of 2 tests is red: 1 cause",
        "1 test, assertion: assert … == …, at tests/test_it.py:13",
    ]


@pytest.mark.parametrize(
    ("number", "causes", "arguments", "shown"),
    [
        (4, 1, (), False),
        (5, 1, (), True),
        (5, 5, (), False),
        (1, 1, ("--flujo-triage=always",), True),
        (9, 1, ("--flujo-triage=never",), False),
    ],
)
def test_many_red_tests_of_few_causes_have_a_table(
    suite: Project, number: int, causes: int, arguments: tuple[str, ...], shown: bool
) -> None:
    suite.write("tests/test_it.py", reds(number, causes))
    result = run(suite, *arguments)
    result.assert_outcomes(failed=number)
    assert any("flujo triage" in line for line in result.outlines) is shown
    assert (is_lost(suite)) is ("--flujo-triage=never" in arguments)


def test_of_many_causes_the_largest_are_shown(suite: Project) -> None:
    suite.write("tests/test_it.py", reds(24, 12))
    told = triage(run(suite))
    assert (told[0], told[-1]) == ("24 of 24 tests are red: 12 causes", "and 2 causes more of 4 tests")
    assert len([line for line in told if line.startswith("2 tests, assertion: ")]) == 10


def test_a_green_run_and_one_without_pipelines_leave_nothing(suite: Project) -> None:
    suite.write("tests/test_it.py", "def test_it():\n    pass\n")
    run(suite).assert_outcomes(passed=1)
    assert is_lost(suite)


def test_in_ci_a_record_is_left_only_where_artifacts_are_asked_for(suite: Project) -> None:
    suite.write("tests/test_it.py", reds(1))
    suite.monkeypatch.setenv("CI", "true")
    run(suite).assert_outcomes(failed=1)
    assert is_lost(suite)
    run(suite, "--golden-artifacts=out").assert_outcomes(failed=1)
    left = read_record(suite.path / "out")
    assert (is_lost(suite), None if left is None else len(left.red)) == (True, 1)


def test_without_the_cache_of_pytest_nothing_is_kept(suite: Project) -> None:
    suite.write("tests/test_it.py", reds(5))
    result = run(suite, "-p", "no:cacheprovider")
    assert (triage(result)[0], is_lost(suite)) == ("5 of 5 tests are red: 1 cause", True)


def test_git_ignores_the_record(suite: Project) -> None:
    suite.write("tests/test_it.py", reds(1))
    run(suite)
    assert (suite.path / ".pytest_cache/.gitignore").read_text().split("\n")[-2:] == ["*", ""]


LEAKING = """
import flujo.runner

def test_it():
    raise ValueError("refused: hunter2" + "hunter2")
"""


def test_a_secret_is_in_no_record_and_no_summary(suite: Project) -> None:
    suite.monkeypatch.setenv("SERVICE_TOKEN", "hunter2hunter2")
    suite.monkeypatch.setenv("GITHUB_ACTIONS", "true")
    suite.write("tests/test_it.py", LEAKING)
    result = run(suite, "--flujo-summary=out.md", "--flujo-triage=always", "--tb=no", "--no-summary")
    result.assert_outcomes(failed=1)
    record = kept(suite)
    assert (record.cases[0].message, record.causes[0].example) == ("ValueError: refused: ***",) * 2
    assert "hunter2hunter2" not in (suite.path / "out.md").read_text()
    assert "hunter2hunter2" not in result.stdout.str()


def test_github_is_told_of_each_cause_and_its_summary_grows(suite: Project) -> None:
    suite.write("tests/test_it.py", reds(2))
    page = suite.write("summary.md", "before\n")
    suite.monkeypatch.setenv("GITHUB_ACTIONS", "true")
    suite.monkeypatch.setenv("GITHUB_WORKSPACE", str(suite.path.parent))
    suite.monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    result = run(suite)
    assert [line for line in result.outlines if line.startswith("::")] == [
        f"::error file={suite.path.name}/tests/test_it.py,line=6,title=2 tests%2C assertion::"
        "assert N == N, at tests/test_it.py:6%0Atests/test_it.py::test_it[0]%0Aassert 0 == -1%0A"
        "python -m pytest 'tests/test_it.py::test_it[0]'"
    ]
    assert page.read_text().split("\n")[:3] == ["before", "### Flujo", ""]
    suite.monkeypatch.delenv("GITHUB_ACTIONS")
    assert [line for line in run(suite).outlines if line.startswith("::")] == []


MOVING = """
import flujo.runner

def test_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, "elsewhere")
    assert 1 == 2
"""


def test_where_a_test_goes_and_what_it_sets_moves_no_record(suite: Project) -> None:
    suite.write("tests/test_it.py", MOVING)
    run(suite, "--flujo-summary=out.md", "--golden-artifacts=out").assert_outcomes(failed=1)
    assert [case.outcome for case in kept(suite).red] == ["failed"]
    assert [(suite.path / path).is_file() for path in ("out.md", "out/last-run.json")] == [True, True]


def properties(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Of each test in a JUnit file."""
    return {
        case.attrib["name"]: [(one.attrib["name"], one.attrib["value"]) for one in case.iter("property")]
        for case in ElementTree.parse(path).iter("testcase")
    }


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_junit_has_the_cause_and_the_cost_of_each_test(suite: Project, workers: tuple[str, ...]) -> None:
    suite.write("tests/test_it.py", FLAKY)
    run(suite, "--junitxml=junit.xml", *workers, plugins=("xdist",) if workers else ()).assert_outcomes(failed=2)
    record = kept(suite)
    causes = {cause.tests[0].rpartition("::")[2]: f"{cause.key}: {cause.title}" for cause in record.causes}
    assert properties(suite.path / "junit.xml") == {
        name: [("flujo_usd", "0.00104"), ("flujo_cause", causes[name])] for name in ("test_flaky", "test_wrong")
    }


LOOSE = """
from flujo import Step
from app import writer

def test_loose(flujo_run):
    result = flujo_run.sync(Step("write", writer()), "rain")
    assert result.output

class TestLoose:
    def test_more(self, flujo_run):
        result = flujo_run.sync(Step("write", writer()), "rain")
        assert result.output
"""


def test_findings_of_the_lint_that_fail_a_run_are_a_cause(suite: Project) -> None:
    suite.write("tests/test_it.py", LOOSE)
    result = run(suite, "--flujo-lint=error", "--flujo-triage=always", "--flujo-summary=out.md")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    key = triage(result)[1].rpartition(" ")[2]
    assert triage(result) == [
        "0 of 2 tests are red: 1 cause",
        f"2 tests, lint: FL104 only that something is true, or false {key}",
        "    first: tests/test_it.py::TestLoose::test_more",
        "    says:  tests/test_it.py:12:9: FL104 TestLoose.test_more: `result.output` only has to be true; "
        'write: assert result.output == "Grey rain"',
        "    see:   python -m pytest tests/test_it.py::TestLoose::test_more --flujo-lint=error",
    ]


def test_a_summary_that_cannot_be_written_fails_the_run(suite: Project) -> None:
    suite.write("tests/test_it.py", "def test_it():\n    pass\n")
    suite.write("file", "")
    result = run(suite, "--flujo-summary=file/out.md")
    assert (result.ret, result.parseoutcomes()) == (pytest.ExitCode.TESTS_FAILED, {"passed": 1})
    assert [line for line in result.outlines if line.startswith("flujo report: ")] == [
        f"flujo report: {suite.path}/file/out.md was not written: File exists"
    ]


def test_a_report_needs_the_reports_of_pytest(suite: Project) -> None:
    suite.write("tests/test_it.py", "def test_it():\n    pass\n")
    result = run(suite, "--flujo-summary=out.md", "-p", "no:terminal")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_without_the_extra_for_goldens_red_tests_are_told_by_cause_all_the_same(suite: Project) -> None:
    suite.write("conftest.py", "import sys\n\nsys.modules['yaml'] = sys.modules['syrupy'] = None\n")
    suite.write("tests/test_it.py", reds(5))
    result = suite.run_apart("-p", "no:asyncio", plugins=("anyio",))
    assert triage(result)[0] == "5 of 5 tests are red: 1 cause"


CRASHING = """
import os
import flujo.runner

def test_crash():
    os._exit(3)
"""
BROKEN_FILE = "import flujo.runner\nimport nowhere_to_be_found\n"


def test_a_run_in_which_no_test_was_started_began_with_pytest() -> None:
    assert gathered({}, Path(), began=12.5) == Gathered({}, started=12.5, seconds=0.0)


def test_what_told_nothing_of_itself_is_told_as_pytest_tells_it(suite: Project) -> None:
    suite.write("tests/test_crash.py", CRASHING)
    suite.write("tests/test_it.py", reds(1))
    suite.write("tests/test_file.py", BROKEN_FILE)
    arguments = ("-p", "no:asyncio", "-n1", "--continue-on-collection-errors", "--flujo-triage=always")
    result = suite.run_apart(*arguments, plugins=("anyio", "syrupy", "xdist"))
    result.assert_outcomes(failed=2, errors=1)
    assert [line.partition(" [")[0] for line in triage(result) if line[0] == "1"] == [
        "1 test, assertion: assert N == N, at tests/test_it.py:6",
        "1 test, collection: ModuleNotFoundError: No module named …",
        "1 test, crash: worker … crashed while running …",
    ]


def test_the_page_tells_of_the_tests_and_what_they_paid(suite: Project) -> None:
    suite.write("tests/test_it.py", FLAKY)
    run(suite, "--flujo-report=out/report.html").assert_outcomes(failed=2)
    page = (suite.path / "out/report.html").read_text(encoding="utf-8")
    shown = [text in page for text in ("<!doctype html>", "test_flaky", "test_wrong", "test:writer", "0.00208")]
    assert shown == [True] * 5
