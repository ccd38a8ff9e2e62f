"""Whatever fails and whenever the process is killed: every file is the old one or the new one, and none is lost."""

from __future__ import annotations

import subprocess
import sys
from itertools import count, groupby
from pathlib import Path

import pytest

from flujo_testing.golden import GoldenNotWritten
from tests.flujo_testing.disks import FailingDisk
from tests.flujo_testing.golden_project import REPOSITORY
from tests.threats.writers import NO_SCAN, WRITERS, Writer, files_in

WHOLE = ["make_folder", "create", "write", "flush", "close", "replace", "flush_folder"]
OPERATIONS = {
    "goldens updated": [*WHOLE, *WHOLE],
    "goldens proposed": [*WHOLE, *WHOLE, *WHOLE],
    "goldens proposed again": [*WHOLE, *WHOLE, *WHOLE],
    "goldens updated that were proposed": [*WHOLE, "remove", *WHOLE],
    "goldens kept as artifacts": [*WHOLE, *WHOLE],
    "a proposal settled": ["remove"],
    "a proposal accepted": [*WHOLE, *WHOLE, *WHOLE, *WHOLE, "remove", "remove"],
    "a proposal rejected": [*WHOLE, *WHOLE, *WHOLE, "remove", "remove"],
    "a golden pruned": [*WHOLE, "remove", *WHOLE, "remove", "remove"],
    "a test made of a run": [*WHOLE, *WHOLE, *WHOLE],
    "a test made of a run anew": [*WHOLE, *WHOLE, *WHOLE],
    "the record of a run": WHOLE,
    "the page of a run": WHOLE,
    "the summary of a run": WHOLE,
    "the matrix of an audit": [*WHOLE, *WHOLE],
    "a cassette recorded": WHOLE,
    "a cassette recorded anew": WHOLE,
    "a cassette renamed": [*WHOLE, "remove"],
    "a cassette sealed": WHOLE,
    "a cassette removed": ["remove"],
}
"""What each writer asks of the disk when nothing fails, writes of one file counted once."""
DECISION = "golden/.pending/.decision.json"
"""What has been begun: it is left behind on purpose, and the next command finishes it."""


def outcome(writer: Writer, root: Path, disk: FailingDisk) -> list[str]:
    """What the writer tells of what failed."""
    root.mkdir()
    writer.prepare(root)
    try:
        return writer.act(root, disk, NO_SCAN, "new")
    except GoldenNotWritten as error:
        return [str(error)]


def old_and_new(writer: Writer, folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    (folder / "old").mkdir()
    writer.prepare(folder / "old")
    assert outcome(writer, folder / "new", FailingDisk(fails_at=0)) == []
    return files_in(folder / "old"), files_in(folder / "new")


def neither_old_nor_new(found: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes]) -> list[str]:
    """Files that are half, lost, or left over: each has to be as before or as it should be."""
    paths = sorted(found.keys() | old.keys() | new.keys())
    torn = [path for path in paths if found.get(path) not in (old.get(path), new.get(path))]
    lost = [path for path in old.keys() & new.keys() if path not in found]
    return [path for path in torn if path != DECISION] + sorted(lost)


def once(operations: list[str]) -> list[str]:
    return [name for name, found in groupby(operations) for name in (found if name != "write" else ["write"])]


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_is_old_or_new_whichever_operation_fails(tmp_path: Path, name: str) -> None:
    writer = WRITERS[name]
    old, new = old_and_new(writer, tmp_path)
    for fails_at in count(1):
        root, disk = tmp_path / str(fails_at), FailingDisk(fails_at)
        told = outcome(writer, root, disk)
        found = files_in(root)
        if len(disk.done) < fails_at:
            assert (once(disk.done), told, found) == (OPERATIONS[name], [], new)
            break
        assert neither_old_nor_new(found, old, new) == []
        assert [line.partition(" was not written: ")[2].removeprefix("cannot be removed: ") for line in told] == [
            "No space left on device"
        ]


@pytest.mark.parametrize("name", WRITERS)
def test_the_error_names_the_file_that_failed(tmp_path: Path, name: str) -> None:
    writer = WRITERS[name]
    old, new = old_and_new(writer, tmp_path)
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    (told,) = outcome(writer, tmp_path / "failed", FailingDisk(fails_at=1))
    named = told.partition(" was not written: ")[0].removeprefix(f"{tmp_path / 'failed'}/")
    assert named in {*changed, DECISION}


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_is_old_or_new_whenever_the_process_is_killed(tmp_path: Path, name: str) -> None:
    old, new = old_and_new(WRITERS[name], tmp_path)
    killed = tmp_path / "killed"
    killed.mkdir()
    command = [sys.executable, "-m", "tests.threats.writers", name, str(killed)]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=120)
    runs = sorted(killed.iterdir(), key=lambda path: int(path.name))
    disk = FailingDisk(fails_at=0)
    outcome(WRITERS[name], tmp_path / "whole", disk)
    assert len(runs) == len(disk.done) + 1
    for root in runs:
        whole = {path: data for path, data in files_in(root).items() if not path.endswith(".tmp")}
        assert neither_old_nor_new(whole, old, new) == []
    assert files_in(runs[-1]) == new


@pytest.mark.parametrize("name", ["a test made of a run", "a test made of a run anew"])
def test_a_test_made_of_a_run_is_whole_or_not_there_whichever_operation_fails(tmp_path: Path, name: str) -> None:
    old, _ = old_and_new(WRITERS[name], tmp_path)
    for fails_at in range(1, len(OPERATIONS[name]) + 1):
        outcome(WRITERS[name], tmp_path / str(fails_at), FailingDisk(fails_at))
        assert files_in(tmp_path / str(fails_at)) == old


@pytest.mark.parametrize("name", ["a cassette renamed", "a cassette removed", "a proposal settled"])
def test_what_is_moved_or_removed_is_never_half_gone(tmp_path: Path, name: str) -> None:
    writer = WRITERS[name]
    old, new = old_and_new(writer, tmp_path)
    contents = []
    for fails_at in range(1, len(OPERATIONS[name]) + 1):
        outcome(writer, tmp_path / str(fails_at), FailingDisk(fails_at))
        contents.append({path for path in files_in(tmp_path / str(fails_at)) if path in old.keys() ^ new.keys()})
    gone, come = old.keys() - new.keys(), new.keys() - old.keys()
    assert [bool(paths & gone) or paths == come for paths in contents] == [True] * len(contents)
