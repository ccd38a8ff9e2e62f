"""The chunks of a streamed chat completion, gathered into the answer that a plain request would have brought.

Usage may be cumulative, so the last report counts and none are added up; Groq has it under ``x_groq``. Streamed
audio keeps its transcript only.
"""

from __future__ import annotations

from typing import Any, cast

from flujo.agents.wire.reading import Json, rows, table, text

_JOINED = frozenset({"content", "refusal", "arguments", "input", "transcript", "reasoning", "reasoning_content"})


class ChatStream:
    """``add`` every chunk, then take ``answer()``; ``finished`` says whether every choice came to its end."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, chunk: Json) -> str:
        """Keep a chunk; returns the text that it adds to the first choice."""
        told = {**chunk, "usage": chunk.get("usage") or table(chunk.get("x_groq")).get("usage")}
        for key in ("model", "service_tier", "usage"):
            if told.get(key) is not None:
                self._answer[key] = told[key]
        said = ""
        for position, part in enumerate(rows(chunk.get("choices"))):
            delta, index = dict(table(part.get("delta"))), part.get("index")
            if isinstance(delta.get("content"), list):
                delta["content"] = said_in(delta["content"])
            index = index if isinstance(index, int) else position
            choice = self._choices.setdefault(index, {"index": index, "finish_reason": None, "message": {}})
            grow(choice["message"], delta)
            choice |= {key: part[key] for key in ("finish_reason", "error") if part.get(key)}
            if index == 0:
                said += text(delta.get("content")) or ""
        return said

    @property
    def finished(self) -> bool:
        return bool(self._choices) and all(choice["finish_reason"] for choice in self._choices.values())

    def answer(self) -> Json:
        """In the shape of an answer that was not streamed, where tool calls have no ``index``."""
        for choice in self._choices.values():
            for call in rows(choice["message"].get("tool_calls")):
                cast("dict[str, Any]", call).pop("index", None)
        return {**self._answer, "choices": list(self._choices.values())}


def said_in(content: object) -> str | None:
    """The text of a message; Mistral gives it in parts where thoughts stand beside it."""
    if not isinstance(content, list):
        return text(content)
    texts = [text(part.get("text")) or "" for part in rows(content) if part.get("type") == "text"]
    return "".join(texts) if texts else None


def grow(into: dict[str, Any], delta: Json) -> None:
    """Add a delta: texts are joined, lists go on by ``index``, everything else is named once."""
    for key, value in delta.items():
        known = into.get(key)
        if isinstance(value, dict):
            if not isinstance(known, dict):
                into[key] = {}
            grow(into[key], value)
        elif isinstance(value, list):
            _grow_list(into, key, value)
        elif key in _JOINED and isinstance(known, str) and isinstance(value, str):
            into[key] = known + value
        elif not known:
            into[key] = value


def _grow_list(into: dict[str, Any], key: str, delta: list[object]) -> None:
    if not isinstance(into.get(key), list):
        into[key] = []
    items: list[dict[str, Any]] = into[key]
    for position, part in enumerate(rows(delta)):
        index = part.get("index", position)
        known = next((item for item in items if item.get("index") == index), None)
        if known is None:
            known = {"index": index}
            items.append(known)
        grow(known, {name: value for name, value in part.items() if name != "index"})
