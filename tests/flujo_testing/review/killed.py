"""Commands that are killed at their n-th file operation: as a script, each in a process that really is.

``python -m tests.flujo_testing.review.killed FOLDER COMMAND`` makes a project ``FOLDER/1``, runs the command there in
a process that is killed at its first operation, goes on with ``FOLDER/2``, and ends when a command completes. It prints
how many were killed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flujo_testing.golden.findings import digest
from flujo_testing.golden.unused import write_unused
from flujo_testing.golden.writing import Disk
from flujo_testing.review.acting import migrate, prune
from flujo_testing.review.migrating import FormatStep
from flujo_testing.transcript import render
from tests.flujo_testing.review.deciding import NOON, UNPAID, Place, three
from tests.flujo_testing.review.stories import story


class Killed(BaseException):
    """Stands for the end of a process: nothing that would run behind it does anything."""


@dataclass(slots=True)
class KilledDisk(Disk):
    """Dies before its n-th operation; it takes two to write a file."""

    dies_at: int
    die: Callable[[], None]
    done: int = 0

    def _count(self) -> None:
        self.done += 1
        if self.done >= self.dies_at:
            self.die()

    def make_folder(self, path: Path) -> None:
        self._count()
        Disk.make_folder(self, path)

    def create(self, path: Path) -> int:
        self._count()
        return Disk.create(self, path)

    def write(self, handle: int, data: memoryview) -> int:
        self._count()
        return Disk.write(self, handle, data[: max(len(data) - 1, 1)])

    def flush(self, handle: int) -> None:
        self._count()
        Disk.flush(self, handle)

    def close(self, handle: int) -> None:
        Disk.close(self, handle)
        self._count()

    def replace(self, source: Path, target: Path) -> None:
        self._count()
        Disk.replace(self, source, target)

    def flush_folder(self, path: Path) -> None:
        self._count()
        Disk.flush_folder(self, path)

    def remove(self, path: Path) -> None:
        self._count()
        Disk.remove(self, path)


# The commands -------------------------------------------------------------------------------------------


def _accepted(place: Place, disk: Disk) -> None:
    place.settle("accept", UNPAID, disk=disk)


def _rejected(place: Place, disk: Disk) -> None:
    place.settle("reject", UNPAID, disk=disk)


def _pruned(place: Place, disk: Disk) -> None:
    prune(place.desk(disk), reason="gone", at=NOON)


def _migrated(place: Place, disk: Disk) -> None:
    migrate(place.desk(disk), at=NOON, steps={1: STEP}, current=2)


def _renamed(told: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in told.items()}


STEP = FormatStep(lambda told: _renamed(told, "input", "asked"), lambda told: _renamed(told, "asked", "input"))
"""To a format that does not exist, in which the input of a run is called otherwise."""


def _with_proposals(path: Path) -> Place:
    place = Place(path)
    three(place)
    return place


def _with_unused(path: Path) -> Place:
    place = _without_proposals(path)
    unused = [golden for golden in place.goldens() if not golden.endswith("_2.yaml")]
    write_unused(place.pending, {golden: digest(place.goldens()[golden].encode()) for golden in unused})
    return place


def _without_proposals(path: Path) -> Place:
    place = Place(path)
    for number in range(3):
        place.write(f"golden/test_rain/test_{number}.yaml", render(story(f"tests/test_rain.py::test_{number}")))
    return place


@dataclass(frozen=True, slots=True)
class Command:
    make: Callable[[Path], Place]
    run: Callable[[Place, Disk], None]


COMMANDS = {
    "accept": Command(_with_proposals, _accepted),
    "reject": Command(_with_proposals, _rejected),
    "prune": Command(_with_unused, _pruned),
    "migrate": Command(_without_proposals, _migrated),
}


def main(root: Path, command: Command) -> int:
    """How many processes were killed, until one was not."""
    number = 1
    while _killed_at(number, command.make(root / str(number)), command):
        number += 1
    return number - 1


def _killed_at(number: int, place: Place, command: Command) -> bool:
    child = os.fork()
    if child == 0:
        command.run(place, KilledDisk(number, lambda: os.kill(os.getpid(), signal.SIGKILL)))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the command failed at operation {number}")
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), COMMANDS[sys.argv[2]]))
