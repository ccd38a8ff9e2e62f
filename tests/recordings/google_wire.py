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
    usages = [chunk["usageMetadata"] for chunk in chunks if "usageMetadata" in chunk]
    models = [chunk["modelVersion"] for chunk in chunks if "modelVersion" in chunk]
    paid = (Paid(models[-1] if models else None, tokens(usages[-1]) if usages else None),)
    broken = [chunk["error"]["message"] for chunk in chunks if "error" in chunk]
    feedback = [chunk.get("promptFeedback") or {} for chunk in chunks]
    blocked = [told["blockReason"] for told in feedback if "blockReason" in told]
    if broken or blocked:
        return Recorded(200, paid, error=(broken or blocked)[0])
    candidates = [candidate for chunk in chunks for candidate in chunk.get("candidates") or []]
    if not candidates:
        return Recorded(200, paid, error="without any candidate")
    reasons = [candidate["finishReason"] for candidate in candidates if candidate.get("finishReason")]
    if reasons[-1:] not in ([], ["STOP"]):
        return Recorded(200, paid, error="cut off" if reasons[-1] == "MAX_TOKENS" else f"stopped ({reasons[-1]})")
    parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", [])]
    if not parts:
        return Recorded(200, paid, error="answered nothing")
    return Recorded(200, paid, _output(parts, exchange.request.body))


def _output(parts: list[dict[str, Any]], body: Any) -> object:
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    if calls:
        return [(call["name"], json.dumps(call.get("args", {}), ensure_ascii=False)) for call in calls]
    texts = [part["text"] for part in parts if "text" in part and not part.get("thought")]
    if not texts:
        return [{"role": "model", "parts": parts}]
    as_json = (body.get("generationConfig") or {}).get("responseMimeType") == "application/json"
    return json.loads("".join(texts)) if as_json else "".join(texts)


def tokens(usage: dict[str, Any]) -> dict[str, int]:
    thought = usage.get("thoughtsTokenCount") or 0
    asked = [*usage.get("promptTokensDetails", []), *usage.get("toolUsePromptTokensDetails", [])]
    return counts(
        input_tokens=usage.get("promptTokenCount", 0) + (usage.get("toolUsePromptTokenCount") or 0),
        cache_read_tokens=usage.get("cachedContentTokenCount"),
        output_tokens=(usage.get("candidatesTokenCount") or 0) + thought,
        output_reasoning_tokens=thought,
        input_audio_tokens=of(asked, "AUDIO"),
        cache_audio_read_tokens=of(usage.get("cacheTokensDetails", []), "AUDIO"),
        output_audio_tokens=of(usage.get("candidatesTokensDetails", []), "AUDIO"),
        input_image_tokens=of(asked, "IMAGE"),
    )


def of(details: list[dict[str, Any]], modality: str) -> int:
    return sum(detail.get("tokenCount", 0) for detail in details if detail["modality"] == modality)
