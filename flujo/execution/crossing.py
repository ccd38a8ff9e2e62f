"""What may cross into a store (law C8): an answer of the type that its agent declares; without one, plain JSON."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from types import NoneType
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from flujo.binding import BoundAgent, shown
from flujo.canonical import MAX_DEPTH, path_segment
from flujo.errors import NotStorable, told
from flujo.execution.plugins import why_invalid
from flujo.structure import Same, class_of

DECLARES_NOTHING: Final[tuple[object, ...]] = (None, Any, object)
_NATIVE: Final = frozenset({NoneType, bool, int, str})


def check_crossing(callee: BoundAgent, answer: object, path: str) -> None:
    """Raises NotStorable for an answer that may not be kept; ``path`` is that of the ask.

    By an ``output_type`` the step itself judges the answer, and tells the agent what is wrong with it.
    """
    if callee.output is not None:
        return
    what = f"the answer at '{path}'"
    adapter = None if callee.returns in DECLARES_NOTHING else adapter_of(callee.returns)
    if adapter is not None:
        if (why := _why_not(adapter, answer)) is not None:
            declared = shown(callee.returns)
            raise NotStorable(
                "$", f"it is of type {_name(answer)}, and agent '{callee.name}' declares {declared} ({why})", what,
                "Return what is declared, or declare what is returned",
            )  # fmt: skip
    elif (found := _foreign(answer, "$", MAX_DEPTH)) is not None:
        where, why = found
        raise NotStorable(
            where, f"it {why}, and agent '{callee.name}' declares no type", what,
            f"Declare the output_type of agent '{callee.name}', or annotate what it returns",
        )  # fmt: skip


def _why_not(adapter: TypeAdapter[Any], answer: object) -> str | None:
    """Why an answer is not what its agent declares; None if it is, and comes back equal through the type."""
    try:
        typed = adapter.validate_python(answer)
        is_equal = typed is answer or Same()(answer, typed) or bool(typed == answer)
    except ValidationError as error:
        return why_invalid(error)
    except Exception as error:  # code of the user's: a validator, or __eq__
        return told(error)
    return None if is_equal else "it would not come back equal"


def _foreign(value: Any, path: str, room: int) -> tuple[str, str] | None:
    """Where and why a value is no JSON data; None if it is."""
    cls = class_of(value)
    if cls in _NATIVE:
        return None
    if cls is float:
        return None if isfinite(value) else (path, f"is {value!r}, which JSON does not know")
    if cls is not list and cls is not dict:
        return path, f"is of type {_name(value)}, which JSON does not know"
    if not room:
        return path, f"is nested deeper than {MAX_DEPTH} levels"
    for key, item in value.items() if cls is dict else enumerate(value):
        if cls is dict and type(key) is not str:
            return path, f"has the key {key!r}, and keys are text in JSON"
        if class_of(item) in _NATIVE:
            continue
        if (found := _foreign(item, f"{path}{path_segment(key)}", room - 1)) is not None:
            return found
    return None


def adapter_of(annotation: Any) -> TypeAdapter[Any] | None:
    """What validates values of an annotation; None where pydantic knows nothing of it."""
    try:
        return _adapter(annotation)
    except TypeError:  # it cannot be hashed
        return _adapter.__wrapped__(annotation)


@lru_cache(1024)
def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(annotation)
    except Exception:  # pydantic says in many ways that it has no schema for a type
        return None


def _name(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
