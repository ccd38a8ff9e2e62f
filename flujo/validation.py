"""What the class of a context makes of data: accepted or refused, and which of it nobody else can hold.

Pydantic makes a new list for ``list[str]`` and a new dict for ``dict[str, int]``, but hands on what stands where
``Any`` or a model is expected. The core schema of a class tells these places apart, and whether any code of the user's
has a say.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from flujo.canonical import path_segment
from flujo.errors import ContextUpdateError
from flujo.structure import ATOMS, clone

M = TypeVar("M", bound=BaseModel)

Replaced=Any
Refill: TypeAlias = Callable[[Any, dict[int, Any]], Any]
"""Makes one's own what is called with, and a memo: copies of what others may hold, the rest as it is."""


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
    """A model of exactly this class with these fields, by name. Raises ContextUpdateError, which calls them ``what``."""
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
def refills_of(cls: type[BaseModel]) -> Mapping[str, Refill] | None:
    """For a model just validated from a dict: the fields whose containers are new, each with what owns the rest of it.

    None if code of the user's sees several fields at once, or the model, and may keep or exchange what is in them.
    """
    schema: Any = cls.__pydantic_core_schema__
    if _is_overridden(cls, "model_validate") or _has_own_code(schema):
        return None
    if schema["type"] == "definitions":  # of models that several fields hold
        schema = schema["schema"]
    if schema["type"] != "model":
        return None
    found = {name: _refill(field["schema"]) for name, field in schema["schema"]["fields"].items()}
    return {name: owner for name, owner in found.items() if owner is not None}


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


def _refill(schema: Any) -> Refill:
    """How to own what a part of a schema lets pass; ``clone`` for whatever is not new for certain."""
    match schema["type"]:
        case "nullable":
            return _refill(schema["schema"])
        case "default" if _is_new_each_time(schema):
            return _refill(schema["schema"])
        case "list":
            part = schema.get("items_schema", _ANYTHING)
            return _refill_atoms if part["type"] in _ATOMIC else partial(_refill_list, _refill(part))
        case "dict":
            part = schema.get("values_schema", _ANYTHING)
            return _refill_adict if part["type"] in _ATOMIC else partial(_refill_dict, _refill(part))
    return None


_ANYTHING: Final = {"type": "any"}
_ATOMIC: Final = ("str", "int", "float", "bool", "decimal", "date", "datetime")


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


def _refill_list(inner: Refill | None, value: list[Any], memo: dict[int, Any], replaced: list[Replaced]) -> None:
    for index, item in enumerate(value):
        if type(item) in ATOMS:
            continue
        if inner is None:
            value[index] = clone(item, memo)
            replaced.append((value, index, item))
        else:
            inner(item, memo, replaced)


def _refill_dict(inner, value: dict[Any, Any], memo: dict[int, Any], replaced) -> None:
    for key, item in value.items():
        if type(item) in ATOMS:
            continue
        if inner is None:
            value[key] = clone(item, memo)
            replaced.append((value, key, item))
        else:
            inner(item, memo, replaced)

def _refill_atoms(value,memo,replaced):
    if not ATOMS.issuperset(map(type, value)): _refill_list(None,value,memo,replaced)
def _refill_adict(value,memo,replaced):
    if not ATOMS.issuperset(map(type, value.values())): _refill_dict(None,value,memo,replaced)
