"""A test that is passed many times within one run of pytest is one test to everybody, and each pass is as the first.

Each project is explored as a whole: what its tests saw is written down by themselves.
"""

from __future__ import annotations

import pytest

# Runs in this process forget what they import themselves, and would have two of it.
import flujo_testing.fixtures
import flujo_testing.schedules.plugin  # noqa: F401
from tests.flujo_testing.golden_project import INI, Project, project_of

pytest_plugins = ["pytester"]

CAST = """
import anyio
import pytest
from flujo import Flujo, Step
from flujo_testing.agents import EchoAgent, ScriptedAgent

SEEN = []
ASYNC = ["asyncio", "trio"]
ALONE = ScriptedAgent("in order")
SHARED = ScriptedAgent.by_path({"both/branch:a/ask": "a", "both/branch:b/ask": "b"})

def both(a=None, b=None):
    return Step.parallel("both", {"a": Step("ask", a or EchoAgent()), "b": Step("ask", b or EchoAgent())})

def see(what):
    SEEN.append(what)
"""
FIXTURES = """
import pytest
from cast import SEEN, see

def lived(name):
    see(f"+{name}")
    yield name
    see(f"-{name}")

@pytest.fixture(scope="session")
def house():
    yield from lived("house")

@pytest.fixture(scope="module")
def room(house):
    yield from lived("room")

@pytest.fixture
def chair(room):
    yield from lived("chair")

def pytest_unconfigure(config):
    print("seen:", *SEEN)
    lint = config.pluginmanager.get_plugin("flujo-lint")
    print("passes that the lint looks at:", 0 if lint is None else len(lint.passes))
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    project.write("pytest.ini", INI + "pythonpath = .\nanyio_mode = auto\n")
    project.write("cast.py", CAST)
    project.write("conftest.py", FIXTURES)
    return project


def seen(result: pytest.RunResult) -> list[str]:
    return next(line for line in result.outlines if line.startswith("seen:")).split()[1:]


def run(project: Project, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
    return project.run("-p", "no:asyncio", *arguments, plugins=("anyio", "syrupy", *plugins))


def explored(project: Project, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
    return run(project, "--flujo-schedules=9", *arguments, plugins=plugins)


PASSES = """
from cast import *
import unittest

def test_plain(chair):
    see("plain")
    assert Flujo(both(ALONE)).run("rain").output["a"] == "in order"

class TestInClass:
    def test_method(self, chair):
        see("fresh" if vars(self) == {} else "stale")
        self.used = True
        Flujo(both()).run("rain")

class Case(unittest.TestCase):
    def setUp(self):
        see("setUp")

    def tearDown(self):
        see("tearDown")

    def test_case(self):
        see("fresh" if not hasattr(self, "used") else "stale")
        self.used = True
        Flujo(both()).run("rain")
"""


def test_fixtures_of_the_function_are_made_for_each_pass_and_wider_ones_once(project: Project) -> None:
    project.write("test_it.py", PASSES)
    result = explored(project)
    result.assert_outcomes(passed=3)
    once = ["+chair", "plain", "-chair"]
    method = ["+chair", "fresh", "-chair"]
    case = ["setUp", "fresh", "tearDown"]
    assert seen(result) == ["+house", "+room", *once * 2, *method * 2, *case * 2, "-room", "-house"]
    result.stdout.fnmatch_lines([
        "schedules: 3 tests in 6 orders, 3 of them in all orders there are; 0 more have one order only (seed 0)",
        "passes that the lint looks at: 3",
    ])  # fmt: skip


ASYNC = """
from cast import *

@pytest.fixture(scope="module", params=ASYNC)
def anyio_backend(request):
    return request.param

@pytest.fixture
async def lamp(virtual_clock):
    see("+lamp")
    await anyio.sleep(5)
    yield
    see(f"-lamp@{virtual_clock.elapsed:g}")

async def test_async(lamp, virtual_clock, flujo_run):
    see(f"@{virtual_clock.elapsed:g}")
    assert (await flujo_run(both(SHARED, SHARED), "rain")).output == {"a": "a", "b": "b"}
    await anyio.sleep(3)
"""
WIDER = """
from cast import *

@pytest.fixture(scope="module", params=ASYNC)
def anyio_backend(request):
    return request.param

@pytest.fixture(scope="module")
async def sun(anyio_backend):
    await Flujo(both()).run_async("made once, in no pass")
    see("+sun")
    yield
    see("-sun")

async def test_wider(sun, virtual_clock, chair, flujo_run):
    see(f"@{virtual_clock.elapsed:g}")
    await anyio.sleep(2)
    assert (await flujo_run(both(SHARED, SHARED), "rain")).output == {"a": "a", "b": "b"}
"""


def test_async_tests_and_fixtures_of_both_widths_start_each_pass_at_zero_on_both_backends(project: Project) -> None:
    project.write("test_async.py", ASYNC)
    project.write("test_wider.py", WIDER)
    result = explored(project)
    result.assert_outcomes(passed=4)
    one = ["+lamp", "@5", "-lamp@8"]
    other = ["+chair", "@0", "-chair"]
    on_each = ["+sun", *other * 2, "-sun"]
    assert [word for word in seen(result) if word not in ("+house", "-house", "+room", "-room")] == [
        *one * 4, *on_each * 2,
    ]  # fmt: skip


QUIET = """
from cast import *
import logging, warnings

def test_sees_its_own_pass_only(caplog, capsys, tmp_path, recwarn, monkeypatch):
    (tmp_path / "file").touch(exist_ok=True)
    logging.getLogger("app").warning("once")
    print("once")
    monkeypatch.setenv("PASS", "1")
    Flujo(both()).run("rain")
    assert [record.getMessage() for record in caplog.records] == ["once"]
    assert capsys.readouterr().out == "once\\n"
    assert len(recwarn) == 0

