"""Who an agent, plugin or function is, beyond one process: what the key of a cache is made of (law C9)."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flujo.canonical import digest
from flujo.errors import MisuseError

if TYPE_CHECKING:
    from flujo.pipeline import AnyPart


class NoIdentity(MisuseError, TypeError):
    """The object cannot be told from others of its kind in another process."""


def identity_of(written: object) -> list[object]:
    """Plain data that is equal for equal agents, plugins or functions, in every process. Raises NoIdentity.

    The object's own ``identity: str`` if it has one; ``module:qualname`` of a function or class that can be imported;
    class and fields of a frozen dataclass.
    """
    named = None if isinstance(written, type) else getattr(written, "identity", None)
    if isinstance(named, str) and named:
        return [_importable(type(written)), named]
    if isinstance(written, functools.partial):
        return ["partial", *identity_of(written.func), *_fields(list(written.args)), *_fields(written.keywords)]
    if inspect.ismethod(written):
        return [*identity_of(written.__self__), written.__name__]
    if inspect.isroutine(written) or isinstance(written, type):
        return [_importable(written)]
    if dataclasses.is_dataclass(written) and _is_frozen(type(written)):
        values = [told(getattr(written, field.name)) for field in dataclasses.fields(written)]
        return [_importable(type(written)), *_fields(values)]
    raise NoIdentity(f"a {type(written).__name__} without 'identity' cannot be told from another one")


def key_of(steps: Iterable[tuple[str, AnyPart]]) -> str:
    """A hash of what is written into these steps, each with its path. Raises NoIdentity."""
    return digest([[path, step.shape(), [told(written) for written in step.written()]] for path, step in steps])


def told(written: object) -> object:
    """The identity of something that can be called, other values by their digest. Raises NoIdentity."""
    is_called = callable(written) or dataclasses.is_dataclass(written) or hasattr(written, "run")
    return identity_of(written) if is_called else _fields(written)


def _is_frozen(cls: Any) -> bool:
    return bool(cls.__dataclass_params__.frozen)


def _fields(value: object) -> list[object]:
    try:
        return [digest(value)]
    except Exception as error:  # whatever a user's fields hold
        raise NoIdentity(f"its fields have no canonical form ({error})") from error


def _importable(named: object) -> str:
    module, name = getattr(named, "__module__", None), getattr(named, "__qualname__", "")
    if not module or "<" in name or not name:
        raise NoIdentity(f"{name or named!r} is local; another process could not tell which one is meant")
    return f"{module}:{name}"
