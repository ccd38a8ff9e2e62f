"""Whose a golden is: one test's on all backends, told apart by name, and nobody else's."""

from __future__ import annotations

import pytest

from tests.flujo_testing.golden_project import (
    INI,
    Project,
    golden_text,
    last_goldens_line,
    project_of,
)

pytest_plugins = ["pytester"]

RAIN = """
def test_rain(golden):
    golden.check({"input": "rain"})
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return project_of(pytester, monkeypatch)


def test_a_second_run_in_a_test_needs_a_name(project: Project) -> None:
    project.write(
        "tests/test_rain.py",
        """
import pytest
from flujo_testing.golden import GoldenMisuse

def test_rain(golden):
    golden.check({"run": 1})
    golden.check({"run": 2}, name="resumed")
    golden.check({"run": 3})

def test_named_twice(golden):
    golden.check({"run": 1}, name="a")
    golden.check({"run": 2}, name="a")
""",
    )
    result = project.run("--golden=update")
    result.assert_outcomes(failed=2)
    advice = "give each further run its name, golden.check(result, name='resumed')"
    result.stdout.fnmatch_lines(
        [
            f"E *GoldenMisuse: tests/test_rain.py::test_rain compares a second run without a name: {advice}",
            f"E *tests/test_rain.py::test_named_twice compares a second run with the name 'a': {advice}",
        ]
    )
    assert project.goldens() == {
        "test_rain/test_named_twice@a.yaml": golden_text("tests/test_rain.py::test_named_twice", "a", run=1),
        "test_rain/test_rain.yaml": golden_text("tests/test_rain.py::test_rain", run=1),
        "test_rain/test_rain@resumed.yaml": golden_text("tests/test_rain.py::test_rain", "resumed", run=2),
    }


def test_two_owners_of_one_path_are_both_named_whichever_runs(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    project.write("test_rain.py", RAIN)
    project.write("tests/test_case.py", RAIN + RAIN.replace("test_rain", "test_Rain"))
    result = project.run("--golden=update", "--import-mode=importlib")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines_random(
        [
            "E *GoldenMisuse: tests/test_rain.py::test_rain and test_rain.py::test_rain own one golden, "
            "golden/test_rain/test_rain.yaml: rename one of the two tests",
            "E *tests/test_case.py::test_Rain and tests/test_case.py::test_rain own one golden, "
            "golden/test_case/test_Rain.yaml (test_case/test_rain.yaml on a disk where case does not count): "
            "rename one of the two tests",
        ]
    )
    assert project.goldens() == {}


def test_a_golden_of_another_test_is_refused_and_kept(project: Project) -> None:
    project.write("tests/test_rain.py", RAIN)
    other = golden_text("tests/test_old.py::test_rain", input="rain")
    project.write("golden/test_rain/test_rain.yaml", other)
    result = project.run("--golden=update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *GoldenCorrupt: golden/test_rain/test_rain.yaml, line 2: is owned by "
            "'tests/test_old.py::test_rain', but 'tests/test_rain.py::test_rain' looks for its golden here: "
            "correct the header if the test has moved, otherwise delete the file"
        ]
    )
    assert project.goldens() == {"test_rain/test_rain.yaml": other}


BACKENDS = """
import pytest

STRICT = ("trio", {"restrict_keyboard_interrupt_to_checkpoints": True})

@pytest.fixture(params=["asyncio", STRICT], ids=["asyncio", "trio+strict"])
def anyio_backend(request):
    return request.param

async def test_rain(golden, anyio_backend_name):
    golden.check({"input": "rain"})

@pytest.mark.parametrize(("x", "y"), [(1, "one-two"), (2, "b")])
async def test_several(golden, anyio_backend_name, x, y):
    golden.check({"input": y})

@pytest.mark.parametrize("case", ["a", "b"])
class TestClass:
    async def test_in_class(self, golden, anyio_backend_name, case):
        golden.check({"input": case})
"""


def test_one_golden_serves_all_backends(project: Project) -> None:
    project.write("tests/test_rain.py", BACKENDS)
    project.write("pytest.ini", INI + "anyio_mode = auto\n")
    plugins = ("syrupy", "anyio")
    project.run("--golden=update", plugins=plugins).assert_outcomes(passed=10)
    assert list(project.goldens()) == [
        "test_rain/TestClass.test_in_class[a].yaml",
        "test_rain/TestClass.test_in_class[b].yaml",
        "test_rain/test_rain.yaml",
        "test_rain/test_several[1-one-two].yaml",
        "test_rain/test_several[2-b].yaml",
    ]
    result = project.run("--golden=check", plugins=plugins)
    result.assert_outcomes(passed=10)
    assert last_goldens_line(result) == "goldens: 5 compared, 0 changed, 0 missing, 0 unused, 0 written"


DISAGREEING = """
import pytest

@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
def test_rain(golden, anyio_backend):
    golden.check({"on": anyio_backend})
"""


@pytest.mark.parametrize("mode", ["update", "pending", "check"])
def test_backends_that_disagree_are_both_named_and_nothing_is_written(project: Project, mode: str) -> None:
    project.write("tests/test_rain.py", DISAGREEING)
    golden = golden_text("tests/test_rain.py::test_rain", on="trio")
    project.write("golden/test_rain/test_rain.yaml", golden)
    before = project.files()
    result = project.run(f"--golden={mode}")
    result.assert_outcomes(**({"passed": 1, "failed": 1} if mode == "update" else {"failed": 2}))
    tests = "tests/test_rain.py::test_rain[asyncio] and tests/test_rain.py::test_rain[trio]"
    result.stdout.fnmatch_lines(
        [
            "E *GoldenDisagreement: tests/test_rain.py::test_rain[[]trio] (equal) tells another story than "
            "tests/test_rain.py::test_rain[[]asyncio] (changed), and both have one golden, "
            "golden/test_rain/test_rain.yaml",
            "E *on: 'asyncio' -> 'trio'",
            f"goldens: {tests.replace('[', '[[]')} tell different stories for one golden, "
            "golden/test_rain/test_rain.yaml: nothing was written",
        ]
    )
    assert project.files() == before
