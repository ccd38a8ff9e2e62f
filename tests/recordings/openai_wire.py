"""Chat completions and responses, of OpenAI and of others who speak its APIs, read by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from flujo_testing.recordings import Exchange
from tests.recordings.recorded import Paid, Recorded, counts, events, is_streamed, refused


def recorded(exchange: Exchange) -> Recorded:
    """Read the response: a whole answer, or what the events of a stream come to."""
    if error := refused(exchange):
        return error
    arrived = list(events(exchange)) if is_streamed(exchange) else []
    answer = _gathered(arrived) if arrived else json.loads(exchange.response.content)
    usage = answer.get("usage")
    cost = (usage or {}).get("cost")
    paid = (Paid(answer.get("model"), tokens(usage), None if cost is None else Decimal(str(cost))),)
    broken = [event["error"]["message"] for event in (*arrived, answer) if event.get("error")]
    if broken:
        return Recorded(200, paid, error=broken[0], answer=answer)
    output, why = (_of_chat if "choices" in answer else _of_response)(answer)
    if output is not None and not isinstance(output, list) and _asks_for_json(exchange.request.body):
        output = json.loads(str(output))
    return Recorded(200, paid, output, why, answer)


def tokens(usage: dict[str, Any] | None) -> dict[str, int] | None:
    """The counts of a raw usage, each token in its parents, too; None where there is no usage."""
    if usage is None:
        return None
    chat = "prompt_tokens" in usage
    asked = usage.get("prompt_tokens_details" if chat else "input_tokens_details") or {}
    answered = usage.get("completion_tokens_details" if chat else "output_tokens_details") or {}
    return counts(
        input_tokens=usage["prompt_tokens" if chat else "input_tokens"],
        cache_read_tokens=asked.get("cached_tokens") or usage.get("prompt_cache_hit_tokens"),
        cache_write_tokens=asked.get("cache_write_tokens"),
        output_tokens=usage["completion_tokens" if chat else "output_tokens"],
        output_reasoning_tokens=answered.get("reasoning_tokens"),
        input_audio_tokens=asked.get("audio_tokens"),
        output_audio_tokens=answered.get("audio_tokens"),
        input_image_tokens=asked.get("image_tokens"),
    )


def _asks_for_json(body: object) -> bool:
    wanted = body if isinstance(body, dict) else {}
    form = wanted.get("response_format") or (wanted.get("text") or {}).get("format") or {}
    return form.get("type") in ("json_schema", "json_object")


def _of_chat(answer: dict[str, Any]) -> tuple[object, str | None]:
    if not answer["choices"]:
        return None, "without any choice"
    told = [_of_choice(choice) for choice in answer["choices"]]
    errors = [error for _, error in told if error]
    if errors:
        return None, errors[0]
    return told[0] if len(told) == 1 else (tuple(output for output, _ in told), None)


def _of_choice(choice: dict[str, Any]) -> tuple[object, str | None]:
    message = choice["message"]
    if choice["finish_reason"] in ("length", "model_length", "content_filter") or message.get("refusal"):
        told = {"length": "cut off", "model_length": "cut off", "content_filter": "content filter"}
        return None, message.get("refusal") or told[choice["finish_reason"]]
    calls = [call.get("function") or call["custom"] for call in message.get("tool_calls") or []]
    if calls:
        return [(call["name"], call.get("arguments") or call.get("input")) for call in calls], None
    content = _text(message.get("content"))
    if content is None and message.get("audio"):
        return message["audio"], None
    return content, "neither text nor tool calls" if content is None else None


def _text(content: Any) -> str | None:
    """Mistral gives it in parts."""
    if not isinstance(content, list):
        return content  # type: ignore[no-any-return]
    texts = [part["text"] for part in content if part["type"] == "text"]
    return "".join(texts) if texts else None


def _of_response(answer: dict[str, Any]) -> tuple[object, str | None]:
    items = answer["output"]
    if answer.get("status") in ("failed", "incomplete", "cancelled"):
        return None, answer["status"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    refusals = [part["refusal"] for part in parts if part["type"] == "refusal"]
    if refusals:
        return None, refusals[0]
    if answer.get("object") == "response.compaction":
        return items, None
    calls = [item for item in items if item["type"] in ("function_call", "custom_tool_call")]
    if calls:
        return [(call["name"], call.get("arguments") or call.get("input")) for call in calls], None
    return "".join(part["text"] for part in parts) if parts else items, None


def _gathered(arrived: list[dict[str, Any]]) -> dict[str, Any]:
    responses: list[dict[str, Any]] = [event["response"] for event in arrived if "response" in event]
    if responses:
        return responses[-1]
    parts = [choice for event in arrived for choice in event.get("choices") or []]
    deltas = [part.get("delta") or {} for part in parts]
    message = {
        "content": "".join(_text(delta.get("content")) or "" for delta in deltas),
        "refusal": "".join(delta.get("refusal") or "" for delta in deltas),
        "tool_calls": _streamed_calls([call for delta in deltas for call in delta.get("tool_calls") or []]),
    }
    usages = [event.get("usage") or (event.get("x_groq") or {}).get("usage") for event in arrived]
    reasons = [part["finish_reason"] for part in parts if part.get("finish_reason")]
    return {
        "model": arrived[-1].get("model"),
        "usage": next((usage for usage in reversed(usages) if usage), None),
        "choices": [{"finish_reason": reasons[-1] if reasons else None, "message": message}],
    }


def _streamed_calls(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls: dict[int, dict[str, Any]] = {}
    for part in parts:
        function = calls.setdefault(part["index"], {"function": {"name": "", "arguments": ""}})["function"]
        function["name"] += part["function"].get("name") or ""
        function["arguments"] += part["function"].get("arguments") or ""
    return [calls[index] for index in sorted(calls)]
