"""A small project with goldens, and pytest runs of it; it tells dicts instead of runs of pipelines."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

# Runs in this process forget what they import; YAML's C extension cannot be imported twice.
import flujo_testing.golden.assertion
import flujo_testing.golden.documents
import flujo_testing.golden.hooks  # noqa: F401

REPOSITORY = Path(__file__).parents[2]

CONFTEST = """
import json
from flujo_testing.golden.hooks import STORYTELLER
from flujo_testing.golden.stories import Storyteller

def story_of(result, owner, redact):
    return {**result, **(redact or {})}

def render(story):
    return "".join(f"{key}: {json.dumps(value)}\\n" for key, value in story.items())

def differences(expected, actual):
    keys = sorted({*expected, *actual})
    return [
        f"{key}: {expected.get(key)!r} -> {actual.get(key)!r}"
        for key in keys
        if expected.get(key) != actual.get(key)
    ]

def pytest_configure(config):
    config.stash[STORYTELLER] = Storyteller(story_of, render, differences)
"""

INI = "[pytest]\nfilterwarnings = error\n"


@dataclass(frozen=True, slots=True)
class Project:
    pytester: pytest.Pytester
    monkeypatch: pytest.MonkeyPatch

    @property
    def path(self) -> Path:
        return self.pytester.path

    def write(self, path: str, text: str) -> Path:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, *arguments: str, plugins: tuple[str, ...] = ("syrupy",)) -> pytest.RunResult:
        """Run pytest in this process with these plugins and ours, and no others."""
        return self.pytester.runpytest_inprocess(*_loading(plugins), *arguments)

    def run_apart(self, *arguments: str, plugins: tuple[str, ...] = ("syrupy",)) -> pytest.RunResult:
        """The same in a process of its own."""
        return self.pytester.runpytest_subprocess(*_loading(plugins), *arguments)

    def goldens(self) -> dict[str, str]:
        """The text of every golden, by path."""
        root = self.path / "golden"
        files = sorted(path for path in root.rglob("*.yaml") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}

    def files(self) -> dict[str, bytes]:
        """The bytes of every file below ``golden/``, by path."""
        root = self.path / "golden"
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def _loading(plugins: tuple[str, ...]) -> list[str]:
    names = dict.fromkeys((*plugins, "flujo_testing.pytest_plugin"))
    return [option for name in names for option in ("-p", name)]


def project_of(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, away from CI and from the pytest run that this test is part of."""
    for name in [name for name in os.environ if name == "CI" or name.startswith(("GITHUB_", "PYTEST_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("COLUMNS", "300")
    project = Project(pytester, monkeypatch)
    project.write("pytest.ini", INI)
    project.write("conftest.py", CONFTEST)
    return project


def golden_text(owner: str, name: str | None = None, **story: object) -> str:
    """A golden as the project above writes it."""
    header = {"format": "flujo-golden/1", "owner": owner} | ({} if name is None else {"name": name})
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in (header | story).items())


def last_goldens_line(result: pytest.RunResult) -> str:
    return [line for line in result.outlines if line.startswith("goldens: ")][-1]
