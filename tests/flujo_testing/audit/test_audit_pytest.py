"""An audit as a user meets it: what is noticed, what is tolerated and in which words, and who sees nothing of it."""

from __future__ import annotations

import pytest

from tests.flujo_testing.audit.audit_project import audit, audited_project, lines, told, trials
from tests.flujo_testing.golden_project import Project

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return audited_project(pytester, monkeypatch)


PARTS = """
from cast import *
import unittest
import pytest

def test_exact(flujo_run):
    step = corrected()
    flujo_run.sync(step, "rain")
    assert [len(call.feedback) for call in step.agent.calls] == [0, 1]

def test_loose(flujo_run):
    assert flujo_run.sync(corrected(), "rain").output

class Case(unittest.TestCase):
    def test_case(self):
        step = corrected()
        Flujo(step).run("rain")
        self.assertEqual([len(call.feedback) for call in step.agent.calls], [0, 1])

@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param

@pytest.fixture(scope="module")
async def wider(anyio_backend):
    await Flujo(Step("once", EchoAgent())).run_async("in no pass")
    yield

async def test_async(wider, flujo_run, virtual_clock):
    step = corrected()
    await flujo_run(step, "rain")
    assert [len(call.feedback) for call in step.agent.calls] == [0, 1]

def test_runs_nothing():
    pass

def test_fails(flujo_run):
    flujo_run.sync(corrected(), "rain")
    assert False
"""
SURVIVED = ("infected", "survived")
ASSERTION = ("infected", "assertion")


def test_each_test_is_tried_whatever_its_kind(project: Project) -> None:
    project.write("test_it.py", PARTS)
    result = audit(project, "--flujo-audit=full", "--golden=check")
    result.assert_outcomes(passed=6, failed=1)
    tests = [audited["test"] for audited in told(project)["tests"]]
    names = ["test_exact", "test_loose", "Case::test_case", "test_async[asyncio]", "test_async[trio]"]
    assert tests == [f"test_it.py::{name}" for name in names]
    ended = [trials(project, test)["feedback_not_sent"] for test in tests]
    assert ended == [ASSERTION, SURVIVED, ASSERTION, ASSERTION, ASSERTION]


def test_a_loose_test_is_told_what_it_tolerated_and_what_would_have_noticed(project: Project) -> None:
    project.write("test_it.py", PARTS)
    result = audit(project, "-k", "test_loose")
    result.assert_outcomes(passed=1, deselected=6)
    result.stdout.fnmatch_lines([
        "survived: feedback_not_sent (P1): The next attempt is not told why the last one was rejected.",
        '  test_it.py::test_loose still passed: feedback "4 words, at most 3" no longer reaches write/attempt:2',
        "    would notice: golden.check(result), or assert agent.calls[[]1[]].feedback == (...)",
    ])  # fmt: skip


def test_the_built_in_check_is_shown_and_makes_no_test_look_strong(project: Project) -> None:
    project.write("test_it.py", PARTS)
    result = audit(project, "-k", "test_loose")
    assert trials(project, "test_it.py::test_loose")["event_twice"] == SURVIVED
    result.stdout.fnmatch_lines([
        "survived: event_twice (P9): *",
        "    the built-in check says: the run: RunEnded after the run has ended",
    ])  # fmt: skip


def test_a_fault_that_was_noticed_is_not_tried_again_in_a_fast_audit(project: Project) -> None:
    project.write("test_it.py", PARTS)
    audit(project, "-k", "test_exact or test_case or test_loose")
    exact = trials(project, "test_it.py::test_exact")
    noticed = {fault for fault, ended in exact.items() if ended == ASSERTION}
    assert "feedback_not_sent" in noticed
    assert noticed.isdisjoint(trials(project, "test_it.py::test_loose"))
    assert told(project)["vacuous"] is None


COSTLY = """
from cast import *
from flujo import AgentError, Step

def test_it(flujo_run{fixtures}):
    failure = AgentError("overloaded", usage=SPENT, model="test:writer")
    agent = ScriptedAgent(failure, "Grey rain", model="test:writer", usage=SPENT)
    result = flujo_run.sync(Step("write", agent), "rain")
    {claim}
"""


