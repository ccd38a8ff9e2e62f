"""How each kind of value is written and read: one pair of functions for each, entered into the tables of ``writing``.

What JSON knows stays as it is: None, bool, int, float, str, list, and dict with keys of text.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import inspect
import json
import pathlib
import uuid
import zoneinfo
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from types import MemberDescriptorType, NoneType
from typing import Any, Final

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined, PydanticUndefinedType, TzInfo

from flujo.execution.crossing import adapter_of
from flujo.stores.writing import FAMILIES, READERS, WRITERS, Build, Reading, Unfit, Unfold, Unreadable, Writing
from flujo.structure import MISSING, Missing, private_of


@dataclass(frozen=True, slots=True)
class Foreign:
    """Stands for a value whose class this program does not have, where people look at a store: its data as JSON."""

    kind: str
    data: object


def form(cls: type, tag: str, write: Unfold, read: Build) -> None:
    """Values of exactly this class are written as ``{tag: write(value)}``; they cannot be changed in place."""
    WRITERS[cls] = lambda writing, value: writing.tag(tag, write(writing, value))
    READERS[tag] = read


# Atoms ------------------------------------------------------------------------------------------------------


def _itself(writing: Writing, value: object) -> object:
    return value


def _int(writing: Writing, value: int) -> object:
    return value if -_LARGE < value < _LARGE else writing.tag("$int", hex(value))


_LARGE: Final = 10**4000
"""Python refuses to read longer numbers from text."""


def _float(writing: Writing, value: float) -> object:
    return value if isfinite(value) else writing.tag("$float", repr(value))


def _str(writing: Writing, value: str) -> object:
    return value if value.isascii() or _is_text(value) else writing.tag("$str", list(map(ord, value)))


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: half of a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


WRITERS.update({NoneType: _itself, bool: _itself, int: _int, float: _float, str: _str})
READERS["$int"] = lambda reading, data: int(data, 16)
READERS["$float"] = lambda reading, data: float(data)
READERS["$str"] = lambda reading, data: "".join(map(chr, data))

form(bytes, "$bytes", lambda w, value: base64.b64encode(value).decode(), lambda r, data: base64.b64decode(data))
form(complex, "$complex", lambda w, value: repr(value), lambda r, data: complex(data))
form(Decimal, "$decimal", lambda w, value: str(value), lambda r, data: Decimal(data))
form(uuid.UUID, "$uuid", lambda w, value: str(value), lambda r, data: uuid.UUID(data))
form(range, "$range", lambda w, v: [v.start, v.stop, v.step], lambda r, data: range(*data))
form(dt.date, "$date", lambda w, value: value.isoformat(), lambda r, data: dt.date.fromisoformat(data))
form(
    dt.timedelta,
    "$timedelta",
    lambda w, value: [value.days, value.seconds, value.microseconds],
    lambda r, data: dt.timedelta(*data),
)
form(Missing, "$absent", lambda w, value: True, lambda r, data: MISSING)
form(PydanticUndefinedType, "$unset", lambda w, value: True, lambda r, data: PydanticUndefined)
for _path in (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath):
    form(_path, f"${_path.__name__}", lambda w, value: str(value), lambda r, data, cls=_path: cls(data))  # type: ignore[misc]


def _clock_time(writing: Writing, value: dt.datetime | dt.time) -> object:
    plain = value.replace(tzinfo=None, fold=0)
    return [plain.isoformat(), value.fold, writing.data(value.tzinfo)]


def _datetime(reading: Reading, data: Any) -> object:
    return dt.datetime.fromisoformat(data[0]).replace(fold=data[1], tzinfo=reading.value(data[2]))


def _time(reading: Reading, data: Any) -> object:
    return dt.time.fromisoformat(data[0]).replace(fold=data[1], tzinfo=reading.value(data[2]))


def _zone(writing: Writing, value: dt.timezone) -> object:
    _, *rest = value.__getinitargs__() if value is not dt.UTC else (dt.timedelta(),)  # type: ignore[attr-defined]
    offset = value.utcoffset(None)
    return [offset.days, offset.seconds, offset.microseconds, *rest]


def _timezone(reading: Reading, data: Any) -> object:
    *offset, name = data if len(data) == 4 else (*data, None)
    delta = dt.timedelta(*offset)
    return dt.timezone(delta) if name is None else dt.timezone(delta, name)


def _named_zone(writing: Writing, value: zoneinfo.ZoneInfo) -> object:
    if value.key is None:
        raise Unfit("its time zone was read from a file and has no name")
    return value.key


form(dt.datetime, "$datetime", _clock_time, _datetime)
form(dt.time, "$time", _clock_time, _time)
form(dt.timezone, "$timezone", _zone, _timezone)
form(zoneinfo.ZoneInfo, "$zone", _named_zone, lambda r, data: zoneinfo.ZoneInfo(data))
form(
    TzInfo,
    "$tzinfo",
    lambda w, value: int(value.utcoffset(None).total_seconds()),
    lambda r, data: TzInfo(data),
)


# Containers -------------------------------------------------------------------------------------------------


def _list(writing: Writing, value: list[Any]) -> object:
    return writing.again(value) or writing.row(value)


def _dict(writing: Writing, value: dict[Any, Any]) -> object:
    if (known := writing.again(value)) is not None:
        return known
    if all(type(key) is str and key[:1] != "$" and (key.isascii() or _is_text(key)) for key in value):
        return writing.table(value.items())
    return writing.tag("$dict", [writing.row(pair) for pair in value.items()])


def _read_dict(reading: Reading, data: Any) -> object:
    table = reading.keep({})
    for pair in data:
        key, item = reading.values(pair)
        table[key] = item
    return table


def _ordered(items: Iterable[Any], writing: Writing) -> list[Any]:
    """The members of a set in one order, whatever order they are told in."""
    return sorted(writing.row(items), key=lambda data: json.dumps(data, sort_keys=True))


def _set(writing: Writing, value: set[Any]) -> object:
    return writing.again(value) or writing.tag("$set", _ordered(value, writing))


def _deque(writing: Writing, value: deque[Any]) -> object:
    return writing.again(value) or writing.tag("$deque", [value.maxlen, *writing.row(value)])


def _bytearray(writing: Writing, value: bytearray) -> object:
    return writing.again(value) or writing.tag("$bytearray", base64.b64encode(value).decode())


def _read_set(reading: Reading, data: Any) -> object:
    made: set[Any] = reading.keep(set())
    made.update(reading.values(data))
    return made


def _read_deque(reading: Reading, data: Any) -> object:
    made = reading.keep(deque(maxlen=data[0]))
    made.extend(reading.values(data[1:]))
    return made


WRITERS.update({list: _list, dict: _dict, set: _set, deque: _deque, bytearray: _bytearray})
READERS.update(
    {
        "$same": lambda reading, data: reading.made[data],
        "$dict": _read_dict,
        "$set": _read_set,
        "$deque": _read_deque,
        "$bytearray": lambda reading, data: reading.keep(bytearray(base64.b64decode(data))),
    }
)
form(tuple, "$tuple", lambda w, value: w.row(value), lambda r, data: tuple(r.values(data)))
form(frozenset, "$frozenset", lambda w, value: _ordered(value, w), lambda r, data: frozenset(r.values(data)))


# Classes of users' own --------------------------------------------------------------------------------------


def _enum(writing: Writing, value: Any) -> object:
    cls = type(value)
    name = value.name if value.name in cls.__members__ else None
    data = writing.row([value._value_]) if name is None else [name]
    return writing.tag("$enum", [writing.class_name(cls), *data, name is None])


def _read_enum(reading: Reading, data: Any) -> object:
    kind, told, by_value = data
    cls: Any = _class(reading, kind)
    if cls is None:
        return Foreign(kind, told)
    try:
        return cls(told) if by_value else cls[told]
    except (KeyError, ValueError) as error:
        raise Unreadable(f"{kind} has no member {told!r} any more") from error


def _model(writing: Writing, value: BaseModel) -> object:
    if (known := writing.again(value)) is not None:
        return known
    extra, private = value.__pydantic_extra__, private_of(value)
    return writing.tag("$model", [
        writing.class_name(type(value)),
        writing.table(vars(value).items()),
        sorted(value.__pydantic_fields_set__),
        None if extra is None else writing.table(extra.items()),
        None if private is None else writing.table(private.items()),
    ])  # fmt: skip


def _read_model(reading: Reading, data: Any) -> object:
    kind, told, fields_set, extra, private = data
    number = reading.later()
    held, extra = reading.named(told), None if extra is None else reading.named(extra)
    private = None if private is None else reading.named(private)
    cls: Any = _class(reading, kind)
    if cls is None:
        reading.made[number] = foreign = Foreign(kind, {**held, **(extra or {})})
        return foreign
    given = {name: value for name, value in held.items() if name in cls.model_fields}
    _fits(kind, lambda: _validated(cls, {**given, **(extra or {})}))
    reading.made[number] = made = cls.__new__(cls)
    for fill, content in zip(_SLOTS, (held, extra, private, set(fields_set)), strict=True):
        fill(made, content)
    return made


_SLOTS: Final[Any] = [
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")
]


def _validated(cls: type[BaseModel], given: dict[str, Any]) -> object:
    if issubclass(cls, RootModel):
        return cls.model_validate(given.get("root"))
    return cls.model_validate(given, by_name=True, by_alias=False)


def _dataclass(writing: Writing, value: Any) -> object:
    if (known := writing.again(value)) is not None:
        return known
    cls = type(value)
    own = getattr(value, "__dict__", {})
    names = [field.name for field in dataclasses.fields(value) if field.name in own or _is_slot(cls, field.name)]
    try:
        items = [(name, getattr(value, name)) for name in names]
    except AttributeError as error:
        raise Unfit(f"a field of it was never set ({error})") from None
    return writing.tag("$data", [writing.class_name(cls), writing.table(items)])


def _is_slot(cls: type, name: str) -> bool:
    """Whether the field is kept in a slot; one that is neither there nor in ``__dict__`` is the class's default."""
    return isinstance(inspect.getattr_static(cls, name, None), MemberDescriptorType)


