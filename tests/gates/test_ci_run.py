"""``.ci/run`` is red when one gate is, whichever, and says how many passed. The gates themselves do not run here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.gates.session import ROOT

SCRIPT = (ROOT / ".ci" / "run").read_text(encoding="utf-8") if (ROOT / ".ci" / "run").exists() else ""
PYTHON = """#!/bin/sh
# Does nothing, as if all were well, but for the session that is to fail.
case "$*" in
  "-m venv "*) mkdir -p "$3/bin" && : > "$3/bin/activate" ;;
  "-m nox -s $FAILING"|"-m nox -s $FAILING "*) exit 1 ;;
esac
"""


def sessions() -> list[str]:
    """The sessions of nox that the script runs."""
    listed = re.findall(r"^  sessions (.+)$", SCRIPT, flags=re.MULTILINE)
    named = re.findall(r"python -m nox -s ([\w-]+)", SCRIPT)
    return sorted([*" ".join(listed).split(), *named])


def run(folder: Path, failing: str) -> tuple[int, str]:
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (folder / "bin").mkdir()
    (folder / "bin/python").write_text(PYTHON, encoding="utf-8")
    (folder / "bin/python").chmod(0o755)
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "FAILING": failing, "TMPDIR": str(folder)}
    done = subprocess.run(["bash", ".ci/run"], cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()[-1]


def test_it_is_green_when_every_gate_is(tmp_path: Path) -> None:
    assert run(tmp_path, failing="none") == (0, f"gates: {len(sessions())} passed, 0 failed")


@pytest.mark.parametrize("session", sessions())
def test_it_is_red_when_one_gate_is(tmp_path: Path, session: str) -> None:
    assert run(tmp_path, failing=session) == (1, f"gates: {len(sessions()) - 1} passed, 1 failed")


def test_every_session_that_judges_is_run() -> None:
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    defined = re.findall(r"^@nox\.session.*\ndef (\w+)\(", text, flags=re.MULTILINE)
    run = {session.replace("-", "_") for session in sessions()}
    assert sorted(set(defined) - run) == ["bench", "release"]
