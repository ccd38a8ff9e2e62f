"""Chat of Cohere, read by hand: what is billed is what is paid."""

from __future__ import annotations

import json
from typing import Any

from flujo_testing.recordings import Exchange
from tests.recordings.recorded import Paid, Recorded, counts, events, is_streamed, refused


def recorded(exchange: Exchange) -> Recorded:
    if error := refused(exchange):
        return error
    answer = _gathered(list(events(exchange))) if is_streamed(exchange) else json.loads(exchange.response.content)
    billed = answer["usage"]["billed_units"]
    paid = (Paid(None, counts(input_tokens=billed["input_tokens"], output_tokens=billed["output_tokens"])),)
    if answer["finish_reason"] == "MAX_TOKENS":
        return Recorded(200, paid, error="cut off")
    message = answer["message"]
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or []]
    texts = [part["text"] for part in message.get("content") or [] if part["type"] == "text"]
    return Recorded(200, paid, calls or "".join(texts))


def _gathered(arrived: list[dict[str, Any]]) -> dict[str, Any]:
    said = [event["delta"]["message"]["content"] for event in arrived if event["type"].startswith("content-")]
    text = "".join(content.get("text", "") for content in said if isinstance(content, dict))
    (end,) = [event["delta"] for event in arrived if event["type"] == "message-end"]
    return {**end, "message": {"content": [{"type": "text", "text": text}]}}
