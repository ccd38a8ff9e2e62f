"""The rules for one claim about what the engine returned: why it is weak, or that it is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Final

from flujo_testing.lint import advice
from flujo_testing.lint.claims import Claim
from flujo_testing.lint.origins import Origins

Verdict = tuple[str, str, str]
"""The rule, what was found, and what to write."""

MONEY: Final = re.compile(r"cost|usd|price|spen[dt]|money|paid|bill", re.IGNORECASE)
ANYTHING: Final = frozenset({"ANY", "Anything", "AnyThing"})
BOUNDS: Final = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.NotEq: "!="}
MIRRORED: Final[dict[type[ast.cmpop], ast.cmpop]] = {
    ast.Gt: ast.Lt(), ast.GtE: ast.LtE(), ast.Lt: ast.Gt(), ast.LtE: ast.GtE(), ast.NotEq: ast.NotEq(),
    ast.Eq: ast.Eq(), ast.Is: ast.Is(), ast.IsNot: ast.IsNot(),
}  # fmt: skip
TRUE_OR_FALSE: Final = frozenset({"success", "accepted", "replaces_output", "fallback_triggered", "cache_hit"})
TEXTS: Final = frozenset({"output", "feedback", "error", "message"})
LOOKS: Final = ("isinstance", "issubclass", "hasattr", "callable")


def weakness(claim: Claim, origins: Origins) -> Verdict | None:
    """None for a claim that is strong, or that is not about what the engine returned."""
    if (constant := _always_holds(claim)) is not None:
        return constant
    if not origins.is_result(claim.node, claim.scope):
        return None
    found = (judge(claim, origins) for judge in JUDGES)
    return next((verdict for verdict in found if verdict is not None), None)


def shown(node: ast.AST, limit: int = 60) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _always_holds(claim: Claim) -> Verdict | None:
    match claim.node:
        case ast.Constant(value=value) if bool(value) is not claim.negated:
            return "FL110", f"`assert {shown(claim.node)}` always holds", advice.ABOUT_THE_RUN
        case ast.BoolOp(op=ast.Or(), values=values) if not claim.negated and any(map(_true, values)):
            return "FL110", f"`{shown(claim.node)}` always holds", advice.exact(subject_of(values[0]))
        case ast.Tuple(elts=[_, *_]) | ast.List(elts=[_, *_]) if not claim.negated:
            return (
                "FL110",
                f"a tuple that is not empty is always true: `{shown(claim.node)}`",
                "assert condition, message (no parentheses)",
            )
    return None


def _one_of_several(claim: Claim, origins: Origins) -> Verdict | None:
    node = claim.node
    match node:
        case ast.BoolOp(values=values):
            word = "or" if isinstance(node.op, ast.Or) else "not (... and ...)"
            first = next((part for part in values if origins.is_result(part, claim.scope)), values[0])
            text = f"`{shown(node)}` takes one of several outcomes ({word})"
            return "FL112", text, advice.exact(subject_of(first))
        case ast.Call(func=ast.Name(id="any"), args=[ast.GeneratorExp() as found]) if not claim.negated:
            text = f"`{shown(node)}` takes any one of them"
            return "FL112", text, advice.items(found.generators[0].iter, found.elt)
        case ast.IfExp(body=body, orelse=other) if any(_true(part) for part in (body, other)):
            return "FL112", f"`{shown(node)}` holds without a look", advice.exact(subject_of(node.test))
        case ast.Compare(left=left, ops=[ast.In()], comparators=[ast.Tuple() | ast.List() | ast.Set() as several]):
            plain = all(_literal(one) for one in several.elts)
            if plain and len(several.elts) > 1 and not claim.negated and origins.is_result(left, claim.scope):
                return "FL112", f"`{shown(node)}` takes one of several outcomes", advice.exact(left, several.elts[0])
    return None


def _with_itself(claim: Claim, origins: Origins) -> Verdict | None:
    match claim.node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.LtE() | ast.GtE()], comparators=[right]) if not claim.negated:
            mine, other = (resolved(side, claim) for side in (left, right))
            if mine == other and not _runs_again(left, claim, origins):
                return "FL113", f"`{shown(claim.node)}` compares a thing with itself", advice.exact(left)
    return None


def _with_anything(claim: Claim, origins: Origins) -> Verdict | None:
    match claim.node:
        case ast.Compare(left=left, comparators=[right]):
            for side in ast.walk(claim.node):
                name = side.attr if isinstance(side, ast.Attribute) else side.id if isinstance(side, ast.Name) else ""
                if name in ANYTHING:
                    subject = left if origins.is_result(left, claim.scope) else right
                    return "FL114", f"`{shown(claim.node)}` takes anything ({name})", advice.exact(subject)
    return None


def _nearly(claim: Claim, origins: Origins) -> Verdict | None:
    """Approximation is for measured numbers; money is exact."""
    subject = near_subject(claim.node)
    if subject is None or not about_money(subject, claim):
        return None
    return "FL109", f"`{shown(claim.node)}` compares money by approximation", advice.exact(subject)


def near_subject(node: ast.expr) -> ast.expr | None:
    """What an approximate comparison is about; None if it is not one."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            for side, other in ((left, right), (right, left)):
                if isinstance(other, ast.Call) and called(other) == "approx":
                    return side
                if isinstance(side, ast.Call) and called(side) in ("round", "float", "int") and side.args:
                    return side.args[0]
                if isinstance(side, ast.Call) and isinstance(side.func, ast.Attribute) and side.func.attr == "quantize":
                    return side.func.value
                if isinstance(side, ast.JoinedStr) and (rounded := _written_with_digits(side)) is not None:
                    return rounded
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="abs"), args=[ast.BinOp(left=left, op=ast.Sub())]),
            ops=[ast.Lt() | ast.LtE()],
        ):
            return left
        case ast.Call(args=[first, _, *_]) if called(node) == "isclose":
            return first
    return None


