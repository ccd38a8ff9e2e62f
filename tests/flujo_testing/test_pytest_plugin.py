"""What the plugin costs who does not use it, what it says where something is missing, whom it works with."""

from __future__ import annotations

import pytest

from tests.flujo_testing.golden_project import CONFTEST, INI, Project, golden_text, project_of

pytest_plugins = ["pytester"]

RAIN = "def test_rain(golden):\n    golden.check({'input': 'rain'})\n"
EXTRA = "pip install 'flujo-pipelines[[]testing]'"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return project_of(pytester, monkeypatch)


WITNESS = """
import sys

def pytest_unconfigure():
    tops = {"flujo", "flujo_testing", "pydantic", "syrupy", "yaml", "anyio"}
    print("loaded", sorted(name for name in sys.modules if name.partition(".")[0] in tops))
"""


@pytest.mark.parametrize("arguments", [(), ("-n1", "-p", "xdist"), ("--collect-only",), ("--help",)])
def test_who_does_not_use_it_loads_three_files(project: Project, arguments: tuple[str, ...]) -> None:
    project.write("conftest.py", WITNESS)
    project.write("test_plain.py", "def test_it():\n    assert True\n\ndef test_other(tmp_path):\n    assert False\n")
    result = project.run_apart(*arguments, plugins=())
    ours = "'flujo_testing', 'flujo_testing.following', 'flujo_testing.pytest_options', 'flujo_testing.pytest_plugin'"
    result.stdout.fnmatch_lines([f"loaded [[]{ours}[]]"])
    result.stdout.no_fnmatch_line("goldens:*")


@pytest.mark.parametrize("absent", [("syrupy",), ("yaml",), ("syrupy", "yaml")], ids="-".join)
def test_a_missing_extra_is_an_error_of_the_fixture_that_names_it(project: Project, absent: tuple[str, ...]) -> None:
    hidden = "".join(f"sys.modules[{name!r}] = None\n" for name in absent)
    project.write("conftest.py", f"import sys\n{hidden}")
    project.write("test_rain.py", RAIN + "\ndef test_without():\n    assert True\n")
    result = project.run_apart("--golden=check", plugins=())
    result.assert_outcomes(passed=1, errors=1)
    needs = " and ".join({"syrupy": "syrupy", "yaml": "PyYAML"}[name] for name in absent)
    result.stdout.fnmatch_lines([f"the fixture 'golden' needs {needs}, not installed here: {EXTRA}"])


def test_syrupy_turned_off_is_one_clear_error(project: Project) -> None:
    project.write("test_rain.py", RAIN)
    result = project.run("-p", "no:syrupy", plugins=())
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["the fixture 'golden' needs the pytest plugin syrupy, which is turned off here: leave "
         "'-p no:syrupy' out, or load it with '-p syrupy' where plugins are not loaded by themselves "
         f"(it comes with {EXTRA})"]
    )  # fmt: skip


OTHER_PLUGIN = """
import pytest

@pytest.fixture
def golden():
    return "of another plugin"
"""
REMEDY = (
    "the fixture 'golden' is offered by flujo and by another plugin (other_goldens): ask for 'flujo_golden' "
    "instead of 'golden', or turn the other one off (-p no:other_goldens)"
)


@pytest.mark.parametrize(
    ("plugins", "outcomes"),
    [
        (("syrupy", "other_goldens"), {"passed": 1, "errors": 2}),
        (("syrupy", "flujo_testing.pytest_plugin", "other_goldens"), {"passed": 2, "failed": 1}),
    ],
    ids=["ours-hides-theirs", "theirs-hides-ours"],
)
def test_another_plugins_golden_is_named_with_the_remedy(
    project: Project, plugins: tuple[str, ...], outcomes: dict[str, int]
) -> None:
    project.write("other_goldens.py", OTHER_PLUGIN)
    project.write("pytest.ini", INI + "pythonpath = .\n")
    project.write(
        "test_rain.py",
        RAIN
        + "\ndef test_ours(flujo_golden):\n    flujo_golden.check({'a': 1})\n"
        + "\ndef test_theirs(golden):\n    assert golden == 'of another plugin'\n",
    )
    project.monkeypatch.syspath_prepend(project.path)
    result = project.run("--golden=update", plugins=plugins)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([f"*{REMEDY}"])
    assert project.goldens() == {"test_rain/test_ours.yaml": golden_text("test_rain.py::test_ours", a=1)}


