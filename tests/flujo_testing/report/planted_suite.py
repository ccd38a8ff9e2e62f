"""A suite of 60 tests of pipelines, of which three planted faults turn 47 red, and runs of it in this process."""

from __future__ import annotations

from itertools import takewhile

import pytest

# Runs in this process forget what they import themselves, and would have two of it.
import flujo_testing.fixtures
import flujo_testing.lint.hooks
import flujo_testing.report.hooks
import flujo_testing.review.groups
import flujo_testing.transcript  # noqa: F401
from flujo_testing.report.last_run import kept_in, read_record
from flujo_testing.report.record import SuiteRecord
from tests.flujo_testing.golden_project import INI, Project, project_of

APPLICATION = """
import os

from flujo import Step, step
from flujo_testing import EchoAgent, ScriptedAgent
from flujo import Usage

TONE = os.environ.get("TONE", "plain")

@step
async def prompt(topic):
    return f"Write a {TONE} haiku about {topic}"

def writer():
    return ScriptedAgent("Grey rain", model="test:writer", usage=Usage(input_tokens=120, output_tokens=40))

def title_of(topic):
    return topic.title() if "TITLES" not in os.environ else topic
"""

LAWS = """
import os

import pytest
from flujo import Laws, Step, override
from app import writer

@pytest.fixture(autouse=True)
def engine():
    if "UNPAID" not in os.environ:
        yield
        return
    with override(laws=Laws(entries_to_book=lambda entries: ())):
        yield

@pytest.mark.parametrize("topic", [f"topic {n}" for n in range(12)])
async def test_one_step(flujo_run, topic):
    result = await flujo_run(Step("write", writer()), topic)
    assert result.output == "Grey rain"

@pytest.mark.parametrize("topic", [f"topic {n}" for n in range(8)])
async def test_branches(flujo_run, topic):
    branches = {"left": Step("draft", writer()), "right": Step("edit", writer())}
    result = await flujo_run(Step.parallel("both", branches), topic)
    assert result.output == {"left": "Grey rain", "right": "Grey rain"}
"""

PROMPTS = """
import pytest
from flujo import Step
from app import prompt, writer

@pytest.mark.parametrize("topic", [f"topic {n}" for n in range(15)])
async def test_haiku(flujo_run, golden, topic):
    golden.check(await flujo_run(prompt >> Step("write", writer()), topic))
"""

TITLES = """
import unittest

import pytest
from app import title_of

def is_titled(topic):
    assert title_of(topic) == topic.upper()[0] + topic[1:]

@pytest.mark.parametrize("topic", [f"rain{n}" for n in range(10)])
def test_title(topic):
    is_titled(topic)

class Titles(unittest.TestCase):
    def test_snow(self):
        is_titled("snow")

    def test_hail(self):
        is_titled("hail")

@pytest.mark.parametrize("n", range(13))
def test_something_else(n):
    assert n == int(str(n))
"""

BROKEN = {"UNPAID": "1", "TONE": "short", "TITLES": "lost"}
OURS = ("anyio", "syrupy")


def empty_suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The application, and no tests yet."""
    project = project_of(pytester, monkeypatch)
    (project.path / "conftest.py").unlink()
    project.write("pytest.ini", INI + "pythonpath = .\nanyio_mode = auto\n")
    project.write("app.py", APPLICATION)
    return project


def suite_of(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Green, with its goldens written."""
    project = empty_suite(pytester, monkeypatch)
    project.write("tests/conftest.py", "import pytest\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n")
    for name, text in (("laws", LAWS), ("prompts", PROMPTS), ("titles", TITLES)):
        project.write(f"tests/test_{name}.py", text)
    run(project, "--golden=update").assert_outcomes(passed=60)
    return project


def run(project: Project, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
    return project.run("-p", "no:asyncio", "--flujo-lint=off", *arguments, plugins=(*OURS, *plugins))


def plant(project: Project, **faults: str) -> None:
    for name, value in faults.items():
        project.monkeypatch.setenv(name, value)


def triage(result: pytest.RunResult) -> list[str]:
    """The lines of the section: a headline, and several for each cause."""
    start = next(n for n, line in enumerate(result.outlines) if "= flujo triage =" in line)
    return list(
        takewhile(lambda line: line[0].isdigit() or line.startswith(("  ", "and ")), result.outlines[start + 1 :])
    )


def kept(suite: Project) -> SuiteRecord:
    """The record of the last red run."""
    record = read_record(kept_in(suite.path))
    if record is None:
        raise LookupError(f"no record in {kept_in(suite.path)}")
    return record


def reds(number: int, causes: int = 1) -> str:
    """A test file with so many red tests, of so many causes."""
    checks = "\n".join(f"    if n % {causes} == {n}: assert n == -1" for n in range(causes))
    parameters = f"@pytest.mark.parametrize('n', range({number}))"
    return f"import flujo.runner\nimport pytest\n\n{parameters}\ndef test_it(n):\n{checks}\n"
