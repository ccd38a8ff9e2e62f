"""What the recordings hold, read by hand from the raw bodies: no code of ours but the reader of the files.

Whoever compares the adapter with these numbers compares it with the wire.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flujo_testing.recordings import Exchange

# Who speaks the two APIs, by host; only the first is OpenAI.
PROVIDERS = {
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.cerebras.ai": "cerebras",
}
USD_PER_MILLION = {
    "input": 2,
    "cache_read": 3,
    "cache_write": 5,
    "input_audio": 7,
    "input_image": 11,
    "output": 13,
    "output_reasoning": 17,
    "output_audio": 19,
}


def files(folder: Path) -> list[Path]:
    """The recordings that hold traffic with one of the providers."""
    return sorted(path for path in folder.rglob("*.yaml") if _mentions_a_provider(path))


def _mentions_a_provider(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return any(f"uri: https://{host}/" in text for host in PROVIDERS)


def provider_of(exchange: Exchange) -> str | None:
    return PROVIDERS.get(urlsplit(exchange.request.url).netloc)


def asks_for_json(body: object) -> bool:
    wanted = body if isinstance(body, dict) else {}
    form = wanted.get("response_format") or (wanted.get("text") or {}).get("format") or {}
    return form.get("type") in ("json_schema", "json_object")


@dataclass(frozen=True)
class Recorded:
    """The last word of an exchange: ``output`` is what a step makes of it, ``error`` why it makes nothing."""

    status: int
    answer: dict[str, Any]
    output: object
    error: str | None


def recorded(exchange: Exchange) -> Recorded:
    """Read the response: a whole answer, or what the events of a stream come to."""
    status, text = exchange.response.status, exchange.response.content.decode()
    if status >= 400:
        return Recorded(status, {}, None, _message(text))
    streamed = dict(exchange.response.headers).get("content-type", "").startswith("text/event-stream")
    events = list(_events(text)) if streamed else []
    broken = [event["error"]["message"] for event in events if event.get("error")]
    answer = _gathered(events) if streamed else json.loads(text)
    if broken:
        return Recorded(status, answer, None, broken[0])
    output, error = (_of_chat if "choices" in answer else _of_response)(answer)
    if output is not None and not isinstance(output, list) and asks_for_json(exchange.request.body):
        output = json.loads(str(output))
    return Recorded(status, answer, output, error)


def _message(text: str) -> str:
    try:
        error = json.loads(text)["error"]
    except (ValueError, LookupError, TypeError):
        return text
    return str(error.get("message")) if isinstance(error, dict) else str(error)


def _of_chat(answer: dict[str, Any]) -> tuple[object, str | None]:
    (choice,) = answer["choices"]
    message = choice["message"]
    if choice["finish_reason"] in ("length", "content_filter") or message.get("refusal"):
        return None, message.get("refusal") or choice["finish_reason"]
    calls = [call.get("function") or call["custom"] for call in message.get("tool_calls") or []]
    if calls:
        return [(call["name"], call.get("arguments") or call.get("input")) for call in calls], None
    content = message.get("content")
    return content, "neither text nor tool calls" if content is None else None


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


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def _gathered(events: list[dict[str, Any]]) -> dict[str, Any]:
    responses: list[dict[str, Any]] = [event["response"] for event in events if "response" in event]
    if responses:
        return responses[-1]
    parts = [choice for event in events for choice in event.get("choices") or []]
    deltas = [part["delta"] for part in parts]
    message = {
        "content": "".join(delta.get("content") or "" for delta in deltas),
        "refusal": "".join(delta.get("refusal") or "" for delta in deltas),
        "tool_calls": _streamed_calls([call for delta in deltas for call in delta.get("tool_calls") or []]),
    }
    usages = [event["usage"] for event in events if event.get("usage")]
    return {
        "model": events[0].get("model"),
        "usage": usages[-1] if usages else None,
        "choices": [{"finish_reason": parts[-1]["finish_reason"] if parts else None, "message": message}],
    }


def _streamed_calls(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls: dict[int, dict[str, Any]] = {}
    for part in parts:
        function = calls.setdefault(part["index"], {"function": {"name": "", "arguments": ""}})["function"]
        function["name"] += part["function"].get("name") or ""
        function["arguments"] += part["function"].get("arguments") or ""
    return [calls[index] for index in sorted(calls)]


def tokens(usage: dict[str, Any] | None) -> dict[str, int] | None:
    """The counts of a raw usage, each token in its parents, too; None where there is no usage."""
    if usage is None:
        return None
    chat = "prompt_tokens" in usage
    asked = usage.get("prompt_tokens_details" if chat else "input_tokens_details") or {}
    answered = usage.get("completion_tokens_details" if chat else "output_tokens_details") or {}
    return {
        "input_tokens": usage["prompt_tokens" if chat else "input_tokens"],
        "cache_read_tokens": asked.get("cached_tokens") or 0,
        "cache_write_tokens": asked.get("cache_write_tokens") or 0,
        "cache_write_1h_tokens": 0,
        "output_tokens": usage["completion_tokens" if chat else "output_tokens"],
        "output_reasoning_tokens": answered.get("reasoning_tokens") or 0,
        "input_audio_tokens": asked.get("audio_tokens") or 0,
        "cache_audio_read_tokens": 0,
        "output_audio_tokens": answered.get("audio_tokens") or 0,
        "input_image_tokens": asked.get("image_tokens") or 0,
        "requests": 1,
    }


def usd(counts: dict[str, int]) -> Fraction:
    """The cost by fractions: every token once, at the price of its own kind."""
    kinds = {
        "cache_read": counts["cache_read_tokens"],
        "cache_write": counts["cache_write_tokens"],
        "input_audio": counts["input_audio_tokens"],
        "input_image": counts["input_image_tokens"],
        "output_reasoning": counts["output_reasoning_tokens"],
        "output_audio": counts["output_audio_tokens"],
    }
    inputs = sum(kinds[kind] for kind in ("cache_read", "cache_write", "input_audio", "input_image"))
    kinds["input"] = counts["input_tokens"] - inputs
    kinds["output"] = counts["output_tokens"] - kinds["output_reasoning"] - kinds["output_audio"]
    return sum((Fraction(n * USD_PER_MILLION[kind], 10**6) for kind, n in kinds.items()), Fraction(0))
