"""What a function of a test file states, in a form that two versions of it can be compared by."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import IntEnum

from flujo_testing.lint.claims import Claim, claims_of
from flujo_testing.lint.origins import Origins, is_test
from flujo_testing.lint.scopes import Function, Scope
from flujo_testing.lint.silent import is_golden_check, redactions
from flujo_testing.lint.weak import ANYTHING, BOUNDS, LOOKS, TRUE_OR_FALSE, called, near_subject, resolved, subject_of

GOLDENS = ("golden", "flujo_golden")
SKIPS = ("skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure")
RAISES = ("raises", "assertRaises", "assertRaisesRegex")
SKIPPING_CALLS = ("pytest.skip", "pytest.xfail", "pytest.importorskip", "self.skipTest")


class Strength(IntEnum):
    """How many values a claim lets through: the higher, the fewer."""

    NOTHING = 0
    """assert True, == ANY"""
    THERE = 1
    """is not None, isinstance, truth"""
    PART = 2
    """a bound, in, or, any"""
    NEAR = 3
    """approx"""
    EXACT = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """One claim: its ``text``, what it is about, and how strong it is; names are resolved in ``subject``."""

    text: str
    subject: str
    value: str
    strength: Strength
    line: int
    column: int
    tolerance: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """``with pytest.raises(types, match=match)`` around ``body``."""

    types: tuple[str, ...]
    match: str | None
    body: str
    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class GoldenCheck:
    name: str
    redacted: Mapping[str, str]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A test, or another function of a test file, with all that it states. ``skips`` are texts of marks."""

    name: str
    is_test: bool
    line: int
    statements: tuple[Statement, ...]
    expectations: tuple[Expectation, ...]
    goldens: tuple[GoldenCheck, ...]
    skips: Mapping[str, int]
    cases: Mapping[str, tuple[int, int]]
    """By names of parameters: how many cases there are, and the line."""


def units_of(origins: Origins) -> dict[str, Unit]:
    """By name. A function that stands inside another belongs to it."""
    marks = dict(_marks_of_file(origins.tree))
    units: dict[str, Unit] = {}
    for scope in origins.scopes.every:
        if isinstance(scope.node, Function) and not _is_inside_a_function(scope):
            units[scope.name] = _unit(scope, scope.node, origins, marks)
    return units


def _is_inside_a_function(scope: Scope) -> bool:
    return scope.outer is not None and isinstance(scope.outer.node, Function)


def _unit(scope: Scope, node: Function, origins: Origins, marks: Mapping[str, int]) -> Unit:
    parts = list(_with_inner(scope))
    goldens = [golden for one in parts for golden in _goldens(one)]
    statements = [
        stated(claim, origins)
        for one in parts
        for claim in claims_of(one, origins, follow=False)
        if not _names_golden(claim.node)
    ]
    return Unit(
        name=scope.name,
        is_test=is_test(scope),
        line=node.lineno,
        statements=tuple(statements),
        expectations=tuple(expectation for one in parts for expectation in _expectations(one)),
        goldens=tuple(goldens),
        skips={**marks, **_marks_of_class(scope, origins), **dict(_skips(node))},
        cases=dict(_cases(node)),
    )


def _with_inner(scope: Scope) -> Iterator[Scope]:
    yield scope
    for inner in scope.functions.values():
        yield from _with_inner(inner)


# Claims ---------------------------------------------------------------------------------------------------


def stated(claim: Claim, origins: Origins) -> Statement:
    node = claim.node
    text = ast.unparse(node) if not claim.negated else f"not {ast.unparse(node)}"
    subject, value = _sides(claim)
    place = claim.at
    near = near_subject(node) if not claim.negated else None
    if near is not None:
        subject = near
    return Statement(
        text=text,
        subject=resolved(subject, claim),
        value="" if value is None else ast.unparse(value),
        strength=strength(claim),
        line=place.lineno,
        column=place.col_offset + 1,
        tolerance=_tolerance(node),
    )


def strength(claim: Claim) -> Strength:
    node = claim.node
    if any(_name(inner) in ANYTHING for inner in ast.walk(node)) or isinstance(node, ast.Constant | ast.Tuple):
        return Strength.NOTHING
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if not claim.negated:
            if ast.dump(left) == ast.dump(right):
                return Strength.NOTHING
            return Strength.NEAR if near_subject(node) is not None else Strength.EXACT
        case ast.Compare(ops=[op], comparators=[ast.Constant(value=None)]):
            return Strength.THERE if isinstance(op, ast.IsNot | ast.NotEq) is not claim.negated else Strength.EXACT
        case ast.Compare(ops=[ast.Is()]) if not claim.negated:
            return Strength.EXACT
        case ast.Compare(left=ast.Call(func=ast.Name(id="len")), ops=[op]) if type(op) in BOUNDS:
            return Strength.THERE
        case ast.Compare() | ast.BoolOp() | ast.IfExp():
            return Strength.NEAR if near_subject(node) is not None else Strength.PART
        case ast.Call(func=ast.Name(id=look)) if look in LOOKS:
            return Strength.THERE
        case ast.Call() if called(node) == "isclose":
            return Strength.NEAR
        case ast.Call(func=ast.Name(id="len" | "list" | "str" | "repr" | "dict")):
            return Strength.THERE
        case ast.Call():
            return Strength.PART
        case ast.Attribute(attr=name) if name in TRUE_OR_FALSE:
            return Strength.EXACT
    return Strength.THERE


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _sides(claim: Claim) -> tuple[ast.expr, ast.expr | None]:
    match claim.node:
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[right]):
            if isinstance(right, ast.Tuple | ast.List | ast.Set):
                return left, right
            return subject_of(right), left
        case ast.Compare(left=ast.Constant() as left, comparators=[right]):
            return right, left
        case ast.Compare(left=ast.Call(func=ast.Name(id="len"), args=[inner]), ops=[op], comparators=[right]):
            return (inner if type(op) in BOUNDS else claim.node.left), right
        case ast.Compare(left=left, comparators=[right]):
            return left, right
        case ast.BoolOp(values=[first, *_]):
            return subject_of(first), None
        case ast.Call(func=ast.Name(id="any" | "all"), args=[ast.GeneratorExp(generators=[first, *_])]):
            return first.iter, None
    return subject_of(claim.node), None


