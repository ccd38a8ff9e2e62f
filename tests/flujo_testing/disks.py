"""Disks that fail, and the process that ends, at an operation that is chosen by its number."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from flujo_testing.golden.writing import Disk


@dataclass(slots=True)
class FailingDisk(Disk):
    """The n-th operation fails as a full disk does; writes are short."""

    fails_at: int
    done: list[str] = field(default_factory=list)

    def _count(self, operation: str) -> None:
        self.done.append(operation)
        if len(self.done) == self.fails_at:
            raise OSError(28, "No space left on device")

    def make_folder(self, path: Path) -> None:
        self._count("make_folder")
        Disk.make_folder(self, path)

    def create(self, path: Path) -> int:
        self._count("create")
        return Disk.create(self, path)

    def write(self, handle: int, data: memoryview) -> int:
        self._count("write")
        return Disk.write(self, handle, data[:3000])

    def flush(self, handle: int) -> None:
        self._count("flush")
        Disk.flush(self, handle)

    def close(self, handle: int) -> None:
        Disk.close(self, handle)
        self._count("close")

    def replace(self, source: Path, target: Path) -> None:
        self._count("replace")
        Disk.replace(self, source, target)

    def flush_folder(self, path: Path) -> None:
        self._count("flush_folder")
        Disk.flush_folder(self, path)

    def remove(self, path: Path) -> None:
        self._count("remove")
        Disk.remove(self, path)


class DeadlyDisk(FailingDisk):
    """The process is killed just before the n-th operation takes effect."""

    def _count(self, operation: str) -> None:
        self.done.append(operation)
        if len(self.done) == self.fails_at:
            os.kill(os.getpid(), signal.SIGKILL)
