"""Messages and token counts of Anthropic, read by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from flujo_testing.recordings import Exchange
from tests.recordings.recorded import Paid, Recorded, counts, events, is_streamed, refused

FREE = counts()


def recorded(exchange: Exchange) -> Recorded:
    counting = "count_tokens" in exchange.request.url
    if error := refused(exchange):
        return Recorded(error.status, (Paid(None, FREE, Decimal(0)),), error=error.error) if counting else error
    answer = _gathered(list(events(exchange))) if is_streamed(exchange) else json.loads(exchange.response.content)
    if counting:
        return Recorded(200, (Paid(None, FREE, Decimal(0)),), answer["input_tokens"])
    usage = answer["usage"]
    # Requests to other models are listed by themselves, and are in no total.
    besides = [part for part in usage.get("iterations") or [] if part["type"] != "message"]
    paid = (
        Paid(answer["model"], tokens(usage)),
        *(Paid(part.get("model", answer["model"]), tokens(part)) for part in besides),
    )
    if answer["stop_reason"] in ("max_tokens", "refusal"):
        return Recorded(200, paid, error="cut off" if answer["stop_reason"] == "max_tokens" else "refused")
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
    of_kind = {kind: [e for e in arrived if e["type"] == kind] for kind in {e["type"] for e in arrived}}
    message: dict[str, Any] = of_kind["message_start"][0]["message"]
    for delta in of_kind["message_delta"]:
        message = {**message, **delta["delta"], "usage": {**message["usage"], **delta["usage"]}}
    blocks = [dict(start["content_block"]) for start in of_kind["content_block_start"]]
    for event in of_kind["content_block_delta"]:
        block, delta = blocks[event["index"]], event["delta"]
        if delta["type"] == "text_delta":
            block["text"] += delta["text"]
        if delta["type"] == "input_json_delta":
            block["written"] = block.get("written", "") + delta["partial_json"]
    for block in blocks:
        block["input"] = json.loads(block.get("written") or "{}")
    return {**message, "content": blocks}
