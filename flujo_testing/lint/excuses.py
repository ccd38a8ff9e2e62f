"""Comments that excuse a weak assertion: ``# flujo: loose because ...``. The reason is not optional.

Behind a statement, or alone above it, the comment excuses that statement; behind ``def`` or above it, or above
its decorators, the whole test; before the first statement of a file, the whole file.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flujo_testing.lint.finding import Finding

_EXCUSE = re.compile(r"#\s*flujo:\s*loose\b(?P<rest>.*)")
_REASON = re.compile(r"\s+because\s+(?P<reason>\S.*\S)\s*")
WRITE = "# flujo: loose because <who compares the exact value, and where>"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Excuse:
    """One comment: where it stands, the lines it speaks of, and its reason ("" if it gives none)."""

    line: int
    column: int
    first: int
    last: int
    reason: str

    def covers(self, line: int) -> bool:
        return bool(self.reason) and self.first <= line <= self.last


def excuses_in(text: str, tree: ast.Module) -> tuple[Excuse, ...]:
    if "flujo:" not in text:
        return ()
    lines = text.splitlines()
    comments = (token for token in _tokens(text) if token.type == tokenize.COMMENT)
    return tuple(
        _excuse(match["rest"], token.start, tree, lines)
        for token in comments
        if (match := _EXCUSE.fullmatch(token.string))
    )


def _tokens(text: str) -> Iterable[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(text).readline)


def _excuse(rest: str, start: tuple[int, int], tree: ast.Module, lines: list[str]) -> Excuse:
    line, column = start
    reason = _REASON.fullmatch(rest)
    first, last = _span(line, not lines[line - 1][:column].strip(), tree, len(lines))
    return Excuse(line, column + 1, first, last, reason["reason"] if reason else "")


def _span(line: int, alone: bool, tree: ast.Module, count: int) -> tuple[int, int]:
    body = [node for node in tree.body if not _is_docstring(node)]
    if alone and (not body or line < _begin(body[0])) and not isinstance(body[0] if body else None, Function):
        return 1, count
    if alone:
        statement = min((node for node in _statements(tree) if _begin(node) > line), key=_begin, default=None)
    else:
        around = [node for node in _statements(tree) if _begin(node) <= line <= _head_end(node)]
        statement = max(around, key=_begin, default=None)
    if statement is None:
        return line, line
    return _begin(statement), statement.end_lineno or statement.lineno


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.stmt))


def _begin(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, Function | ast.ClassDef) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _head_end(node: ast.stmt) -> int:
    """The last line of a statement, or of what stands before its block: ``def test(...):``."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.With() | ast.AsyncWith() | ast.For():
            return max(node.lineno, node.body[0].lineno - 1)
        case ast.If() | ast.While() | ast.Try() | ast.AsyncFor() | ast.Match():
            return node.lineno
    return node.end_lineno or node.lineno


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def judged(
    path: str, findings: Iterable[Finding], excuses: Iterable[Excuse], *, needless: bool
) -> tuple[list[Finding], list[Finding]]:
    """The findings that stand and those that are excused; excuses without reason, or use, are findings.

    ``needless``: everything that an excuse could speak of was looked at.
    """
    known = tuple(excuses)
    standing: list[Finding] = []
    excused: list[Finding] = []
    used: set[Excuse] = set()
    for finding in findings:
        covering = [excuse for excuse in known if excuse.covers(finding.line)]
        used.update(covering)
        (excused if covering else standing).append(finding)
    for excuse in known:
        at = (path, excuse.line, excuse.column)
        if not excuse.reason:
            standing.append(Finding(*at, "FL001", "", "an excuse without a reason excuses nothing", WRITE))
        elif needless and excuse not in used:
            standing.append(Finding(*at, "FL002", "", "nothing here is loose", "delete the comment"))
    return standing, excused
