"""Runs mutmut on a copy of the project, and reads what became of its mutants."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import Target

ROOT = Path(__file__).parents[2]
COPIED = ("flujo", "flujo_testing", "tests", "examples", "golden", "docs", "README.md", "pyproject.toml")
KILLED, SURVIVED, TIMEOUT = "killed", "survived", "timeout"
VERDICTS = {"killed": KILLED, "survived": SURVIVED, "no tests": SURVIVED, "timeout": TIMEOUT, "segfault": KILLED}
"""What mutmut says, and what it comes to. Whatever else it says is no verdict."""
_RESULT = re.compile(r"^ +(?P<name>\S+): (?P<told>.+)$", re.MULTILINE)
_NAME = re.compile(r"(?P<module>[\w.]+)\.x(?:ǁ(?P<owner>\w+)ǁ|_)(?P<function>\w+?)__mutmut_\d+")


class NoMutants(Exception):
    """mutmut did not come to its end; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class Change:
    """A mutant by what it changes, which stays the same when lines move and other mutants come and go."""

    function: str
    was: str
    becomes: str


def run(target: Target, folder: Path, *, processes: int = 2) -> dict[str, str]:
    """Mutate a copy of the project in ``folder``: what mutmut says of each mutant, by its name there."""
    copy_project(folder)
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(settings(target))
    (folder / "mutants").mkdir()  # before Python looks for it in vain, and remembers that
    log = folder / "mutmut.log"
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [*_MUTMUT, "run", "--max-children", str(processes)],
            cwd=folder,
            env=_environment(folder),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode != 0:
        raise NoMutants(log.read_text(encoding="utf-8").replace("\r", "\n")[-3000:])
    return told(_asked(folder, "results", "--all", "true"))


_MUTMUT = (sys.executable, "-c", "from mutmut.__main__ import cli; cli()")


def copy_project(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".pending"))
        else:
            shutil.copy(ROOT / name, folder / name)


def settings(target: Target) -> str:
    """The table of mutmut in pyproject.toml; it takes no other settings."""
    tests = sorted(path.relative_to(ROOT).as_posix() for pattern in target.tests for path in ROOT.glob(pattern))
    table = {
        "source_paths": ["flujo", "flujo_testing"],
        "only_mutate": list(target.files),
        "also_copy": [name for name in COPIED if not name.startswith("flujo")],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "no:xdist", "--golden=check", "--hypothesis-seed=0"],
        "pytest_add_cli_args_test_selection": tests,
        "timeout_multiplier": 6.0,
        "timeout_constant": 1.5,
        "use_git_change_detection": False,
    }
    return "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def told(results: str) -> dict[str, str]:
    return {found["name"]: found["told"] for found in _RESULT.finditer(results)}


def change(name: str, folder: Path) -> Change:
    """What a mutant changes."""
    return change_shown(name, _asked(folder, "show", name))


def change_shown(name: str, diff: str) -> Change:
    found = _NAME.fullmatch(name)
    if found is None:
        raise NoMutants(f"{name!r} is no name of a mutant as mutmut 3 gives them")
    function = f"{found['owner']}.{found['function']}" if found["owner"] else found["function"]
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    was, becomes = ("\n".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return Change(f"{found['module']}:{function}", was, becomes)


def _asked(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*_MUTMUT, *arguments], cwd=folder, env=_environment(folder), check=True, capture_output=True, text=True
    )
    return done.stdout


def _environment(folder: Path) -> dict[str, str]:
    """Processes that tests start see the mutants, too."""
    return {**os.environ, "PYTHONPATH": str(folder / "mutants")}
