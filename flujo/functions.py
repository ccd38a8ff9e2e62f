"""What a user's function takes, read once from its signature: conditions, mappers, items, selections (law P10).

Such a function is plain; whatever awaits or pays is a step. How it is called is told in ``execution.deciding``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flujo.errors import Problem

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
CONTEXT = "context"
COLLECTED = frozenset({"items", "select"})
"""Functions that may yield what they decide."""


@dataclass(frozen=True, slots=True)
class BoundFunction:
    """A function and what it takes beside its value: the context as second argument, or things by name.

    ``what`` is the parameter of the step that it was given for.
    """

    what: str
    call: Callable[..., object]
    context_second: bool
    takes: frozenset[str]

    @property
    def takes_context(self) -> bool:
        return self.context_second or CONTEXT in self.takes


def bind_function(what: str, function: Callable[..., object], extras: frozenset[str] = frozenset()) -> BoundFunction:
    """Read a function once; ``extras`` are the names of what it may take beside value and context.

    Raises TypeError for what cannot be called so, or is async.
    """
    if why := why_not_plain(function, may_yield=what in COLLECTED):
        raise TypeError(why)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some builtins show no signature: they take their value and nothing else
        return BoundFunction(what, function, False, frozenset())
    offered = extras | {CONTEXT}
    first, rest = parameters[:1], parameters[1:]
    second = bool(rest) and rest[0].kind in _POSITIONAL and rest[0].default is rest[0].empty
    context_second = second and rest[0].name not in offered
    takes = frozenset(p.name for p in rest if p.kind in _NAMED and p.name in offered)
    if not first or first[0].kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
        raise TypeError("takes no value")
    missing = [p.name for p in rest[context_second:] if _is_required(p) and p.name not in takes]
    if missing:
        raise TypeError(f"asks for {', '.join(missing)}, but is given a value, {', '.join(sorted(offered))}")
    return BoundFunction(what, function, context_second, takes)


def why_not_plain(function: object, *, may_yield: bool = False) -> str | None:
    """Why something is no function that returns what it decides as soon as it is called; None if it is one."""
    if not callable(function):
        return "is no function"
    called = (function, type(function).__call__)
    if any(map(inspect.iscoroutinefunction, called)) or any(map(inspect.isasyncgenfunction, called)):
        return "is async"
    if not may_yield and any(map(inspect.isgeneratorfunction, called)):
        return "yields instead of returning"
    return None


def can(thing: object, *calls: str) -> bool:
    """Whether something offers all these calls; a class offers them to its instances only."""
    return not isinstance(thing, type) and all(callable(getattr(thing, call, None)) for call in calls)


def _is_required(parameter: inspect.Parameter) -> bool:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in kinds


def function_problems(
    path: str, functions: Mapping[str, Any], extras: Mapping[str, frozenset[str]] | None = None
) -> Iterator[Problem]:
    """What is wrong with functions by the parameters they were given for; None is no function and no problem."""
    for what, function in functions.items():
        try:
            if function is not None:
                bind_function(what, function, (extras or {}).get(what, frozenset()))
        except TypeError as error:
            fix = f"Pass {what}=lambda value, context: ... (or of the value alone); whatever awaits is a step."
            yield Problem("function-invalid", path, f"{what} {function!r} {error}", fix)
