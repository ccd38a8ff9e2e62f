"""Contexts and values to copy, a look at them, and ways to change them."""

from __future__ import annotations

import collections
import copy
import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, computed_field

from flujo.context import PipelineContext


@dataclass
class Point:
    x: int = 0
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Slotted:
    xs: list[int] = field(default_factory=list)


class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")
    xs: list[int] = Field(default=[])
    _hidden: list[int] = PrivateAttr(default_factory=list)

    if TYPE_CHECKING:  # extras

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...


class Color(enum.Enum):
    RED = 1


class Ctx(PipelineContext):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    n: int = 0
    s: str = ""
    items: list[Any] = Field(default=[])
    table: dict[str, Any] = Field(default={})
    tags: set[Any] = Field(default=set())
    inner: Inner = Inner()
    point: Point = Field(default_factory=Point)
    anything: Any = None
    _log: list[Any] = PrivateAttr(default_factory=list)

    if TYPE_CHECKING:  # extras

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> int:  # asked by repr even where n was deleted
        return len(repr(getattr(self, "n", None)))

    @cached_property
    def cache(self) -> list[Any]:
        return [self.n]


def a_context() -> Ctx:
    context = Ctx(
        n=1,
        s="a",
        items=[1, [2]],
        table={"k": [1]},
        tags={1},
        inner=Inner(xs=[1], more=[1]),
        point=Point(1, ["t"]),
        anything=[Slotted([1]), collections.defaultdict(list, a=[1])],
        surplus=[9],
    )
    context._log.append("born")
    return context


ATOM_TYPES = (type(None), bool, int, float, str, bytes, Color)


def normal(value: Any, seen: dict[int, int] | None = None) -> Any:
    """A value's structure with types, order and aliases, as tuples and lists that ``==`` compares."""
    seen = {} if seen is None else seen
    if type(value) in ATOM_TYPES:
        return (type(value).__name__, repr(value))
    if type(value) is frozenset:
        return ("frozenset", sorted(map(repr, value)))
    if type(value) is not tuple:
        if id(value) in seen:
            return ("alias", seen[id(value)])
        seen[id(value)] = len(seen)
    if type(value) in (list, tuple, collections.deque):
        return (type(value).__name__, [normal(item, seen) for item in value])
    if isinstance(value, dict):
        return (
            type(value).__name__,
            [(normal(key, seen), normal(item, seen)) for key, item in value.items()],
        )
    if type(value) is set:
        return ("set", sorted(map(repr, value)))
    if type(value) is Slotted:
        return ("Slotted", normal(value.xs, seen))
    if isinstance(value, BaseModel):
        parts = [dict(value.__dict__), value.__pydantic_extra__, value.__pydantic_private__]
        told = [[(name, normal(item, seen)) for name, item in part.items()] if part else part for part in parts]
        return (type(value).__name__, told, sorted(value.model_fields_set))
    return (type(value).__name__, normal(value.__dict__, seen))


# What Hypothesis makes -------------------------------------------------------------------------------

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.text("ab", max_size=2),
    st.just(Color.RED),
    st.binary(max_size=2),
)
keys = st.one_of(st.text("abc", max_size=1), st.integers(0, 3), st.tuples(st.integers(0, 2)))


def values_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.tuples(inner, inner),
        st.builds(Point, x=st.integers(0, 3), tags=st.lists(st.text("a", max_size=1), max_size=2)),
        st.builds(Slotted, xs=st.lists(st.integers(0, 2), max_size=2)),
        st.builds(lambda more: Inner(xs=[1], more=more), inner),
        st.builds(collections.deque, st.lists(inner, max_size=2)),
        st.lists(inner, max_size=2).map(lambda twice: [twice, twice]),
        st.sets(st.integers(0, 4), max_size=3),
        st.frozensets(st.integers(0, 4), max_size=3),
    )


values = st.recursive(atoms, values_of, max_leaves=8)
FIELDS = ["n", "s", "items", "table", "tags", "inner", "point", "anything", "surplus"]


@st.composite
def contexts(draw: st.DrawFn) -> Ctx:
    context = a_context()
    for name, value in draw(st.dictionaries(st.sampled_from(FIELDS), values)).items():
        setattr(context, name, value)
    context._log[:] = draw(st.lists(values, max_size=2))
    return context


# What user code does ---------------------------------------------------------------------------------

Deed = Callable[[Any, str, str, Any], object]


def _deepen(context: Any, name: str, other: str, value: Any) -> None:
    """Changes the innermost container that is reached through last elements."""
    inner = getattr(context, name)
    while isinstance(inner, (list, dict)) and inner:
        last = (inner if isinstance(inner, list) else list(inner.values()))[-1]
        if not isinstance(last, (list, dict)):
            break
        inner = last
    if isinstance(inner, list):
        inner.append(value)
    elif isinstance(inner, dict):
        inner["zz"] = value
    else:
        inner.xs.append(1)


DEEDS: dict[str, Deed] = {
    "set": lambda context, name, other, value: setattr(context, name, value),
    "alias": lambda context, name, other, value: setattr(context, name, getattr(context, other)),
    "delete": lambda context, name, other, value: delattr(context, name),
    "read": lambda context, name, other, value: normal(getattr(context, name)),
    "dump": lambda context, name, other, value: context.model_dump_json(warnings=False),
    "private": lambda context, name, other, value: context._log.append(value),
    "cache": lambda context, name, other, value: normal(context.cache),
    "vars": lambda context, name, other, value: context.__dict__.update({name: value}),
    "deepen": _deepen,
}

deeds = st.tuples(st.sampled_from([*DEEDS, "deepen"]), st.sampled_from(FIELDS), st.sampled_from(FIELDS), values)


def do(context: Any, deed: tuple[str, str, str, Any]) -> object:
    """What came of it: a value, or the name of the error."""
    kind, name, other, value = deed
    try:
        return DEEDS[kind](context, name, other, copy.deepcopy(value))
    except (AttributeError, TypeError, ValueError) as error:
        return type(error).__name__
