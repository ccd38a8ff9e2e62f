"""Values as Python source: plain data as it is, models and dataclasses by their class and their data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, TypeAdapter

from flujo.canonical import canonical_json
from flujo.structure import Same
from flujo_testing.from_run.errors import NotATest


@dataclass(slots=True)
class Literals:
    """Source texts, and the imports that they need, each as ``(module, name)``."""

    imports: set[tuple[str, str]] = field(default_factory=set)

    def of(self, value: object, what: str) -> str:
        """The source of a value. Raises NotATest for one that no source can bring back; ``what`` names it."""
        if isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
            return self._typed(value, what)
        if isinstance(value, Decimal):
            self.imports.add(("decimal", "Decimal"))
            return f"Decimal({quoted(str(value))})"
        if isinstance(value, list | tuple):
            items = ", ".join(self.of(item, what) for item in value)
            if type(value) is tuple:
                return f"({items}{',' if len(value) == 1 else ''})"
            return f"[{items}]"
        if type(value) is dict:
            return "{" + ", ".join(f"{self.of(key, what)}: {self.of(item, what)}" for key, item in value.items()) + "}"
        if type(value) is str:
            return quoted(value)
        if value is None or type(value) in (bool, int) or (type(value) is float and math.isfinite(value)):
            return ascii(value)
        raise NotATest(f"{what} is a {type(value).__name__}, which has no source text: use plain data, or a model")

    def _typed(self, value: Any, what: str) -> str:
        cls = type(value)
        if "." in cls.__qualname__:
            raise NotATest(f"{what} is a {cls.__qualname__}, which no test can import: define it in a module")
        adapter: TypeAdapter[Any] = TypeAdapter(cls)
        text = canonical_json(adapter.dump_python(value, mode="json"))
        if not Same()(adapter.validate_json(text), value):
            raise NotATest(f"{what} is a {cls.__name__} that JSON does not bring back")
        self.imports |= {(cls.__module__, cls.__name__), ("pydantic", "TypeAdapter")}
        return f"TypeAdapter({cls.__name__}).validate_json({quoted(text)})"


def quoted(text: str) -> str:
    """A text in ASCII, in double quotes unless it holds some."""
    source = ascii(text)
    return f'"{source[1:-1]}"' if source[0] == "'" and '"' not in source else source


def import_lines(imports: set[tuple[str, str]]) -> Iterator[str]:
    """``from module import a, b``, sorted as ruff sorts them within one section."""
    for module in sorted({module for module, _ in imports}):
        names = ", ".join(sorted(name for known, name in imports if known == module))
        yield f"from {module} import {names}"
