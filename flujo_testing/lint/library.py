"""Test files and the modules beside them, read once each. Nothing is imported, and nothing outside is read."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from flujo_testing.lint.origins import Origins

ROOTS: Final = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", ".git")
UNKEPT: Final = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})
MOST_BYTES: Final = 2_000_000
MENTIONS: Final = "flujo"
"""A module without this word runs no pipeline, and is not parsed."""


class Unreadable(Exception):
    """A file that is no Python, or not text; ``reason`` says why, on one line."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def parsed(text: str, path: str) -> ast.Module:
    """Raises Unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        told = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise Unreadable(path, f"cannot be read as Python{line}: {told}") from error


def text_of(path: Path) -> str:
    """Raises Unreadable for what is no UTF-8 text, is too long, or is not there."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(str(path), f"has more than {MOST_BYTES} bytes")
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise Unreadable(str(path), f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise Unreadable(str(path), error.strerror or str(error)) from error


@dataclass(eq=False)
class Library:
    """Modules by path; a module that is being read stands for itself, so circles end."""

    known: dict[Path, Origins | None] = field(default_factory=dict)
    found: dict[tuple[str, tuple[Path, ...]], Path | None] = field(default_factory=dict)

    def module(self, path: Path) -> Origins | None:
        """None for a file that is not there, or cannot be read."""
        if path not in self.known:
            self.known[path] = None
            try:
                text = text_of(path)
                tree = parsed(text, str(path)) if MENTIONS in text else None
            except Unreadable:
                tree = None
            if tree is not None:
                self._settle(path, tree)
        return self.known[path]

    def find(self, module: str, folders: tuple[Path, ...]) -> Path | None:
        """The file of a module below one of these folders."""
        key = module, folders
        if key not in self.found:
            stems = (start.joinpath(*module.split(".")) for folder in folders for start in (folder, folder / "src"))
            files = (file for stem in stems for file in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"))
            self.found[key] = next((file for file in files if file.is_file()), None)
        return self.found[key]

    def of_text(self, path: Path, tree: ast.Module) -> Origins:
        """A file as it is given here, whatever is on the disk; its neighbours are those on the disk."""
        return Origins(tree, Shelf(self, path)).settle()

    def _settle(self, path: Path, tree: ast.Module) -> None:
        origins = Origins(tree, Shelf(self, path))
        self.known[path] = origins
        origins.settle()


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a module can import from the project it stands in."""

    library: Library
    path: Path

    def imported(self, module: str, level: int) -> Origins | None:
        if not module or (not level and module.partition(".")[0] in sys.stdlib_module_names):
            return None
        folders = self.path.parents[level - 1 : level] if level else folders_above(self.path)
        file = self.library.find(module, tuple(folders))
        return None if file is None or file == self.path else self.library.module(file)

    def conftests(self) -> Sequence[Origins]:
        files = [folder / "conftest.py" for folder in folders_above(self.path)]
        found = [self.library.module(file) for file in files if file != self.path and file.is_file()]
        return [origins for origins in found if origins is not None]


def folders_above(path: Path) -> tuple[Path, ...]:
    """The folders around a file, the nearest first, up to the project's."""
    return _up_to_project(path.parent)


@cache
def _up_to_project(folder: Path) -> tuple[Path, ...]:
    if folder == folder.parent or any((folder / name).exists() for name in ROOTS):
        return (folder,)
    return (folder, *_up_to_project(folder.parent))


def find_tests(path: Path) -> Iterator[Path]:
    """The test files below a folder, as pytest names them; a file is itself."""
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.is_dir():
            if not (entry.name.startswith(".") or entry.name in UNKEPT or (entry / "pyvenv.cfg").exists()):
                yield from find_tests(entry)
        elif is_test_file(entry.name):
            yield entry


def is_test_file(name: str) -> bool:
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))
