"""The files of the project as the rules of the house see them: paths, text, syntax trees and names.

Reads files only; imports nothing of the project, so a module that cannot be imported is judged as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT_DOT_FOLDERS = {".ci", ".github"}
UNKEPT_FOLDERS = {"__pycache__", "build", "dist", "htmlcov"}
UNKEPT_FILES = {".coverage", ".git"}  # in a linked work tree git's folder is a file


@dataclass(frozen=True, slots=True)
class Source:
    """One text file: its path from the project's root, with forward slashes, and what it holds."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """The dotted name that Python imports it by."""
        dotted = self.path.removesuffix(".py").replace("/", ".")
        return dotted.removesuffix(".__init__")

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    def inside(self, *folders: str) -> bool:
        return self.path.startswith(tuple(f"{folder}/" for folder in folders))


@cache
def tree(source: Source) -> ast.Module:
    return ast.parse(source.text, filename=source.path)


def project_files(root: Path = ROOT) -> list[Source]:
    """Every text file that the project keeps; environments, caches and builds are left out."""
    return [
        Source(path.relative_to(root).as_posix(), text) for path in walk(root) if (text := text_of(path)) is not None
    ]


def walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if kept(path):
                yield from walk(path)
        elif path.name not in UNKEPT_FILES and not path.name.startswith(".coverage."):
            yield path


def kept(folder: Path) -> bool:
    if folder.name.startswith(".") and folder.name not in KEPT_DOT_FOLDERS:
        return False
    is_environment = (folder / "pyvenv.cfg").exists()
    return folder.name not in UNKEPT_FOLDERS and not folder.name.endswith(".egg-info") and not is_environment


def text_of(path: Path) -> str | None:
    """None for a file that is not UTF-8 text: no rule can read it."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def type_checking_only(module: ast.Module) -> set[ast.AST]:
    """Every node under ``if TYPE_CHECKING:``; what stands there never runs."""
    found: set[ast.AST] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            found.update(inner for statement in node.body for inner in ast.walk(statement))
    return found


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a module imports: its dotted origin, and whether that happens when the file is loaded."""

    origin: str
    line: int
    at_load: bool


@cache
def imports(source: Source) -> list[Import]:
    """What a module imports when it runs, function-level and ``import_module("...")`` imports included."""
    unseen = type_checking_only(tree(source))
    late = {inner for node in ast.walk(tree(source)) if is_function(node) for inner in ast.walk(node)}
    return [
        Import(origin, node.lineno, node not in late)
        for node in ast.walk(tree(source))
        if node not in unseen and isinstance(node, ast.Import | ast.ImportFrom | ast.Call)
        for origin in origins(source, node)
    ]


def is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def origins(source: Source, node: ast.Import | ast.ImportFrom | ast.Call) -> Iterable[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            return [f"{from_module(source, node)}.{alias.name}" for alias in node.names]
        case ast.Call(args=[ast.Constant(value=str(name)), *_]) if calls_the_importer(node):
            return [name]
    return []


def calls_the_importer(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] in {"import_module", "__import__"}


def from_module(source: Source, node: ast.ImportFrom) -> str:
    """The absolute name of the module after ``from``, dots resolved."""
    if not node.level:
        return node.module or ""
    package = source.module.split(".") if source.path.endswith("__init__.py") else source.module.split(".")[:-1]
    kept_parts = package[: len(package) - node.level + 1]
    return ".".join([*kept_parts, node.module] if node.module else kept_parts)


def names_in_scope(source: Source) -> dict[str, str]:
    """Local names bound by import, with their dotted origins: ``{"dt": "datetime.datetime"}``."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{from_module(source, node)}.{alias.name}"
    return bound


def reads(source: Source) -> Iterator[tuple[str, ast.expr]]:
    """Every imported thing that the code names: its dotted origin, say ``time.monotonic``, and the node."""
    bound = names_in_scope(source)
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Name | ast.Attribute):
            head, *rest = dotted(node)
            if head in bound:
                yield ".".join([bound[head], *rest]), node


def dotted(node: ast.expr) -> list[str]:
    """``a.b.c`` as its parts; what does not begin with a plain name begins with an empty part."""
    match node:
        case ast.Name():
            return [node.id]
        case ast.Attribute():
            return [*dotted(node.value), node.attr]
    return [""]
