"""The lint in the summary of pytest: when it speaks, when it fails the run, and that it costs nobody else anything."""

from __future__ import annotations

import pytest

# Runs in this process forget what they import.
import flujo_testing.lint.hooks  # noqa: F401
from tests.flujo_testing.golden_project import Project, project_of

pytest_plugins = ["pytester"]

TESTS = """
from flujo import Flujo, Step
from flujo_testing import EchoAgent

PIPELINE = Step("write", EchoAgent())

def test_loose(flujo_run):
    result = flujo_run.sync(PIPELINE, "rain"); assert result.output

def test_silent(flujo_run):
    start = flujo_run.sync
    start(PIPELINE, "rain")

def test_excused(flujo_run):
    assert flujo_run.sync(PIPELINE, "rain").output  # flujo: loose because test_exact compares it

def test_exact(flujo_run):
    assert flujo_run.sync(PIPELINE, "rain").output == "rain"

def test_uncalled(flujo_run):
    step = Step("write", EchoAgent(), fallback=Step("small", EchoAgent(name="small")))
    assert flujo_run.sync(step, "rain").output == "rain"

class TestInside:
    def test_loose(self, flujo_run):
        assert flujo_run.sync(PIPELINE, "rain").status in ("completed", "failed")

def test_not_run(flujo_run):
    assert flujo_run.sync(PIPELINE, "rain").output is not None
"""
FOUND = [
    'test_rain.py:8:48: FL104 test_loose: `result.output` only has to be true; write: assert result.output == "rain"',
    "test_rain.py:10:1: FL101 test_silent: runs a pipeline and compares nothing; write: *",
    "test_rain.py:20:1: FL202 test_uncalled: EchoAgent 'small' at write/fallback:small was never called, *",
    "test_rain.py:26:9: FL112 TestInside.test_loose: *",
    "lint: 4 findings in 1 file; looked at 1 file with 6 tests of pipelines; 1 excused by comments",
]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    (project.path / "conftest.py").unlink()
    project.write("test_rain.py", TESTS)
    return project


def test_the_summary_tells_what_is_loose_in_the_tests_that_ran_and_fails_nobody(project: Project) -> None:
    result = project.run("-k", "not not_run")
    result.stdout.fnmatch_lines(["*= flujo lint =*", *FOUND])
    assert len([line for line in result.outlines if line.startswith("test_rain.py:")]) == 4
    assert result.ret == pytest.ExitCode.OK


def test_it_can_fail_the_run(project: Project) -> None:
    result = project.run("--flujo-lint=error", "-k", "test_loose")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.run("--flujo-lint=error", "-k", "test_exact or test_excused").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("arguments", [("--flujo-lint=off",), ("-k", "test_exact or test_excused")])
def test_it_is_silent_where_nothing_is_loose_or_nobody_asks(project: Project, arguments: tuple[str, ...]) -> None:
    result = project.run(*arguments)
    result.stdout.no_fnmatch_line("*lint*")
    assert result.ret == pytest.ExitCode.OK


def test_processes_of_xdist_send_what_their_tests_did(project: Project) -> None:
    plugins = ("syrupy", "xdist")
    project.run("-n2", "-p", "no:flujo", "-k", "not not_run", plugins=plugins).stdout.fnmatch_lines(FOUND)


def test_a_test_file_that_cannot_be_read_is_told_and_stops_nothing(project: Project) -> None:
    last = "from pathlib import Path\n\ndef test_last():\n    Path(__file__).write_text('def (')\n"
    project.write("test_snow.py", TESTS + last)
    result = project.run("test_snow.py")
    result.stdout.fnmatch_lines(["test_snow.py: cannot be read as Python, line 1: invalid syntax"])
    result.stdout.no_fnmatch_line("lint: nothing loose*")
    assert result.ret == pytest.ExitCode.OK
