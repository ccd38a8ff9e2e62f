"""A file is read only where it should lie, as a regular file, and not without end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flujo_testing.golden import GoldenCorrupt
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.reading import golden_paths, read_bounded, read_golden


def refusal(root: Path, relative: str, limit: int = 100) -> str:
    with pytest.raises(GoldenCorrupt) as caught:
        read_bounded(root, relative, "shown.yaml", limit)
    assert (caught.value.path, caught.value.line) == ("shown.yaml", 1)
    return caught.value.reason


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.yaml").write_bytes(b"x" * 100)
    assert read_bounded(tmp_path, "a/b.yaml", "shown.yaml", 100) == b"x" * 100


def test_where_no_file_is_there_is_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    missing = ["a.yaml", "a/b.yaml", "file/b.yaml"]
    found = [read_bounded(tmp_path, relative, "shown.yaml", 100) for relative in missing]
    assert found == [None, None, None]


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"x" * 101)
    assert refusal(tmp_path, "a.yaml") == "has 101 bytes, at most 100 are read"


@pytest.mark.parametrize(
    "relative",
    ["../a.yaml", "a/../../b.yaml", "/etc/passwd", "a//b", "./a", "", "a\\b", "c:a", "a\0b", "a\nb"],
)
def test_a_path_that_leaves_its_folder_is_refused(tmp_path: Path, relative: str) -> None:
    assert refusal(tmp_path / "golden", relative) == "is a path that leads out of its folder"


def test_a_symbolic_link_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "real/a").mkdir(parents=True)
    (tmp_path / "real/a/b.yaml").write_bytes(b"secret")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden/a").symlink_to(tmp_path / "real/a")
    (tmp_path / "golden/c.yaml").symlink_to(tmp_path / "real/a/b.yaml")
    (tmp_path / "golden/gone.yaml").symlink_to(tmp_path / "nowhere")
    told = "is reached through the symbolic link '{}': put a file there"
    assert refusal(tmp_path / "root", "a/b.yaml") == told.format("root")
    assert refusal(tmp_path / "golden", "a/b.yaml") == told.format("a")
    assert refusal(tmp_path / "golden", "c.yaml") == told.format("c.yaml")
    assert refusal(tmp_path / "golden", "gone.yaml") == told.format("gone.yaml")


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    os.mkfifo(tmp_path / "b.yaml")
    assert refusal(tmp_path, "a.yaml") == "is no regular file"
    assert refusal(tmp_path, "b.yaml") == "is no regular file"


def test_goldens_are_the_yaml_files_below_the_folders_of_test_files(tmp_path: Path) -> None:
    for path in (
        "audit.yaml",
        "CHANGES.md",
        ".pending/test_rain/test_it.yaml",
        "test_rain/.test_it.yaml.0a1b.tmp",
        "test_rain/notes.md",
        "test_rain/test_it.yaml",
        "sub/test_rain/test_it.yaml",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    (tmp_path / "linked").symlink_to(tmp_path / "sub")
    folder = GoldenFolder(tmp_path.parent, tmp_path)
    assert list(golden_paths(folder)) == ["sub/test_rain/test_it.yaml", "test_rain/test_it.yaml"]


def test_a_golden_is_named_as_a_user_finds_it(tmp_path: Path) -> None:
    (tmp_path / "golden/a").mkdir(parents=True)
    (tmp_path / "golden/a/b.yaml").mkdir()
    with pytest.raises(GoldenCorrupt, match=r"^golden/a/b.yaml, line 1: is no regular file$"):
        read_golden(GoldenFolder(tmp_path, tmp_path / "golden"), "a/b.yaml")
