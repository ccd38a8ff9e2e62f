"""Where an error was raised: the deepest frame in the user's code. Reads tracebacks, nothing else."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

_OURS: Final = Path(__file__).parents[2]
_PACKAGES: Final = (_OURS / "flujo", _OURS / "flujo_testing")
_LIBRARIES: Final = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Place:
    """``file`` is relative to the root of the tests, with ``/``; ``line`` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place_of(error: BaseException, root: Path) -> Place | None:
    """The deepest frame below ``root`` that is no library's; without one, the deepest of all. None: no frames."""
    frames = list(_frames(error.__traceback__))
    own = [(path, line) for path, line in frames if _is_users(path, root)]
    if not frames:
        return None
    path, line = (own or frames)[-1]
    return place_at(path, line, root)


def place_at(path: Path, line: int, root: Path) -> Place:
    """Told without what is particular to this machine."""
    return Place(_shown(path, root), line)


def _frames(trace: TracebackType | None) -> Iterator[tuple[Path, int]]:
    while trace is not None:
        yield Path(trace.tb_frame.f_code.co_filename), trace.tb_lineno
        trace = trace.tb_next


def _is_users(path: Path, root: Path) -> bool:
    if not path.is_relative_to(root) or _INSTALLED.intersection(path.parts):
        return False
    return not any(map(path.is_relative_to, _PACKAGES))


def _shown(path: Path, root: Path) -> str:
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    if path.is_relative_to(_OURS):
        return path.relative_to(_OURS).as_posix()
    for folder in sorted(_LIBRARIES, key=lambda folder: -len(folder.parts)):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.name
