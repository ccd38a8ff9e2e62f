"""What writes files without a disk that a test could hand in: an audit hook makes its n-th file operation fail.

``python -m tests.threats.watched NAME FOLDER HOW`` does it in one process after the other, ``FOLDER/1`` with a first
operation that fails or kills (``HOW``), ``FOLDER/2`` with a second one, until one is through. Prints one line of JSON
per process: its exit code and what it told. ``full``: one process only, whose files cannot grow.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from flujo.price_list import Snapshot
from flujo_testing.starting.project import NotStarted, start

EVENTS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate"}
LARGEST = 64
"""Bytes of a file where the disk is ``full``: less than any of those that are written."""


@dataclass(frozen=True, slots=True)
class Program:
    prepare: Callable[[Path], None]
    act: Callable[[Path], None]


def _export(root: Path) -> None:
    Snapshot({}, "the installed list").write(root / "prices.json")


def _exported(root: Path) -> None:
    Snapshot({}, "an older list, which is longer").write(root / "prices.json")


def _emptied(root: Path) -> None:
    (root / "shop").mkdir()


def _start(root: Path) -> None:
    start(root / "shop")


PROGRAMS = {
    "prices exported": Program(lambda root: None, _export),
    "prices exported anew": Program(_exported, _export),
    "a project started": Program(lambda root: None, _start),
    "a project started in an empty folder": Program(_emptied, _start),
}


def main() -> int:
    program, folder, how = PROGRAMS[sys.argv[1]], Path(sys.argv[2]), sys.argv[3]
    program.act(_new(folder / "whole", program))
    for number in count(1):
        root = _new(folder / str(number), program)
        ended, told, done = _apart(program, root, how, number)
        print(json.dumps({"ended": ended, "told": told}))
        if how == "full" or done < number:
            return 0
    raise AssertionError("counting ends with the first process that is through")


def _new(root: Path, program: Program) -> Path:
    root.mkdir()
    program.prepare(root)
    return root


def _apart(program: Program, root: Path, how: str, number: int) -> tuple[int, str, int]:
    """Exit code, what was told, and how many operations there were; they are as many as asked for after a kill."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        done = _listen(root, how, number)
        try:
            program.act(root)
            told = ""
        except (OSError, NotStarted) as error:
            told = str(error)
        os.write(sending, json.dumps([told, len(done)]).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as answer:
        told, done_there = json.loads(answer.read() or json.dumps(["", number]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told, done_there


def _listen(root: Path, how: str, number: int) -> list[str]:
    done: list[str] = []
    if how == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
        return done

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not (writes or event in EVENTS) or not str(arguments[0]).startswith(str(root)):
            return
        if event == "os.mkdir" and os.path.isdir(arguments[0]):
            return  # it changes nothing
        done.append(event)
        if len(done) == number and how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if len(done) == number:
            raise OSError(28, "No space left on device", str(arguments[0]))

    sys.addaudithook(hear)
    return done


if __name__ == "__main__":
    sys.exit(main())
