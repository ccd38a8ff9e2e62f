"""A price list and a new project are there whole or as before, whichever operation fails or kills the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flujo_testing.golden_project import REPOSITORY
from tests.threats.watched import PROGRAMS
from tests.threats.writers import files_in

MORE = {
    "prices exported": ["os.rename"],
    "prices exported anew": ["os.rename"],
    "a project started": ["os.mkdir", "os.mkdir", "os.chmod", "os.rename"],
    "a project started in an empty folder": ["os.mkdir", "os.mkdir", "os.chmod", "os.rmdir", "os.rename"],
}
"""What each does beyond making its files and folders: two of these it asks for before the one that holds them."""


def run(name: str, folder: Path, how: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.threats.watched", name, str(folder), how]
    ran = subprocess.run(command, cwd=REPOSITORY, check=True, timeout=120, capture_output=True, text=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def seen(root: Path) -> dict[str, bytes]:
    """All files but those that a dead process may leave, under names that begin with a dot."""
    return {path: data for path, data in files_in(root).items() if not path.startswith((".shop.", ".prices.json."))}


def operations(name: str, folder: Path) -> int:
    return len(list((folder / "whole").rglob("*"))) + len(MORE[name])


def old_and_new(name: str, folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    (folder / "old").mkdir()
    PROGRAMS[name].prepare(folder / "old")
    return files_in(folder / "old"), files_in(folder / "whole")


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_is_old_or_new_whichever_operation_fails(tmp_path: Path, name: str) -> None:
    *failed, through = run(name, tmp_path, "fails")
    old, new = old_and_new(name, tmp_path)
    assert len(failed) == operations(name, tmp_path)
    assert (through, files_in(tmp_path / str(len(failed) + 1))) == ({"ended": 0, "told": ""}, new)
    for number, end in enumerate(failed, 1):
        assert (end["ended"], files_in(tmp_path / str(number))) == (0, old)
        said = str(end["told"])
        assert ("No space left on device" in said, str(tmp_path / str(number)) in said) == (True, True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_is_old_or_new_whenever_the_process_is_killed(tmp_path: Path, name: str) -> None:
    *killed, through = run(name, tmp_path, "killed")
    old, new = old_and_new(name, tmp_path)
    assert (len(killed), through) == (operations(name, tmp_path), {"ended": 0, "told": ""})
    for number, end in enumerate(killed, 1):
        assert (end["ended"], seen(tmp_path / str(number)) in (old, new)) == (-9, True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_is_old_where_the_disk_is_full(tmp_path: Path, name: str) -> None:
    (end,) = run(name, tmp_path, "full")
    old, _ = old_and_new(name, tmp_path)
    assert (end["ended"], "File too large" in str(end["told"]), files_in(tmp_path / "1")) == (0, True, old)
