"""What tests may claim: exact values, not that something is there or of some type. No error is swallowed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.reads import in_tests
from tests.tidy.rule import Fault, Rule, each
from tests.tidy.source import Source, tree

ANY_ERROR = {"BaseException", "Exception"}


def vague_asserts(source: Source) -> Iterator[Fault]:
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Assert):
            for claim in claims(node.test):
                if why := vagueness(claim):
                    yield Fault(source.path, claim.lineno, f"asserts {why}: compare with the exact value")


def claims(test: ast.expr) -> Iterator[ast.expr]:
    """The parts of ``a and not b`` that are claimed one by one."""
    match test:
        case ast.BoolOp():
            for value in test.values:
                yield from claims(value)
        case ast.UnaryOp(op=ast.Not()):
            yield from claims(test.operand)
        case _:
            yield test


def vagueness(claim: ast.expr) -> str:
    match claim:
        case ast.Compare(ops=[ast.GtE()], comparators=[ast.Constant(value=0)]):
            return "'>= 0'"
        case ast.Compare(left=ast.Constant(value=0), ops=[ast.LtE()]):
            return "'0 <='"
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return "'is not None'"
        case ast.Call(func=ast.Name(id="isinstance" | "issubclass" | "hasattr" | "callable" as name)):
            return name
    return ""


def raises_anything(source: Source) -> Iterator[Fault]:
    for node in ast.walk(tree(source)):
        match node:
            case ast.Call(args=[ast.Name(id=error), *_]) if error in ANY_ERROR and bare_raises(node):
                yield Fault(source.path, node.lineno, f"expects {error}: name the error, or match its message")


def bare_raises(call: ast.Call) -> bool:
    named_raises = ast.unparse(call.func).rpartition(".")[2] == "raises"
    return named_raises and not {keyword.arg for keyword in call.keywords} & {"match", "check"}


def swallowed_errors(source: Source) -> Iterator[Fault]:
    for node in ast.walk(tree(source)):
        match node:
            case ast.ExceptHandler(body=[ast.Pass() | ast.Expr(value=ast.Constant())]):
                yield Fault(source.path, node.lineno, "swallows an error: let it pass on, or make it a fact")
            case ast.Call(args=[ast.Name(id=error), *_]) if error in ANY_ERROR and suppresses(node):
                yield Fault(source.path, node.lineno, f"suppresses {error}: name the error")


def suppresses(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] == "suppress"


LOOSENED = "examples/strength/loosened/test_{}.py"
ON_PURPOSE = "is the loose twin of an exact suite, for the lint and the fault audit to mark"

RULES = (
    Rule(
        "tests compare with exact values",
        in_tests,
        each(vague_asserts),
        excused={LOOSENED.format(name): ON_PURPOSE for name in ("drafts", "money", "reviews")},
    ),
    Rule(
        "tests name the error that they expect",
        in_tests,
        each(raises_anything),
        excused={LOOSENED.format("drafts"): ON_PURPOSE},
    ),
    Rule(
        "no error is swallowed",
        lambda source: source.is_python,
        each(swallowed_errors),
        excused={LOOSENED.format("drafts"): ON_PURPOSE},
    ),
)
