"""What the class of a context makes of data: accepted or refused, and which of it nobody else can hold.

Pydantic makes a new list for ``list[str]`` and a new dict for ``dict[str, int]``, but hands on what stands where
``Any`` or a model is expected. The core schema of a class tells these places apart, and whether any code of the user's
has a say.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator

from flujo.canonical import path_segment
from flujo.errors import ContextUpdateError, told
from flujo.structure import ATOMS, clone

M = TypeVar("M", bound=BaseModel)

Refill: TypeAlias = Callable[[Any, dict[int, Any]], None]
"""Puts copies into a new container where others may hold what is in it; is called with a memo of the copies, too."""


Look: TypeAlias = tuple[str, Refill | None, Refill | None]


@dataclass(frozen=True, slots=True)
class Newness:
    """Which fields of a model hold something new after validation, and how what is in them becomes so."""

    validate: Callable[[dict[str, Any]], tuple[dict[str, Any], None, set[str]]]
    """The fields, no extras, and the names that were given: all that a model would hold. Raises ValidationError."""
    looks: tuple[Look, ...]
    """The fields that may hold what can be changed: their names, how to refill a new container there, and how to refill
    the model that is there if the field was given as a dict under its own name; a model that was given is handed on."""


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
        raise ContextUpdateError(f"{what} does not fit {cls.__name__}: {told(error)}") from error
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
    if type(cls.__pydantic_validator__) is not SchemaValidator:  # a plugin of pydantic's follows what is validated
        return None
    known: dict[str, Any] = {}
    if schema["type"] == "definitions":  # of models that several fields hold
        known = {definition["ref"]: definition for definition in schema["definitions"]}
        schema = schema["schema"]
    if (model := _model_schema(schema, known)) is None:
        return None
    fields: Any = model["schema"]
    of_fields = {"type": "definitions", "schema": fields, "definitions": list(known.values())} if known else fields
    validator = SchemaValidator(of_fields, model["config"])
    return Newness(validator.validate_python, tuple(_looks(fields["fields"], known)))


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


def _model_schema(schema: Any, known: Mapping[str, Any]) -> Any:
    """The schema of a model without extras; None if it is none."""
    if schema["type"] == "definition-ref":
        schema = known[schema["schema_ref"]]
    if schema["type"] != "model" or schema["root_model"] or schema["config"].get("extra_fields_behavior") == "allow":
        return None
    return schema


def _looks(fields: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Look]:
    for name, field in fields.items():
        schema = field["schema"]
        if not _is_exact(schema):
            yield name, _container(schema), None if "validation_alias" in field else _model(schema, known)


def _is_exact(schema: Any) -> bool:
    """Whether nobody can change what such a field holds, for certain."""
    match schema["type"]:
        case "nullable":
            return _is_exact(schema["schema"])
        case "default":
            return "default" in schema and type(schema["default"]) in ATOMS and _is_exact(schema["schema"])
    return schema["type"] in _EXACT


def _model(schema: Any, known: Mapping[str, Any]) -> Refill | None:
    """How to refill the model that is made of a dict."""
    if schema["type"] in ("nullable", "default"):
        return _model(schema["schema"], known)
    if (model := _model_schema(schema, known)) is None:
        return None
    fields = model["schema"]["fields"].items()
    looks = {name: _container(field["schema"]) for name, field in fields if not _is_exact(field["schema"])}
    looks = {name: refill for name, refill in looks.items() if refill is not _leave}
    return partial(_refill_model, looks) if looks else _leave


def _container(schema: Any) -> Refill | None:
    """How to refill what a part of a schema lets pass; None for what is not a new list or dict for certain."""
    match schema["type"]:
        case "nullable":
            return _container(schema["schema"])
        case "default" if _is_new_each_time(schema):
            return _container(schema["schema"])
        case "list":
            return _filled(schema.get("items_schema", _ANYTHING), _refill_list, _refill_lists)
        case "dict" if schema.get("keys_schema", _ANYTHING)["type"] in _EXACT:
            return _filled(schema.get("values_schema", _ANYTHING), _refill_dict, _refill_dicts)
    return None


def _filled(part: Any, refill: Refill, refill_parts: Callable[[Refill, Any, dict[int, Any]], None]) -> Refill:
    """How to refill a container of such parts."""
    inner = _leave if part["type"] in _EXACT else _container(part)
    if inner is None:
        return refill
    return _leave if inner is _leave else partial(refill_parts, inner)


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


def _refill_list(value: list[Any], memo: dict[int, Any]) -> None:
    if ATOMS.issuperset(map(type, value)):
        return
    for index, item in enumerate(value):
        if type(item) not in ATOMS:
            value[index] = clone(item, memo)


def _refill_dict(value: dict[Any, Any], memo: dict[int, Any]) -> None:
    for key, item in value.items():
        if type(item) not in ATOMS:
            value[key] = clone(item, memo)


def _refill_lists(inner: Refill, value: list[Any], memo: dict[int, Any]) -> None:
    for item in value:
        if type(item) not in ATOMS:
            inner(item, memo)


def _refill_dicts(inner: Refill, value: dict[Any, Any], memo: dict[int, Any]) -> None:
    for item in value.values():
        if type(item) not in ATOMS:
            inner(item, memo)


def _refill_model(looks: Mapping[str, Refill | None], value: BaseModel, memo: dict[int, Any]) -> None:
    held = value.__dict__
    for name, inner in looks.items():
        item = held.get(name)
        if type(item) not in ATOMS:
            if inner is not None:
                inner(item, memo)
            else:
                held[name] = clone(item, memo)
