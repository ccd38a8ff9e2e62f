"""What the class of a context makes of data: accepted or refused, and which of it nobody else can hold.

Pydantic makes a new list for ``list[str]`` and a new dict for ``dict[str, int]``, but hands on what stands where
``Any`` or a model is expected. The core schema of a class tells these places apart, and whether any code of the user's
has a say.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from flujo.canonical import path_segment
from flujo.errors import ContextUpdateError
from flujo.structure import ATOMS, clone

M = TypeVar("M", bound=BaseModel)

Refill: TypeAlias = Callable[[Any, dict[int, Any]], None]
"""Puts copies into a new container where others may hold what is in it; is called with a memo of the copies, too."""


@dataclass(frozen=True, slots=True)
class Newness:
    """Which fields of a model hold something new after validation, and how what is in them becomes so."""

    containers: Mapping[str, Refill]
    models: Mapping[str, Refill]
    """Where the field was given as a dict under its own name; a model that was given is handed on."""


def named_values(output: object, what: str) -> Mapping[str, Any]:
    """The fields that an output has values for. Raises ContextUpdateError."""
    if isinstance(output, BaseModel):
        return dict(output)
    if not isinstance(output, Mapping):
        raise ContextUpdateError(
            f"{what} is of type {type(output).__name__}; only a mapping or a model can update the context"
        )
    if strange := [key for key in output if not isinstance(key, str)]:
        raise ContextUpdateError(f"{what} has the keys {strange!r}; use the names of fields")
    return output


def accepted(cls: type[M], data: dict[str, Any], what: str) -> M:
    """A model of exactly this class with these fields, by name. Raises ContextUpdateError; it calls them ``what``."""
    try:
        model = cls.model_validate(data, by_alias=False, by_name=True)
    except ValidationError as error:
        reasons = [
            f"${''.join(map(path_segment, line['loc']))}: {line['msg']} (got {reprlib.repr(line['input'])})"
            for line in error.errors(include_url=False, include_context=False)
        ]
        raise ContextUpdateError(f"{what} does not fit {cls.__name__}: {'; '.join(reasons)}") from error
    except Exception as error:  # a user's validator may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise ContextUpdateError(f"{what} does not fit {cls.__name__}: {reason}") from error
    if type(model) is not cls:
        made = type(model).__name__
        raise ContextUpdateError(f"a validator turned {what} into a {made} instead of a {cls.__name__}")
    return model


@lru_cache(1024)
def newness(cls: type[BaseModel]) -> Newness | None:
    """What is new in a model of this class that was just validated from a dict.

    None if code of the user's sees several fields at once, or the model, and may keep or exchange what is in them; and
    for a model with extras.
    """
    schema: Any = cls.__pydantic_core_schema__
    if _is_overridden(cls, "model_validate") or _has_own_code(schema):
        return None
    known: dict[str, Any] = {}
    if schema["type"] == "definitions":  # of models that several fields hold
        known = {definition["ref"]: definition for definition in schema["definitions"]}
        schema = schema["schema"]
    if (fields := _fields(schema, known)) is None:
        return None
    models = {name: _model(field["schema"], known) for name, field in fields.items() if "validation_alias" not in field}
    return Newness(_containers(fields), _found(models))


def _is_overridden(cls: type[BaseModel], method: str) -> bool:
    return getattr(cls, method).__func__ is not getattr(BaseModel, method).__func__


def _has_own_code(schema: Any) -> bool:
    """Whether anywhere in a schema there is a function that may be the user's and may see more than one value."""
    if isinstance(schema, list | tuple):
        return any(map(_has_own_code, schema))
    if not isinstance(schema, Mapping):
        return False
    if not isinstance(kind := schema.get("type"), str):  # fields or choices by name
        return any(map(_has_own_code, schema.values()))
    if kind.startswith("function-") or any(map(schema.get, _OWN_CODE)):
        return True
    return any(_has_own_code(part) for key, part in schema.items() if key not in _NO_SCHEMAS)


