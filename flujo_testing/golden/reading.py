"""Reads a file below a folder that somebody else may have filled: bounded, no link, never outside."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.limits import MAX_BYTES
from flujo_testing.golden.location import SUFFIX, GoldenFolder

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_golden(folder: GoldenFolder, golden: str) -> bytes | None:
    """The bytes of a golden, None where there is no such file. Raises GoldenCorrupt."""
    return read_bounded(folder.path, golden, folder.shown(golden), MAX_BYTES)


def read_bounded(root: Path, relative: str, shown: str, limit: int) -> bytes | None:
    """At most ``limit`` bytes of a regular file below ``root``, None where there is none.

    Raises GoldenCorrupt, which names the file ``shown``, for a path that leaves ``root`` or passes a symbolic
    link (``root`` itself included), for what is no regular file, for one that is too large or cannot be read.
    """
    refuse_detour(root, relative, shown)
    path = root / relative
    try:
        handle = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise GoldenCorrupt(shown, 1, f"cannot be read: {error.strerror}") from error
    try:
        return _read(handle, limit, shown)
    finally:
        os.close(handle)


def refuse_detour(root: Path, relative: str, shown: str) -> None:
    """Raise GoldenCorrupt unless ``relative`` stays below ``root`` and no part of it is a symbolic link."""
    parts = relative.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or any(letter in relative for letter in "\\:\0\n"):
        raise GoldenCorrupt(shown, 1, "is a path that leads out of its folder")
    path, kind = os.fspath(root), 0
    for name in (root.name, *parts):
        path = path if not kind else f"{path}{os.sep}{name}"
        try:
            kind = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise GoldenCorrupt(shown, 1, f"cannot be read: {error.strerror}") from error
        if stat.S_ISLNK(kind):
            raise GoldenCorrupt(shown, 1, f"is reached through the symbolic link {name!r}: put a file there")
    if not stat.S_ISREG(kind):
        raise GoldenCorrupt(shown, 1, "is no regular file")


def golden_paths(folder: GoldenFolder) -> Iterator[str]:
    """The path of every golden in the folder, sorted.

    What lies beside the folders of test files (``audit.yaml``, ``CHANGES.md``), hidden folders, and what a
    symbolic link leads to are no goldens.
    """
    if folder.path.is_symlink():
        return
    found = []
    for where, folders, files in os.walk(folder.path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if Path(where) != folder.path:
            inside = Path(where).relative_to(folder.path).as_posix()
            found += [f"{inside}/{name}" for name in files if name.endswith(SUFFIX) and not name.startswith(".")]
    yield from sorted(found)


def _read(handle: int, limit: int, shown: str) -> bytes:
    size = os.fstat(handle).st_size
    if size > limit:
        raise GoldenCorrupt(shown, 1, f"has {size} bytes, at most {limit} are read")
    content = bytearray()
    while len(content) <= limit:
        chunk = os.read(handle, 1 << 20)
        if not chunk:
            return bytes(content)
        content += chunk
    raise GoldenCorrupt(shown, 1, f"grew beyond {limit} bytes while it was read")
