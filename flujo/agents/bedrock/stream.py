"""The events of a streamed Converse answer, gathered into the answer that a plain request would have brought.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from typing import Any

from flujo.agents.wire.reading import Json, index, json_or_none, table, text


class ConverseStream:
    """``add`` every event, then take ``answer()``; ``finished`` says whether the message came to its end."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self.finished = False

    def add(self, event: Json) -> str:
        """Keep an event, which comes as ``{kind: event}``; returns the text that it adds."""
        return "".join(self._add(kind, table(inner)) for kind, inner in event.items())

    def _add(self, kind: str, event: Json) -> str:
        block = self._blocks.setdefault(index(event.get("contentBlockIndex")), {})
        match kind:
            case "contentBlockStart":
                block |= {name: dict(table(start)) for name, start in table(event.get("start")).items()}
            case "contentBlockDelta":
                return _grow(block, table(event.get("delta")))
            case "messageStop":
                self.finished = True
                self._answer["stopReason"] = event.get("stopReason")
            case "metadata":
                self._answer |= event
        return ""

    def answer(self) -> Json:
        """In the shape of an answer that was not streamed: the input of tools is JSON data, not its text."""
        content = [_whole(block) for block in self._blocks.values() if block]
        return {**self._answer, "output": {"message": {"role": "assistant", "content": content}}}


def _grow(block: dict[str, Any], delta: Json) -> str:
    for kind, value in delta.items():
        if isinstance(value, str):
            block[kind] = (text(block.get(kind)) or "") + value
            continue
        inner = block[kind] = dict(table(block.get(kind)))
        for name, part in table(value).items():
            known = inner.get(name)
            inner[name] = known + part if isinstance(known, str) and isinstance(part, str) else part
    return text(delta.get("text")) or ""


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    """Reasoning is an object with its text and signature when it is not streamed; the input of a tool is data."""
    if asked := table(block.get("toolUse")):
        written = text(asked.get("input")) or "{}"
        data = json_or_none(written)
        return {"toolUse": {**asked, "input": written if data is None else data}}
    thought = table(block.get("reasoningContent"))
    if "text" in thought:
        return {"reasoningContent": {"reasoningText": thought}}
    return block