def _read_dataclass(reading: Reading, data: Any) -> object:
    kind, told = data
    number = reading.later()
    held = reading.named(told)
    cls = _class(reading, kind)
    if cls is None:
        reading.made[number] = foreign = Foreign(kind, held)
        return foreign
    _fits_dataclass(kind, cls, held)
    made: Any = object.__new__(cls)
    reading.made[number] = made
    for name, value in held.items():
        object.__setattr__(made, name, value)
    return made


def _fits_dataclass(kind: str, cls: Any, held: dict[str, Any]) -> None:
    declared = {field.name: field.init for field in dataclasses.fields(cls)}
    differ = (held.keys() - declared.keys()) | {name for name, given in declared.items() if given and name not in held}
    if differ:
        raise Unreadable(f"what was stored of {kind} does not fit it any more: {', '.join(sorted(differ))}")
    if (adapter := _adapter(cls)) is not None:
        _fits(kind, lambda: adapter.validate_python({name: held[name] for name, given in declared.items() if given}))


def _named_tuple(writing: Writing, value: Any) -> object:
    return writing.again(value) or writing.tag("$named", [writing.class_name(type(value)), *writing.row(value)])


def _read_named_tuple(reading: Reading, data: Any) -> object:
    kind, *told = data
    number = reading.later()
    held = reading.values(told)
    cls: Any = _class(reading, kind)
    if cls is None:
        reading.made[number] = foreign = Foreign(kind, held)
        return foreign
    if len(cls._fields) != len(held):
        raise Unreadable(f"{kind} has {len(cls._fields)} fields, and {len(held)} were stored")
    if (adapter := _adapter(cls)) is not None:
        _fits(kind, lambda: adapter.validate_python(tuple(held)))
    reading.made[number] = made = tuple.__new__(cls, held)
    return made