def test_the_assertion_that_is_told_notices_once_it_is_pasted_in(project: Project) -> None:
    project.write("test_it.py", COSTLY.format(fixtures="", claim="assert result.total_cost_usd"))
    audit(project)
    (loose,) = told(project)["tests"]
    trial = next(one for one in loose["trials"] if one["fault"] == "drop_failed_attempt_cost")
    assert (trial["ending"], trial["told"][0]) == ("survived", "write/attempt:1 is no longer paid: 0.00104 -> 0")
    assert trial["assertion"] == "assert result.total_cost_usd == Decimal('0.002080')"
    project.write("test_it.py", COSTLY.format(fixtures="", claim=trial["assertion"]))
    audit(project).assert_outcomes(passed=1)
    assert trials(project, "test_it.py::test_it")["drop_failed_attempt_cost"] == ASSERTION


def test_a_golden_notices_and_stays_as_it_is(project: Project) -> None:
    project.write("test_it.py", COSTLY.format(fixtures=", golden", claim="golden.check(result)"))
    project.run("--golden=update", "-p", "no:asyncio", plugins=("anyio", "syrupy"))
    before = project.files()
    result = audit(project, "--golden=pending")
    result.assert_outcomes(passed=1)
    assert trials(project, "test_it.py::test_it")["drop_failed_attempt_cost"] == ("infected", "golden")
    assert project.files() == before
    assert lines(result, "goldens:") == ["goldens: 1 compared, 0 changed, 0 missing, 0 unused, 0 written"]


DEADLY = """
from cast import *
import os, threading

def test_it(flujo_run):
    step = corrected()
    flujo_run.sync(step, "rain")
    if [len(call.feedback) for call in step.agent.calls] == [0, 0]:
        {then}
"""


@pytest.mark.parametrize(
    ("then", "ending", "why"),
    [
        ("os._exit(0)", "crash", "the process exited with status 0"),
        ("print('half'); threading.Event().wait()", "timeout", "no end within 0.5 s"),
        ("raise KeyboardInterrupt('now')", "crash", "raised KeyboardInterrupt: now"),
    ],
)
def test_a_test_that_hangs_or_ends_the_process_under_a_fault_ends_no_audit(
    project: Project, then: str, ending: str, why: str
) -> None:
    project.write("test_it.py", DEADLY.format(then=then))
    result = audit(project, "--flujo-audit-timeout=0.5", "-rP")
    result.assert_outcomes(passed=1)
    (audited,) = told(project)["tests"]
    (died,) = [one for one in audited["trials"] if one["fault"] == "feedback_not_sent"]
    assert (died["state"], died["ending"], died["told"]) == ("infected", ending, [why])
    after = trials(project, "test_it.py::test_it")
    assert (after["plugin_skipped"], after["retry_one_too_few"]) == (("infected", "strict fake"),) * 2
    assert "half" not in result.outlines


def test_a_thread_that_is_left_behind_under_a_fault_holds_nobody_up(project: Project) -> None:
    project.write("test_it.py", DEADLY.format(then="threading.Thread(target=threading.Event().wait).start()"))
    audit(project).assert_outcomes(passed=1)
    assert trials(project, "test_it.py::test_it")["feedback_not_sent"] == SURVIVED


UNHEARD = """
from cast import *
import pytest
TIMES = []

def test_never_the_same(flujo_run):
    TIMES.append(1)
    flujo_run.sync(Step("ask", EchoAgent()), f"time {len(TIMES)}")

def test_only_once(flujo_run):
    TIMES.append(1)
    flujo_run.sync(Step("ask", EchoAgent()), "rain")
    assert len(TIMES) == 2
"""


def test_a_test_that_is_not_the_same_without_a_fault_is_told_and_not_scored(project: Project) -> None:
    project.write("test_it.py", UNHEARD)
    result = audit(project, "--flujo-audit-min=1")
    result.assert_outcomes(passed=2)
    assert lines(result, "not audited:") == [
        'not audited: test_it.py::test_never_the_same: nondeterministic: input of the run: "time 1" -> "time 2"',
        "not audited: test_it.py::test_only_once: fails when it is run again (call): AssertionError: assert 3 == 2",
    ]
    (problem,) = told(project)["problems"]
    assert problem.startswith("no fault changed what a test tells (2 tests that ran a pipeline and passed, ")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


