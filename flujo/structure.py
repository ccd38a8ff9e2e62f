"""Structural copy and strict comparison of plain Python data.

``clone`` is ``copy.deepcopy`` made several times faster for containers, models and plain objects, and
``copy.deepcopy`` itself for everything else. ``Same`` asks whether anybody could tell two values apart; that
is not ``==``.
"""

from __future__ import annotations

import copy
import copyreg
import datetime as dt
import decimal
import enum
import pathlib
import re
import types
import uuid
from collections.abc import Callable, Container, Set
from functools import lru_cache, partial
from operator import is_
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined


class Missing(enum.Enum):
    """Stands where there is no value, None being one."""

    MISSING = "absent"

    def __repr__(self) -> str:
        return "<absent>"


MISSING: Final = Missing.MISSING

class_of: Final[Callable[[object], Any]] = type  # mypy takes a type[Any] for something that cannot be hashed

_EXACT: Final = frozenset({types.NoneType, bool, int, str, bytes})
_BY_REPR: Final = frozenset({float, complex, decimal.Decimal})  # -0.0 == 0.0, nan != nan, 1.0 == 1.00
ATOMS: Final = (
    _EXACT
    | _BY_REPR
    | {type, range, types.FunctionType, types.BuiltinFunctionType, types.EllipsisType, re.Pattern, uuid.UUID}
    | {dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone}
    | {pathlib.PosixPath, pathlib.WindowsPath, type(PydanticUndefined), Missing}
)
"""Types whose values are never copied: nobody can change them."""


# Copying ----------------------------------------------------------------------------------------------


def clone(value: Any, memo: dict[int, Any]) -> Any:
    """What ``copy.deepcopy(value, memo)`` gives: aliases and cycles kept, ``__deepcopy__`` honoured.

    Raises what ``copy.deepcopy`` raises.
    """
    cls = class_of(value)
    if cls in ATOMS:
        return value
    if (known := memo.get(key := id(value))) is not None:
        return known
    if cls is list:
        memo[key] = rows = value.copy()
        if not ATOMS.issuperset(map(type, rows)):
            for index, item in enumerate(rows):
                if type(item) not in ATOMS:
                    rows[index] = clone(item, memo)
        return rows
    if cls is dict and ATOMS.issuperset(map(type, value)):
        memo[key] = table = value.copy()
        for name, item in table.items():
            if type(item) not in ATOMS:
                table[name] = clone(item, memo)
        return table
    return _cloner(cls)(value, memo)


def clone_named(
    values: dict[str, Any] | None, memo: dict[int, Any], shared: Container[str] = ()
) -> dict[str, Any] | None:
    """Private attributes or extras, each cloned but for the shared ones; those never set are left out."""
    if values is None:
        return None
    return {
        name: value if name in shared else clone(value, memo)
        for name, value in values.items()
        if value is not PydanticUndefined
    }


def private_of(model: BaseModel) -> dict[str, Any] | None:
    """The private attributes of a model; None also where pydantic never filled the slot."""
    try:
        return model.__pydantic_private__
    except AttributeError:
        return None


def itself(value: Any, memo: dict[int, Any]) -> Any:
    """How to copy what is not to be copied."""
    return value


def _clone_dict(value: dict[Any, Any], memo: dict[int, Any]) -> Any:
    memo[id(value)] = table = {}
    for key, item in value.items():
        table[clone(key, memo)] = clone(item, memo)
    return table


def _clone_tuple(value: tuple[Any, ...], memo: dict[int, Any]) -> Any:
    items = [clone(item, memo) for item in value]
    if all(map(is_, value, items)):
        return value
    return memo.setdefault(id(value), tuple(items))  # a cycle through the tuple may have been first


def _clone_set(value: set[Any], memo: dict[int, Any]) -> Any:
    if not ATOMS.issuperset(map(type, value)):
        return copy.deepcopy(value, memo)
    memo[id(value)] = copied = value.copy()
    return copied


