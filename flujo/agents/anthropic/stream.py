"""The events of a streamed message, gathered into the answer that a plain request would have brought.

Usage is cumulative: each report replaces the counts that it names, and none are added up.
https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from typing import Any

from flujo.agents.wire.reading import Json, index, json_or_none, rows, table, text

# What a delta is called, and the field of its block that it goes on with.
_JOINED = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "input"),
}


class MessageStream:
    """``add`` every event, then take ``answer()``; ``finished`` says whether the message came to its end."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._usage: dict[str, Any] = {}
        self.finished = False

    def add(self, event: Json) -> str:
        """Keep an event; returns the text that it adds."""
        match event.get("type"):
            case "message_start":
                self._message |= table(event.get("message"))
                self._usage |= table(self._message.get("usage"))
            case "content_block_start":
                self._blocks[index(event.get("index"))] = dict(table(event.get("content_block")))
            case "content_block_delta":
                return self._grow(index(event.get("index")), table(event.get("delta")))
            case "message_delta":
                self._message |= table(event.get("delta"))
                self._usage |= {key: value for key, value in table(event.get("usage")).items() if value is not None}
            case "message_stop":
                self.finished = True
        return ""

    def _grow(self, at: int, delta: Json) -> str:
        block = self._blocks.setdefault(at, {})
        kind = text(delta.get("type"))
        if kind == "citations_delta":
            block["citations"] = [*rows(block.get("citations")), delta.get("citation")]
        elif kind in _JOINED:
            field, of_block = _JOINED[kind]
            known = block.get(of_block)
            block[of_block] = (known if isinstance(known, str) else "") + (text(delta.get(field)) or "")
        return text(delta.get("text")) or "" if kind == "text_delta" else ""

    def answer(self) -> Json:
        """In the shape of an answer that was not streamed: the input of tools is JSON data, not its text."""
        blocks = [_whole(block) for block in self._blocks.values()]
        return {**self._message, "content": blocks, "usage": self._usage or None}


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    written = block.get("input")
    if not isinstance(written, str):
        return block
    data = json_or_none(written) if written else {}
    return {**block, "input": written if data is None else data}
