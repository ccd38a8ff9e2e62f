"""All cassettes of a project: found, counted, moved, removed. What the commands of ``flujo cassette`` are made of."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.lines import MAX_BYTES, read, read_unsealed
from flujo_testing.cassette.shelf import SUFFIX, Shelf, cassette_of
from flujo_testing.golden.errors import GoldenCorrupt
from flujo_testing.golden.location import OwningTest
from flujo_testing.golden.reading import read_bounded
from flujo_testing.golden.writing import remove_file


@dataclass(frozen=True, slots=True)
class Held:
    """One cassette: its path below the shelf, the test that owns it, what it holds."""

    path: str
    owner: str
    exchanges: list[Exchange] = field(repr=False)

    @property
    def models(self) -> Counter[str]:
        """How many answers each model gave."""
        return Counter(_model_of(exchange) for exchange in self.exchanges)

    @property
    def tokens(self) -> int:
        """Input and output tokens that agents reported; those within recorded HTTP bodies are not looked for."""
        return sum(_tokens_of(report) for exchange in self.exchanges for report in _reports(exchange))

    @property
    def reported_usd(self) -> Decimal:
        """What providers said they charged."""
        return sum((Decimal(r.get("cost_usd") or 0) for e in self.exchanges for r in _reports(e)), Decimal(0))


def cassettes(shelf: Shelf) -> Iterator[Held]:
    """Every cassette of the shelf, by path. Raises CassetteCorrupt."""
    if shelf.path.is_dir() and not shelf.path.is_symlink():
        for file in sorted(shelf.path.rglob(f"*{SUFFIX}")):
            yield opened(shelf, file.relative_to(shelf.path).as_posix())


def opened(shelf: Shelf, path: str) -> Held:
    """One cassette, whoever owns it. Raises CassetteCorrupt, FileNotFoundError."""
    shown = shelf.shown(path)
    content = read_bounded(shelf.path, path, shown, MAX_BYTES)
    if content is None:
        raise FileNotFoundError(f"there is no cassette {shown}")
    owner, exchanges = read(content, shown)
    return Held(path, owner, exchanges)


def scanned(shelf: Shelf) -> tuple[int, list[str], list[str]]:
    """How many cassettes there are, where secrets are in them, and which are none."""
    files, secrets, corrupt = 0, list[str](), list[str]()
    for file in sorted(shelf.path.rglob(f"*{SUFFIX}")):
        files += 1
        path = file.relative_to(shelf.path).as_posix()
        shown = shelf.shown(path)
        try:
            content = read_bounded(shelf.path, path, shown, MAX_BYTES) or b""
            read(content, shown)
        except GoldenCorrupt as error:
            corrupt.append(str(error))
            continue
        if found := shelf.scan.find(content):
            secrets.append(f"{shown}: {found} holds a secret")
    return files, secrets, corrupt


def sealed(shelf: Shelf, path: str) -> int:
    """Accept what a hand has changed in a cassette: how many of its exchanges are sealed anew."""
    shown = shelf.shown(path)
    content = read_bounded(shelf.path, path, shown, MAX_BYTES)
    if content is None:
        raise FileNotFoundError(f"there is no cassette {shown}")
    owner, exchanges, changed = read_unsealed(content, shown)
    shelf.keep(path, owner, exchanges)
    return changed


def test_named(node_id: str) -> OwningTest:
    """The test of a node id such as ``tests/test_rain.py::TestRain::test_grey``."""
    file, *names = node_id.split("::")
    if not names or not file.endswith(".py"):
        raise ValueError(f"{node_id!r} is no test: write it as tests/test_rain.py::test_grey")
    return OwningTest(file, tuple(names))


def owner_is_gone(shelf: Shelf, held: Held) -> bool:
    """Whether the test that owns a cassette stands no more in its file."""
    test = test_named(held.owner)
    file = shelf.anchor / test.file
    if not file.is_file():
        return True
    names = [test.names[-1].partition("[")[0]]
    tree: ast.AST = ast.parse(file.read_text(encoding="utf-8"))
    for name in (*test.names[:-1], *names):
        inside = [node for node in ast.walk(tree) if _is_called(node, name)]
        if not inside:
            return True
        tree = inside[0]
    return False


def move(shelf: Shelf, held: Held, owner: str) -> str:
    """Give a cassette to another test; where it lies then. Raises FileExistsError, and as ``Shelf.keep`` does."""
    path = cassette_of(test_named(owner))
    if path != held.path and (shelf.path / path).exists():
        raise FileExistsError(f"{shelf.shown(path)} exists already: remove it, or choose another test")
    shelf.keep(path, owner, held.exchanges)
    if path != held.path:
        remove(shelf, held)
    return path


def remove(shelf: Shelf, held: Held) -> None:
    remove_file(shelf.path, held.path, shown=shelf.shown(held.path), disk=shelf.disk)


def _is_called(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name


def _reports(exchange: Exchange) -> Iterator[dict[str, Any]]:
    reported = exchange.answer.get("reported", {})
    yield from reported.get("requests") or [reported]


def _tokens_of(report: dict[str, Any]) -> int:
    usage = report.get("usage") or {}
    return int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))


def _model_of(exchange: Exchange) -> str:
    body = exchange.request.get("body")
    asked = body.get("model") if isinstance(body, dict) else None
    return str(exchange.request.get("model") or asked or exchange.request.get("agent") or "unknown")
