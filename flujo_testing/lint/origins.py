"""Which expressions of a test file come from the engine: followed through names, helpers, fixtures and imports.

Names keep what they were once bound to: the order of statements does not count. What cannot be followed is
taken for something else, so the lint is silent where it does not know.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from flujo_testing.lint.scopes import Function, Kind, Scope, scopes_of

OURS: Final = ("flujo", "flujo_testing")
FAKES: Final = frozenset(
    {"EchoAgent", "FailingAgent", "FunctionAgent", "ScriptedAgent"}
    | {"ScriptedHuman", "ScriptedPlugin", "SlowAgent", "StreamingAgent"}
)
RUNS: Final = frozenset({"resume", "resume_async", "run", "run_async", "stream_async"})
RUNS_OF_NOBODY_ELSE: Final = frozenset({"resume_async", "run_async", "stream_async"})
KEEPS: Final = frozenset({"add", "append", "appendleft", "extend", "insert", "put", "put_nowait", "setdefault"})
MOST_ROUNDS: Final = 12
_OF_RESULTS: Final = re.compile(r"\b(?:PipelineResult|StepResult)\b")
_OF_SHAPES: Final = re.compile(r"\b(?:tuple|Callable|Protocol)\b")


class Neighbours(Protocol):
    """Where the lint finds other modules of the project."""

    def imported(self, module: str, level: int) -> Origins | None: ...
    def conftests(self) -> Sequence[Origins]: ...


class Alone:
    """No other module is looked at."""

    def imported(self, module: str, level: int) -> Origins | None:
        return None

    def conftests(self) -> Sequence[Origins]:
        return ()


class Origins:
    """The kinds of all expressions in one module."""

    def __init__(self, tree: ast.Module, neighbours: Neighbours | None = None) -> None:
        self.tree = tree
        self.scopes = scopes_of(tree)
        self.neighbours = neighbours or Alone()
        self.uses_flujo = any(module.partition(".")[0] in OURS for module, _, _ in self.scopes.imported.values())
        for scope in self.scopes.every:
            scope.home = self
            for parameter in scope.parameters:
                scope.raise_kind(parameter.arg, _by_annotation(parameter.annotation))
        self.fixtures = dict(_fixtures(self.scopes.every))

    def settle(self) -> Origins:
        """Follow everything until nothing new is learnt."""
        for scope in self.scopes.every:
            if _is_test_or_fixture(scope):
                for parameter in scope.parameters:
                    scope.raise_kind(parameter.arg, self._of_fixture(parameter.arg))
        for _ in range(MOST_ROUNDS):
            if not _any_of(self._follow(scope) for scope in self.scopes.every):
                break
        return self

    # What a scope binds --------------------------------------------------------------------------------

    def _follow(self, scope: Scope) -> bool:
        news = False
        for node in scope.own():
            match node:
                case ast.Assign(targets=targets, value=value):
                    news |= _any_of(self._bind(target, value, scope) for target in targets)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    news |= self._bind(target, value, scope)
                case ast.AugAssign(target=target, value=value):
                    news |= self._bind_kind(target, self.kind(value, scope), scope)
                case ast.NamedExpr(target=target, value=value):
                    news |= self._bind(target, value, scope)
                case ast.For(target=target, iter=iterated) | ast.AsyncFor(target=target, iter=iterated):
                    news |= self._bind_kind(target, self._of_items(iterated, scope), scope)
                case ast.comprehension(target=target, iter=iterated):
                    news |= self._bind_kind(target, self._of_items(iterated, scope), scope)
                case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                    news |= self._bind_kind(target, self.kind(value, scope), scope)
                case ast.Call():
                    news |= self._call(node, scope)
        return news | self._settle_returns(scope)

    def _settle_returns(self, scope: Scope) -> bool:
        if isinstance(scope.node, ast.Module):
            return False
        kinds = [self.kind(value, scope) for value in scope.returned]
        found = max([kind for kind in (*kinds, _by_annotation(scope.node.returns)) if kind is not None], default=None)
        if found is None or (scope.returns is not None and scope.returns >= found):
            return False
        scope.returns = found
        return True

    def _bind(self, target: ast.expr, value: ast.expr, scope: Scope) -> bool:
        if isinstance(target, ast.Tuple | ast.List):
            kinds = self.elements(value, len(target.elts), scope)
            parts = list(zip(target.elts, kinds, strict=True))
            if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
                pairs = zip(target.elts, value.elts, strict=True)
                return _any_of(self._bind(one, part, scope) for one, part in pairs)
            return _any_of(self._bind_kind(one, kind, scope) for one, kind in parts)
        if isinstance(target, ast.Name):
            values = scope.values.setdefault(target.id, [])
            if value not in values:
                values.append(value)
        return self._bind_kind(target, self.kind(value, scope), scope)

    def _bind_kind(self, target: ast.expr, kind: Kind | None, scope: Scope) -> bool:
        match target:
            case ast.Name(id=name):
                return scope.raise_kind(name, kind)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return _any_of(self._bind_kind(part, kind, scope) for part in parts)
            case ast.Starred(value=inner) | ast.Subscript(value=inner):
                return self._bind_kind(inner, kind, scope)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if owner := _owner(scope):
                known = self.scopes.attributes[owner]
                if kind is not None and known.get(name, 0) < kind:
                    known[name] = kind
                    return True
        return False

    def _call(self, call: ast.Call, scope: Scope) -> bool:
        """What is passed to a function of this module, and what is kept in a list."""
        function = self.function(call.func, scope)
        if function is not None:
            return self._pass_on(call, function, scope)
        match call.func:
            case ast.Attribute(value=ast.Name() as kept, attr=method) if method in KEEPS:
                kinds = [self.kind(argument, scope) for argument in call.args]
                return Kind.RESULT in kinds and self._bind_kind(kept, Kind.RESULT, scope)
        return False

    def _pass_on(self, call: ast.Call, function: Scope, scope: Scope) -> bool:
        names = [parameter.arg for parameter in function.parameters]
        if function.owner is not None and isinstance(call.func, ast.Attribute):
            names = names[1:]
        given = list(zip(names, call.args, strict=False))
        given += [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg in names]
        return _any_of(function.raise_kind(name, self.kind(value, scope)) for name, value in given)

    def reached(self, start: Scope) -> list[Scope]:
        """A function, those that it calls and whose fixtures it takes, and so on, as far as they can be read."""
        found: list[Scope] = []
        waiting = [start]
        while waiting:
            scope = waiting.pop()
            if scope in found:
                continue
            found.append(scope)
            home = scope.home or self
            waiting.extend(scope.functions.values())
            calls = (node.func for node in scope.own() if isinstance(node, ast.Call))
            waiting.extend(function for call in calls if (function := home.function(call, scope)) is not None)
            taken = (parameter.arg for parameter in scope.parameters)
            waiting.extend(home.fixtures[name] for name in taken if name in home.fixtures)
        return found

    # What an expression is -----------------------------------------------------------------------------

    def kind(self, node: ast.expr | None, scope: Scope) -> Kind | None:
        match node:
            case ast.Name(id=name):
                return self._of_name(name, scope)
            case ast.Await(value=inner) | ast.NamedExpr(value=inner) | ast.Starred(value=inner):
                return self.kind(inner, scope)
            case ast.FormattedValue(value=inner) | ast.UnaryOp(operand=inner):
                return self.kind(inner, scope)
            case ast.Attribute(value=value, attr=name):
                return self._of_attribute(value, name, scope)
            case ast.Call():
                return self._of_call(node, scope)
            case ast.Subscript(value=value, slice=ast.Constant(value=int(number))) if number >= 0:
                return self.elements(value, number + 1, scope)[number]
            case ast.Subscript(value=value):
                return self.kind(value, scope)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self._made_from([node.elt, *(part.iter for part in node.generators)], scope)
            case ast.DictComp(key=key, value=value):
                return self._made_from([key, value, *(part.iter for part in node.generators)], scope)
            case ast.BinOp() | ast.BoolOp() | ast.Compare() | ast.IfExp() | ast.JoinedStr():
                return self._made_from(_children(node), scope)
            case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
                return self._made_from(_children(node), scope)
        return None

    def elements(self, node: ast.expr, count: int, scope: Scope) -> list[Kind | None]:
        """The kinds of the first so many items: a helper may return a result and something else."""
        match node:
            case ast.Await(value=inner):
                return self.elements(inner, count, scope)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) if len(parts) >= count:
                return [self.kind(part, scope) for part in parts[:count]]
            case ast.Call(func=called) if function := self.function(called, scope):
                home = function.home or self
                shapes = [home.elements(value, count, function) for value in function.returned]
                return [max([kind for kind in kinds if kind], default=None) for kinds in zip(*shapes, strict=True)] or [
                    self.kind(node, scope)
                ] * count
            case ast.Name(id=name) if values := scope.values.get(name):
                if all(isinstance(value, ast.Tuple | ast.Await | ast.Call) for value in values):
                    return self.elements(values[0], count, scope)
        return [self.kind(node, scope)] * count

    def is_result(self, node: ast.expr, scope: Scope) -> bool:
        return self.kind(node, scope) is Kind.RESULT

    def function(self, called: ast.expr, scope: Scope) -> Scope | None:
        """The function that is called, if it stands in this module or in one that can be read."""
        match called:
            case ast.Name(id=name):
                around: Scope | None = scope
                while around is not None:
                    if name in around.functions:
                        return around.functions[name]
                    around = around.outer
                found = self._imported(name)
                return found[0].scopes.module.functions.get(found[1]) if found else None
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if owner := _owner(scope):
                lines = self.scopes.line_of_classes(owner)
                return next((self.scopes.methods[one][name] for one in lines if name in self.scopes.methods[one]), None)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if found := self._imported(module):
                return found[0].scopes.module.functions.get(name) if not found[1] else None
        return None

    def _imported(self, name: str) -> tuple[Origins, str] | None:
        if name not in self.scopes.imported:
            return None
        module, original, level = self.scopes.imported[name]
        if module.partition(".")[0] in OURS and not level:
            return None
        origins = self.neighbours.imported(module, level)
        if origins is not None:
            return origins, original
        inside = self.neighbours.imported(f"{module}.{original}" if module else original, level) if original else None
        return None if inside is None else (inside, "")

    def _of_name(self, name: str, scope: Scope) -> Kind | None:
        around: Scope | None = scope
        while around is not None:
            if name in around.kinds:
                return around.kinds[name]
            if name in around.functions:
                return Kind.RUN if around.functions[name].returns is Kind.RESULT else None
            around = around.outer
        if name == "flujo_run":
            return Kind.RUN
        found = self._imported(name)
        return found[0].at_top(found[1]) if found and found[1] else None

    def at_top(self, name: str) -> Kind | None:
        """What a name of this module is to those who import it."""
        top = self.scopes.module
        return self._of_name(name, top) if name in top.kinds or name in top.functions else None

    def _of_attribute(self, value: ast.expr, name: str, scope: Scope) -> Kind | None:
        if name == "flujo_run":
            return Kind.RUN
        if isinstance(value, ast.Name) and value.id in ("self", "cls") and (owner := _owner(scope)):
            for one in self.scopes.line_of_classes(owner):
                if name in self.scopes.attributes[one]:
                    return self.scopes.attributes[one][name]
        if self.uses_flujo and name in RUNS_OF_NOBODY_ELSE:
            return Kind.RUN
        match self.kind(value, scope):
            case Kind.RESULT:
                return Kind.RESULT
            case Kind.RUNNER:
                return Kind.RUN if name in RUNS else None
            case Kind.RUN:
                return Kind.RUN if name == "sync" else None
            case Kind.FAKE:
                return Kind.RESULT if name == "calls" else None
        return None

    def _of_call(self, call: ast.Call, scope: Scope) -> Kind | None:
        if made := self._made_by(call.func):
            return made
        function = self.function(call.func, scope)
        if function is not None:
            return function.returns
        called = self.kind(call.func, scope)
        if called in (Kind.RUN, Kind.RESULT):
            return Kind.RESULT
        kinds = {self.kind(argument, scope) for argument in _arguments(call)}
        return Kind.RESULT if kinds & {Kind.RESULT, Kind.RUN} and not _raises(call) else None

    def _made_by(self, called: ast.expr) -> Kind | None:
        """A runner or a fake, by the name of its class."""
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name in ("by_path", "by_input") and isinstance(called, ast.Attribute):
            return self._made_by(called.value)
        original = self.scopes.imported.get(name, ("", name, 0))[1]
        if original == "Flujo":
            return Kind.RUNNER
        return Kind.FAKE if original in FAKES else None

    def _of_items(self, iterated: ast.expr, scope: Scope) -> Kind | None:
        return self.kind(iterated, scope)

    def _made_from(self, parts: Sequence[ast.expr], scope: Scope) -> Kind | None:
        kinds = [kind for part in parts if (kind := self.kind(part, scope)) is not None]
        return Kind.RESULT if Kind.RESULT in kinds else kinds[0] if kinds and len(set(kinds)) == 1 else None

    def _of_fixture(self, name: str) -> Kind | None:
        if name == "flujo_run":
            return Kind.RUN
        for origins in (self, *self.neighbours.conftests()):
            if name in origins.fixtures:
                fixture = origins.fixtures[name]
                if origins is self:
                    self._follow(fixture)
                return fixture.returns
        return None


def _any_of(news: Iterable[bool]) -> bool:
    """Whether one is true, after all of them have been done."""
    return sum(news) > 0


def _owner(scope: Scope) -> str | None:
    """The class whose ``self`` a method, or a function inside one, sees."""
    around: Scope | None = scope
    while around is not None:
        if around.owner is not None:
            return around.owner
        around = around.outer
    return None


def _children(node: ast.expr) -> list[ast.expr]:
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    yield from (keyword.value for keyword in call.keywords)


def _raises(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] in ("raises", "suppress", "partial")


def _by_annotation(annotation: ast.expr | None) -> Kind | None:
    if annotation is None:
        return None
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    if not isinstance(text, str) or _OF_SHAPES.search(text):
        return None
    if _OF_RESULTS.search(text):
        return Kind.RESULT
    name = text.rpartition(".")[2]
    return {"FlujoRun": Kind.RUN, "Flujo": Kind.RUNNER}.get(name)


def _is_test_or_fixture(scope: Scope) -> bool:
    return isinstance(scope.node, Function) and (is_test(scope) or _fixture_name(scope.node) is not None)


def is_test(scope: Scope) -> bool:
    """As pytest and unittest collect by default."""
    outermost = scope.outer is None or isinstance(scope.outer.node, ast.Module)
    named = isinstance(scope.node, Function) and scope.node.name.startswith("test")
    return outermost and named and (not isinstance(scope.node, Function) or _fixture_name(scope.node) is None)


def _fixtures(scopes: Sequence[Scope]) -> Iterator[tuple[str, Scope]]:
    for scope in scopes:
        if isinstance(scope.node, Function) and (name := _fixture_name(scope.node)):
            yield name, scope


def _fixture_name(node: Function) -> str | None:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(called).rpartition(".")[2] == "fixture":
            if isinstance(decorator, ast.Call):
                for keyword in decorator.keywords:
                    if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                        return str(keyword.value.value)
            return node.name
    return None