_OWN_CODE: Final = ("custom_init", "post_init", "default_factory_takes_data")
_NO_SCHEMAS: Final = ("default", "metadata", "serialization")


def _fields(schema: Any, known: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The fields of a model without extras; None if it is none."""
    if schema["type"] == "definition-ref":
        schema = known[schema["schema_ref"]]
    if schema["type"] != "model" or schema["root_model"] or schema["config"].get("extra_fields_behavior") == "allow":
        return None
    fields: Mapping[str, Any] = schema["schema"]["fields"]
    return fields


def _model(schema: Any, known: Mapping[str, Any]) -> Refill | None:
    """How to refill the model that is made of a dict."""
    if schema["type"] in ("nullable", "default"):
        return _model(schema["schema"], known)
    fields = _fields(schema, known)
    return None if fields is None else partial(_refill_model, _containers(fields))


def _containers(fields: Mapping[str, Any]) -> dict[str, Refill]:
    return _found({name: _container(field["schema"]) for name, field in fields.items()})


def _found(refills: Mapping[str, Refill | None]) -> dict[str, Refill]:
    return {name: refill for name, refill in refills.items() if refill is not None}


def _container(schema: Any) -> Refill | None:
    """How to refill what a part of a schema lets pass; None for what is not a new list or dict for certain."""
    match schema["type"]:
        case "nullable":
            return _container(schema["schema"])
        case "default" if _is_new_each_time(schema):
            return _container(schema["schema"])
        case "list":
            part = schema.get("items_schema", _ANYTHING)
            return _leave if part["type"] in _EXACT else partial(_refill_list, _container(part))
        case "dict" if schema.get("keys_schema", _ANYTHING)["type"] in _EXACT:
            part = schema.get("values_schema", _ANYTHING)
            return _leave if part["type"] in _EXACT else partial(_refill_dict, _container(part))
    return None


_ANYTHING: Final = {"type": "any"}
_EXACT: Final = ("str", "int", "bool")  # what validation makes of these is of exactly that type


def _is_new_each_time(schema: Any) -> bool:
    """Whether a default is an atom, or a container of the kind that its schema makes, and copied or made each time."""
    if "default" not in schema:
        return schema["default_factory"] in (list, dict) and _is_kind(schema, schema["default_factory"])
    default = schema["default"]
    if type(default) not in (list, dict):
        return type(default) in ATOMS
    parts = [*default, *default.values()] if type(default) is dict else default
    return ATOMS.issuperset(map(type, parts)) and _is_kind(schema, type(default))


def _is_kind(schema: Any, kind: type) -> bool:
    inner = schema["schema"]
    return bool(inner.get("schema", inner)["type"] == kind.__name__)


def _leave(value: object, memo: dict[int, Any]) -> None:
    """Nobody can change what is in it."""


def _refill_list(inner: Refill | None, value: list[Any], memo: dict[int, Any]) -> None:
    if ATOMS.issuperset(map(type, value)):
        return
    for index, item in enumerate(value):
        if type(item) not in ATOMS:
            if inner is not None:
                inner(item, memo)
            else:
                value[index] = clone(item, memo)


def _refill_dict(inner: Refill | None, value: dict[Any, Any], memo: dict[int, Any]) -> None:
    for key, item in value.items():
        cls = type(item)
        if cls in ATOMS:
            continue
        if inner is not None:
            inner(item, memo)
        elif cls is list and id(item) not in memo and ATOMS.issuperset(map(type, item)):
            value[key] = memo[id(item)] = item.copy()
        else:
            value[key] = clone(item, memo)


def _refill_model(inner: Mapping[str, Refill], value: BaseModel, memo: dict[int, Any]) -> None:
    held = value.__dict__
    for name, item in held.items():
        if type(item) in ATOMS:
            continue
        if name in inner:
            inner[name](item, memo)
        else:
            held[name] = clone(item, memo)
