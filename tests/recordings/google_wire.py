"""``generateContent`` of Google, read by hand."""

from __future__ import annotations

import json
from typing import Any

from flujo_testing.recordings import Exchange
from tests.recordings.recorded import Paid, Recorded, counts, events, is_streamed, refused


def recorded(exchange: Exchange) -> Recorded:
    if error := refused(exchange):
        return error
    chunks = list(events(exchange)) if is_streamed(exchange) else [json.loads(exchange.response.content)]
    answer = chunks[-1]
    usage = [chunk["usageMetadata"] for chunk in chunks if "usageMetadata" in chunk][-1]
    paid = (Paid(answer["modelVersion"], tokens(usage)),)
    candidates = [candidate for chunk in chunks for candidate in chunk.get("candidates") or []]
    parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", [])]
    if candidates[-1]["finishReason"] != "STOP":
        return Recorded(200, paid, error="cut off" if candidates[-1]["finishReason"] == "MAX_TOKENS" else "stopped")
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    texts = [part["text"] for part in parts if "text" in part and not part.get("thought")]
    if calls:
        wanted = [(call["name"], json.dumps(call.get("args", {}), ensure_ascii=False)) for call in calls]
        return Recorded(200, paid, wanted)
    if not parts:
        return Recorded(200, paid, error="answered nothing")
    output = "".join(texts)
    body: Any = exchange.request.body
    as_json = (body.get("generationConfig") or {}).get("responseMimeType") == "application/json"
    return Recorded(200, paid, json.loads(output) if as_json else output)


def tokens(usage: dict[str, Any]) -> dict[str, int]:
    thought = usage.get("thoughtsTokenCount") or 0
    asked = [*usage.get("promptTokensDetails", []), *usage.get("toolUsePromptTokensDetails", [])]
    return counts(
        input_tokens=usage["promptTokenCount"] + (usage.get("toolUsePromptTokenCount") or 0),
        cache_read_tokens=usage.get("cachedContentTokenCount"),
        output_tokens=(usage.get("candidatesTokenCount") or 0) + thought,
        output_reasoning_tokens=thought,
        input_audio_tokens=of(asked, "AUDIO"),
        cache_audio_read_tokens=of(usage.get("cacheTokensDetails", []), "AUDIO"),
        output_audio_tokens=of(usage.get("candidatesTokensDetails", []), "AUDIO"),
        input_image_tokens=of(asked, "IMAGE"),
    )


def of(details: list[dict[str, Any]], modality: str) -> int:
    return sum(detail["tokenCount"] for detail in details if detail["modality"] == modality)
