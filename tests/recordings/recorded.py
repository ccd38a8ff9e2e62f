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


@dataclass(frozen=True)
class Recorded:
    """The last word of an exchange: a whole answer, or what the events of a stream come to."""

    status: int
    answer: dict[str, Any]
    text: str
    calls: list[tuple[str, str]]

    @property
    def error(self) -> str | None:
        """Why the exchange brought no usable answer; None if it did."""
        if self.status >= 400:
            error = self.answer["error"]
            return str(error.get("message") if isinstance(error, dict) else error)
        for choice in self.answer.get("choices", []):
            if choice["finish_reason"] in ("length", "content_filter"):
                return str(choice["finish_reason"])
            if choice["message"].get("refusal"):
                return str(choice["message"]["refusal"])
        if self.answer.get("status") in ("failed", "incomplete", "cancelled"):
            return str(self.answer["status"])
        return next((part["refusal"] for part in _parts(self.answer) if part["type"] == "refusal"), None)


def recorded(exchange: Exchange) -> Recorded:
    text = exchange.response.content.decode()
    streamed = dict(exchange.response.headers).get("content-type", "").startswith("text/event-stream")
    answer = _gathered(list(_events(text))) if streamed else json.loads(text)
    if "choices" in answer:
        message = answer["choices"][0]["message"]
        calls = [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or []]
        return Recorded(exchange.response.status, answer, message.get("content") or "", calls)
    output = answer.get("output", [])
    calls = [(item["name"], item["arguments"]) for item in output if item["type"] == "function_call"]
    said = "".join(part["text"] for part in _parts(answer) if part["type"] == "output_text")
    return Recorded(exchange.response.status, answer, said, calls)


def _parts(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [p for item in answer.get("output", []) if item["type"] == "message" for p in item["content"]]


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def _gathered(events: list[dict[str, Any]]) -> dict[str, Any]:
    if any("response" in event for event in events):
        last: dict[str, Any] = [event["response"] for event in events if "response" in event][-1]
        return last
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    finish = [e["choices"][0]["finish_reason"] for e in events if e["choices"]][-1]
    message = {
        "content": "".join(delta.get("content") or "" for delta in deltas),
        "refusal": "".join(delta.get("refusal") or "" for delta in deltas),
        "tool_calls": _streamed_calls([call for delta in deltas for call in delta.get("tool_calls") or []]),
    }
    usage = [event["usage"] for event in events if event.get("usage")]
    return {
        "model": events[-1]["model"],
        "service_tier": events[-1].get("service_tier"),
        "usage": usage[-1] if usage else None,
        "choices": [{"finish_reason": finish, "message": message}],
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


def provider_of(exchange: Exchange) -> str | None:
    return PROVIDERS.get(urlsplit(exchange.request.url).netloc)