def _written_with_digits(text: ast.JoinedStr) -> ast.expr | None:
    """``f"{cost:.2f}"`` is about ``cost``."""
    values = (part for part in text.values if isinstance(part, ast.FormattedValue))
    return next((part.value for part in values if part.format_spec is not None), None)


def _bound(claim: Claim, origins: Origins) -> Verdict | None:
    match claim.node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            if not origins.is_result(left, claim.scope):
                left, op, right = right, MIRRORED.get(type(op), op), left
            if type(op) not in BOUNDS or not _literal(right):
                return None
            sign = BOUNDS[type(op)]
            if isinstance(left, ast.Call) and called(left) == "len" and left.args:
                text = f"`{shown(claim.node)}` says how many there may be, not which"
                return "FL106", text, advice.items(left.args[0])
            if isinstance(right, ast.Constant) and right.value is None:
                return "FL103", f"`{shown(claim.node)}` only says that it is there", advice.exact(left)
            return "FL102", f"`{shown(claim.node)}` takes every value {sign} {shown(right)}", advice.exact(left)
    return None


def _there(claim: Claim, origins: Origins) -> Verdict | None:
    match claim.node:
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=None)]):
            if isinstance(op, ast.IsNot | ast.NotEq) is not claim.negated and isinstance(op, ast.Is | ast.IsNot):
                shape = "is not None" if not claim.negated else "not ... is None"
                return "FL103", f"`{shown(left)} {shape}` only says that it is there", advice.exact(left)
    return None


def _type_only(claim: Claim, origins: Origins) -> Verdict | None:
    match claim.node:
        case ast.Call(func=ast.Name(id=look), args=[subject, *_]) if look in LOOKS and not claim.negated:
            text = f"`{shown(claim.node)}` says what kind of thing it is, not which"
            return "FL105", text, advice.exact(subject)
    return None


def _somewhere(claim: Claim, origins: Origins) -> Verdict | None:
    match claim.node:
        case ast.Compare(left=needle, ops=[ast.In()], comparators=[hay]) if not claim.negated:
            text = f"`{shown(claim.node)}` is content if the text occurs somewhere"
            if isinstance(hay, ast.JoinedStr) or (isinstance(hay, ast.Call) and called(hay) in _WRITTEN):
                inner = hay.args[0] if isinstance(hay, ast.Call) and hay.args else hay
                if isinstance(hay, ast.Call) and isinstance(hay.func, ast.Attribute) and called(hay) not in ("dumps",):
                    inner = hay.func.value
                return "FL107", text, advice.exact(inner)
            is_text = isinstance(needle, ast.JoinedStr) or (
                isinstance(needle, ast.Constant) and isinstance(needle.value, str)
            )
            if is_text and isinstance(hay, ast.Attribute) and hay.attr in TEXTS:
                return "FL107", text, advice.exact(hay)
            if isinstance(hay, ast.ListComp | ast.SetComp | ast.GeneratorExp):
                return "FL107", f"`{shown(claim.node)}` is content if it is one of them", advice.exact(hay)
        case ast.Call(args=[_, hay, *_]) if called(claim.node) in _SEARCHES and not claim.negated:
            return "FL107", f"`{shown(claim.node)}` is content if the text occurs somewhere", advice.exact(hay)
        case ast.Compare(left=ast.Call(func=ast.Attribute(value=hay, attr="find" | "count")), ops=[op]):
            if type(op) in BOUNDS:
                return "FL107", f"`{shown(claim.node)}` is content if the text occurs somewhere", advice.exact(hay)
    return None


