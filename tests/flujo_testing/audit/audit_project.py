"""A project with one tested pipeline, and audits of it in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest

# Runs in this process forget what they import themselves, and would have two of it.
import flujo_testing.audit.plugin
import flujo_testing.fixtures
import flujo_testing.schedules.plugin  # noqa: F401
from tests.flujo_testing.golden_project import INI, Project, project_of

CAST = """
from decimal import Decimal

from flujo import Flujo, Step, Usage, validator
from flujo_testing import EchoAgent, ScriptedAgent

SPENT = Usage(input_tokens=120, output_tokens=40)

@validator
def three_words(text):
    return len(text.split()) <= 3 or f"{len(text.split())} words, at most 3"

def writing(*answers):
    return Step("write", ScriptedAgent(*answers, model="test:writer", usage=SPENT), plugins=[three_words])

def corrected():
    return writing("Rain falls, and falls", "Grey rain")
"""


def audited_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(pytester, monkeypatch)
    project.write("pytest.ini", INI + "pythonpath = .\nanyio_mode = auto\n")
    project.write("cast.py", CAST)
    (project.path / "conftest.py").unlink()
    return project


def audit(project: Project, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
    options = (*arguments, "--flujo-lint=off", "--flujo-audit-json=audit.json", "-p", "no:asyncio")
    if not any(argument.startswith("--flujo-audit=") for argument in arguments):
        options = ("--flujo-audit=fast", *options)
    return project.run(*options, plugins=("anyio", "syrupy", *plugins))


def told(project: Project) -> dict[str, Any]:
    """What the last audit wrote as JSON."""
    facts: dict[str, Any] = json.loads((project.path / "audit.json").read_text(encoding="utf-8"))
    return facts


def trials(project: Project, test: str) -> dict[str, tuple[str, str]]:
    """Of one test by fault: the state, and how it ended."""
    audited = next(one for one in told(project)["tests"] if one["test"] == test)
    return {trial["fault"]: (trial["state"], trial["ending"]) for trial in audited["trials"]}


def lines(result: pytest.RunResult, beginning: str) -> list[str]:
    return [line for line in result.outlines if line.startswith(beginning)]
