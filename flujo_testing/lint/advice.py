"""What to write instead of a weak assertion: the same subject, compared with an exact value."""

from __future__ import annotations

import ast
import re
from typing import Final

ABOUT_THE_RUN: Final = (
    'golden.check(result), or assert (result.output, result.total_cost_usd) == ("...", Decimal("..."))'
)

_BY_NAME: Final = (
    (re.compile(r"cost_by\(.*\)$|^costs$"), '{"...": Decimal("..."), ...}'),
    (re.compile(r"(cost|costs|usd|price|spent)(_\w+|\[.*\])?$"), 'Decimal("...")'),
    (re.compile(r"(tokens|requests|attempts|token_counts|iterations)$"), "<number>"),
    (re.compile(r"usage$"), "Usage(input_tokens=..., output_tokens=...)"),
    (re.compile(r"context$"), "Context(...), every field"),
    (re.compile(r"(output|status|feedback|message|text|name|path|run_id)$"), '"..."'),
)
_NAMED_ITEMS: Final = {
    "step_history": ("step", "step.name, step.output"),
    "calls": ("call", "call.input"),
    "ledger": ("entry", "entry.model, entry.cost_usd"),
    "entries": ("entry", "entry.model, entry.cost_usd"),
    "questions": ("question", "question.path"),
    "transcript": ("event", "type(event).__name__"),
}


def exact(subject: ast.expr, value: ast.expr | None = None, *, falsy: bool = False) -> str:
    """``assert subject == <its exact value>``."""
    text = source(subject)
    match subject:
        case ast.Call(func=ast.Name(id="float" | "int" | "round" | "abs" | "bool"), args=[inner, *_]):
            return exact(inner, value)
        case ast.Call(func=ast.Name(id="len"), args=[inner]):
            return items(inner)
        case ast.BoolOp(op=ast.Or(), values=[first, ast.Constant()]):
            return exact(first, value)
        case ast.Call(func=ast.Name(id="str" | "repr")):
            return f'assert {text} == "..."'
    last = subject.attr if isinstance(subject, ast.Attribute) else text.rpartition(".")[2]
    if value is not None:
        return f"assert {text} == {ast.unparse(value)}"
    if last in _NAMED_ITEMS:
        return items(subject)
    if last == "error":
        return f"assert {text} is None" if falsy else f'assert str({text}) == "..."'
    if last == "result":
        return f"golden.check({text}), or assert {text}.output == ..."
    return f"assert {text} == {_value_of(last)}"


def items(collection: ast.expr, element: ast.expr | None = None) -> str:
    """``assert [what each is] == [...]``."""
    text = source(collection)
    last = collection.attr if isinstance(collection, ast.Attribute) else ""
    if last in _NAMED_ITEMS:
        name, shown = _NAMED_ITEMS[last]
        part = f"({shown})" if "," in shown else shown
        return f"assert [{part} for {name} in {text}] == [...]"
    return f"assert {text} == ..., every item"


def source(node: ast.expr) -> str:
    return " ".join(ast.unparse(node).split())


def _value_of(last: str) -> str:
    return next((value for pattern, value in _BY_NAME if pattern.search(last)), "<the exact value>")
