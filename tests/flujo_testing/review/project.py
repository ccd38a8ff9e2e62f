"""A small project with 66 goldens of three examples, an engine that can be made to lie, and a prompt to change."""

from __future__ import annotations

from pathlib import Path

from tests.flujo_testing.golden_project import REPOSITORY, Project

CONFTEST = f"""
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, {str(REPOSITORY)!r})
sys.path.insert(0, str(Path(__file__).parent))

from flujo import override
from flujo.laws import Laws

@pytest.fixture
def anyio_backend():
    return "asyncio"

def without_failed(entries):
    return tuple(entry for entry in entries if entry.outcome == "ok")

@pytest.fixture(autouse=True)
def engine():
    lies = Path(__file__).with_name("engine.txt").read_text() == "failed attempts are not counted"
    with override(laws=replace(Laws(), entries_to_book=without_failed) if lies else Laws()):
        yield
"""

SHOP = '''
from pathlib import Path

from flujo import AgentError, AgentOutput, Step, Usage

PROMPT = Path(__file__).with_name("prompt.txt").read_text()


class Writer:
    """Fails its first calls after they were paid; what it uses depends on the length of its input."""

    name = "writer"

    def __init__(self, failures: int, model: str) -> None:
        self.failures = failures
        self.model = model

    async def run(self, input):
        usage = Usage(input_tokens=len(input), output_tokens=7)
        if self.failures:
            self.failures -= 1
            raise AgentError("overloaded", usage=usage, model=self.model)
        return AgentOutput(input.upper(), usage=usage, model=self.model)


class Prompt:
    name = "prompt"

    async def run(self, input):
        return PROMPT.format(topic=input)


def poem(failures):
    return Step("prompt", Prompt()) >> Step("write", Writer(failures, "test:writer"), max_retries=2)


def triage(failures):
    return Step("classify", Writer(0, "test:small")) >> Step("answer", Writer(failures, "test:senior"), max_retries=2)


def summary(failures):
    return Step("draft", Writer(failures, "test:writer"), max_retries=2) >> Step("review", Writer(0, "test:critic"))
'''

TEST = """
import pytest

import shop

@pytest.mark.parametrize("number", range(22))
async def test_{name}(flujo_run, golden, number):
    result = await flujo_run(shop.{name}(number % 3), f"rain {{number:02}}")
    golden.check(result)
"""

EXAMPLES = ("poem", "summary", "triage")
GOLDENS = 66
PROMPT = "Write about {topic}"
INI = "[pytest]\nanyio_mode = auto\ntestpaths = tests\n"


def fill(project: Project) -> Path:
    """The folder of the project, without goldens."""
    project.write("conftest.py", CONFTEST)
    project.write("pytest.ini", INI)
    project.write("shop.py", SHOP)
    for name in EXAMPLES:
        project.write(f"tests/test_{name}.py", TEST.format(name=name))
    engine(project, "honest")
    prompt(project, PROMPT)
    return project.path


def engine(project: Project, how: str) -> None:
    project.write("engine.txt", how)


def prompt(project: Project, text: str) -> None:
    project.write("prompt.txt", text)
