"""Any value of a run as plain data: no two look alike, and any YAML parser reads them as they are.

Plain data is None, bool, text, int, finite float, list, and dict with text keys. What is none of these is
told by a *marked* mapping of one key, so that no two values look alike:

* ``{"$float": "nan"}`` (``inf``, ``-inf``), ``{"$decimal": "1.50"}``, ``{"$base64": "AAE="}`` (bytes)
* ``{"$int": "9007199254740993"}``: past 2**53, where other parsers round
* ``{"$text": "a\\\\ud800"}``: text with a lone surrogate, which no file can hold
* keys: ``"$1"`` for 1, ``"$true"``, ``"$null"``; a user's own key that begins with ``$`` gets a second one

Not a serialiser: models and dataclasses are told by their fields, anything else by ``flujo.canonical``.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, RootModel

from flujo.canonical import MAX_DEPTH, NotRepresentable, to_data

MARKS: Final = frozenset({"$base64", "$decimal", "$float", "$int", "$text"})
_EXACT: Final = 2**53
# Below this many bits every int has fewer digits than Python's limit for turning one into text.
_DECIMAL_BITS: Final = 10_000
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Unrepresentable:
    """Stands for a value without plain form until it is redacted; ``path`` leads on from there."""

    path: str
    reason: str


class _TooDeep(Exception):
    """Containers within containers, more than ``MAX_DEPTH``."""


def plain(value: object) -> Any:
    """The value as plain data, copied. Unrepresentable stands for what has no such form."""
    try:
        return _told(value, MAX_DEPTH)
    except _TooDeep:
        return _told_by_canon(value, MAX_DEPTH)


def is_mark(data: object) -> bool:
    """Whether plain data is a marked mapping: a value, not a table of values."""
    return type(data) is dict and len(data) == 1 and not MARKS.isdisjoint(data)


def same(left: Any, right: Any) -> bool:
    """Whether two pieces of plain data are the same: 1, 1.0 and True are not, nor are two orders of keys."""
    return left is right or repr(left) == repr(right)


def _told(value: Any, room: int) -> Any:
    cls = type(value)
    if cls is str:
        return {"$text": _visible(value)} if _SURROGATE.search(value) else value
    if cls is bool or value is None:
        return value
    if cls is int:
        return value if -_EXACT <= value <= _EXACT else {"$int": _digits(value)}
    if cls is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if cls is dict:
        return _table(value, room)
    if cls is list or cls is tuple:
        inside = _inside(room)
        return [_told(item, inside) for item in value]
    if cls is Decimal:
        return {"$decimal": str(value)}
    if cls is bytes:
        return {"$base64": base64.b64encode(value).decode("ascii")}
    fields = fields_of(value)
    return _told_by_canon(value, room) if fields is None else _table(fields, room)


def _table(table: dict[Any, Any], room: int) -> Any:
    inside = _inside(room)
    told = {}
    for key, item in table.items():
        name = key if type(key) is str and key[:1] != "$" and not _SURROGATE.search(key) else _name(key)
        if name is None:
            return _told_by_canon(table, room)
        told[name] = _told(item, inside)
    return told


def fields_of(value: object) -> dict[str, Any] | None:
    """The fields of a model or a dataclass by name, as far as they are set; None for anything else."""
    if isinstance(value, BaseModel) and not isinstance(value, RootModel):
        declared = type(value).model_fields
        fields = {name: item for name, item in value.__dict__.items() if name in declared}
        return fields | (value.__pydantic_extra__ or {})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        try:
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        except AttributeError:  # a field that was never set: the canon says which
            return None
    return None


def _told_by_canon(value: object, room: int) -> Any:
    try:
        data = to_data(value)
    except NotRepresentable as refused:
        return Unrepresentable(refused.path, refused.reason)
    return _told(data, room)


def _name(key: object) -> str | None:
    """A key as text; None for one that only the canon can tell."""
    cls = type(key)
    if isinstance(key, str) and cls is str:
        return f"$text {_visible(key)}" if _SURROGATE.search(key) else f"${key}"
    if cls is bool or key is None:
        return f"${json.dumps(key)}"
    if isinstance(key, int) and cls is int:
        return f"${_digits(key)}"
    return None


def _inside(room: int) -> int:
    if not room:
        raise _TooDeep
    return room - 1


def _digits(value: int) -> str:
    return str(value) if value.bit_length() < _DECIMAL_BITS else hex(value)


def _visible(text: str) -> str:
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\\", "\\\\"))
