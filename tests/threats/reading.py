"""``python -m tests.threats.reading READER FOLDER``: reads every hostile file with one reader, under guard.

Each file is read in a process of its own with little memory and little time, while an audit hook listens. Prints
one line of JSON per file: what came out, and what was heard that reading does not need.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.threats.contents import CONTENTS, MEBI, SPARSE
from tests.threats.readers import READERS, Reader

MOST_MEMORY = 512 * MEBI
"""Bytes of address space beyond those of the process before it reads."""
MOST_CPU_S = 60
"""Seconds of the processor, a multiple of what any of the files takes on a slow machine."""
LONGEST = 400
"""Characters of an error: it is one line for a person."""
FORBIDDEN = (
    *("import", "exec", "compile", "pickle.find_class", "ctypes.", "code.__new__", "function.__new__"),
    *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn", "subprocess.Popen"),
    *("socket.", "urllib.Request"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate"),
    *("os.putenv", "shutil.", "sys._getframe"),
)
"""Beginnings of the events that running code, changing a file or reaching the network would cause."""


def main() -> int:
    reader = next(one for one in READERS if one.name == sys.argv[1])
    _warm_up(reader, Path(sys.argv[2]) / "good")
    for number, (name, content) in enumerate(_files(reader)):
        told = _apart(reader, Path(sys.argv[2]) / str(number), content)
        print(json.dumps({"file": name, **told}))
    return 0


def _files(reader: Reader) -> Iterator[tuple[str, bytes | None]]:
    for name, content in CONTENTS.items():
        for where, file in reader.files(content()).items():
            yield f"{name}, {where}", file
    yield "100 MiB", None


def _warm_up(reader: Reader, root: Path) -> None:
    """What is imported with the first file that is read is imported before anybody listens."""
    for fragment in (b'"a"', b"[[", b"\xff", b"a: !!x 1", b"[" * 1000):
        for content in reader.files(fragment).values():
            reader.put(root, content)
            _outcome(reader, root)


def _apart(reader: Reader, root: Path, content: bytes | None) -> dict[str, object]:
    path = reader.put(root, content or b"")
    if content is None:
        os.truncate(path, SPARSE)
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _limit()
        heard = _listen(path)
        outcome = _outcome(reader, root)
        told = {"told": outcome, "heard": list(heard)}
        os.write(sending, json.dumps(told).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as answer:
        answered = answer.read()
    _, status = os.waitpid(child, 0)
    path.unlink()
    ended = os.waitstatus_to_exitcode(status)
    return json.loads(answered) if ended == 0 else {"told": f"the process ended with {ended}", "heard": []}


def _outcome(reader: Reader, root: Path) -> str:
    """The error, the folder left out, or ``read``; of a very long error the beginning."""
    try:
        reader.read(root)
    except Exception as error:
        told = f"{type(error).__name__}: {str(error).replace(f'{root}{os.sep}', '')}"
        return told if len(told) <= LONGEST else f"{told[:LONGEST]}... ({len(told)} characters)"
    return "read"


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))


def _listen(path: Path) -> list[str]:
    heard: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if str(arguments[0]) != str(path) or arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                heard.append(f"open {arguments[0]}")
        elif event.startswith(tuple(FORBIDDEN)):
            heard.append(event)

    sys.addaudithook(hear)
    return heard


if __name__ == "__main__":
    sys.exit(main())
