"""Any value of a run as JSON text, and back again exactly as it was. Not pickle: nothing is imported, no code is called
that a file names.

What JSON knows is written as it is; everything else is a table of one key that begins with ``$`` (``forms``). A class
is named ``module:qualname`` and looked for among the types that the pipeline declares, then in modules that are
imported already; pydantic says whether what was stored still fits it. A value that would come back otherwise is refused
when it is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any, Final

from pydantic import BaseModel

from flujo.canonical import path_segment
from flujo.errors import NotStorable
from flujo.stores import facts, forms  # they fill the tables that Writing and Reading use
from flujo.stores.writing import Names, Reading, Unfit, Unreadable, Writing, name_of
from flujo.structure import ATOMS, Same, private_of, same_atom

__all__ = ["Codec", "changed_at", "dumps", "facts", "forms"]

_COMPACT: Final = {"allow_nan": False, "check_circular": False, "separators": (",", ":")}
dumps: Final = json.JSONEncoder(**_COMPACT).encode  # type: ignore[arg-type]
"""JSON in ASCII: what the engine says may quote half of a surrogate pair, which no file can hold."""
_dumps: Final = json.JSONEncoder(ensure_ascii=False, **_COMPACT).encode  # type: ignore[arg-type]


class Codec:
    """Writes and reads values; ``names`` says what classes and agents there are."""

    __slots__ = ("names",)

    def __init__(self, names: Names | None = None) -> None:
        self.names = names or Names()

    def text(self, value: object, what: str = "the value", path: str = "") -> str:
        """The value as JSON text. ``path`` is that of the ask it belongs to. Raises NotStorable, naming ``what``."""
        writing = Writing(self.names, path)
        try:
            text = _dumps(writing.data(value))
        except Unfit as unfit:
            raise NotStorable(unfit.path, unfit.reason, what) from None
        except (RecursionError, ValueError) as error:
            raise NotStorable("$", f"it has no JSON form ({error})", what) from error
        if writing.tagged:
            self._check(value, text, what)
        return text

    def value(self, text: str) -> Any:
        """The value that ``text`` was made of; nobody else's. Raises Unreadable."""
        data = json.loads(text)
        return Reading(self.names).value(data) if '"$' in text else data

    def _check(self, value: object, text: str, what: str) -> None:
        try:
            again = self.value(text)
        except Unreadable as error:
            raise NotStorable("$", str(error), what) from error
        if not Same()(value, again) and (path := changed_at(value, again, "$")) is not None:
            raise NotStorable(path, "it would not come back as it is", what)


def changed_at(before: Any, after: Any, path: str) -> str | None:
    """Where two values can be told apart; None if they cannot."""
    if before is after:
        return None
    cls = type(before)
    if type(after) is not cls:
        return path
    if cls in ATOMS:
        return None if same_atom(before, after) else path
    if cls in (set, frozenset):
        kinds = [sorted((name_of(type(item)), repr(item)) for item in items) for items in (before, after)]
        return None if before == after and kinds[0] == kinds[1] else path
    if isinstance(before, dict) and cls is dict:
        if changed_at(tuple(before), tuple(after), path) is not None:
            return path
        return _first((f"{path}{path_segment(key)}", before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        if len(before) != len(after):
            return path
        return _first((f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(before, after, strict=True)))
    if isinstance(before, BaseModel):
        if before.__pydantic_fields_set__ != after.__pydantic_fields_set__:
            return path
        parts = [(path, part(before), part(after)) for part in (vars, lambda m: m.__pydantic_extra__, private_of)]
        return _first(parts)
    if is_dataclass(cls) and not Same()(before, after):
        names = [field.name for field in fields(cls)]
        inner = _first((f"{path}.{name}", getattr(before, name), getattr(after, name)) for name in names)
        whole = hasattr(before, "__dict__") and set(vars(before)) != set(vars(after))
        return path if whole and inner is None else inner
    return None if Same()(before, after) else path


def _first(parts: Iterable[tuple[str, Any, Any]]) -> str | None:
    return next((found for path, a, b in parts if (found := changed_at(a, b, path)) is not None), None)
