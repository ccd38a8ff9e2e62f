"""Makes rows of plain data in a process of its own, a copy of this one, and hands them over one by one.

An engine with a fault may hang, end its process, leave threads, or spoil what lives in the process: the copy takes it
with it. Where processes cannot be copied (Windows) the work is done here, and nobody watches it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Died:
    """The row that was due did not come; ``why`` in words."""

    why: str
    timed_out: bool = False


def rows_apart(work: Callable[[], Iterator[Row]], timeout_s: float) -> Generator[Row | Died]:
    """The rows of ``work``; if one takes longer than ``timeout_s`` or the process ends, a ``Died`` is the last."""
    if sys.platform == "win32":
        yield from work()
        return
    reading, writing = os.pipe()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()  # or the copy would write it once more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that the copy will not have
        copy = os.fork()
    if copy == 0:
        _work_to_the_end(work, writing)
    os.close(writing)
    try:
        yield from _received(reading, copy, timeout_s)
    finally:
        os.close(reading)
        _end(copy)


def _work_to_the_end(work: Callable[[], Iterator[Row]], writing: int) -> None:
    """In the copy: never returns, writes to nobody but the pipe, and leaves without any goodbye."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        for row in work():
            _send(writing, row)
        _send(writing, None)
    except BaseException as error:  # KeyboardInterrupt and exits of pytest included: this is the end of a process
        _send(writing, {"raised": f"{type(error).__name__}: {error}"})
    finally:
        os.kill(os.getpid(), signal.SIGKILL)  # os._exit may have been replaced by what was tested


def _send(writing: int, row: Row | None) -> None:
    data = memoryview(json.dumps(row).encode("ascii") + b"\n")
    while data:
        data = data[os.write(writing, data) :]


def _received(reading: int, copy: int, timeout_s: float) -> Iterator[Row | Died]:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while True:
            line, found, behind = rest.partition(b"\n")
            if found:
                rest = behind
                row = json.loads(line)
                if row is None:
                    return
                if "raised" in row:
                    yield Died(f"raised {row['raised']}")
                    return
                yield row
                continue
            if not selector.select(timeout_s):
                yield Died(f"no end within {timeout_s:g} s", timed_out=True)
                return
            data = os.read(reading, 1 << 16)
            if not data:
                yield Died(_cause(os.waitpid(copy, 0)[1]))
                return
            rest += data


def _cause(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"the process was ended by signal {-code}" if code < 0 else f"the process exited with status {code}"


def _end(copy: int) -> None:
    """The copy may have ended by itself, and been waited for."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)
