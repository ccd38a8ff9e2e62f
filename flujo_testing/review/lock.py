"""One command at a time decides about the goldens of a project. The system opens the lock when a process ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flujo_testing.golden.errors import GoldenMisuse, GoldenNotWritten
from flujo_testing.golden.reading import refuse_detour

FILE: Final = ".lock"


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the lock in the folder ``root``, which must be there. Raises GoldenMisuse while somebody else does,
    GoldenNotWritten where there can be no lock.
    """
    refuse_detour(root, FILE, str(root / FILE))
    try:
        handle = os.open(root / FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise GoldenNotWritten(str(root / FILE), error.strerror or str(error)) from error
    try:
        if not _taken(handle):
            raise GoldenMisuse(f"another command is deciding about the goldens ({root / FILE}): let it end first")
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _taken(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _taken(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
