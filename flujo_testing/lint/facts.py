"""What tests did when they ran: which ran a pipeline, which fakes nobody called, whose scripts were not used up.

Data for the rules FL201 to FL203, as plain as pytest-xdist carries it. Nothing here knows pytest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flujo_testing.lint.finding import Finding
from flujo_testing.lint.origins import Origins, is_test
from flujo_testing.lint.scopes import Scope
from flujo_testing.lint.silent import is_golden_check


@dataclass(frozen=True, slots=True)
class Ran:
    """One pass of one test that ran a pipeline: ``test`` is ``Class.test``, ``node`` the id with parameters.

    ``uncalled`` names the fakes that nobody called although every run completed, ``left`` tells of scripts.
    """

    path: str
    test: str
    node: str
    uncalled: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    """What the result of the only run held, as source, by the name of the part."""

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)


def from_plain(plain: Mapping[str, Any]) -> Ran:
    lists = {name: tuple(plain[name]) for name in ("uncalled", "called", "left")}
    values = tuple((name, value) for name, value in plain["values"])
    return Ran(path=plain["path"], test=plain["test"], node=plain["node"], values=values, **lists)


def findings_of(passes: Iterable[Ran], hollow: Mapping[str, str], origins: Origins, path: str) -> list[Finding]:
    """``hollow`` names, by node id, the goldens of which nothing is left. All passes are of this file."""
    by_test: dict[str, list[Ran]] = {}
    for one in passes:
        by_test.setdefault(one.test, []).append(one)
    scopes = {scope.name: scope for scope in origins.scopes.every if is_test(scope)}
    return [
        finding
        for test, seen in by_test.items()
        if test in scopes
        for finding in _of_test(scopes[test], seen, hollow, origins, path)
    ]


def _of_test(
    scope: Scope, seen: list[Ran], hollow: Mapping[str, str], origins: Origins, path: str
) -> Iterator[Finding]:
    line = scope.node.lineno if not isinstance(scope.node, ast.Module) else 1
    for text in dict.fromkeys(text for one in seen for text in one.left):
        write = "fewer answers, or find out why the pipeline asked less"
        yield Finding(path, line, 1, "FL201", scope.name, text, write)
    called = {name for one in seen for name in one.called}
    never = dict.fromkeys(name for one in seen for name in one.uncalled if name not in called)
    if never and not says_who_is_called(scope, origins):
        for name in never:
            found = f"{name} was never called, and the test does not say that this is so"
            yield Finding(path, line, 1, "FL202", scope.name, found, "assert <the fake>.calls == (), or leave it out")
    for golden in dict.fromkeys(hollow[one.node] for one in seen if one.node in hollow):
        found = f"nothing but replacements is left of {golden}"
        write = "redact={<the path of one field that differs in every run>: ...}"
        yield Finding(path, line, 1, "FL203", scope.name, found, write)


_TELLING = frozenset({"calls", "cost_by", "ledger", "metadata", "step_history", "transcript", "error", "status"})


def says_who_is_called(scope: Scope, origins: Origins) -> bool:
    """Whether the test compares something that shows who was asked: a golden, calls, steps, costs by step."""
    for one in origins.reached(scope):
        for node in one.own():
            if isinstance(node, ast.Attribute) and node.attr in _TELLING:
                return True
            if isinstance(node, ast.Call) and is_golden_check(node):
                return True
            if isinstance(node, ast.Name) and node.id in ("golden", "flujo_golden"):
                return True
    return False


def may_be_hollow(text: str) -> bool:
    """A look at the text that spares most goldens from being parsed: two different values at the ends of lines."""
    _, _, told = text.partition("\nresult:")
    return text != "" and len(set(_LAST_VALUE.findall(told))) <= 1


_LAST_VALUE = re.compile(r': ("[^\n]*"|[\w.-]+)$', re.MULTILINE)


def is_hollow(story: Mapping[str, Any]) -> bool:
    """Whether what a golden tells of result and steps is one and the same value throughout."""
    told = [leaf for key in ("result", "steps") if key in story for leaf in _leaves(story[key])]
    return len({repr(leaf) for leaf in told}) <= 1


def _leaves(data: Any) -> Iterator[object]:
    if isinstance(data, Mapping):
        for value in data.values():
            yield from _leaves(value)
    elif isinstance(data, list):
        for value in data:
            yield from _leaves(value)
    else:
        yield data
