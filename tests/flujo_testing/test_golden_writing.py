"""A file is the old one or the new one, whatever fails and whenever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flujo_testing.golden import GoldenCorrupt, GoldenNotWritten, SecretFound
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.writing import Disk, remove_file, write_file
from tests.flujo_testing.disks import FailingDisk
from tests.flujo_testing.golden_project import REPOSITORY

OLD, NEW = b"old\n" * 1000, b"new\n" * 2000
SCAN = SecretScan()


WHOLE = ["make_folder", "create", "write", "write", "write", "flush", "close", "replace", "flush_folder"]


@pytest.mark.parametrize("old", [OLD, None], ids=["replaced", "new"])
def test_a_golden_is_old_or_new_whichever_operation_fails(tmp_path: Path, old: bytes | None) -> None:
    survivors, failures = [], []
    for fails_at in range(1, len(WHOLE) + 2):
        root = tmp_path / str(fails_at)
        (root / "a").mkdir(parents=True)
        if old is not None:
            (root / "a/b.yaml").write_bytes(old)
        disk = FailingDisk(fails_at)
        try:
            write_file(root, "a/b.yaml", NEW, scan=SCAN, shown="golden/a/b.yaml", disk=disk)
        except GoldenNotWritten as error:
            failures.append(str(error))
        else:
            assert (fails_at, disk.done) == (len(WHOLE) + 1, WHOLE)
        assert [path.name for path in (root / "a").iterdir()] in (["b.yaml"], [])
        survivors.append(_content(root / "a/b.yaml"))
    assert survivors == [old] * 8 + [NEW] * 2
    assert failures == ["golden/a/b.yaml was not written: No space left on device"] * len(WHOLE)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


class StuckDisk(FailingDisk):
    def remove(self, path: Path) -> None:
        raise OSError(30, "Read-only file system")


def test_a_temporary_file_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(OLD)
    with pytest.raises(GoldenNotWritten) as caught:
        write_file(tmp_path, "b.yaml", NEW, scan=SCAN, shown="golden/b.yaml", disk=StuckDisk(6))
    (left_over,) = [path for path in tmp_path.iterdir() if path.name != "b.yaml"]
    assert caught.value.reason == f"No space left on device; {left_over} is left over: remove it"
    assert (tmp_path / "b.yaml").read_bytes() == OLD


KILLED = """
import os, signal, sys
from pathlib import Path
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.writing import Disk, write_file

class DeadlyDisk(Disk):
    left = 0

    def __getattribute__(self, name):
        if name in {"make_folder", "create", "write", "flush", "close", "replace", "flush_folder"}:
            DeadlyDisk.left -= 1
            if DeadlyDisk.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return object.__getattribute__(self, name)

for killed_at in range(1, 9):
    file = Path(sys.argv[1], str(killed_at), "b.yaml")
    file.parent.mkdir()
    file.write_bytes(b"old")
    DeadlyDisk.left = killed_at
    child = os.fork()
    if child == 0:
        write_file(file.parent, "b.yaml", b"new", scan=SecretScan(), shown="b", disk=DeadlyDisk())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), file.read_text())
"""


def test_a_golden_is_old_or_new_whenever_the_process_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    run = subprocess.run(command, cwd=REPOSITORY, check=True, timeout=60, capture_output=True, text=True)
    killed = -signal.SIGKILL
    told = [f"{killed} old"] * 6 + [f"{killed} new", "0 new"]
    assert run.stdout.splitlines() == told


def test_a_folder_that_is_read_only_is_said_to_be(tmp_path: Path) -> None:
    class ReadOnlyDisk(Disk):
        def create(self, path: Path) -> int:
            raise OSError(30, "Read-only file system")

    (tmp_path / "b.yaml").write_bytes(OLD)
    with pytest.raises(GoldenNotWritten, match=r"^golden/b.yaml was not written: Read-only file system$"):
        write_file(tmp_path, "b.yaml", NEW, scan=SCAN, shown="golden/b.yaml", disk=ReadOnlyDisk())
    assert (tmp_path / "b.yaml").read_bytes() == OLD


def test_a_file_with_a_secret_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(OLD)
    scan = SecretScan((("the value of API_KEY", b"hunter2hunter2"),))
    with pytest.raises(SecretFound, match=r"golden/b.yaml was not written: the field input"):
        write_file(tmp_path, "b.yaml", b'input: "hunter2hunter2"\n', scan=scan, shown="golden/b.yaml")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"b.yaml": OLD}


def test_nothing_is_written_or_removed_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "real/b.yaml").write_bytes(OLD)
    (tmp_path / "golden/a").symlink_to(tmp_path / "real")
    with pytest.raises(GoldenCorrupt, match=r"^golden/a/b.yaml, line 1: .* symbolic link 'a'"):
        write_file(tmp_path / "golden", "a/b.yaml", NEW, scan=SCAN, shown="golden/a/b.yaml")
    with pytest.raises(GoldenCorrupt, match=r"^golden/a/b.yaml, line 1: .* symbolic link 'a'"):
        remove_file(tmp_path / "golden", "a/b.yaml", shown="golden/a/b.yaml")
    assert (tmp_path / "real/b.yaml").read_bytes() == OLD


def test_folders_of_any_depth_are_made(tmp_path: Path) -> None:
    write_file(tmp_path / "golden", "a/b/c.yaml", NEW, scan=SCAN, shown="golden/a/b/c.yaml")
    assert (tmp_path / "golden/a/b/c.yaml").read_bytes() == NEW


def test_a_file_is_removed_and_one_that_is_gone_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(OLD)
    remove_file(tmp_path, "b.yaml", shown="golden/b.yaml")
    remove_file(tmp_path, "b.yaml", shown="golden/b.yaml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(30, "Read-only file system"), "Read-only file system"),
        (OSError("the cable is out"), "the cable is out"),
    ],
)
def test_the_error_says_which_file_and_what_the_disk_says(tmp_path: Path, error: OSError, told: str) -> None:
    class BrokenDisk(Disk):
        def create(self, path: Path) -> int:
            raise error

        def remove(self, path: Path) -> None:
            if not path.name.endswith(".tmp"):
                raise error

    with pytest.raises(GoldenNotWritten) as written:
        write_file(tmp_path, "b.yaml", NEW, scan=SCAN, shown="golden/b.yaml", disk=BrokenDisk())
    with pytest.raises(GoldenNotWritten) as removed:
        remove_file(tmp_path, "b.yaml", shown="golden/b.yaml", disk=BrokenDisk())
    assert (written.value.path, written.value.reason) == ("golden/b.yaml", told)
    assert (removed.value.path, removed.value.reason) == ("golden/b.yaml", f"cannot be removed: {told}")


def test_the_folder_is_flushed_too(tmp_path: Path) -> None:
    Disk().flush_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        Disk().flush_folder(tmp_path / "none")


def test_what_is_written_has_the_rights_that_files_have_here(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    write_file(tmp_path, "a/b.yaml", NEW, scan=SCAN, shown="golden/a/b.yaml")
    assert os.stat(tmp_path / "a/b.yaml").st_mode == os.stat(tmp_path / "other").st_mode
