"""Writes a file whole or not at all: a temporary file beside it, flushed, put in its place, the folder
flushed.

Every byte passes the scan for secrets, and nothing is written through a symbolic link.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from flujo_testing.golden.errors import GoldenNotWritten
from flujo_testing.golden.leak import SecretScan
from flujo_testing.golden.reading import refuse_detour

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Disk:
    """The file operations that a write consists of; a test hands in one of which the n-th call fails."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        return os.open(path, _NEW, 0o666)

    def write(self, handle: int, data: memoryview) -> int:
        return os.write(handle, data)

    def flush(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def flush_folder(self, path: Path) -> None:
        if os.name == "nt":  # a folder has no handle there
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


DISK = Disk()


def write_file(root: Path, relative: str, data: bytes, *, scan: SecretScan, shown: str, disk: Disk = DISK) -> None:
    """Replace the file ``relative`` below ``root``, which may not exist yet, by one with these bytes.

    Raises SecretFound, GoldenCorrupt for a path that leaves ``root`` or passes a symbolic link,
    GoldenNotWritten for what the disk says; each names the file ``shown``. The file then is the old one or
    the new one, never half.
    """
    scan.refuse(data, shown)
    refuse_detour(root, relative, shown)
    path = root / relative
    try:
        _replace(path, data, disk)
    except OSError as error:
        notes: list[str] = getattr(error, "__notes__", [])  # Python sets it with the first note
        raise GoldenNotWritten(shown, "; ".join([error.strerror or str(error), *notes])) from error


def remove_file(root: Path, relative: str, *, shown: str, disk: Disk = DISK) -> None:
    """Remove a file below ``root``, if it is there. Raises as ``write_file`` does."""
    refuse_detour(root, relative, shown)
    try:
        disk.remove(root / relative)
    except OSError as error:
        raise GoldenNotWritten(shown, f"cannot be removed: {error.strerror or error}") from error


def _replace(path: Path, data: bytes, disk: Disk) -> None:
    disk.make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_new(temporary, data, disk)
        disk.replace(temporary, path)
    except BaseException as failure:
        _discard(temporary, failure, disk)
        raise
    disk.flush_folder(path.parent)


def _write_new(path: Path, data: bytes, disk: Disk) -> None:
    handle = disk.create(path)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[disk.write(handle, rest) :]
        disk.flush(handle)
    finally:
        disk.close(handle)


def _discard(temporary: Path, failure: BaseException, disk: Disk) -> None:
    try:
        disk.remove(temporary)
    except OSError:
        failure.add_note(f"{temporary} is left over: remove it")