@pytest.mark.filterwarnings("always")
def test_prints_and_warns():
    print("printed")
    warnings.warn("warned")
    Flujo(both()).run("rain")

def test_fails():
    print("printed")
    Flujo(both()).run("rain")
    assert False, "as it is"

@pytest.fixture(scope="module")
def broken_on_the_way_out():
    yield
    raise ValueError("wider")

@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    see("xfail")
    Flujo(both()).run("rain")
    assert False

@pytest.mark.skip(reason="not today")
def test_skipped():
    see("skipped")

def test_skips_itself():
    see("skips")
    pytest.skip("not here")

def test_last(broken_on_the_way_out):
    print("told once")
    Flujo(both()).run("rain")
"""


def test_nobody_sees_more_than_one_pass(project: Project) -> None:
    project.write("test_it.py", QUIET)
    result = explored(project, "-rA", "--junitxml=junit.xml")
    result.assert_outcomes(passed=3, failed=1, errors=1, xfailed=1, skipped=2, warnings=1)
    assert seen(result) == ["xfail", "skips"]
    assert (result.outlines.count("printed"), result.outlines.count("told once")) == (2, 2)  # the call, and its error
    result.stdout.fnmatch_lines(["E       ValueError: wider", "ERROR test_it.py::test_last - ValueError: wider"])
    assert (project.path / "junit.xml").read_text().count("<testcase ") == 7


FOUND = """
from cast import *

async def first(x): ORDER.append("first"); return x
async def second(x): ORDER.append("second"); return x
ORDER = []

def test_before():
    Flujo(both()).run("rain")

def test_found(chair):
    del ORDER[:]
    Flujo(both(first, second)).run("rain")
    print("order:", *ORDER)
    assert ORDER == ["first", "second"]

def test_after():
    see("after")
"""
CASE = """
from cast import *
import unittest

class Case(unittest.TestCase):
    def test_case(self):
        order = []
        async def first(x): order.append(1); return x
        async def second(x): order.append(2); return x
        async def third(x): order.append(3); return x
        agents = {"a": first, "b": second, "c": third}
        Flujo(Step.parallel("all", {name: Step("ask", agent) for name, agent in agents.items()})).run("rain")
        self.assertLess(order.index(1), order.index(3))
"""
COMMAND = "python -m pytest test_it.py::test_found --flujo-schedule=1"


def test_a_failure_in_another_order_is_one_failure_that_its_command_repeats(project: Project) -> None:
    project.write("test_it.py", FOUND)
    result = explored(project)
    result.assert_outcomes(passed=2, failed=1)
    assert seen(result) == ["+house", "+room", *["+chair", "-chair"] * 4, "after", "-room", "-house"]
    result.stdout.fnmatch_lines([
        ">       assert ORDER == [[]\"first\", \"second\"[]]",
        "E       AssertionError: assert [[]'second', 'first'[]] == [[]'first', 'second'[]]",
        "E       fails in the order 1, 1 deviation from first in, first out (seed 0, order 2 of at most 9):",
        "E         decision 1: 'both/branch:b/ask/attempt:1' goes before 'both/branch:a/ask/attempt:1'",
        f"E       repeat it: {COMMAND}",
        "test_it.py:15: AssertionError",
        "order: second first",
        "FAILED test_it.py::test_found - AssertionError: assert *",
    ])  # fmt: skip
    again = run(project, *COMMAND.split()[3:])
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["E       AssertionError: assert [[]'second', 'first'[]] == [[]'first', 'second'[]]"])
    again.stdout.fnmatch_lines(["order: second first", "schedules: every test was run in the order 1"])
    run(project, "test_it.py::test_found", "--flujo-schedule=0").assert_outcomes(passed=1)
    misfit = run(project, "test_it.py::test_found", "--flujo-schedule=0.0.1")
    misfit.assert_outcomes(failed=1)
    misfit.stdout.fnmatch_lines(["ScheduleNotReplayable: the schedule 0.0.1 does not fit this test: it has 3 *"])


def test_a_failure_of_a_test_case_is_made_small_as_any_other(project: Project) -> None:
    project.write("test_it.py", CASE)
    for seed in range(3):
        result = explored(project, f"--flujo-schedules-seed={seed}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([
            "E       AssertionError: 1 not less than 0",
            f"E       fails in the order 2, 1 deviation from first in, first out (seed {seed}, order *",
        ])  # fmt: skip


def test_x_lf_and_pdb_know_one_failure_and_no_rerun(project: Project) -> None:
    project.write("test_it.py", FOUND)
    stopped = explored(project, "-x")
    stopped.assert_outcomes(passed=1, failed=1)
    assert seen(stopped)[-2:] == ["-room", "-house"]
    explored(project, "--lf").assert_outcomes(failed=1)
    project.write("debugger.py", "class Pdb:\n    def __init__(self, **k): pass\n    def reset(self): pass\n"
        "    def interaction(self, frame, tb):\n"
        "        tb = getattr(tb, '__traceback__', tb)  # an exception since Python 3.13\n"
        "        while tb.tb_next: tb = tb.tb_next\n"
        "        print('debugged:', tb.tb_frame.f_code.co_name)\n    quitting = False\n"
        "    def set_trace(self, *a): pass\n    def setup(self, *a): pass\n")  # fmt: skip
    debugged = explored(project, "--pdb", "--pdbcls=debugger:Pdb")
    debugged.assert_outcomes(passed=2, failed=1)
    assert [line for line in debugged.outlines if line.startswith("debugged:")] == ["debugged: test_found"]
