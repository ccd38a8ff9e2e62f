"""The type checkers as programs: each is run once over all of ours, and its errors are read by line.

Mypy takes its settings from ``pyproject.toml``, pyright from ``pyrightconfig.json`` beside this file; both are strict.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from tests.types.programs import FOLDER, Line

ROOT = FOLDER.parents[1]


class CheckerBroken(Exception):
    """A type checker that did not get as far as judging the programs."""


def mypy(paths: Iterable[str]) -> dict[Line, str]:
    """The errors of mypy in these programs."""
    files = [str(FOLDER / path) for path in paths]
    return read_mypy(_said("mypy", "--output=json", "--no-error-summary", *files))


def pyright() -> dict[Line, str]:
    """The errors of pyright, which finds the programs by its configuration."""
    project = str(FOLDER / "pyrightconfig.json")
    return read_pyright(_said("pyright", "--project", project, "--pythonpath", sys.executable, "--outputjson"))


def read_mypy(output: str) -> dict[Line, str]:
    """The first error on each line of a program; errors elsewhere are found where mypy checks the whole project."""
    messages = (json.loads(line) for line in output.splitlines())
    return _by_line((said["file"], said["line"], said["message"]) for said in messages if said["severity"] == "error")


def read_pyright(output: str) -> dict[Line, str]:
    """The same of pyright, whose lines count from 0."""
    messages = json.loads(output)["generalDiagnostics"]
    return _by_line(
        (said["file"], said["range"]["start"]["line"] + 1, said["message"])
        for said in messages
        if said["severity"] == "error"
    )


def _by_line(messages: Iterable[tuple[str, int, str]]) -> dict[Line, str]:
    errors: dict[Line, str] = {}
    for file, number, text in messages:
        *above, folder, name = PurePosixPath(Path(file).as_posix()).parts
        if folder in ("accepted", "rejected") and above[-2:] == ["tests", "types"]:
            errors.setdefault(Line(f"{folder}/{name}", number), text.partition("\n")[0])
    return errors


def _said(checker: str, *arguments: str) -> str:
    """What a checker prints. It is the one installed here, whatever the environment asks of pyright's launcher."""
    environment: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if not name.startswith("PYRIGHT_PYTHON")
    }
    command = (sys.executable, "-m", checker, *arguments)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise CheckerBroken(f"{checker} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout
