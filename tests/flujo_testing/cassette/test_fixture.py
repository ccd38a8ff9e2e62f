"""The fixture ``cassette`` in whole runs of pytest: recorded once, played on both backends, and never half."""

from __future__ import annotations

import json

import pytest

# Runs in this process forget what they import.
import flujo_testing.cassette.fixture
import flujo_testing.fixtures  # noqa: F401
from tests.flujo_testing.golden_project import Project, project_of

pytest_plugins = ["pytester"]

RAIN = """
from decimal import Decimal
import pytest
from flujo import AgentOutput, Step, Usage

class Writer:
    model = "test:writer"
    async def run(self, text):
        with open("asked.txt", "a") as asked:
            asked.write(text + " ")
        return AgentOutput(f"{text} falls", usage=Usage(input_tokens=120, output_tokens=40), model="test:writer")

@pytest.mark.anyio
async def test_rain(cassette, flujo_run):
    result = await flujo_run(Step("write", Writer()), "rain")
    assert result.output == "rain falls"
    assert result.total_cost_usd == Decimal("0.00104")
"""
CASSETTE = "cassettes/test_rain/test_rain.jsonl"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    project.write("tests/test_rain.py", RAIN)
    return project


def asked(project: Project) -> str:
    file = project.path / "asked.txt"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def test_it_is_recorded_once_and_played_on_every_backend(project: Project) -> None:
    result = project.run("--flujo-record=once", plugins=("anyio", "syrupy"))
    result.assert_outcomes(passed=2)
    assert asked(project) == "rain "
    result.stdout.fnmatch_lines(
        [
            f"recording {CASSETTE}: 1 answer, 0 USD so far; now write/attempt:1",
            f"recording {CASSETTE}: 1 answer, 0.00104 USD so far; done",
            f"recorded {CASSETTE}",
        ]
    )
    header, line = (project.path / CASSETTE).read_text(encoding="ascii").splitlines()
    assert json.loads(header) == {"format": "flujo-cassette/1", "owner": "tests/test_rain.py::test_rain"}
    assert json.loads(line)["answer"] == {
        "output": "rain falls",
        "reported": {"model": "test:writer", "usage": {"input_tokens": 120, "output_tokens": 40, "requests": 1}},
    }
    project.run(plugins=("anyio", "syrupy")).assert_outcomes(passed=2)
    assert asked(project) == "rain "


def test_a_miss_is_told_once_although_the_engine_retries(project: Project) -> None:
    project.run("--flujo-record=once", plugins=("anyio", "syrupy"))
    project.write("tests/test_rain.py", RAIN.replace('"rain")', '"snow")'))
    result = project.run(plugins=("anyio", "syrupy"))
    result.assert_outcomes(failed=2, errors=2)
    result.stdout.fnmatch_lines([f"{CASSETTE} holds no answer for*", '  $.input: recorded "rain", asked "snow"'])
    assert asked(project) == "rain "


def test_answers_that_nothing_asks_for_are_reported(project: Project) -> None:
    project.run("--flujo-record=once", plugins=("anyio", "syrupy"))
    project.write("tests/test_rain.py", "import pytest\n@pytest.mark.anyio\nasync def test_rain(cassette): ...\n")
    result = project.run(plugins=("anyio", "syrupy"))
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [f"{CASSETTE} holds 1 answer that nothing asks for: --flujo-prune-cassettes drops them"]
    )
    result = project.run("--flujo-prune-cassettes", plugins=("anyio", "syrupy"))
    result.stdout.fnmatch_lines([f"dropped 1 answer that nothing asks for from {CASSETTE}"])
    assert len((project.path / CASSETTE).read_text(encoding="ascii").splitlines()) == 1


def test_a_secret_of_the_environment_is_not_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAIN_API_KEY", "rain falls on the hidden hills")
    project.write("tests/test_rain.py", RAIN.replace("falls", "falls on the hidden hills"))
    result = project.run("--flujo-record=once", plugins=("anyio", "syrupy"))
    assert not (project.path / CASSETTE).exists()
    assert "the value of RAIN_API_KEY" in result.stdout.str()
    assert "hidden hills" not in result.stdout.str()


def test_a_test_case_has_its_cassette_as_an_attribute(project: Project) -> None:
    head = RAIN.partition("@pytest.mark.anyio")[0]
    project.write(
        "tests/test_rain.py",
        f"""{head}
from flujo_testing.testcase import PipelineTestCase

class TestRain(PipelineTestCase):
    def test_grey(self):
        assert len(self.cassette) == self.cassette.unused
        assert self.flujo_run.sync(Step("write", Writer()), "rain").output == "rain falls"
        assert (len(self.cassette), self.cassette.unused) == (1, 0)
""",
    )
    for _ in range(2):
        project.run("--flujo-record=once").assert_outcomes(passed=1)
    assert asked(project) == "rain "
    assert (project.path / "cassettes" / "test_rain" / "TestRain.test_grey.jsonl").is_file()
