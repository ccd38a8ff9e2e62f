"""What a test claims, one claim at a time: the parts of its asserts, followed through names and helpers.

``assert a and not b`` makes two claims, ``assert (a, b) == (1, 2)`` two, ``assert all(x > 0 for x in xs)`` one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flujo_testing.lint.origins import Origins
from flujo_testing.lint.scopes import Scope

DEEPEST: Final = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """One part of an assertion. ``node`` is claimed to be true, or to be false if ``negated``.

    ``scope`` is the function in which ``node`` stands, ``at`` the assertion that a reader would change.
    """

    node: ast.expr
    scope: Scope
    at: ast.expr | ast.stmt
    negated: bool = False

    def but(self, node: ast.expr, *, negated: bool | None = None, scope: Scope | None = None) -> Claim:
        return replace(
            self,
            node=node,
            negated=self.negated if negated is None else negated,
            scope=self.scope if scope is None else scope,
        )


def claims_of(scope: Scope, origins: Origins, *, follow: bool = True) -> Iterator[Claim]:
    """Every claim that a function makes by ``assert``, or by a method of ``unittest.TestCase``.

    With ``follow`` a call of a helper stands for the comparison that the helper returns.
    """
    for node in scope.own():
        match node:
            case ast.Assert(test=test):
                yield from parts(Claim(test, scope, node), origins if follow else None)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name), args=given):
                if name in METHODS and len(given) >= METHODS[name][0]:
                    count, made = METHODS[name]
                    test = ast.fix_missing_locations(ast.copy_location(made(given[:count]), node))
                    yield from parts(Claim(test, scope, node), origins if follow else None)


def parts(claim: Claim, origins: Origins | None, depth: int = 0) -> Iterator[Claim]:
    """The claims that make up one; ``or`` stays whole, because none of its parts is claimed."""
    node = claim.node
    if depth > DEEPEST:
        yield claim
        return
    match node:
        case ast.BoolOp(op=ast.And(), values=values) if not claim.negated:
            inner = [claim.but(value) for value in values]
        case ast.BoolOp(op=ast.Or(), values=values) if claim.negated:
            inner = [claim.but(value) for value in values]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = [claim.but(operand, negated=not claim.negated)]
        case ast.Call(func=ast.Name(id="bool"), args=[value]):
            inner = [claim.but(value)]
        case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp(elt=value) | ast.ListComp(elt=value)]):
            inner = [claim] if claim.negated else [claim.but(value)]
        case ast.NamedExpr(value=value):
            inner = [claim.but(value)]
        case ast.Compare():
            inner = list(_compared(claim, node))
        case _:
            inner = list(_followed(claim, origins))
    if inner == [claim]:
        yield claim
        return
    for one in inner:
        yield from parts(one, origins, depth + 1)


def _compared(claim: Claim, node: ast.Compare) -> Iterator[Claim]:
    sides = [node.left, *node.comparators]
    if len(node.ops) > 1:
        if claim.negated:
            yield claim
            return
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            yield claim.but(ast.copy_location(ast.Compare(left, [op], [right]), left))
        return
    match node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[ast.Constant(value=bool(truth))]):
            if _is_logical(left):
                yield claim.but(left, negated=claim.negated is truth)
                return
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if not claim.negated:
            mine, other = _sequence(left), _sequence(right)
            if mine and other and len(mine) == len(other):
                pairs = list(zip(mine, other, strict=True))
                alike = [ast.dump(one) == ast.dump(value) for one, value in pairs]
                for (one, value), same in zip(pairs, alike, strict=True):
                    if same and not all(alike):
                        continue  # (at, status) == (at, "failed"): the first part only says where
                    yield claim.but(ast.copy_location(ast.Compare(one, [ast.Eq()], [value]), one))
                return
    yield claim


def _sequence(node: ast.expr) -> Sequence[ast.expr]:
    if isinstance(node, ast.Tuple | ast.List) and not any(isinstance(one, ast.Starred) for one in node.elts):
        return node.elts
    return ()


def _is_logical(node: ast.expr) -> bool:
    match node:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.BoolOp():
            return True
        case ast.Call(func=ast.Name(id="isinstance" | "hasattr" | "issubclass" | "callable" | "all" | "any" | "bool")):
            return True
    return False


def _followed(claim: Claim, origins: Origins | None) -> Iterator[Claim]:
    """A name stands for the one comparison that it was given; a helper for the one that it returns."""
    match claim.node:
        case ast.Name(id=name) if len(values := claim.scope.values.get(name, [])) == 1 and _is_logical(values[0]):
            yield claim.but(values[0])
            return
        case ast.Call(func=called) if origins and (function := origins.function(called, claim.scope)):
            returned = function.returned
            if len(returned) == 1 and _is_logical(returned[0]) and function in origins.scopes.every:
                yield claim.but(returned[0], scope=function)
                return
    yield claim


# unittest -------------------------------------------------------------------------------------------------

Made = Callable[[list[ast.expr]], ast.expr]


def _operator(op: type[ast.cmpop]) -> tuple[int, Made]:
    return 2, lambda given: ast.Compare(given[0], [op()], [given[1]])


def _none(op: type[ast.cmpop]) -> tuple[int, Made]:
    return 1, lambda given: ast.Compare(given[0], [op()], [ast.Constant(None)])


def _nearly(given: list[ast.expr]) -> ast.expr:
    close = ast.Call(ast.Name("approx", ast.Load()), [given[1]], [])
    return ast.Compare(given[0], [ast.Eq()], [close])


METHODS: Final[dict[str, tuple[int, Made]]] = {
    "assertAlmostEqual": (2, _nearly),
    "assertCountEqual": _operator(ast.Eq),
    "assertDictEqual": _operator(ast.Eq),
    "assertEqual": _operator(ast.Eq),
    "assertFalse": (1, lambda given: ast.UnaryOp(ast.Not(), given[0])),
    "assertGreater": _operator(ast.Gt),
    "assertGreaterEqual": _operator(ast.GtE),
    "assertIn": _operator(ast.In),
    "assertIs": _operator(ast.Is),
    "assertIsInstance": (2, lambda given: ast.Call(ast.Name("isinstance", ast.Load()), given, [])),
    "assertIsNone": _none(ast.Is),
    "assertIsNotNone": _none(ast.IsNot),
    "assertLess": _operator(ast.Lt),
    "assertLessEqual": _operator(ast.LtE),
    "assertListEqual": _operator(ast.Eq),
    "assertNotEqual": _operator(ast.NotEq),
    "assertNotIn": _operator(ast.NotIn),
    "assertTrue": (1, lambda given: given[0]),
    "assertTupleEqual": _operator(ast.Eq),
}