def test_a_projects_own_golden_is_its_own_business(project: Project) -> None:
    project.write("conftest.py", CONFTEST + OTHER_PLUGIN)
    project.write("test_rain.py", "def test_theirs(golden):\n    assert golden == 'of another plugin'\n")
    project.run("--golden=check").assert_outcomes(passed=1)


UNITTEST = """
from flujo_testing.testcase import PipelineTestCase

class RainCase(PipelineTestCase):
    def test_rain(self):
        self.golden.check({"input": "rain"})
        assert {"input": "rain"} == self.golden

    def test_snow(self):
        self.golden.check({"input": "snow"})
"""


def test_a_unittest_case_has_goldens(project: Project) -> None:
    project.write("tests/test_rain.py", UNITTEST.replace("        assert {", "        if False: assert {"))
    project.run("--golden=update").assert_outcomes(passed=2)
    owner = "tests/test_rain.py::RainCase::test_"
    assert project.goldens() == {
        "test_rain/RainCase.test_rain.yaml": golden_text(f"{owner}rain", input="rain"),
        "test_rain/RainCase.test_snow.yaml": golden_text(f"{owner}snow", input="snow"),
    }
    project.run("--golden=check").assert_outcomes(passed=2)


def test_it_works_in_random_order_on_two_workers(project: Project) -> None:
    project.write(
        "tests/test_rain.py",
        "import pytest\n\n@pytest.mark.parametrize('n', range(4))\ndef test_it(golden, n):\n"
        "    golden.check({'n': n})\n    golden.check({'n': -n}, name='again')\n",
    )
    plugins = ("syrupy", "xdist", "pytest_randomly")
    project.run("--golden=update", "-n2", "-p", "no:flujo", plugins=plugins).assert_outcomes(passed=4)
    result = project.run("--golden=check", "--randomly-seed=17", plugins=plugins)
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["goldens: 8 compared, 0 changed, 0 missing, 0 unused, 0 written"])


UNMARKED = """
import asyncio

async def test_of_pytest_asyncio(golden):
    await asyncio.sleep(0)
    golden.check({"loop": "pytest-asyncio"})
"""


def test_unmarked_async_tests_of_pytest_asyncio_have_goldens(project: Project) -> None:
    project.write("pytest.ini", INI + "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    project.write("tests/test_rain.py", UNMARKED)
    plugins = ("syrupy", "anyio", "pytest_asyncio.plugin")
    project.run("--golden=update", plugins=plugins).assert_outcomes(passed=1)
    project.run("--golden=check", plugins=plugins).assert_outcomes(passed=1)
    owner = "tests/test_rain.py::test_of_pytest_asyncio"
    path = "test_rain/test_of_pytest_asyncio.yaml"
    assert project.goldens() == {path: golden_text(owner, loop="pytest-asyncio")}


VIRTUAL = """
import anyio, pytest
pytestmark = pytest.mark.anyio

async def test_time(virtual_clock):
    await anyio.sleep(500)
    assert virtual_clock.elapsed == 500
"""


def test_the_virtual_clock_is_a_fixture(project: Project) -> None:
    project.write("test_time.py", VIRTUAL)
    project.run("-p", "no:asyncio", plugins=("anyio",)).assert_outcomes(passed=2)


PIPELINE = """
from decimal import Decimal

from flujo import Step, Usage
from flujo_testing.agents import ScriptedAgent

def pipeline():
    spoken = Usage(input_tokens=120, output_tokens=40)
    return Step("write", ScriptedAgent("short", model="test:writer", usage=spoken))

def test_run(flujo_run, golden, cost_model):
    result = flujo_run.sync(pipeline(), "rain")
    assert result.output == "short"
    golden.check(result)

def test_failed_with_a_rest_of_the_script(flujo_run):
    flujo_run.sync(Step("write", ScriptedAgent("one", "two")), "rain")
    assert False, "this is what is told"

def test_rest_of_the_script(flujo_run):
    flujo_run.sync(Step("write", ScriptedAgent("one", "two")), "rain")
"""


def test_a_real_run_has_a_golden_and_a_failed_test_tells_of_no_left_over_script(project: Project) -> None:
    (project.path / "conftest.py").unlink()
    project.write("tests/test_rain.py", PIPELINE)
    project.run_apart("--golden=update").assert_outcomes(passed=2, failed=1, errors=1)
    (text,) = project.goldens().values()
    assert text.splitlines()[:3] == [
        "format: flujo-golden/1",
        'owner: "tests/test_rain.py::test_run"',
        'input: "rain"',
    ]
    result = project.run_apart("--golden=check")
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["goldens: 1 compared, 0 changed, 0 missing, 0 unused, 0 written"])
