"""What the programs say of themselves: on which of their lines which type checker is to find an error.

A line that ends with ``# error`` is one that every checker rejects, with ``# error: pyright`` only that one does. All
other lines, and all of ``accepted/``, are accepted by all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
CHECKERS = ("mypy", "pyright")
MARK = re.compile(r"# *error(?P<only>.*)$")


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A line of a program; ``path`` is below this folder: ``rejected/joined.py``."""

    path: str
    number: int

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


def programs(folder: Path = FOLDER) -> dict[str, str]:
    """The texts of all programs by their paths."""
    paths = sorted([*folder.glob("accepted/*.py"), *folder.glob("rejected/*.py")])
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def marked(texts: Mapping[str, str]) -> dict[str, set[Line]]:
    """The lines that each checker is to reject. Raises ValueError for a mark that says something else."""
    found: dict[str, set[Line]] = {checker: set() for checker in CHECKERS}
    for line, mark in _marks(texts):
        only = mark.removeprefix(":").strip()
        if line.path.startswith("accepted/") or (mark and only not in CHECKERS):
            raise ValueError(f"{line}: '# error{mark}' is no mark here: '# error' or '# error: pyright', in rejected/")
        for checker in [only] if only else CHECKERS:
            found[checker].add(line)
    return found


def _marks(texts: Mapping[str, str]) -> Iterator[tuple[Line, str]]:
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if mark := MARK.search(line):
                yield Line(path, number), mark["only"]


def statements(texts: Iterable[str]) -> int:
    """How many statements the texts have beside imports, definitions and docstrings."""
    return sum(_says_something(node) for text in texts for node in ast.walk(ast.parse(text)))


def _says_something(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Assign | ast.AnnAssign | ast.Return)
