"""Schedules in pytest: options, marker, summary, goldens, processes of xdist, and tests that have one order."""

from __future__ import annotations

import pytest

# Runs in this process forget what they import themselves, and would have two of it.
import flujo_testing.fixtures
import flujo_testing.schedules.plugin  # noqa: F401
from tests.flujo_testing.golden_project import INI, Project, project_of

pytest_plugins = ["pytester"]

CAST = """
import pytest
from flujo import Flujo, MergeStrategy, PipelineContext, Step
from flujo_testing.agents import EchoAgent, FailingAgent

class Notes(PipelineContext):
    lines: list[str] = []

def both(a=None, b=None):
    agents = {"a": a or EchoAgent(), "b": b or EchoAgent()}
    return Step.parallel("both", {name: Step("ask", agent, max_retries=0) for name, agent in agents.items()})
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    project.write("pytest.ini", INI + "pythonpath = .\n")
    project.write("cast.py", CAST)
    (project.path / "conftest.py").unlink()
    return project


# Options and marker ---------------------------------------------------------------------------------------

MARKED = """
from cast import *
PASSES = {"one": 0, "many": 0, "three": 0}

@pytest.mark.flujo_schedules(0, reason="its story is that of one order")
def test_one():
    PASSES["one"] += 1
    Flujo(both()).run("rain")

def test_many():
    PASSES["many"] += 1
    Flujo(both()).run("rain")

@pytest.mark.flujo_schedules(3)
def test_three():
    PASSES["three"] += 1
    Flujo(Step.parallel("five", {name: Step("ask", EchoAgent()) for name in "abcde"})).run("rain")

def test_counts():
    print("passes:", *PASSES.values())
    assert False
"""


@pytest.mark.parametrize(
    ("arguments", "passes", "summary"),
    [
        ((), "1 1 3", "1 tests in 3 orders, 0 of them in all orders there are; 0 more have one order only (seed 0)"),
        (
            ("--flujo-schedules=9", "--flujo-schedules-seed=5"),
            "1 2 3",
            "2 tests in 5 orders, 1 of them in all orders there are; 0 more have one order only (seed 5)",
        ),
        (("--flujo-schedules=9", "--trace"), "1 1 1", "no test that passed has two orders: nothing was explored"),
        (
            ("--flujo-schedules=9", "--flujo-record=once"),
            "1 1 1",
            "no test that passed has two orders: nothing was explored",
        ),
    ],
    ids=["marked only", "all", "traced", "recorded"],
)
def test_the_option_is_for_all_tests_and_a_marker_for_its_own(
    project: Project, arguments: tuple[str, ...], passes: str, summary: str
) -> None:
    project.write("test_it.py", MARKED)
    project.write("silent.py", "class Pdb:\n    def __init__(self, **k): pass\n"
        "    def runcall(self, f, *a, **k): return f(*a, **k)\n")  # fmt: skip
    result = project.run(*arguments, "--pdbcls=silent:Pdb")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([f"passes: {passes}", f"schedules: {summary}"])


def test_exploring_nothing_is_no_success(project: Project) -> None:
    project.write("test_it.py", "from cast import *\n\ndef test_one():\n    Flujo(Step('ask', EchoAgent())).run('x')\n")
    result = project.run("--flujo-schedules=9")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([
        "schedules: 0 tests in 0 orders, 0 of them in all orders there are; 1 more have one order only (seed 0)",
        "schedules: no test that passed has two orders: nothing was explored",
    ])  # fmt: skip
    assert project.run("--flujo-schedule=0").ret == pytest.ExitCode.OK
    project.write("test_it.py", MARKED.partition("def test_many")[0])
    project.run().stdout.no_fnmatch_line("schedules: *")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--flujo-schedules=0"], "--flujo-schedules=0: give the number of orders to try, such as 20"),
        (
            ["--flujo-schedule=1,2"],
            "--flujo-schedule: '1,2' is no schedule: write the choices with dots, such as 0.0.1",
        ),
        (
            ["--flujo-schedule=1", "--golden=update"],
            "--flujo-schedule repeats one order, --golden=update wants the first: use one of them",
        ),
    ],
)
def test_options_that_cannot_be_meant_are_refused(project: Project, arguments: list[str], told: str) -> None:
    project.write("test_it.py", "def test_it(): pass\n")
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {told}"])


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("flujo_schedules", "the marker flujo_schedules takes a number of orders"),
        ("flujo_schedules('20')", "the marker flujo_schedules takes a number of orders"),
        ("flujo_schedules(-1)", "the marker flujo_schedules takes a number of orders"),
        ("flujo_schedules(True)", "the marker flujo_schedules takes a number of orders"),
        ("flujo_schedules(20, because='x')", "the marker flujo_schedules takes a number of orders"),
        ("flujo_schedules(0)", "flujo_schedules(0) needs a reason"),
        ("flujo_schedules(0, reason=' ')", "flujo_schedules(0) needs a reason"),
    ],
)
def test_markers_that_cannot_be_meant_are_refused(project: Project, marker: str, told: str) -> None:
    project.write("test_it.py", f"import pytest\n\n@pytest.mark.{marker}\ndef test_it(): pass\n")
    result = project.run("--strict-markers")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    how = 'write @pytest.mark.flujo_schedules(20), or flujo_schedules(0, reason="...") for a test with one order'
    result.stderr.fnmatch_lines([f"ERROR: test_it.py::test_it: {told}: {how}"])


GENERATED = """
from cast import *

