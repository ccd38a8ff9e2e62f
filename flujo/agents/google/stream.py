"""The chunks of a streamed answer, gathered into the answer that a plain request would have brought.

Usage is cumulative, so the last report counts and none are added up.
"""

from __future__ import annotations

from typing import Any

from flujo.agents.wire.reading import Json, index, rows, table, text


class ContentStream:
    """``add`` every chunk, then take ``answer()``; ``finished`` says whether every candidate came to its end."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._candidates: dict[int, dict[str, Any]] = {}

    def add(self, chunk: Json) -> str:
        """Keep a chunk; returns the text that it adds to the first candidate."""
        self._answer |= {key: value for key, value in chunk.items() if key != "candidates" and value is not None}
        said = ""
        for candidate in rows(chunk.get("candidates")):
            at = index(candidate.get("index"))
            known = self._candidates.setdefault(at, {"content": {"role": "model", "parts": []}})
            known |= {key: value for key, value in candidate.items() if key != "content"}
            parts = rows(table(candidate.get("content")).get("parts"))
            known["content"]["parts"] += parts
            if at == 0:
                said += "".join(text(part.get("text")) or "" for part in parts if not part.get("thought"))
        return said

    @property
    def finished(self) -> bool:
        if table(self._answer.get("promptFeedback")).get("blockReason"):
            return True
        return bool(self._candidates) and all(c.get("finishReason") for c in self._candidates.values())

    def answer(self) -> Json:
        return {**self._answer, "candidates": list(self._candidates.values())}
