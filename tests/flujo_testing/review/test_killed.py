"""Killed at any file operation, a command leaves goldens old or new, and the next one completes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flujo_testing.golden.writing import DISK
from tests.flujo_testing.golden_project import REPOSITORY
from tests.flujo_testing.review.deciding import Place
from tests.flujo_testing.review.killed import COMMANDS, Killed, KilledDisk

OPERATIONS = {"accept": 50, "reject": 34, "prune": 20, "migrate": 49}
"""How many file operations each consists of."""


def die() -> None:
    raise Killed


def files(place: Place) -> dict[str, bytes]:
    found = (path for path in place.path.rglob("*") if path.is_file())
    return {path.relative_to(place.path).as_posix(): path.read_bytes() for path in found}


def check_completed(place: Place, name: str, old: dict[str, str], new: dict[str, str], after: dict[str, bytes]) -> None:
    """What a killed command left is old or new; the command completes it, and says it once."""
    left = place.goldens()
    assert [golden for golden in old if left.get(golden) not in (old[golden], new.get(golden))] == []
    assert left.keys() <= old.keys()
    COMMANDS[name].run(place, DISK)
    assert place.goldens() == new
    assert files(place) == after
    assert place.page().count("\n## ") == 1


def ends(path: Path, name: str) -> tuple[dict[str, str], dict[str, str], dict[str, bytes]]:
    """The goldens before and after a command that nobody kills, and all files after it."""
    place = COMMANDS[name].make(path)
    old = place.goldens()
    COMMANDS[name].run(place, DISK)
    assert place.goldens() != old or name == "reject"
    return old, place.goldens(), files(place)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_completed_wherever_it_was_killed(tmp_path: Path, name: str) -> None:
    old, new, after = ends(tmp_path / "whole", name)
    killed = 0
    while True:
        place = COMMANDS[name].make(tmp_path / str(killed))
        try:
            COMMANDS[name].run(place, KilledDisk(killed + 1, die))
            break
        except Killed:
            check_completed(place, name, old, new, after)
            killed += 1
    assert killed == OPERATIONS[name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork and no SIGKILL")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_that_is_killed_leaves_what_the_next_one_completes(tmp_path: Path, name: str) -> None:
    old, new, after = ends(tmp_path / "whole", name)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.flujo_testing.review.killed", str(tmp_path), name],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{OPERATIONS[name]}\n", "")
    for number in range(1, OPERATIONS[name] + 1):
        check_completed(Place(tmp_path / str(number)), name, old, new, after)
