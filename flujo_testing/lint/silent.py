"""The rules for a whole test: it compares nothing, takes any error, swallows a failure, redacts its golden away."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from typing import Final

from flujo_testing.lint import advice
from flujo_testing.lint.origins import Origins
from flujo_testing.lint.scopes import Kind, Scope, own_nodes
from flujo_testing.lint.weak import called, shown

At = tuple[ast.AST, str, str, str]
"""Where, the rule, what was found, and what to write."""

ANY_ERROR: Final = frozenset({"Exception", "BaseException"})
SWALLOWS: Final = ANY_ERROR | {"AssertionError"}
LOOKS_CLOSER: Final = frozenset({"match", "check"})
SAYS_SO: Final = re.compile(r"(^|_)(approve|assert|check|compare|ensure|expect|fail|refuse|validate|verify)", re.I)
MATCHES_ALL: Final = frozenset({"", ".", ".*", ".+", "^", "$", "(?s).*", "^.*$"})
EVERYTHING: Final = re.compile(r"\$?(\.\.)?(\*|result(\.\*)?|steps(\.\*)?)|\$|\$?\.\.\*")


def runs_pipeline(scope: Scope, origins: Origins) -> bool:
    """Whether a function runs a pipeline, takes what one returned, or asks for the golden of one."""
    if any(name.arg in ("flujo_run", "golden", "flujo_golden") for name in scope.parameters):
        return True
    functions = [scope, *_inside(scope)]
    return any(
        isinstance(node, ast.Name | ast.Attribute | ast.Call) and _of_a_run(node, one, origins)
        for one in functions
        for node in one.own()
    )


def _of_a_run(node: ast.Name | ast.Attribute | ast.Call, scope: Scope, origins: Origins) -> bool:
    if isinstance(node, ast.Name):
        return scope.kinds.get(node.id) is Kind.RESULT
    return origins.kind(node, scope) in (Kind.RESULT, Kind.RUN)


def _inside(scope: Scope) -> Iterator[Scope]:
    for function in scope.functions.values():
        yield function
        yield from _inside(function)


def silence(scope: Scope, origins: Origins) -> Iterator[At]:
    """Nothing in the test, or in the functions that it calls, could fail for what a run returned."""
    if not any(_compares(one, one.home or origins) for one in origins.reached(scope)):
        yield scope.node, "FL101", "runs a pipeline and compares nothing", advice.ABOUT_THE_RUN


def _compares(scope: Scope, origins: Origins) -> bool:
    for node in scope.own():
        match node:
            case ast.Assert(test=ast.Constant()):
                continue
            case ast.Assert() | ast.Raise():
                return True
            case ast.Call() if _could_fail(node, scope, origins):
                return True
            case ast.With(items=entered) | ast.AsyncWith(items=entered):
                if any(isinstance(one.context_expr, ast.Call) and _says_so(one.context_expr) for one in entered):
                    return True
    return False


def _could_fail(call: ast.Call, scope: Scope, origins: Origins) -> bool:
    """A call of something that compares: by its name, or because a function from elsewhere is given the result."""
    if _says_so(call):
        return True
    if called(call) == "raise_for_status":
        return False
    foreign = origins.function(call.func, scope) is None and not isinstance(call.func, ast.Attribute)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    known = isinstance(call.func, ast.Name) and (call.func.id in _KNOWN or call.func.id[:1].isupper())
    return foreign and not known and any(origins.is_result(one, scope) for one in given)


_KNOWN: Final = frozenset(vars(builtins))


def _says_so(call: ast.Call) -> bool:
    name = called(call).rpartition(".")[2]
    return name in ("raises", "warns", "deprecated_call") or SAYS_SO.search(name) is not None


# Errors ---------------------------------------------------------------------------------------------------


def any_error(scope: Scope, origins: Origins) -> Iterator[At]:
    """``raises(Exception)`` around a run, unless what was raised is looked at afterwards."""
    for node in scope.own():
        if not isinstance(node, ast.With | ast.AsyncWith):
            continue
        for item in node.items:
            if (error := too_wide(item.context_expr)) is None or _looked_at(item.optional_vars, scope, node):
                continue
            if any(_touches_a_run(one, scope, origins) for one in own_nodes(node.body)):
                write = 'pytest.raises(StepFailedError, match="...") or another exact type with its message'
                yield item.context_expr, "FL108", f"`{shown(item.context_expr)}` takes {error}", write


def too_wide(node: ast.expr) -> str | None:
    """Why an expectation of an error is one of any error."""
    match node:
        case ast.Call(args=[expected, *_]) if called(node).rpartition(".")[2] in ("raises", "assertRaises"):
            names = {ast.unparse(one) for one in (expected.elts if isinstance(expected, ast.Tuple) else [expected])}
            if not names & ANY_ERROR:
                return None
            closer = [one.value for one in node.keywords if one.arg in LOOKS_CLOSER]
            if not closer:
                return "any error"
            if all(isinstance(one, ast.Constant) and one.value in MATCHES_ALL for one in closer):
                return "any error with any message"
    return None


def _looked_at(name: ast.expr | None, scope: Scope, block: ast.With | ast.AsyncWith) -> bool:
    if not isinstance(name, ast.Name):
        return False
    end = block.end_lineno or block.lineno
    names = (node for node in scope.own() if isinstance(node, ast.Name) and node.id == name.id)
    return any(node.lineno > end for node in names)


def _touches_a_run(node: ast.AST, scope: Scope, origins: Origins) -> bool:
    return isinstance(node, ast.Call | ast.Name) and origins.kind(node, scope) in (Kind.RESULT, Kind.RUNNER)


def swallowed(scope: Scope, origins: Origins) -> Iterator[At]:
    """``try: assert ... except AssertionError: pass``, and the same by ``suppress``."""
    for node in scope.own():
        match node:
            case ast.Try(body=body, handlers=handlers) if _asserts(body):
                for handler in handlers:
                    if _catches(handler.type) and not _raises_again(handler):
                        text = f"`{_except(handler)}` swallows a failed assertion"
                        yield handler, "FL111", text, "the assertion without try, or pytest.raises for an error"
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body) if _asserts(body):
                for item in items:
                    match item.context_expr:
                        case ast.Call(args=errors) as call if called(call).rpartition(".")[2] == "suppress":
                            if any(ast.unparse(error) in SWALLOWS for error in errors):
                                text = f"`{shown(call)}` swallows a failed assertion"
                                yield call, "FL111", text, "the assertion without suppress"


def _asserts(body: list[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and _is_assertion(node)) for node in own_nodes(body)
    )


def _is_assertion(call: ast.Call) -> bool:
    text = ast.unparse(call.func)
    return text.endswith("golden.check") or text.startswith("self.assert")


def _catches(error: ast.expr | None) -> bool:
    if error is None:
        return True
    names = error.elts if isinstance(error, ast.Tuple) else [error]
    return any(ast.unparse(name) in SWALLOWS for name in names)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    return any(
        isinstance(node, ast.Raise | ast.Assert) or (isinstance(node, ast.Call) and called(node).endswith("fail"))
        for node in own_nodes(handler.body)
    )


def _except(handler: ast.ExceptHandler) -> str:
    return f"except {ast.unparse(handler.type)}" if handler.type else "except"


# Goldens --------------------------------------------------------------------------------------------------


def redacted_away(scope: Scope, origins: Origins) -> Iterator[At]:
    for node in scope.own():
        if isinstance(node, ast.Call) and is_golden_check(node):
            paths = redactions(node)
            broad = [path for path in paths if EVERYTHING.fullmatch(path)]
            if broad:
                text = f"the golden is redacted at {', '.join(map(repr, broad))}: nothing of it is left to compare"
                yield node, "FL115", text, "redact={<the path of one field that differs in every run>: ...}"


def is_golden_check(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and re.search(r"golden\.check$", ast.unparse(call.func)) is not None


def redactions(call: ast.Call) -> Mapping[str, str]:
    """The paths that a check redacts, as far as they are written there, with what takes the place."""
    for keyword in call.keywords:
        if keyword.arg == "redact" and isinstance(keyword.value, ast.Dict):
            pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
            return {str(key.value): ast.unparse(value) for key, value in pairs if isinstance(key, ast.Constant)}
    return {}

