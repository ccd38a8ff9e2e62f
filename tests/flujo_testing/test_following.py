"""Every test that runs a pipeline is followed, by which way ever it runs it, without asking for a fixture."""

from __future__ import annotations

import sys

import pytest

# Runs in this process forget what they import: two copies of the engine would follow each other's runs.
import flujo.agents.openai  # noqa: F401
import flujo_testing.fixtures  # noqa: F401
from tests.flujo_testing.golden_project import Project, project_of

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    (project.path / "conftest.py").unlink()
    project.write("application.py", APPLICATION)
    pytester.syspathinsert(project.path)
    monkeypatch.setenv("COLUMNS", "600")
    monkeypatch.setenv("OPENAI_API_KEY", "unused")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return project


def told(result: pytest.RunResult) -> list[str]:
    """The tests that passed, failed or had an error in their teardown, each with what the summary says of it."""
    return sorted(line for line in result.outlines if line.startswith(("PASSED ", "FAILED ", "ERROR ")))


APPLICATION = """
import threading
from flujo import Flujo, Step
from flujo_testing import FunctionAgent, ScriptedAgent

AGENT = ScriptedAgent("a", "b", name="writer")
RUNNER = Flujo(Step("write", AGENT), name="app")
ASKED, MAY_GO_ON = threading.Event(), threading.Event()

def hold(text):
    ASKED.set()
    MAY_GO_ON.wait()
    return text

SLOW = Flujo(Step("hold", FunctionAgent(hold)) >> Step("write", AGENT), name="slow")

def both():
    return [RUNNER.run(text).output for text in "xy"]
"""

LEFT = (
    "flujo_testing.agents.errors.ScriptLeftOver: ScriptedAgent 'writer' at write/attempt:1 still has 1 of 2 "
    "answers when the test ends ('b'): remove what is too much, or find out why the pipeline asked less"
)
MIXED = """
import asyncio, threading, unittest
import pytest
from application import AGENT, RUNNER, both

@pytest.fixture
def runs_in_teardown():
    yield
    RUNNER.run("x")

@pytest.fixture
def broken():
    RUNNER.run("x")
    raise KeyError("broken")

def test_afresh(): assert both() == ["a", "b"]
def test_afresh_again(): assert both() == ["a", "b"]
def test_left_over(): RUNNER.run("x")
def test_run_in_teardown(runs_in_teardown): pass
def test_broken_fixture(broken): pass
def test_skipped_after_a_run():
    RUNNER.run("x")
    pytest.skip("no news")
def test_failed():
    RUNNER.run("x")
    assert not "this is what is told"
def test_in_a_thread():
    thread = threading.Thread(target=RUNNER.run, args=("x",))
    thread.start()
    thread.join()
def test_in_another_loop(): asyncio.run(RUNNER.run_async("x"))
@pytest.mark.anyio
async def test_in_the_loop_of_the_test(): await RUNNER.run_async("x")
class Case(unittest.TestCase):
    def setUp(self): RUNNER.run("x")
    def test_method(self): RUNNER.run("y")
    def test_other_method(self): assert AGENT.calls[0].input == "x"
def test_asked_without_a_run(): asyncio.run(AGENT.run("x"))
"""


def test_all_kinds_of_tests_are_followed_and_what_is_wrong_is_an_error_of_their_teardown(project: Project) -> None:
    project.write("test_it.py", MIXED)
    result = project.run("-rA", plugins=("anyio",))
    assert told(result) == [
        f"ERROR test_it.py::Case::test_other_method - {LEFT}",
        f"ERROR test_it.py::test_asked_without_a_run - {LEFT.replace(' at write/attempt:1', '')}",
        "ERROR test_it.py::test_broken_fixture - KeyError: 'broken'",
        f"ERROR test_it.py::test_in_a_thread - {LEFT}",
        f"ERROR test_it.py::test_in_another_loop - {LEFT}",
        f"ERROR test_it.py::test_in_the_loop_of_the_test[asyncio] - {LEFT}",
        f"ERROR test_it.py::test_in_the_loop_of_the_test[trio] - {LEFT}",
        f"ERROR test_it.py::test_left_over - {LEFT}",
        f"ERROR test_it.py::test_run_in_teardown - {LEFT}",
        "FAILED test_it.py::test_failed - AssertionError: assert not 'this is what is told'",
        "PASSED test_it.py::Case::test_method",
        "PASSED test_it.py::Case::test_other_method",
        "PASSED test_it.py::test_afresh",
        "PASSED test_it.py::test_afresh_again",
        "PASSED test_it.py::test_asked_without_a_run",
        "PASSED test_it.py::test_in_a_thread",
        "PASSED test_it.py::test_in_another_loop",
        "PASSED test_it.py::test_in_the_loop_of_the_test[asyncio]",
        "PASSED test_it.py::test_in_the_loop_of_the_test[trio]",
        "PASSED test_it.py::test_left_over",
        "PASSED test_it.py::test_run_in_teardown",
    ]


WRONG = """
from application import RUNNER
from flujo import Flujo, Laws, Step, Usage, override
from flujo.agents.openai import OpenAIChat
from flujo_testing import EchoAgent, ScriptedAgent

def test_does_not_add_up():
    paid = EchoAgent(model="test:writer", usage=Usage(input_tokens=3))
    with override(laws=Laws(entries_to_book=lambda entries: [*entries, *entries])):
        Flujo(Step("write", paid)).run("x", run_id="run-7")

def test_asks_too_much():
    for text in "xyz":
        RUNNER.run(text)

def test_asks_too_much_within_our_fixture(flujo_run):
    flujo_run.sync(Step("write", ScriptedAgent("a", name="writer"), max_retries=0), "x")
    assert flujo_run.sync(Step("check", EchoAgent()), "x").output == "x"
    RUNNER.run("x")

def test_calls_a_provider():
    Flujo(Step("write", OpenAIChat("gpt-4o"), max_retries=0, fallback=Step("small", EchoAgent()))).run("x")
"""