_SEARCHES: Final = frozenset({"search", "match", "findall", "finditer"})
_WRITTEN: Final = frozenset({"str", "repr", "format", "dumps", "ascii", "pformat", "model_dump_json", "lower", "upper"})


def _true_or_false(claim: Claim, origins: Origins) -> Verdict | None:
    node = claim.node
    word = "false" if claim.negated else "true"
    match node:
        case ast.Attribute(attr=name) if name in TRUE_OR_FALSE:
            return None
        case ast.Call(func=ast.Name(id="len"), args=[inner]):
            return "FL106", f"`{shown(node)}` only says that something is there", advice.items(inner)
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Await():
            return "FL104", f"`{shown(node)}` only has to be {word}", advice.exact(node, falsy=claim.negated)
        case ast.Call() if called(node) in ("str", "repr", "list", "dict", "tuple", "set", "sum", "get", "cost_by"):
            return "FL104", f"`{shown(node)}` only has to be {word}", advice.exact(node, falsy=claim.negated)
    return None


JUDGES: Final[tuple[Callable[[Claim, Origins], Verdict | None], ...]] = (
    _one_of_several,
    _with_itself,
    _with_anything,
    _nearly,
    _there,
    _somewhere,
    _bound,
    _type_only,
    _true_or_false,
)


# What an expression is ------------------------------------------------------------------------------------


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def subject_of(node: ast.expr) -> ast.expr:
    """The left side of a comparison, or the thing itself."""
    match node:
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[hay]):
            return subject_of(hay)
        case ast.Compare(left=left):
            return left
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[written]):
            return written
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return subject_of(operand)
        case ast.Call(func=ast.Name(id=look), args=[first, *_]) if look in LOOKS:
            return first
    return node


def about_money(node: ast.expr, claim: Claim) -> bool:
    if MONEY.search(ast.unparse(node)):
        return True
    values = claim.scope.values.get(node.id, []) if isinstance(node, ast.Name) else []
    return any(MONEY.search(ast.unparse(value)) for value in values)


def _literal(node: ast.expr) -> bool:
    """A number, a text, None; with a sign; in a Decimal, a tuple or a list."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return _literal(operand)
        case ast.BinOp(left=left, right=right):
            return _literal(left) and _literal(right)
        case ast.Call(func=ast.Name(id="Decimal" | "float" | "int"), args=[value]):
            return _literal(value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return all(map(_literal, parts))
    return False


def _true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def resolved(node: ast.expr, claim: Claim) -> str:
    """The source, where a name that was bound once stands for what it was bound to."""
    text = ast.unparse(node)
    for name in list(_names(node)):
        values = claim.scope.values.get(name, [])
        if len(values) == 1 and isinstance(values[0], _MADE_OF_OTHERS) and not _calls(values[0]):
            text = re.sub(rf"(?<![\w.]){re.escape(name)}\b", ast.unparse(values[0]).replace("\\", r"\\"), text)
    return text


_MADE_OF_OTHERS: Final = (ast.Attribute, ast.BinOp, ast.DictComp, ast.ListComp, ast.SetComp, ast.Subscript)


def _calls(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Call | ast.Await) for inner in ast.walk(node))


def _names(node: ast.expr) -> Iterator[str]:
    return (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _runs_again(node: ast.expr, claim: Claim, origins: Origins) -> bool:
    """Two runs that are written alike are two runs."""
    calls = (inner for inner in ast.walk(node) if isinstance(inner, ast.Call | ast.Await))
    return any(isinstance(call, ast.Await) or not _is_pure(call) for call in calls)


def _is_pure(call: ast.Call) -> bool:
    return called(call) in {"str", "repr", "len", "sum", "list", "tuple", "dict", "set", "sorted", "cost_by", "Decimal"}
