"""Faults tried on one test: what came of each pass, and which tests nothing can be tried on."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import Any

import pytest

import flujo_testing.fixtures
import flujo_testing.pytest_plugin  # noqa: F401  # what is collected in this process would import them anew
from flujo_testing import reruns
from flujo_testing.audit.endings import Ending
from flujo_testing.audit.trial import Audited, State, Trial
from flujo_testing.audit.trying import Trials
from flujo_testing.audit.watching import Watched
from flujo_testing.faults import FAULTS, Fault, Lie, Reach, answering, is_agent, lying
from flujo_testing.faults.logs import telling
from tests.flujo_testing.golden_project import INI, Project, project_of

pytest_plugins = ["pytester"]


BEGINNING = """
import os

from flujo import Flujo, Step
from flujo_testing import EchoAgent

TIMES = []
"""


class Passes:
    """Watches the passes of one test, as the audit has them watched."""

    def __init__(self) -> None:
        self.watched = Watched()

    @contextmanager
    def watching(self, watched: Watched) -> Iterator[None]:
        self.watched = watched
        with watched.in_force():
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None]:
        try:
            return (yield)
        finally:
            self.watched.called()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    (project.path / "conftest.py").unlink()
    return project


def trials_of(project: Project, body: str, timeout_s: float = 30) -> Trials:
    """Those of a test that has passed once."""
    project.write("pytest.ini", f"{INI}addopts = -p flujo_testing.pytest_plugin -p no:cacheprovider\n")
    project.write("test_it.py", BEGINNING + body)
    items: list[Any] = project.pytester.genitems([project.pytester.getpathnode("test_it.py")])
    (item,) = items
    passes, clean = Passes(), Watched()
    item.config.pluginmanager.register(passes)
    with passes.watching(clean):
        assert reruns.pass_again(item, lambda: False).error is None
    return Trials(item, clean, passes.watching, timeout_s)


# Lies ---------------------------------------------------------------------------------------------------------------


def fault(lie: Lie, name: str = "ours") -> Fault:
    return Fault(name, "ours", "A1", "It is wrong.", "door", "assert agent.calls == [...]", lie)


@contextmanager
def _beside_the_engine(reach: Reach) -> Iterator[None]:
    """Nothing that a run tells."""
    reach.note()
    os.environ["WRONG"] = "1"
    try:
        yield
    finally:
        del os.environ["WRONG"]


def _ends_the_process(reach: Reach) -> AbstractContextManager[None]:
    os._exit(3)


HAIL = fault(answering(is_agent, lambda text: "hail"))
FLAG = fault(_beside_the_engine)
EXIT = fault(_ends_the_process, "exit")
SAME = fault(lying(status_of_run=lambda status: status))
FAR = fault(lying(text_with_feedback=lambda text, feedback: text))
UNREADABLE = fault(telling(lambda records: [*records[:-1], [object(), *records[-1][1:]]]))

# Tests --------------------------------------------------------------------------------------------------------------

RUN = """
def test_it(flujo_run):
    result = flujo_run.sync(Step("ask", EchoAgent()), "rain")
"""
CLAIMS = RUN + "    if result.output != 'rain':\n        raise AssertionError('it hails\\nand snows')\n"
OF_TWO = """
def test_it(flujo_run):
    result = flujo_run.sync(Step("a", EchoAgent()) >> Step("b", EchoAgent()), "rain")
"""
OF_THREE = """
def test_it(flujo_run):
    result = flujo_run.sync(Step("a", EchoAgent()) >> Step("b", EchoAgent()) >> Step("c", EchoAgent()), "rain")
