"""Any value of a run as JSON data, and one text for each: what digests, keys and comparisons are made of.

Not a serialiser: types are not told, so nothing is read back from here, and a model's own serialisers,
aliases and ``exclude`` settings are not asked: what it holds is what counts.

* pydantic model: declared fields and extras by name (a root model: its root); dataclass: its fields by name
* enum member: its value; tuple, deque: list; set: list sorted by canonical JSON; other mapping: dict
* ``Decimal``, ``UUID``, path, URL, IP address: ``str``
* date, time, datetime: ``isoformat()``; timedelta: ISO 8601
* bytes: ``{"$base64": "..."}``
* keys that are int, bool, None or an enum of those or of str: as JSON writes them; other keys are refused
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import hashlib
import json
import pathlib
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from operator import attrgetter, methodcaller
from types import NoneType
from typing import Any, Final

from pydantic import AnyUrl, BaseModel, RootModel
from pydantic_core import to_jsonable_python

MAX_DEPTH: Final = 200
"""Containers within containers, at most; deeper data is refused."""

_NATIVE: Final = frozenset({NoneType, bool, int, str, float})
_ITSELF: Final = object()
_class_of: Final[Callable[[object], Any]] = type

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


class NotRepresentable(ValueError):
    """A value that has no JSON form: ``path`` (such as ``$.a[3].b``) says where, ``reason`` why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} has no JSON form: {reason}")
        self.path = path
        self.reason = reason


def canonical_json(value: object) -> str:
    """One ASCII line with sorted keys: equal for equal data, different for 1, 1.0 and true, for 0.0 and -0.0.

    ``NaN``, ``Infinity`` and ``-Infinity`` are written as such. Raises NotRepresentable, also for an integer
    of more digits than ``sys.get_int_max_str_digits()``.
    """
    data = to_data(value)
    try:
        return _encode(data)
    except ValueError as error:
        raise NotRepresentable(_where_refused(data, "$"), str(error)) from None


def digest(value: object) -> str:
    """The SHA-256 of the canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def to_data(value: object) -> Any:
    """The value as dict, list, str, int, float, bool and None, sharing no container with it.

    Floats stay as they are (NaN, infinities, -0.0), integers exact. Raises NotRepresentable for a type that
    is not listed above, for a value that contains itself, and below ``MAX_DEPTH`` levels.
    """
    try:
        return _teller(_class_of(value))(value, MAX_DEPTH)
    except _Unfit as unfit:
        raise unfit.told() from None


def path_segment(key: object) -> str:
    """How a path goes on below a key or index: ``.name``, ``[3]``, ``["two words"]``."""
    if isinstance(key, str):
        return f".{key}" if key.isidentifier() else f"[{json.dumps(key)}]"
    return f"[{key!r}]"


class _Unfit(Exception):
    """On its way up from the value that cannot be told; every container it passes adds to the ``trail``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.trail: list[tuple[object, int]] = []

    def told(self) -> NotRepresentable:
        path, reason = "$", self.reason
        met: set[int] = set()
        for key, container in reversed(self.trail):
            if container in met:
                reason = "it contains itself"
                break
            met.add(container)
            path += "" if key is _ITSELF else path_segment(key)
        return NotRepresentable(path, reason)


def _list(unfold: Callable[[Any], Any], value: Any, room: int) -> list[Any]:
    _check(room)
    items: list[Any] = []
    try:
        for item in unfold(value):
            items.append(item if type(item) in _NATIVE else _teller(_class_of(item))(item, room - 1))
    except _Unfit as unfit:
        unfit.trail.append((len(items), id(value)))
        raise
    return items


def _table(unfold: Callable[[Any], Iterable[tuple[Any, Any]]], value: Any, room: int) -> dict[str, Any]:
    _check(room)
    table: dict[str, Any] = {}
    key: object = _ITSELF
    try:
        for key, item in unfold(value):
            name = key if type(key) is str else _name(key)
            if name in table:
                raise _Unfit(f"its key is written {name!r} like another one of the same mapping")
            table[name] = item if type(item) in _NATIVE else _teller(_class_of(item))(item, room - 1)
    except _Unfit as unfit:
        unfit.trail.append((key, id(value)))
        raise
    return table


def _stand_in(unfold: Callable[[Any], Any], value: Any, room: int) -> Any:
    _check(room)
    try:
        return _teller(_class_of(stand_in := unfold(value)))(stand_in, room - 1)
    except _Unfit as unfit:
        unfit.trail.append((_ITSELF, id(value)))
        raise


def _set(value: Set[Any], room: int) -> list[Any]:
    return sorted(_list(iter, value, room), key=_encode)


def _check(room: int) -> None:
    if not room:
        raise _Unfit(f"it is nested deeper than {MAX_DEPTH} levels")


def _leaf(tell: Callable[[Any], Any], value: Any, room: int) -> Any:
    return tell(value)


def _name(key: object) -> str:
    plain = key.value if isinstance(key, enum.Enum) else key
    if isinstance(plain, str):
        return str.__str__(plain)
    if plain is None or isinstance(plain, int):
        return _encode(plain)
    raise _Unfit("its key is neither text, integer, bool nor None")


def _refused(value: object) -> Any:
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise _Unfit(f"it is of type {name}; use plain data, a pydantic model or a dataclass")


def _fields_of_model(model: BaseModel) -> Iterable[tuple[str, Any]]:
    declared = type(model).model_fields
    yield from [(name, value) for name, value in model.__dict__.items() if name in declared]
    yield from (model.__pydantic_extra__ or {}).items()


def _fields_of_dataclass(value: Any) -> Iterable[tuple[str, Any]]:
    for field in dataclasses.fields(value):
        try:
            yield field.name, getattr(value, field.name)
        except AttributeError:
            raise _Unfit(f"its field {field.name!r} was never set") from None


def _tagged(value: bytes) -> dict[str, str]:
    return {"$base64": base64.b64encode(value).decode("ascii")}


_FORMS: Final[list[tuple[type | tuple[type, ...], Callable[[Any, int], Any]]]] = [
    (enum.Enum, partial(_stand_in, attrgetter("value"))),
    (RootModel, partial(_stand_in, attrgetter("root"))),
    (BaseModel, partial(_table, _fields_of_model)),
    (NoneType, partial(_leaf, lambda _: None)),
    (bool, partial(_leaf, bool)),
    (str, partial(_leaf, str.__str__)),
    (int, partial(_leaf, int.__int__)),
    (float, partial(_leaf, float.__float__)),
    ((bytes, bytearray), partial(_leaf, _tagged)),
    ((decimal.Decimal, uuid.UUID, pathlib.PurePath, AnyUrl), partial(_leaf, str)),
    ((IPv4Address, IPv6Address, IPv4Network, IPv6Network), partial(_leaf, str)),
    ((dt.date, dt.time), partial(_leaf, methodcaller("isoformat"))),
    (dt.timedelta, partial(_leaf, to_jsonable_python)),
    ((list, tuple, deque), partial(_list, iter)),
    (Set, _set),
    (Mapping, partial(_table, methodcaller("items"))),
]


@lru_cache(1024)
def _teller(cls: type) -> Callable[[Any, int], Any]:
    """How values of a class are told."""
    for kinds, tell in _FORMS:
        if issubclass(cls, kinds):
            return tell
    if dataclasses.is_dataclass(cls):
        return partial(_table, _fields_of_dataclass)
    return partial(_leaf, _refused)


def _where_refused(data: Any, path: str) -> str:
    """The path of the value that the encoder cannot write."""
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in children:
        try:
            _encode(item)
        except ValueError:
            return _where_refused(item, path + path_segment(key))
    return path
