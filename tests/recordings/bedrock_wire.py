"""Converse of Amazon Bedrock, read by hand; the frames of a stream are read by their lengths alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flujo_testing.recordings import Exchange
from tests.recordings.recorded import Paid, Recorded, counts, refused


def recorded(exchange: Exchange) -> Recorded:
    if error := refused(exchange):
        return error
    content = exchange.response.content
    streamed = exchange.request.url.endswith("converse-stream")
    answer = _gathered(list(_payloads(content))) if streamed else json.loads(content)
    paid = (Paid(None, tokens(answer["usage"]) if answer.get("usage") else None),)
    if answer["stopReason"] not in ("end_turn", "tool_use", "stop_sequence"):
        return Recorded(200, paid, error="cut off" if answer["stopReason"] == "max_tokens" else "was stopped")
    blocks = answer["output"]["message"]["content"]
    calls = [block["toolUse"] for block in blocks if "toolUse" in block]
    if calls:
        return Recorded(200, paid, [(call["name"], json.dumps(call["input"], ensure_ascii=False)) for call in calls])
    if not any("text" in block for block in blocks):
        return Recorded(200, paid, [answer["output"]["message"]])
    return Recorded(200, paid, "".join(block.get("text", "") for block in blocks))


def tokens(usage: dict[str, Any]) -> dict[str, int]:
    read, written = usage.get("cacheReadInputTokens") or 0, usage.get("cacheWriteInputTokens") or 0
    for_an_hour = [row["inputTokens"] for row in usage.get("cacheDetails") or [] if row["ttl"] == "1h"]
    return counts(
        input_tokens=usage["inputTokens"] + read + written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=sum(for_an_hour),
        output_tokens=usage["outputTokens"],
    )


def _payloads(content: bytes) -> Iterator[dict[str, Any]]:
    while content:
        size, of_headers = (int.from_bytes(content[at : at + 4], "big") for at in (0, 4))
        yield json.loads(content[12 + of_headers : size - 4])
        content = content[size:]


def _gathered(arrived: list[dict[str, Any]]) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    for event in arrived:
        block = blocks.setdefault(event.get("contentBlockIndex", -1), {"written": ""})
        if "toolUse" in event.get("start", {}):
            block["toolUse"] = dict(event["start"]["toolUse"])
        delta = event.get("delta", {})
        if "text" in delta:
            block["text"] = block.get("text", "") + delta["text"]
        block["written"] += delta.get("toolUse", {}).get("input", "")
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["written"] or "{}")
    (stop,) = [event["stopReason"] for event in arrived if "stopReason" in event]
    usages = [event["usage"] for event in arrived if "usage" in event]
    message = {"content": list(blocks.values())}
    return {"stopReason": stop, "usage": usages[-1] if usages else None, "output": {"message": message}}
