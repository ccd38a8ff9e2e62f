"""What fails an audit, each with its figures; what is refused; the matrix as a golden; the files that are written."""

from __future__ import annotations

import shutil

import pytest

from tests.flujo_testing.audit.audit_project import audit, audited_project, lines, told
from tests.flujo_testing.golden_project import INI, REPOSITORY, Project

pytest_plugins = ["pytester"]

ONE_OF_TWO = """
from cast import *
from flujo import AgentError

async def late(x):
    raise AgentError("overloaded", usage=SPENT, model="test:writer")

def test_it(flujo_run):
    result = flujo_run.sync(Step("write", late, max_retries=0), "<b>rain</b>")
    assert {claim}
"""
EXACT = "(result.status, result.total_cost_usd) == ('failed', Decimal('0.00104'))"
LOOSE = "result.status == 'failed'"
WAIVER = '[drop_failed_attempt_cost]\nreason = "nobody is billed yet"\nexpires = {day}\n'


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = audited_project(pytester, monkeypatch)
    project.write("test_it.py", ONE_OF_TWO.format(claim=LOOSE))
    return project


def problems(project: Project) -> list[str]:
    found: list[str] = told(project)["problems"]
    return found


def verdict(project: Project) -> str:
    (row,) = [one for one in told(project)["faults"] if one["name"] == "drop_failed_attempt_cost"]
    return str(row["verdict"])


def test_a_score_below_the_least_fails_with_its_figures(project: Project) -> None:
    assert audit(project).ret == pytest.ExitCode.OK
    score = told(project)["score"]
    assert verdict(project) == "SURVIVED"
    result = audit(project, "--flujo-audit-min=100")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (problem,) = problems(project)
    percent = f"{100 * score['noticed'] / score['infected']:.0f} %"
    assert problem == (
        f"faults: {score['noticed']} of {score['infected']} noticed: {percent}, at least 100 % were asked for "
        "(--flujo-audit-min)"
    )
    assert lines(result, "problem:") == [f"problem: {problem}"]


def test_an_audit_of_nothing_fails(project: Project) -> None:
    project.write("test_it.py", "def test_it(): pass")
    assert audit(project).ret == pytest.ExitCode.TESTS_FAILED
    (problem,) = problems(project)
    assert problem.startswith("no fault changed what a test tells (0 tests that ran a pipeline and passed, ")


def test_tests_that_notice_nothing_are_counted_in_a_full_audit(project: Project) -> None:
    project.write("test_it.py", ONE_OF_TWO.format(claim="result is not None"))
    audit(project, "--flujo-audit=full", "--golden=check", "--flujo-audit-vacuous=0")
    assert told(project)["vacuous"] == ["test_it.py::test_it"]
    assert problems(project)[0] == (
        "tests: 1 of 1 infected ones noticed nothing, at most 0 may (--flujo-audit-vacuous)"
    )
    audit(project, "--flujo-audit=full", "--golden=check", "--flujo-audit-vacuous=1")
    assert not problems(project)[0].startswith("tests:")