def _class(reading: Reading, kind: str) -> type | None:
    """The class of this name; None where it is unknown and only looked at."""
    try:
        return reading.names.class_named(kind)
    except Unreadable:
        if reading.names.shows_foreign:
            return None
        raise


def _fits(kind: str, validate: Any) -> None:
    try:
        validate()
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_url=False))
        raise Unreadable(f"{kind} does not take what was stored ({told})") from error
    except Exception as error:  # code of the user's: a validator, or __post_init__
        raise Unreadable(f"{kind} does not take what was stored ({type(error).__name__}: {error})") from error


def _adapter(cls: type) -> TypeAdapter[Any] | None:
    """What says whether values fit a class; None where that asks for more than its fields hold."""
    return None if "InitVar" in str(getattr(cls, "__annotations__", {})) else adapter_of(cls)


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


FAMILIES.extend(
    [
        (lambda cls: issubclass(cls, enum.Enum), _enum),
        (lambda cls: issubclass(cls, BaseModel), _model),
        (_is_named_tuple, _named_tuple),
        (lambda cls: dataclasses.is_dataclass(cls) and not issubclass(cls, BaseException), _dataclass),
    ]
)
READERS.update(
    {
        "$enum": _read_enum,
        "$model": _read_model,
        "$data": _read_dataclass,
        "$named": _read_named_tuple,
    }
)
