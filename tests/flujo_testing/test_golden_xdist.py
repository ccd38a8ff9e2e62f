"""Goldens under pytest-xdist: workers report, the controller writes."""

from __future__ import annotations

import pytest

from flujo_testing.golden.pending import pending_goldens
from tests.flujo_testing.golden_project import INI, Project, golden_text, project_of

pytest_plugins = ["pytester"]
TWO_WORKERS = ("syrupy", "xdist")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return project_of(pytester, monkeypatch)


MANY = """
import pytest

@pytest.mark.parametrize("n", range(6))
def test_it(golden, n):
    golden.check({"n": n})
"""


def test_workers_report_and_the_controller_writes(project: Project) -> None:
    project.write("tests/test_rain.py", MANY)
    project.write("golden/test_rain/gone.yaml", golden_text("tests/test_rain.py::gone"))
    pending = project.run("-n2", plugins=TWO_WORKERS)
    pending.assert_outcomes(failed=6)
    pending.stdout.fnmatch_lines(["goldens: 6 compared, 0 changed, 6 missing, 1 unused, 0 written"])
    goldens = [f"test_rain/test_it[{n}].yaml" for n in range(6)]
    assert list(pending_goldens(project.path / "golden/.pending")) == goldens
    updated = project.run("-n2", "--golden=update", plugins=TWO_WORKERS)
    updated.assert_outcomes(passed=6)
    updated.stdout.fnmatch_lines(["goldens: 6 compared, 0 changed, 6 missing, 1 unused, 6 written"])
    owner = "tests/test_rain.py::test_it[{}]"
    assert project.goldens() == {
        "test_rain/gone.yaml": golden_text("tests/test_rain.py::gone"),
        **{path: golden_text(owner.format(n), n=n) for n, path in enumerate(goldens)},
    }
    before = project.files()
    checked = project.run("-n2", "--golden=check", "-k", "0 or 1", plugins=TWO_WORKERS)
    checked.assert_outcomes(passed=2)
    checked.stdout.fnmatch_lines(["goldens: 2 compared, 0 changed, 0 missing, 0 unused, 0 written (unused: not*"])
    assert project.files() == before


APART = """
import pytest

@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
def test_it(golden, anyio_backend, worker_id):
    golden.check({"on": anyio_backend})
"""
ONE_TEST_EACH = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.callspec.params["anyio_backend"]))
"""


def test_backends_that_disagree_on_two_workers_are_both_named_and_nothing_is_written(
    project: Project,
) -> None:
    project.write("tests/test_rain.py", APART)
    project.write("tests/conftest.py", ONE_TEST_EACH)
    result = project.run("-n2", "--dist=loadgroup", "--golden=update", plugins=TWO_WORKERS)
    assert int(result.ret) == 1
    tests = "tests/test_rain.py::test_it[[]asyncio]* and tests/test_rain.py::test_it[[]trio]*"
    result.stdout.fnmatch_lines(
        [f"goldens: {tests} tell different stories for one golden, golden/test_rain/test_it.yaml: nothing was written"]
    )
    assert project.goldens() == {}


def test_two_owners_of_one_path_on_two_workers_are_both_named(project: Project) -> None:
    one_golden = "def test_it(request):\n    request.getfixturevalue('golden').check({'a': 1})\n"
    project.write("tests/test_rain.py", one_golden)
    project.write("test_rain.py", one_golden)
    arguments = ("-n2", "--dist=loadfile", "--import-mode=importlib", "--golden=update")
    result = project.run(*arguments, plugins=TWO_WORKERS)
    result.assert_outcomes(passed=2)
    assert int(result.ret) == 1
    owners = "test_rain.py::test_it and tests/test_rain.py::test_it"
    result.stdout.fnmatch_lines(
        [f"goldens: {owners} own one golden, golden/test_rain/test_it.yaml: nothing was written"]
    )
    assert project.goldens() == {}


CRASH = """
import os

def test_first(golden):
    golden.check({"a": 1})

def test_crash():
    os._exit(1)
"""


def test_after_a_crashed_worker_nothing_is_called_unused(project: Project) -> None:
    project.write("pytest.ini", INI)
    project.write("tests/test_rain.py", CRASH)
    text = golden_text("tests/test_rain.py::test_first", a=1)
    project.write("golden/test_rain/test_first.yaml", text)
    result = project.run("-n1", "--golden=check", plugins=TWO_WORKERS)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["goldens: 0 compared, 0 changed, 0 missing, 0 unused, 0 written (unused: not*"])
    assert project.goldens() == {"test_rain/test_first.yaml": text}