def _clone_frozenset(value: frozenset[Any], memo: dict[int, Any]) -> Any:
    return value if ATOMS.issuperset(map(type, value)) else copy.deepcopy(value, memo)


def _clone_model(shared: frozenset[str], value: BaseModel, memo: dict[int, Any]) -> Any:
    cls = type(value)
    memo[id(value)] = copied = cls.__new__(cls)
    fields = value.__dict__.copy()
    for name, item in fields.items():
        if type(item) not in ATOMS and name not in shared:
            fields[name] = clone(item, memo)
    extra, private = value.__pydantic_extra__, private_of(value)
    _set_fields(copied, fields)
    _set_extra(copied, None if extra is None else clone_named(extra, memo, shared))
    _set_fields_set(copied, value.__pydantic_fields_set__.copy())
    _set_private(copied, None if private is None else clone_named(private, memo, shared))
    return copied


_slots: Final[Any] = vars(BaseModel)
_set_fields: Final = _slots["__dict__"].__set__
_set_extra: Final = _slots["__pydantic_extra__"].__set__
_set_fields_set: Final = _slots["__pydantic_fields_set__"].__set__
_set_private: Final = _slots["__pydantic_private__"].__set__


def _clone_plain(value: Any, memo: dict[int, Any]) -> Any:
    memo[id(value)] = copied = object.__new__(type(value))
    copied.__dict__.update({name: clone(item, memo) for name, item in value.__dict__.items()})
    return copied


@lru_cache(1024)
def _cloner(cls: type) -> Callable[[Any, dict[int, Any]], Any]:
    """How values of a class that is neither an atom, nor a list, nor a dict of plain keys are copied."""
    if issubclass(cls, enum.Enum):
        return itself
    if _is_model(cls):
        return partial(_clone_model, getattr(cls, "__shared__", frozenset()))  # a context within a value
    if cls is dict:
        return _clone_dict
    if cls is tuple:
        return _clone_tuple
    if cls is set:
        return _clone_set
    if cls is frozenset:
        return _clone_frozenset
    return _clone_plain if _is_plain(cls) else copy.deepcopy


def _is_model(cls: type) -> bool:
    """Whether it is a pydantic model that is deep-copied as pydantic does it."""
    deepcopy: object = getattr(cls, "__deepcopy__", None)
    return issubclass(cls, BaseModel) and deepcopy is BaseModel.__deepcopy__


class _Bare: ...


def _is_plain(cls: type) -> bool:
    """Whether ``copy.deepcopy`` makes a new object with a copied ``__dict__``, and does nothing else."""
    return (
        all(getattr(cls, hook, None) is getattr(object, hook, None) for hook in _DEFAULT_HOOKS)
        and not any(hasattr(cls, hook) for hook in _OWN_HOOKS)
        and getattr(cls, "__new__", None) is object.__new__
        and (cls.__basicsize__, cls.__dictoffset__) == (_Bare.__basicsize__, _Bare.__dictoffset__)
        and not copyreg._slotnames(cls)  # type: ignore[attr-defined]  # what object.__reduce_ex__ asks, too
        and cls not in copyreg.dispatch_table
    )


_DEFAULT_HOOKS: Final = ("__reduce_ex__", "__reduce__", "__getstate__")
_OWN_HOOKS: Final = ("__deepcopy__", "__setstate__", "__getnewargs__", "__getnewargs_ex__")


# Comparing --------------------------------------------------------------------------------------------


def same_atom(a: object, b: object) -> bool:
    """Whether two values cannot be told apart (1 and True can, so can 0.0 and -0.0); ``b`` is an atom."""
    if a is b:
        return True
    cls = type(b)
    if type(a) is not cls:
        return False
    if cls in _BY_REPR:
        return repr(a) == repr(b)
    return bool(a == b) and (cls in _EXACT or repr(a) == repr(b))