@pytest.mark.hypothesis
def test_generated():
    Flujo(both()).run("rain")
"""


def test_what_hypothesis_runs_many_times_is_left_to_it(project: Project) -> None:
    project.write("test_it.py", GENERATED)
    project.write("pytest.ini", INI + "pythonpath = .\nmarkers = hypothesis: set by Hypothesis itself\n")
    result = project.run("--flujo-schedules=9")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["schedules: no test that passed has two orders: nothing was explored"])


# Goldens --------------------------------------------------------------------------------------------------

GOLDENS = """
from cast import *

def test_stopped(golden):
    golden.check(Flujo(both(FailingAgent(), EchoAgent())).run("rain"))

def test_merged(golden, snapshot):
    agents = {name: Step("ask", note) for name in "ab"}
    merging = Step.parallel("both", agents, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    result = Flujo(merging, context_model=Notes).run("rain")
    golden.check(result)
    golden.check(result, name="again")
    assert result.output == snapshot

async def note(text: str, context: Notes) -> str:
    context.lines.append("noted")
    return text
"""
LINE = "goldens: 3 compared, {} changed, {} missing, 0 unused, {} written"


def test_goldens_and_snapshots_are_those_of_the_first_order_and_only_read_in_others(project: Project) -> None:
    project.write("test_it.py", GOLDENS)
    written = project.run("--golden=update", "--snapshot-update", "--flujo-schedules=9")
    written.stdout.fnmatch_lines([LINE.format(0, 3, 3)])
    project.run("--golden=update", "--flujo-schedules=9").assert_outcomes(passed=2)
    before = project.files()
    for _ in range(2):
        checked = project.run("--golden=pending", "--flujo-schedules=9")
        checked.assert_outcomes(passed=2)
        checked.stdout.fnmatch_lines([LINE.format(0, 0, 0), "schedules: 2 tests in 4 orders, *", "4 snapshots passed."])
    repeated = project.run("--golden=pending", "--flujo-schedule=1")
    repeated.assert_outcomes(passed=2)
    assert project.files() == before


DIFFERENT = """
from cast import *
FIRST = []

@pytest.mark.parametrize("name", ["a b"])
def test_story(name, golden):
    del FIRST[:]
    async def who_is_first(text):
        FIRST.append(text)
        return str(len(FIRST))
    golden.check(Flujo(both(who_is_first, who_is_first)).run("rain"))
"""


def test_a_golden_that_does_not_hold_in_another_order_is_told_in_words_and_no_proposal(project: Project) -> None:
    project.write("tests/test_it.py", DIFFERENT)
    project.run("--golden=update").assert_outcomes(passed=1)
    before = project.files()
    result = project.run("--golden=pending", "--flujo-schedules=9")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        'E         output of both/branch:a/ask/attempt:1: "1" -> "2"',
        "E       fails in the order 1, 1 deviation from first in, first out (seed 0, order 2 of at most 9):",
        "E       what differs from first in, first out:",
        'E         output of both/branch:a/ask/attempt:1: "1" -> "2"',
        "E       repeat it: python -m pytest 'tests/test_it.py::test_story[[]a b[]]' --flujo-schedule=1",
    ])  # fmt: skip
    assert project.files() == before
    repeated = project.run("tests/test_it.py::test_story[a b]", "--flujo-schedule=1")
    repeated.assert_outcomes(failed=1)
    repeated.stdout.fnmatch_lines(['E         output of both/branch:a/ask/attempt:1: "1" -> "2"'])
    project.write("tests/test_it.py", DIFFERENT.replace("golden.check", "print"))
    for option in ("--flujo-schedules=9", "--flujo-schedule=1"):
        result = project.run(option)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(['  output of both/branch:a/ask/attempt:1: "1" -> "2"'])


# xdist ----------------------------------------------------------------------------------------------------


def test_processes_of_xdist_add_up(project: Project) -> None:
    project.write("test_it.py", MARKED.partition("def test_counts")[0])
    result = project.run("--flujo-schedules=9", "-n2", plugins=("syrupy", "xdist"))
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["schedules: 2 tests in 5 orders, 1 of them in all orders there are; 0 more have one order only (seed 0)"]
    )
