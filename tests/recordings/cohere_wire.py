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
    billed = (answer.get("usage") or {}).get("billed_units") or {}
    tokens = {key: int(billed[key]) for key in ("input_tokens", "output_tokens") if key in billed}
    paid = (Paid(None, counts(**tokens) if len(tokens) == 2 else None),)
    if answer["finish_reason"] not in ("COMPLETE", "STOP_SEQUENCE", "TOOL_CALL"):
        return Recorded(200, paid, error="cut off" if answer["finish_reason"] == "MAX_TOKENS" else "was stopped")
    message = answer["message"]
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or []]
    texts = [part["text"] for part in message.get("content") or [] if part["type"] == "text"]
    return Recorded(200, paid, calls or "".join(texts))


def _gathered(arrived: list[dict[str, Any]]) -> dict[str, Any]:
    text = ""
    calls: dict[int, dict[str, Any]] = {}
    for event in arrived:
        message = event.get("delta", {}).get("message", {})
        if event["type"] in ("content-start", "content-delta"):
            text += message["content"].get("text", "")
        if event["type"] in ("tool-call-start", "tool-call-delta"):
            function = calls.setdefault(event["index"], {"function": {"name": "", "arguments": ""}})["function"]
            for key, part in message["tool_calls"]["function"].items():
                function[key] += part
    (end,) = [event["delta"] for event in arrived if event["type"] == "message-end"]
    return {**end, "message": {"content": [{"type": "text", "text": text}], "tool_calls": list(calls.values())}}