FIXTURE = """
from cast import *
import pytest

@pytest.fixture
def guard():
    calls = []
    yield calls
    assert calls == [0, 1]

def test_it(flujo_run, guard):
    step = corrected()
    flujo_run.sync(step, "rain")
    guard.extend(len(call.feedback) for call in step.agent.calls)
"""


def test_a_fixture_of_the_users_that_fails_says_nothing_of_the_test(project: Project) -> None:
    project.write("test_it.py", FIXTURE)
    audit(project).assert_outcomes(passed=1)
    assert trials(project, "test_it.py::test_it")["feedback_not_sent"] == ("infected", "invalid")


def test_what_stops_or_remembers_failures_sees_none_of_a_pass_under_a_fault(project: Project) -> None:
    project.write("test_it.py", PARTS)
    result = audit(project, "-x", "-k", "test_exact or test_case", "--junitxml=junit.xml")
    result.assert_outcomes(passed=2, deselected=5)
    assert not (project.path / ".pytest_cache/v/cache/lastfailed").exists()
    assert (project.path / "junit.xml").read_text().count("<testcase ") == 2


WHOLE = PARTS.replace("    assert False\n", "    assert True\n")


def test_the_scores_are_the_same_however_the_tests_are_run(project: Project) -> None:
    """In any order, on several processes, and with what stops at a failure, asks about it or begins with it."""
    project.write("test_it.py", PARTS)
    project.run("-p", "no:asyncio", plugins=("anyio", "syrupy")).assert_outcomes(passed=6, failed=1)
    project.write("test_it.py", WHOLE)
    full = ("--flujo-audit=full", "--golden=check")
    audit(project, *full, "--lf").assert_outcomes(passed=1)
    failed_last = by_test(project)
    audit(project, *full).assert_outcomes(passed=7)
    score, verdicts = told(project)["score"], by_test(project)
    assert score["infected"] > score["noticed"] > 0
    for options, plugins in [
        (("--pdb", "-x"), ()),
        (("-p", "randomly", "-p", "no:cacheprovider", "--randomly-seed=3"), ()),
        (("-n2", "-W", "ignore:syrupy"), ("xdist",)),  # it looks for the tests of the workers in the controller
    ]:
        result = audit(project, *full, *options, plugins=plugins)
        result.assert_outcomes(passed=7)
        assert (told(project)["score"], by_test(project)) == (score, verdicts), options
    assert failed_last == {"test_it.py::test_fails": verdicts["test_it.py::test_fails"]}


def by_test(project: Project) -> dict[str, dict[str, tuple[str, str]]]:
    return {audited["test"]: trials(project, audited["test"]) for audited in told(project)["tests"]}


SHARED = """
from cast import *

def test_loose(flujo_run):
    assert flujo_run.sync(corrected(), "rain").output == "Grey rain"

def test_exact(flujo_run):
    step = corrected()
    flujo_run.sync(step, "rain")
    assert [len(call.feedback) for call in step.agent.calls] == [0, 1]
"""


MARKED = """
import pytest
from cast import *

@pytest.mark.flujo_schedules(20)
def test_both(flujo_run):
    branches = {name: Step("ask", EchoAgent()) for name in "ab"}
    assert flujo_run.sync(Step.parallel("both", branches), "rain").output == {"a": "rain", "b": "rain"}
"""


def test_a_test_marked_for_schedules_is_audited_instead(project: Project) -> None:
    project.write("test_it.py", MARKED)
    result = audit(project)
    result.assert_outcomes(passed=1)
    assert trials(project, "test_it.py::test_both")["branch_input_lost"] == ASSERTION
    assert lines(result, "schedules:") == []


def test_processes_of_xdist_are_added_up(project: Project) -> None:
    project.write("test_it.py", SHARED)
    result = audit(project, "-n2", "--flujo-audit-min=1", plugins=("xdist",))
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK
    assert sorted(audited["test"] for audited in told(project)["tests"]) == [
        "test_it.py::test_exact", "test_it.py::test_loose",
    ]  # fmt: skip
    assert trials(project, "test_it.py::test_loose")["feedback_not_sent"] == SURVIVED
    assert trials(project, "test_it.py::test_exact")["feedback_not_sent"] == ASSERTION
    assert len(lines(result, "audit (fast):")) == 1