def test_what_is_wrong_is_told_once_whether_or_not_the_test_asks_for_a_fixture(project: Project) -> None:
    project.write("test_it.py", WRONG)
    result = project.run("-rA")
    errors = "flujo_testing.agents.errors"
    assert told(result) == [
        f"ERROR test_it.py::test_asks_too_much - {errors}.ScriptExhausted: ScriptedAgent 'writer' was asked at "
        "'write/attempt:1' for answer 3, but its script has 2: add what it should answer, or find out why it is "
        "asked again (a retry, a redirect, a loop)",
        f"ERROR test_it.py::test_asks_too_much_within_our_fixture - {LEFT}",
        f"ERROR test_it.py::test_calls_a_provider - {errors}.LiveCallError: 'openai:gpt-4o' would call its "
        "provider (https://api.openai.com/v1/) at 'write/attempt:1', and a test does not: replace the agent, by "
        "flujo_agents({'write': ScriptedAgent(...)}) or pipeline.with_agents(...); give its client a transport "
        "that replays recordings; or, to test the provider itself, call it within 'with live_calls():'",
        "ERROR test_it.py::test_does_not_add_up - flujo_testing.conservation.ConservationError: this run cannot be:",
        *(f"PASSED test_it.py::{name}" for name in (
            "test_asks_too_much", "test_asks_too_much_within_our_fixture", "test_calls_a_provider",
            "test_does_not_add_up",
        )),
    ]  # fmt: skip


OUTLIVES = """
import threading
from application import AGENT, ASKED, MAY_GO_ON, SLOW, both

THREAD = threading.Thread(target=SLOW.run, args=("x",))

def test_thread():
    THREAD.start()
    ASKED.wait()

def test_after_it():
    MAY_GO_ON.set()
    THREAD.join()
    assert AGENT.calls == ()
    assert both() == ["a", "b"]
"""


def test_a_run_that_outlives_its_test_is_told_and_takes_nothing_from_the_next_one(project: Project) -> None:
    project.write("test_it.py", OUTLIVES)
    assert told(project.run("-rA")) == [
        "ERROR test_it.py::test_thread - flujo_testing.agents.errors.RunNotEnded: the run of 'slow' has not ended "
        "when the test does; it waits for an answer at 'hold/attempt:1': await the run, join its thread, or cancel it",
        "PASSED test_it.py::test_after_it",
        "PASSED test_it.py::test_thread",
    ]


TWICE = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    runtestprotocol(item, nextitem=nextitem, log=False)
    return runtestprotocol(item, nextitem=nextitem) and True
"""
FAILS_ONCE = """
from application import RUNNER
TIMES = []

def test_it():
    TIMES.append(RUNNER.run("x").output)
    assert TIMES == ["a", "a"]
"""


def test_a_test_that_is_run_again_after_a_failure_is_followed_as_if_for_the_first_time(project: Project) -> None:
    project.write("conftest.py", TWICE)
    project.write("test_it.py", FAILS_ONCE)
    assert told(project.run("-rA")) == [f"ERROR test_it.py::test_it - {LEFT}", "PASSED test_it.py::test_it"]


IMPORTS = """
import sys

def test_without_flujo():
    assert "flujo" not in sys.modules

def test_imports():
    import application
    application.RUNNER.run("x")
    import flujo.runner
    assert type(flujo.runner.__loader__) is type(flujo.__loader__)
    assert flujo.runner.__spec__.loader is flujo.runner.__loader__

def test_imports_again():
    import application
    application.RUNNER.run("x")
"""


def test_an_application_first_imported_within_a_test_is_followed_from_there_on(project: Project) -> None:
    project.write("test_it.py", IMPORTS)
    assert told(project.run_apart("-rA", plugins=())) == [
        f"ERROR test_it.py::test_imports - {LEFT}",
        f"ERROR test_it.py::test_imports_again - {LEFT}",
        "PASSED test_it.py::test_imports",
        "PASSED test_it.py::test_imports_again",
        "PASSED test_it.py::test_without_flujo",
    ]


FIXTURES_ONLY = """
from application import RUNNER
from flujo import Step
from flujo_testing import ScriptedAgent

def test_plain(): RUNNER.run("x")
def test_ours(flujo_run): flujo_run.sync(Step("write", ScriptedAgent("a", "b", name="writer")), "x")
"""


def test_a_project_may_have_only_tests_with_our_fixtures_followed(project: Project) -> None:
    project.write("test_it.py", FIXTURES_ONLY)
    assert told(project.run("-rA", "-o", "flujo_follow=fixtures")) == [
        f"ERROR test_it.py::test_ours - {LEFT}",
        "PASSED test_it.py::test_ours",
        "PASSED test_it.py::test_plain",
    ]
    result = project.run("-o", "flujo_follow=some")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: flujo_follow = 'some': it is one of all, fixtures"])


def test_nothing_of_it_is_left_after_the_run(project: Project) -> None:
    project.write("test_it.py", "def test_it(): pass\n")
    finders = list(sys.meta_path)
    project.run().assert_outcomes(passed=1)
    assert sys.meta_path == finders
