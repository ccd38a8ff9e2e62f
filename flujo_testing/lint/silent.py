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
    agents = _agents(scope)
    reached = [one for one in origins.reached(scope) if one.node not in agents]
    comparing = [(one, node) for one in reached for node in _comparing(one, one.home or origins)]
    if not comparing:
        yield scope.node, "FL101", "runs a pipeline and compares nothing", advice.ABOUT_THE_RUN
        return
    dependent = [node for one, node in comparing if one is scope and _depends(node, scope, origins)]
    if len(dependent) == len(comparing):
        found = "asserts only in a loop over what the engine returned, or behind an if on it: nothing if that is empty"
        write = "the same without if; for a loop, assert [what each is for each in ...] == [...]"
        yield dependent[0], "FL116", found, write


def _agents(scope: Scope) -> set[ast.AST]:
    """The functions inside that are given to a pipeline: what they assert only fails an attempt."""
    given: set[str] = set()
    for one in (scope, *_inside(scope)):
        for node in one.own():
            if isinstance(node, ast.Call) and _TAKES_AGENTS.match(ast.unparse(node.func)):
                arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                given.update(argument.id for argument in arguments if isinstance(argument, ast.Name))
    return {one.node for one in _inside(scope) if one.node_name in given or _is_decorated_agent(one)}


_TAKES_AGENTS: Final = re.compile(r"(flujo\.)?(Step(\.\w+)?|step|validator|FunctionAgent)$")


def _is_decorated_agent(scope: Scope) -> bool:
    decorators = [] if isinstance(scope.node, ast.Module) else scope.node.decorator_list
    names = (ast.unparse(one.func if isinstance(one, ast.Call) else one) for one in decorators)
    return any(name.rpartition(".")[2] in ("step", "validator") for name in names)


def _depends(node: ast.AST, scope: Scope, origins: Origins) -> bool:
    """Whether a comparison stands where it only runs if the engine returned something."""
    for block in scope.own():
        match block:
            case ast.For(iter=over, body=body) | ast.AsyncFor(iter=over, body=body):
                decided = _reads_a_part(over, scope, origins)
            case ast.If(test=over, body=body, orelse=[]) if not isinstance(node, ast.Raise) and not _fails(node):
                decided = origins.is_result(over, scope)
            case _:
                continue
        if decided and any(inner is node for statement in body for inner in ast.walk(statement)):
            return True
    return False


def _reads_a_part(over: ast.expr, scope: Scope, origins: Origins) -> bool:
    """``result.step_history`` may be empty; a list of results that the test made is not."""
    values = scope.values.get(over.id, []) if isinstance(over, ast.Name) else []
    parts = (inner for one in (over, *values) for inner in ast.walk(one) if isinstance(inner, ast.Attribute))
    return any(origins.is_result(part.value, scope) for part in parts)


def _fails(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and called(node).rpartition(".")[2] in ("fail", "exit")


def _comparing(scope: Scope, origins: Origins) -> Iterator[ast.AST]:
    """Every statement or call that could fail."""
    for node in scope.own():
        match node:
            case ast.Assert(test=ast.Constant()):
                continue
            case ast.Assert() | ast.Raise():
                yield node
            case ast.Call() if _could_fail(node, scope, origins):
                yield node


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