"""
FLAGGED = RUN + "    if 'WRONG' in os.environ:\n        raise "
IS_NOW_HAIL = ('output of ask/attempt:1: "rain" -> "hail"', 'output of the run: "rain" -> "hail"')
OF_A, OF_B, OF_C, OF_RUN = (
    f'output of {part}: "rain" -> "hail"' for part in ("a/attempt:1", "b/attempt:1", "c/attempt:1", "the run")
)
TWICE = ('status again of the run: nothing -> "completed"', 'output again of the run: nothing -> "rain"')
AFTER_THE_END = "the run: RunEnded after the run has ended"
NO_EVENT = "AttributeError: 'object' object has no attribute 'WIDTH'"
OUTPUT = "assert result.output == 'rain'"
COST = "assert result.total_cost_usd == Decimal('0')"


@pytest.mark.parametrize(
    ("body", "lie", "trial"),
    [
        (RUN, FAR, Trial("ours", State.NOT_REACHED, Ending.SURVIVED)),
        (RUN, SAME, Trial("ours", State.NOT_INFECTED, Ending.SURVIVED)),
        (RUN, HAIL, Trial("ours", State.INFECTED, Ending.SURVIVED, IS_NOW_HAIL, OUTPUT)),
        (CLAIMS, HAIL, Trial("ours", State.INFECTED, Ending.ASSERTION, (*IS_NOW_HAIL, "AssertionError: it hails"))),
        (FLAGGED + "AssertionError", FLAG, Trial("ours", State.INFECTED, Ending.ASSERTION, ("AssertionError",))),
        (
            FLAGGED + "AssertionError('\\n dry \\n')",
            FLAG,
            Trial("ours", State.INFECTED, Ending.ASSERTION, ("AssertionError: dry",)),
        ),
        (FLAGGED + "KeyError('x')", FLAG, Trial("ours", State.NOT_INFECTED, Ending.CRASH)),
        (OF_TWO, HAIL, Trial("ours", State.INFECTED, Ending.SURVIVED, (OF_A, OF_B, OF_RUN), OUTPUT)),
        (
            OF_THREE,
            HAIL,
            Trial("ours", State.INFECTED, Ending.SURVIVED, (OF_A, OF_B, OF_C, "and 1 more"), OUTPUT),
        ),
        (
            OF_THREE + "    assert result.output == 'rain', 'wet'",
            HAIL,
            Trial("ours", State.INFECTED, Ending.ASSERTION, (OF_A, OF_B, OF_C, "AssertionError: wet")),
        ),
        (
            RUN,
            FAULTS["event_twice"],
            Trial("event_twice", State.INFECTED, Ending.SURVIVED, TWICE, "golden.check(result)", AFTER_THE_END),
        ),
        (
            RUN,
            UNREADABLE,
            Trial(
                "ours", State.INFECTED, Ending.CRASH, (f"its runs can no longer be told: {NO_EVENT}", NO_EVENT), COST
            ),
        ),
    ],
    ids=[
        "never reached",
        "the same",
        "tolerated",
        "noticed",
        "noticed, and not told",
        "the first line of what was said",
        "a crash, and nothing told",
        "three differences",
        "many differences",
        "many differences and a claim",
        "our own check",
        "not to be told",
    ],
)
def test_what_came_of_a_fault(project: Project, body: str, lie: Fault, trial: Trial) -> None:
    """All of it here: no process is in danger."""
    trials = trials_of(project, body)
    assert list(trials.rows([lie], with_clean=True)) == [{"problem": ""}, asdict(trial)]
    assert list(trials.rows([lie, lie], with_clean=False)) == [asdict(trial), asdict(trial)]


def test_a_fault_under_which_the_process_ends_holds_nobody_up(project: Project) -> None:
    again = fault(_ends_the_process, "again")
    died = ("the process exited with status 3",)
    assert trials_of(project, RUN).of([HAIL, EXIT, SAME, again]) == Audited(
        "test_it.py::test_it",
        6,
        (
            Trial("ours", State.INFECTED, Ending.SURVIVED, IS_NOW_HAIL, OUTPUT),
            Trial("exit", State.INFECTED, Ending.CRASH, died, "assert agent.calls == [...]"),
            Trial("ours", State.NOT_INFECTED, Ending.SURVIVED),
            Trial("again", State.INFECTED, Ending.CRASH, died, "assert agent.calls == [...]"),
        ),
    )


def test_without_faults_no_pass_is_made(project: Project) -> None:
    assert trials_of(project, RUN).of([]) == Audited("test_it.py::test_it", 1)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            "def test_it(flujo_run):\n    TIMES.append(1)\n    flujo_run.sync(Step('ask', EchoAgent()), len(TIMES))",
            "nondeterministic: input of the run: 1 -> 2",
        ),
        (
            RUN + "    TIMES.append(1)\n    assert len(TIMES) < 2, 'once'",
            "fails when it is run again (call): AssertionError: once",
        ),
    ],
    ids=["another story", "fails"],
)
def test_on_a_test_that_is_not_the_same_again_nothing_is_tried(project: Project, body: str, problem: str) -> None:
    trials = trials_of(project, body)
    assert trials.of([HAIL, EXIT]) == Audited("test_it.py::test_it", 2, problem=problem)
    assert list(trials.rows([HAIL, EXIT], with_clean=True)) == [{"problem": problem}]


def test_on_a_test_that_hangs_when_it_is_run_again_nothing_is_tried(project: Project) -> None:
    """It waits for this process, which has nothing to say to it, or to end."""
    reading, writing = os.pipe()
    hangs = f"os.close({writing})\n        os.read({reading}, 1)"
    body = RUN + f"    TIMES.append(1)\n    if len(TIMES) == 2:\n        {hangs}"
    try:
        assert trials_of(project, body, timeout_s=0.2).of([HAIL, EXIT]) == Audited(
            "test_it.py::test_it", 2, problem="no end within 0.2 s"
        )
    finally:
        os.close(reading)
        os.close(writing)


def test_on_a_test_that_ends_the_process_nothing_is_tried(project: Project) -> None:
    body = RUN + "    TIMES.append(1)\n    if len(TIMES) == 2:\n        os._exit(3)"
    assert trials_of(project, body).of([HAIL, EXIT]) == Audited(
        "test_it.py::test_it", 2, problem="the process exited with status 3"
    )