def alike(a: object, b: object) -> bool:
    """Whether two values cannot be told apart, compared by themselves."""
    return same_atom(a, b) if type(b) in ATOMS else Same()(a, b)


class Same:
    """One strict comparison: types, order of keys, signs, and who is who count.

    A copy made by ``clone`` is the same as its original; a list that holds one list twice is not the same as
    one that holds two equal ones. Of objects that it cannot look into it says that they differ, the same or
    not: those with a ``__deepcopy__`` written in Python, and those that cannot be reduced.
    """

    __slots__ = ("_alive", "met")

    def __init__(self) -> None:
        self.met: dict[int, int] = {}
        """The ids of all mutable things met in the second value, with those of their likes in the first."""
        self._alive: list[object] = []  # temporaries, so that no id is used twice

    def __call__(self, a: object, b: object) -> bool:
        try:
            return self.compare(a, b) and len(set(self.met.values())) == len(self.met)
        except RecursionError:
            return False

    def compare(self, a: Any, b: Any) -> bool:
        """Whether ``b`` is like ``a``; whether two in ``b`` were one in ``a`` is asked at the end."""
        if a is b:
            return True
        cls = class_of(b)
        if cls in ATOMS:
            return same_atom(a, b)
        if class_of(a) is not cls:
            return False
        if cls is not tuple and cls is not frozenset:  # who is who matters for what can be changed
            if (known := self.met.get(id(b))) is not None:
                return known == id(a)
            self.met[id(b)] = id(a)
        if cls is list or cls is tuple:
            rows = zip(a, b, strict=False)
        elif cls is dict:
            if not all(map(is_, a, b)) and not self.compare(tuple(a), tuple(b)):
                return False
            rows = zip(a.values(), b.values(), strict=False)
        else:
            return _comparer(cls)(self, a, b)
        if len(a) != len(b):
            return False
        for x, y in rows:  # noqa: SIM110  # the hot path, and a generator would double its cost
            if x is not y and not self.compare(x, y):
                return False
        return True

    def _sets(self, a: Set[object], b: Set[object]) -> bool:
        if a != b or not ATOMS.issuperset(map(type, a)) or not ATOMS.issuperset(map(type, b)):
            return False
        return {(type(v), repr(v)) for v in a} == {(type(v), repr(v)) for v in b}

    def _models(self, a: BaseModel, b: BaseModel) -> bool:
        return (
            a.__pydantic_fields_set__ == b.__pydantic_fields_set__
            and self.compare(a.__dict__, b.__dict__)
            and self.compare(a.__pydantic_extra__, b.__pydantic_extra__)
            and self.compare(private_of(a), private_of(b))
        )

    def _plain(self, a: Any, b: Any) -> bool:
        return self.compare(a.__dict__, b.__dict__)

    def _never(self, a: object, b: object) -> bool:
        return False

    def _reduced(self, a: object, b: object) -> bool:
        try:
            one, other = _reduced_parts(a), _reduced_parts(b)
        except Exception:  # a user's __reduce_ex__ may raise anything
            return False
        self._alive += (one, other)
        return self.compare(one, other)


@lru_cache(1024)
def _comparer(cls: type) -> Callable[[Same, Any, Any], bool]:
    """How two values of a class that is neither an atom, a list, a tuple nor a dict are compared."""
    if issubclass(cls, (set, frozenset)):
        return Same._sets if cls in (set, frozenset) else Same._reduced
    if _is_model(cls):
        return Same._models
    if issubclass(cls, enum.Enum) or (cls.__flags__ & _WRITTEN_IN_PYTHON and hasattr(cls, "__deepcopy__")):
        return Same._never
    return Same._plain if _is_plain(cls) else Same._reduced


_WRITTEN_IN_PYTHON: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def _reduced_parts(value: object) -> list[object]:
    """What pickle would keep of an object; its iterators of items as lists."""
    parts = value.__reduce_ex__(4)
    return [list(part) if index in (3, 4) and part is not None else part for index, part in enumerate(parts)]