def test_a_waiver_holds_until_its_day(project: Project) -> None:
    project.write("pytest.ini", INI + "pythonpath = .\nflujo_audit_waivers = waivers.toml\n")
    project.write("waivers.toml", WAIVER.format(day="9999-12-31"))
    before = told(project)["score"] if audit(project).ret == pytest.ExitCode.OK else None
    result = audit(project)
    assert "waived: drop_failed_attempt_cost until 9999-12-31: nobody is billed yet" in result.outlines
    project.write("waivers.toml", WAIVER.format(day="2001-02-03"))
    expired = audit(project)
    assert expired.ret == pytest.ExitCode.TESTS_FAILED
    assert problems(project) == [
        "waivers.toml: the waiver of 'drop_failed_attempt_cost' has expired on 2001-02-03: nobody is billed yet"
    ]
    score = told(project)["score"]
    assert before == {"noticed": score["noticed"], "infected": score["infected"] - 1}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--flujo-audit=slow"], "*--flujo-audit: 'slow' is neither fast nor full; *"),
        (["--golden=update"], "*only reads, and makes all passes itself: leave --golden=update out"),
        (["--flujo-record=once"], "*leave --flujo-record out"),
        (["--flujo-schedules=3"], "*leave --flujo-schedules out"),
        (["--flujo-audit-min=0"], "*--flujo-audit-min=0: give the least score in percent, from 1 to 100"),
        (["--flujo-audit-vacuous=0"], "*--flujo-audit-vacuous=0 counts tests that notice nothing*=full*"),
        (["--flujo-audit-timeout=0"], "*--flujo-audit-timeout=0: give the seconds that one pass may take"),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Project, options: list[str], why: str) -> None:
    result = audit(project, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([why])


def test_a_path_behind_the_option_is_no_mode_and_the_right_words_are_told(project: Project) -> None:
    result = project.run("-p", "no:asyncio", "--flujo-audit", "test_it.py", plugins=("anyio", "syrupy"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--flujo-audit: 'test_it.py' is neither fast nor full; for a path, write --flujo-audit=fast test_it.py"]
    )


def test_the_matrix_is_a_golden_in_which_a_loosened_assertion_shows(project: Project) -> None:
    project.write("test_it.py", ONE_OF_TWO.format(claim=EXACT))
    proposal, matrix = project.path / "golden/.pending/audit.yaml", project.path / "golden/audit.yaml"
    missing = audit(project, "--flujo-audit=full", "--golden=pending")
    assert missing.ret == pytest.ExitCode.TESTS_FAILED
    assert problems(project) == [
        "golden/audit.yaml does not exist yet; next: mv golden/.pending/audit.yaml golden/audit.yaml"
    ]
    proposal.rename(matrix)
    accepted = matrix.read_text(encoding="utf-8")
    assert accepted.startswith('format: flujo-audit/1\ntests:\n  "test_it.py::test_it":\n')
    assert '    "drop_failed_attempt_cost": "KILLED by assertion"\n' in accepted
    assert audit(project, "--flujo-audit=full", "--golden=check").ret == pytest.ExitCode.OK

    project.write("test_it.py", ONE_OF_TWO.format(claim=LOOSE))
    loosened = audit(project, "--flujo-audit=full", "--golden=check")
    assert loosened.ret == pytest.ExitCode.TESTS_FAILED
    assert (
        "test_it.py::test_it: drop_failed_attempt_cost: KILLED by assertion -> SURVIVED; no test notices it now"
    ) in problems(project)
    assert (matrix.read_text(encoding="utf-8"), proposal.exists()) == (accepted, False)


PAID_FAILURE = 'assert run.result.cost_by("outcome")'
EXACTLY = ' == {"error": Decimal("0.00036"), "accepted": Decimal("0.00104")}'


def test_one_assertion_of_our_exact_suite_that_is_loosened_shows_in_its_matrix(project: Project) -> None:
    """The suite and its matrix as they are committed. Tests that are left out stay in the matrix."""
    file, test = "examples/strength/exact/test_money.py", "test_a_failed_request_is_paid_if_the_provider_was"
    shutil.copytree(REPOSITORY / "examples/strength", project.path / "examples/strength")
    project.write("golden/audit.yaml", (REPOSITORY / "golden/audit.yaml").read_text(encoding="utf-8"))
    chosen = ("--flujo-audit=full", "--golden=check", file, "-k", f"{test} and asyncio")
    assert audit(project, *chosen).ret == pytest.ExitCode.OK
    exact = (project.path / file).read_text(encoding="utf-8")
    assert exact.count(PAID_FAILURE + EXACTLY) == 1
    project.write(file, exact.replace(PAID_FAILURE + EXACTLY, PAID_FAILURE))
    audit(project, *chosen)
    assert problems(project)[0].startswith("golden/audit.yaml tells another matrix, ")
    assert [problem for problem in problems(project) if "drop_failed_attempt_cost" in problem] == [
        f"{file}::{test}[asyncio]: drop_failed_attempt_cost: KILLED by assertion -> SURVIVED; still noticed by "
        f"{file}::{test}[trio] and 2 more"
    ]


def test_tests_that_were_left_out_stay_in_the_matrix(project: Project) -> None:
    project.write("test_other.py", ONE_OF_TWO.format(claim=EXACT))
    audit(project, "--flujo-audit=full", "--golden=pending")
    (project.path / "golden/.pending/audit.yaml").rename(project.path / "golden/audit.yaml")
    assert audit(project, "--flujo-audit=full", "--golden=check", "test_other.py").ret == pytest.ExitCode.OK
    (project.path / "test_it.py").unlink()
    audit(project, "--flujo-audit=full", "--golden=check")
    assert "test_it.py::test_it: is gone" in problems(project)


def test_a_matrix_that_is_none_is_refused(project: Project) -> None:
    project.write("golden/audit.yaml", "format: flujo-audit/2\ntests: {}\n")
    audit(project, "--flujo-audit=full", "--golden=check")
    assert problems(project) == ["golden/audit.yaml, line 1: is no matrix in the format 'flujo-audit/1'"]


def test_markdown_holds_the_same_and_nothing_that_acts(project: Project) -> None:
    audit(project, "--flujo-audit-md=reports/audit.md")
    text = (project.path / "reports/audit.md").read_text(encoding="utf-8")
    assert "| drop_failed_attempt_cost | A1 | SURVIVED | 0 | 1 |" in text.splitlines()
    assert "  - would notice: ` assert result.total_cost_usd == Decimal('0.001040') `" in text.splitlines()
    assert "<b>" not in text


def test_a_report_with_a_secret_is_not_written_and_the_old_one_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim that would notice a fault holds what the run put out."""
    old = project.write("audit.md", "old")
    monkeypatch.setenv("RAIN_API_KEY", "Decimal('0.001040')")
    result = audit(project, f"--flujo-audit-md={old}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (project.path / "audit.json").exists() is False
    assert old.read_text(encoding="utf-8") == "old"
    refused = [line.partition(" was not written: ")[0] for line in lines(result, "problem: ")]
    assert refused == [f"problem: {project.path / 'audit.json'}", f"problem: {old}"]


def test_a_report_that_cannot_be_written_is_a_problem(project: Project) -> None:
    project.write("reports", "a file where a folder should be")
    result = audit(project, "--flujo-audit-md=reports/audit.md")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (problem,) = lines(result, "problem: ")
    assert problem == f"problem: {project.path / 'reports/audit.md'} was not written: File exists"
