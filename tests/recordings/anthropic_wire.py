"""Messages and token counts of Anthropic, read by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from flujo_testing.recordings import Exchange
from tests.recordings.recorded import Paid, Recorded, counts, events, is_streamed, refused

FREE = Paid(None, None, Decimal(0))


def recorded(exchange: Exchange) -> Recorded:
    counting = "count_tokens" in exchange.request.url
    if error := refused(exchange):
        return Recorded(error.status, (FREE,), error=error.error) if counting else error
    arrived = list(events(exchange)) if is_streamed(exchange) else []
    answer = _gathered(arrived) if arrived else json.loads(exchange.response.content)
    if counting:
        return Recorded(200, (FREE,), answer["input_tokens"])
    usage = answer["usage"]
    # Requests to other models are listed by themselves, and are in no total.
    besides = [part for part in usage.get("iterations") or [] if part["type"] != "message"]
    paid = (
        Paid(answer["model"], tokens(usage)),
        *(Paid(part.get("model", answer["model"]), tokens(part)) for part in besides),
    )
    broken = [event["error"]["message"] for event in arrived if event["type"] == "error"]
    if broken:
        return Recorded(200, paid, error=broken[0])
    bad = {"max_tokens": "cut off", "model_context_window_exceeded": "cut off", "refusal": "refused"}
    if answer["stop_reason"] in bad:
        return Recorded(200, paid, error=bad[answer["stop_reason"]])
    blocks = answer["content"]
    tools = [block for block in blocks if block["type"] == "tool_use"]
    calls = [(block["name"], json.dumps(block["input"], ensure_ascii=False)) for block in tools]
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    turn = [{"role": "assistant", "content": blocks}]
    paused = answer["stop_reason"] == "pause_turn" or not texts
    return Recorded(200, paid, calls or (turn if paused else "".join(texts)))


def tokens(usage: dict[str, Any]) -> dict[str, int]:
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    return counts(
        input_tokens=usage["input_tokens"] + read + written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=(usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens"),
        output_tokens=usage["output_tokens"],
        output_reasoning_tokens=(usage.get("output_tokens_details") or {}).get("thinking_tokens"),
    )


def _gathered(arrived: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    written: dict[int, str] = {}
    for event in arrived:
        delta, at = event.get("delta") or {}, event.get("index", -1)
        match delta.get("type") or event["type"]:
            case "message_start":
                message = event["message"]
            case "message_delta":
                reported = {key: count for key, count in event["usage"].items() if count is not None}
                message = {**message, **delta, "usage": {**message["usage"], **reported}}
            case "content_block_start":
                blocks[at] = dict(event["content_block"])
            case "text_delta" | "thinking_delta" | "signature_delta" as kind:
                field = kind.removesuffix("_delta")
                blocks[at][field] = blocks[at].get(field, "") + delta[field]
            case "citations_delta":
                blocks[at]["citations"] = [*(blocks[at].get("citations") or []), delta["citation"]]
            case "input_json_delta":
                written[at] = written.get(at, "") + delta["partial_json"]
    for at, text in written.items():
        blocks[at]["input"] = json.loads(text or "{}")
    return {**message, "content": list(blocks.values())}
