"""How the contexts of parallel branches join the parent's: law C4. Pure: states in, a state out.

Branches are compared with the state they started from. *Changed* means different canonical JSON, so that
reordering a dict is no change; values without canonical JSON are compared structurally. Fields, extras and
private attributes are merged by name. What both branches appended to a list is kept twice, even if it is
equal. Cached properties are dropped when anything was merged, for they may be out of date.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from pydantic import BaseModel

from flujo.canonical import NotRepresentable, canonical_json, path_segment
from flujo.context import EXTRA, FIELDS_SET, PRIVATE, PipelineContext
from flujo.errors import ContextMergeConflict, ContextUpdateError, MisuseError
from flujo.isolation import State, apply_output, changed, private_copy, updated
from flujo.structure import MISSING, Same, private_of

C = TypeVar("C", bound=PipelineContext)
Claims = Sequence[tuple[str, Any]]
"""Names of the branches that changed one value, each with what it made of it; in declared order."""
Choice = Callable[[str, Any, Claims, int], tuple[Any, Claims]]
"""(path, old value, claims, levels that a merge may still go down) -> (new value, the claims it came from)"""
_LEVELS = 50  # what lies deeper is merged as one value: in one that contains itself there is no end


@dataclass(frozen=True, slots=True)
class MergeNote:
    """A field or extra that a merge changed, and the branches its new value came from, in declared order."""

    field: str
    branches: tuple[str, ...]


def merge_context(
    base: State[C],
    branches: Sequence[tuple[str, State[C]]],
    strategy: str | Callable[[Any, Any], Any],
) -> tuple[State[C], list[MergeNote]]:
    """The parent's state after its branches, given in declared order, and what came from where.

    ``strategy`` is a MergeStrategy (``no_merge``, ``context_update``, ``overwrite``, ``keep_first``) or a
    function of a context equal to ``base`` and a dict of the branches' contexts, which returns a context of
    the same class or a mapping of fields to set; its notes name the branches that changed a field, perhaps
    none. Returns ``base`` itself if nothing changed. Raises ContextMergeConflict; ContextUpdateError if the
    context's model refuses what a function returned; whatever the function raises.
    """
    if not isinstance(strategy, str):
        return _by_function(base, branches, strategy)
    if strategy == "no_merge":
        return base, []
    if (choose := _CHOICES.get(strategy)) is None:
        known = ", ".join(map(repr, ["no_merge", *_CHOICES]))
        raise MisuseError(f"unknown merge strategy {strategy!r}; use one of {known}, or a function")
    return _by_name(base, branches, choose)


def _by_name(
    base: State[C], branches: Sequence[tuple[str, State[C]]], choose: Choice
) -> tuple[State[C], list[MergeNote]]:
    sources: dict[str, Claims] = {}
    private_sources: dict[str, Claims] = {}
    rivals = [(name, state.values) for name, state in branches]
    declared = base.cls.model_fields
    named = [(name, _only(declared, now)) for name, now in rivals]
    fields = _joined("$", _only(declared, base.values), named, choose, sources)
    values: dict[str, Any] = {}
    for slot, told in ((EXTRA, sources), (PRIVATE, private_sources)):
        beside = [(name, now[slot]) for name, now in rivals]
        values[slot] = _joined_if_any("$", base.values[slot], beside, choose, told)
    values[FIELDS_SET] = _union(base.fields_set, [state.fields_set for _, state in branches])
    values |= fields
    if not sources and not private_sources and values[FIELDS_SET] == base.fields_set:
        return base, []
    states = [base, *(state for _, state in branches)]
    unchanging = {
        name for name, value in values.items() if any(state.atoms.get(name, MISSING) is value for state in states)
    }
    tied = base.tied.union(*(state.tied for state in states))
    notes = [MergeNote(field, tuple(name for name, _ in claims)) for field, claims in sources.items()]
    return base.assembled(values, unchanging, tied), notes


def _joined(
    path: str,
    was: Mapping[Any, Any],
    rivals: Sequence[tuple[str, Mapping[Any, Any]]],
    choose: Choice,
    sources: dict[str, Claims] | None = None,
    levels: int = _LEVELS,
) -> dict[Any, Any]:
    """A mapping merged by key; ``sources`` is told what changed and where it came from."""
    joined = dict(was)
    for key in dict.fromkeys(chain(was, *(now for _, now in rivals))):
        before = was.get(key, MISSING)
        claims = [(name, now.get(key, MISSING)) for name, now in rivals]
        claims = [(name, now) for name, now in claims if not _equal(before, now)]
        if not claims:
            continue
        value, origin = choose(path + path_segment(key), before, claims, levels)
        if value is MISSING:
            del joined[key]
        else:
            joined[key] = value
        if sources is not None:
            sources[key] = origin
    return joined


def _joined_if_any(
    path: str,
    was: dict[str, Any] | None,
    rivals: Sequence[tuple[str, dict[str, Any] | None]],
    choose: Choice,
    sources: dict[str, Claims] | None = None,
    levels: int = _LEVELS,
) -> dict[str, Any] | None:
    """The same for extras or private attributes: None where a model has none of the kind."""
    joined = _joined(path, was or {}, [(name, now or {}) for name, now in rivals], choose, sources, levels)
    return joined if joined or was is not None else None


def _three_way(path: str, was: Any, claims: Claims, levels: int) -> tuple[Any, Claims]:
    return (claims[0][1] if len(claims) == 1 else _merged(path, was, claims, levels)), claims


def _merged(path: str, was: Any, claims: Claims, levels: int) -> Any:
    """The value that two or more branches changed. Raises ContextMergeConflict."""
    if levels and all(type(now) is type(was) for _, now in claims):
        if isinstance(was, dict):
            return _refilled(was, _joined(path, was, claims, _three_way, levels=levels - 1))
        if isinstance(was, BaseModel):
            return _model_merged(path, was, claims, levels - 1)
        if type(was) is list and all(_equal(was, now[: len(was)]) for _, now in claims):
            return [*was, *chain.from_iterable(now[len(was) :] for _, now in claims)]
    first = claims[0][1]
    if all(_equal(first, now) for _, now in claims[1:]):
        return first
    raise ContextMergeConflict(path, [(name, private_copy(now)) for name, now in claims])


def _refilled(was: dict[Any, Any], items: dict[Any, Any]) -> dict[Any, Any]:
    filled = copy.copy(was)  # a defaultdict keeps its factory
    filled.clear()
    filled.update(items)
    return filled


def _model_merged(path: str, was: BaseModel, claims: Claims, levels: int) -> BaseModel:
    cls = type(was)
    merged = cls.__new__(cls)

    def joined(part: Callable[[BaseModel], dict[str, Any] | None]) -> dict[str, Any] | None:
        rivals = [(name, part(now)) for name, now in claims]
        return _joined_if_any(path, part(was), rivals, _three_way, levels=levels)

    object.__setattr__(merged, "__dict__", joined(lambda model: _only(cls.model_fields, model.__dict__)))
    object.__setattr__(merged, EXTRA, joined(lambda model: model.__pydantic_extra__))
    object.__setattr__(merged, PRIVATE, joined(private_of))
    sets = [now.__pydantic_fields_set__ for _, now in claims]
    object.__setattr__(merged, FIELDS_SET, _union(was.__pydantic_fields_set__, sets))
    return merged


def _last(path: str, was: Any, claims: Claims, levels: int) -> tuple[Any, Claims]:
    return claims[-1][1], claims[-1:]


def _first(path: str, was: Any, claims: Claims, levels: int) -> tuple[Any, Claims]:
    return claims[0][1], claims[:1]


_CHOICES: dict[str, Choice] = {"context_update": _three_way, "overwrite": _last, "keep_first": _first}


# By function ------------------------------------------------------------------------------------------


def _by_function(
    base: State[C], branches: Sequence[tuple[str, State[C]]], function: Callable[[Any, Any], Any]
) -> tuple[State[C], list[MergeNote]]:
    what = "what the merge function returned"
    made = function(base.fork(), {name: state.fork() for name, state in branches})
    if type(made) is base.cls:
        after = updated(base.commit(made), {}, what)
    elif isinstance(made, Mapping):
        after = apply_output(base, made, what)
    else:
        raise ContextUpdateError(
            f"{what} is of type {type(made).__name__}; return a {base.cls.__name__} or a dict of its fields"
        )
    touched = [(name, {field for field, _, _ in changed(base, state)}) for name, state in branches]
    return after, [
        MergeNote(field, tuple(name for name, fields in touched if field in fields))
        for field, _, _ in changed(base, after)
    ]


# What is compared -------------------------------------------------------------------------------------


def _equal(a: Any, b: Any) -> bool:
    """Whether two values have the same canonical JSON, or, where one has none, are the same."""
    if a is b:
        return True
    if a is MISSING or b is MISSING:
        return False
    if type(a) is type(b) and type(a) in (list, dict) and len(a) != len(b):
        return False  # as their JSON would say, but sooner
    try:
        return canonical_json(a) == canonical_json(b)
    except NotRepresentable:
        return Same()(a, b)


def _only(names: Mapping[str, object], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _union(was: Set[str], branches: Sequence[Set[str]]) -> set[str]:
    """A set that every branch added to and took from."""
    added = {name for now in branches for name in now - was}
    return {name for name in was | added if name in added or all(name in now for now in branches)}
