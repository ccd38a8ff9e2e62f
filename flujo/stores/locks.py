"""Which process runs a run: a lock of the operating system on a file, which is free as soon as its holder is dead."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from flujo.errors import RunHeld

TRIES, BETWEEN_S = 5, 0.02
"""Whoever lists runs holds each lock for an instant, so that one refusal is none."""

if sys.platform == "win32":
    import msvcrt

    _BYTE = 1 << 30  # behind the text, which others read while it is locked

    def _take(descriptor: int) -> bool:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class RunLock:
    """The lock of one run, held until ``release``."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file = file
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let others run it; a second time does nothing."""
        if (descriptor := self._descriptor) is None:
            return
        self._descriptor = None
        if sys.platform == "win32":  # a file that is open cannot be removed there
            os.close(descriptor)
            return
        self._file.unlink(missing_ok=True)  # while it is locked: whoever opened it before finds that it is not there
        os.close(descriptor)


def claim(folder: Path, run_id: str) -> RunLock:
    """Take the lock of a run. Raises RunHeld, naming process, machine and time of whoever has it, and OSError."""
    folder.mkdir(exist_ok=True)
    file = _file(folder, run_id)
    for _ in range(TRIES):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        if _take(descriptor):
            if _is_still_there(file, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(_this_process()).encode())
                return RunLock(file, descriptor)
            os.close(descriptor)
            continue
        os.close(descriptor)
        time.sleep(BETWEEN_S)
    raise RunHeld(run_id, _told(file))


def is_held(folder: Path, run_id: str) -> bool:
    """Whether some process, maybe this one, runs the run now."""
    try:
        descriptor = os.open(_file(folder, run_id), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


def _file(folder: Path, run_id: str) -> Path:
    return folder / f"{hashlib.sha256(run_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.lock"


def _is_still_there(file: Path, descriptor: int) -> bool:
    """Whether the file that was locked is the one that others find: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _this_process() -> dict[str, object]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}


def _told(file: Path) -> str:
    try:
        holder = json.loads(file.read_text())
    except (OSError, ValueError):  # it ended in this instant, or has not written its name yet
        return "another process"
    return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
