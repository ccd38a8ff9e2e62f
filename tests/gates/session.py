"""A session of nox that installs nothing: commands of the noxfile run in this environment, on a copy of the project."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
PARTS = ("flujo", "flujo_testing", "tests", "examples", "golden", "docs", "bench")


class Red(Exception):
    """The gate did not pass: a command failed, or the session said why not."""


@dataclass(slots=True)
class FakeSession:
    """As much of ``nox.Session`` as the noxfile uses. ``skipped``: the beginnings of commands that are not run."""

    folder: Path
    posargs: Sequence[str] = ()
    skipped: tuple[str, ...] = ()
    python: str = f"{sys.version_info[0]}.{sys.version_info[1]}"
    logged: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    @property
    def virtualenv(self) -> SimpleNamespace:
        return SimpleNamespace(location=str(self.folder / ".venv"))

    def install(self, *what: str, env: Mapping[str, str]) -> None:
        self.logged.append(f"install {' '.join(what)}")

    def run(
        self,
        command: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        success_codes: Sequence[int] = (0,),
        external: bool = False,
    ) -> None:
        told = " ".join((command, *arguments))
        if told.startswith(self.skipped):
            if "--wheel-dir" in arguments:  # what would be built is looked for
                folder = Path(arguments[arguments.index("--wheel-dir") + 1])
                folder.mkdir(parents=True)
                (folder / "flujo.whl").touch()
            return
        self.ran.append(told)
        program = sys.executable if command == "python" else str(Path(sys.executable).with_name(command))
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env={**_environment(), **(env or {}), "PYTHONPATH": str(self.folder), **_ALIKE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.logged.append(done.stdout)
        if done.returncode not in success_codes:
            raise Red(f"{told}: ended with {done.returncode}\n{done.stdout[-2000:]}")

    def error(self, text: str) -> NoReturn:
        raise Red(text)

    def log(self, text: str, *values: object) -> None:
        self.logged.append(text % values)

    def create_tmp(self) -> str:
        (self.folder / ".tmp").mkdir(exist_ok=True)
        return str(self.folder / ".tmp")

    def chdir(self, folder: Path) -> None:
        self.folder = folder


_ALIKE = {"PYTEST_ADDOPTS": "-p no:asyncio"}
"""The environments of some sessions lack a plugin that this one has."""


def _environment() -> dict[str, str]:
    left_out = ("COVERAGE_", "PYTEST_", "FLUJO_RECORDINGS", "CI", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def project_copy(folder: Path) -> Path:
    """The project's files, to be spoiled."""
    folder.mkdir()
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".pending"))
    for name in ("noxfile.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@dataclass(frozen=True, slots=True)
class Green:
    """What a gate that passed ran, and what came out of it."""

    ran: list[str]
    logged: list[str]


def run_gate(folder: Path, gate: str, *posargs: str, skipped: tuple[str, ...] = ()) -> Green:
    """Run one session of the noxfile in a copy. Raises Red. In a process of its own: nox keeps what it has loaded."""
    asked = json.dumps({"folder": str(folder), "gate": gate, "posargs": posargs, "skipped": skipped})
    command = [sys.executable, "-m", "tests.gates.session", asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    if told["red"] is not None:
        raise Red(told["red"])
    return Green(told["ran"], told["logged"])


def main() -> int:
    asked = json.loads(sys.argv[1])
    folder = Path(asked["folder"])
    session = FakeSession(folder, asked["posargs"], tuple(asked["skipped"]))
    function: Callable[[Any], None] = runpy.run_path(str(folder / "noxfile.py"))[asked["gate"]]
    red = None
    try:
        function(session)
    except Red as why:
        red = str(why)
    print(json.dumps({"red": red, "ran": session.ran, "logged": session.logged}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
