"""The lint of one test file: every rule on every function in it, and the comments that excuse."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

from flujo_testing.lint.claims import claims_of
from flujo_testing.lint.excuses import excuses_in, judged
from flujo_testing.lint.finding import Finding, Report
from flujo_testing.lint.library import Library, parsed, text_of
from flujo_testing.lint.origins import Origins, is_test
from flujo_testing.lint.scopes import Scope
from flujo_testing.lint.silent import any_error, redacted_away, runs_pipeline, silence, swallowed
from flujo_testing.lint.weak import weakness


def lint_file(path: Path, library: Library, *, shown: str | None = None) -> Report:
    """Raises Unreadable."""
    return lint_text(text_of(path), path, library, shown=shown)


def lint_text(
    text: str,
    path: Path,
    library: Library,
    *,
    shown: str | None = None,
    ran: Collection[str] | None = None,
    seen: Callable[[list[Finding], Origins], list[Finding]] | None = None,
) -> Report:
    """The findings in a file; ``shown`` is how its path is told.

    ``ran`` names the tests that are known to have run a pipeline, ``Class.test``: then only these, and the
    functions that are no tests, are looked at. ``seen`` adds what was seen when they ran.
    """
    told = shown or str(path)
    tree = parsed(text, told)
    origins = library.of_text(path, tree)
    found: list[Finding] = []
    users = _users(origins)
    tests = 0
    for scope in origins.scopes.every:
        test = is_test(scope)
        if test and ran is not None and scope.name not in ran:
            continue
        running = test and (ran is not None or (origins.uses_flujo and runs_pipeline(scope, origins)))
        tests += running
        used_by = users.get(scope, "")
        mine = findings_in(scope, origins, told, runs=running)
        found += [replace(finding, test=f"{finding.test}{used_by}") for finding in mine]
    if seen is not None:
        found = seen(found, origins)
    excuses = excuses_in(text, tree)
    standing, excused = judged(told, _once(found), excuses, needless=ran is None)
    return Report(tuple(sorted(standing, key=_place)), tuple(sorted(excused, key=_place)), 1, tests)


def _users(origins: Origins) -> dict[Scope, str]:
    """For each function that is no test: which tests use it, in brackets."""
    users: dict[Scope, list[str]] = {}
    for test in filter(is_test, origins.scopes.every):
        for scope in origins.reached(test):
            if not is_test(scope):
                users.setdefault(scope, []).append(test.name)
    return {scope: f" (used by {_some(tests)})" for scope, tests in users.items()}


def _some(tests: list[str]) -> str:
    return tests[0] if len(tests) == 1 else f"{tests[0]} and {len(tests) - 1} more"


def findings_in(scope: Scope, origins: Origins, path: str, *, runs: bool) -> Iterator[Finding]:
    """``runs``: it is a test that runs a pipeline, so it must compare something, and nothing in it may be vacant."""
    for claim in claims_of(scope, origins):
        verdict = weakness(claim, origins)
        if verdict is not None and (verdict[0] != "FL110" or _in_a_running_test(scope, runs)):
            yield _finding(path, claim.at, scope, verdict)
    places = [any_error(scope, origins)]
    if _in_a_running_test(scope, runs):
        places += [swallowed(scope, origins), redacted_away(scope, origins)]
    if runs:
        places.append(silence(scope, origins))
    for place in places:
        for node, code, found, write in place:
            yield _finding(path, node, scope, (code, found, write))


def _in_a_running_test(scope: Scope, runs: bool) -> bool:
    return runs or bool(scope.kinds)


def _finding(path: str, node: ast.AST, scope: Scope, verdict: tuple[str, str, str]) -> Finding:
    code, found, write = verdict
    line, column = _where(node)
    return Finding(path, line, column, code, scope.name, found, write)


def _where(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.expr | ast.stmt | ast.excepthandler):
        return node.lineno, node.col_offset + 1
    return 1, 1


def _once(findings: list[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def _place(finding: Finding) -> tuple[int, int, str, str]:
    return finding.line, finding.column, finding.code, finding.found
