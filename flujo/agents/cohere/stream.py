"""The events of a streamed chat, gathered into the answer that a plain request would have brought.

https://docs.cohere.com/docs/streaming
"""

from __future__ import annotations

from typing import Any

from flujo.agents.wire.reading import Json, index, rows, table, text

_JOINED = ("text", "thinking", "arguments")


class CohereStream:
    """``add`` every event, then take ``answer()``; ``finished`` says whether the message came to its end."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._plan = ""
        self._end: Json = {}
        self.finished = False

    def add(self, event: Json) -> str:
        """Keep an event; returns the text that it adds."""
        delta = table(event.get("delta"))
        message = table(delta.get("message"))
        match event.get("type"):
            case "content-start" | "content-delta":
                return self._speak(index(event.get("index")), table(message.get("content")))
            case "tool-plan-delta":
                self._plan += text(message.get("tool_plan")) or ""
            case "tool-call-start" | "tool-call-delta":
                call = self._calls.setdefault(index(event.get("index")), {"function": {}})
                part = table(message.get("tool_calls"))
                _grow(call["function"], table(part.get("function")))
                call |= {key: value for key, value in part.items() if key != "function"}
            case "message-end":
                self._end, self.finished = delta, True
        return ""

    def _speak(self, at: int, content: Json) -> str:
        _grow(self._blocks.setdefault(at, {}), content)
        return text(content.get("text")) or ""

    def answer(self) -> Json:
        content = [{"type": "text" if "text" in block else "thinking", **block} for block in self._blocks.values()]
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if self._calls:
            message |= {"tool_calls": rows(list(self._calls.values())), "tool_plan": self._plan}
        return {**self._end, "message": message}


def _grow(into: dict[str, Any], part: Json) -> None:
    for key, value in part.items():
        known = into.get(key)
        into[key] = known + value if key in _JOINED and isinstance(known, str) and isinstance(value, str) else value