def _tolerance(node: ast.expr) -> Decimal | None:
    """The widest of the tolerances that a comparison names; None if it names none."""
    found: list[Decimal] = []
    for inner in ast.walk(node):
        match inner:
            case ast.keyword(arg="rel" | "abs" | "rel_tol" | "abs_tol" | "delta", value=value):
                found += _number(value)
            case ast.Compare(left=ast.Call(func=ast.Name(id="abs")), comparators=[value]):
                found += _number(value)
            case ast.Call(args=[_, digits]) if called(inner) == "round":
                found += [Decimal(10) ** -number for number in _number(digits) if abs(number) < 100]
    return max(found, default=None)


def _number(node: ast.expr) -> list[Decimal]:
    match node:
        case ast.Call(func=ast.Name(id="Decimal"), args=[inner]):
            return _number(inner)
        case ast.Constant(value=int() | float() | str() as value):
            try:
                return [Decimal(str(value))]
            except InvalidOperation:
                return []
    return []


# Errors, goldens, marks -----------------------------------------------------------------------------------


def _expectations(scope: Scope) -> Iterator[Expectation]:
    for node in scope.own():
        if not isinstance(node, ast.With | ast.AsyncWith):
            continue
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and call.args and called(call).rpartition(".")[2] in RAISES:
                first = call.args[0]
                types = first.elts if isinstance(first, ast.Tuple) else [first]
                match = next((ast.unparse(one.value) for one in call.keywords if one.arg == "match"), None)
                yield Expectation(
                    types=tuple(ast.unparse(one) for one in types),
                    match=match,
                    body="\n".join(map(ast.unparse, node.body)),
                    text=ast.unparse(call),
                    line=call.lineno,
                    column=call.col_offset + 1,
                )


def _goldens(scope: Scope) -> Iterator[GoldenCheck]:
    for node in scope.own():
        if isinstance(node, ast.Call) and is_golden_check(node):
            name = next((ast.unparse(one.value) for one in node.keywords if one.arg == "name"), "")
            redact = next((one.value for one in node.keywords if one.arg == "redact"), None)
            paths = redactions(node) or ({} if redact is None else {ast.unparse(redact): ""})
            yield GoldenCheck(name, paths, node.lineno, node.col_offset + 1)
        elif isinstance(node, ast.Assert) and _names_golden(node.test):
            yield GoldenCheck("", {}, node.lineno, node.col_offset + 1)


def _names_golden(node: ast.expr) -> bool:
    """``result == golden``."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return any(isinstance(side, ast.Name) and side.id in GOLDENS for side in (left, right))
    return False


def _skips(node: Function | ast.ClassDef) -> Iterator[tuple[str, int]]:
    for decorator in node.decorator_list:
        if _is_skip(decorator):
            yield f"@{ast.unparse(decorator)}", decorator.lineno
    if isinstance(node, Function):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and ast.unparse(inner.func) in SKIPPING_CALLS:
                yield ast.unparse(inner), inner.lineno


def _is_skip(node: ast.expr) -> bool:
    called_or_named = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(called_or_named).rpartition(".")[2] in SKIPS


def _marks_of_class(scope: Scope, origins: Origins) -> dict[str, int]:
    classes = (node for node in origins.tree.body if isinstance(node, ast.ClassDef) and node.name == scope.owner)
    return {text: line for node in classes for text, line in _skips(node)}


def _marks_of_file(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(one) == "pytestmark" for one in node.targets):
            for mark in node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]:
                if _is_skip(mark):
                    yield f"pytestmark = {ast.unparse(mark)}", mark.lineno
        elif isinstance(node, ast.Expr) and _skips_all(node.value):
            yield ast.unparse(node.value), node.lineno


def _skips_all(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in SKIPPING_CALLS


def _cases(node: Function) -> Iterator[tuple[str, tuple[int, int]]]:
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(args=[names, ast.List(elts=cases) | ast.Tuple(elts=cases), *_]):
                if called(decorator).rpartition(".")[2] == "parametrize":
                    yield ast.unparse(names), (len(cases), decorator.lineno)
