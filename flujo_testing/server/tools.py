"""What a script says of tools: that the model calls one, or several, or speaks besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model calls a tool. ``arguments`` are data, or the text that it wrote; an id is made if none is given."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None


class Turn:
    """An answer of several parts, texts and tools: ``Turn("I look it up.", ToolUse("weather", {"city": "Oslo"}))``."""

    __slots__ = ("parts",)

    def __init__(self, *parts: str | ToolUse) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        return f"Turn({', '.join(map(repr, self.parts))})"
