"""The functions of one module as the lint sees them: what is bound in each, what it takes, what it returns.

Syntax only: nothing here knows what a pipeline is, and no module is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flujo_testing.lint.origins import Origins

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Kind(IntEnum):
    """What an expression is to the lint; of two for one name, the higher counts."""

    FAKE = 1
    RUNNER = 2
    """A ``Flujo``."""
    RUN = 3
    """Calling it runs a pipeline: ``flujo_run``, ``runner.run_async``, a function that returns a result."""
    RESULT = 4
    """What a run returned, or a part of it, or made from it."""


@dataclass(eq=False)
class Scope:
    """A function, or the module itself, with what is known of its names so far."""

    name: str
    node: Function | ast.Module
    outer: Scope | None = None
    owner: str | None = None
    """The class whose method it is."""
    kinds: dict[str, Kind] = field(default_factory=dict)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    functions: dict[str, Scope] = field(default_factory=dict)
    returns: Kind | None = None
    home: Origins | None = None
    """The module it stands in; the scope of another module is judged by what that one knows."""

    @property
    def body(self) -> list[ast.stmt]:
        return self.node.body

    @property
    def node_name(self) -> str:
        return "" if isinstance(self.node, ast.Module) else self.node.name

    @property
    def parameters(self) -> list[ast.arg]:
        if isinstance(self.node, ast.Module):
            return []
        arguments = self.node.args
        return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]

    def own(self) -> tuple[ast.AST, ...]:
        """Every node of it but those of functions inside."""
        return self._own

    @cached_property
    def _own(self) -> tuple[ast.AST, ...]:
        return tuple(own_nodes(self.body))

    @property
    def returned(self) -> list[ast.expr]:
        """What it returns, or yields."""
        nodes = (node.value for node in self.own() if isinstance(node, ast.Return | ast.Yield))
        return [value for value in nodes if value is not None]

    def raise_kind(self, name: str, kind: Kind | None) -> bool:
        """Whether that was news."""
        if kind is None or self.kinds.get(name, 0) >= kind:
            return False
        self.kinds[name] = kind
        return True


def own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    stack: list[ast.AST] = list(reversed(body))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, Function):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


@dataclass(eq=False)
class Scopes:
    """All functions of a module; ``methods`` and ``attributes`` by class and name, ``bases`` by class."""

    module: Scope
    every: list[Scope] = field(default_factory=list)
    methods: dict[str, dict[str, Scope]] = field(default_factory=dict)
    attributes: dict[str, dict[str, Kind]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """By local name: the module it comes from, its name there ("" for the module itself), and leading dots."""

    def line_of_classes(self, owner: str) -> list[str]:
        """A class and those of its bases that stand in this module."""
        found, waiting = [], [owner]
        while waiting:
            name = waiting.pop(0)
            if name in self.bases and name not in found:
                found.append(name)
                waiting.extend(self.bases[name])
        return found


def scopes_of(tree: ast.Module) -> Scopes:
    scopes = Scopes(Scope("", tree))
    scopes.every.append(scopes.module)
    _gather(tree.body, scopes.module, None, scopes)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                scopes.imported[alias.asname or alias.name] = (node.module or "", alias.name, node.level)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                scopes.imported[alias.asname or top] = (alias.name if alias.asname else top, "", 0)
    return scopes


def _gather(body: list[ast.stmt], outer: Scope, owner: str | None, scopes: Scopes) -> None:
    for node in own_nodes(body):
        if isinstance(node, ast.ClassDef):
            scopes.methods.setdefault(node.name, {})
            scopes.attributes.setdefault(node.name, {})
            scopes.bases[node.name] = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    for statement in body:
        _gather_in(statement, outer, owner, scopes)


def _gather_in(node: ast.AST, outer: Scope, owner: str | None, scopes: Scopes) -> None:
    if isinstance(node, Function):
        prefix = owner if owner is not None else outer.name
        scope = Scope(f"{prefix}.{node.name}" if prefix else node.name, node, outer, owner)
        scopes.every.append(scope)
        (outer.functions if owner is None else scopes.methods[owner])[node.name] = scope
        _gather(node.body, scope, None, scopes)
        return
    if isinstance(node, ast.ClassDef):
        owner = node.name
    for child in ast.iter_child_nodes(node):
        _gather_in(child, outer, owner, scopes)
