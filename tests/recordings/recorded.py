"""What the recordings hold, read by hand from the raw bodies: no code of ours but the reader of the files.

Whoever compares the adapters with these numbers compares them with the wire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flujo_testing.recordings import Exchange

# Who answered, by the host that was asked; what is not here has no adapter.
PROVIDERS = {
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.cerebras.ai": "cerebras",
    "api.mistral.ai": "mistral",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "aiplatform.googleapis.com": "google",  # after the region
    "api.cohere.com": "cohere",
    "amazonaws.com": "bedrock",
}
SPEAK_OPENAI = ("openai", "openrouter", "groq", "deepseek", "cerebras", "mistral")
USD_PER_MILLION = {
    "input": 2,
    "cache_read": 3,
    "cache_write": 5,
    "cache_write_1h": 37,
    "input_audio": 7,
    "cache_audio_read": 31,
    "input_image": 11,
    "output": 13,
    "output_reasoning": 17,
    "output_audio": 19,
}
COUNTS = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("output_tokens", "output_reasoning_tokens"),
    *("input_audio_tokens", "cache_audio_read_tokens", "output_audio_tokens", "input_image_tokens", "requests"),
)


@dataclass(frozen=True)
class Paid:
    """A request as it is to be booked: the model that answered, its counts, and what the provider charged."""

    model: str | None
    counts: dict[str, int] | None
    usd: Decimal | None = None


@dataclass(frozen=True)
class Recorded:
    """The last word of an exchange: ``output`` is what a step makes of it, ``error`` why it makes nothing."""

    status: int
    paid: tuple[Paid, ...]
    output: object = None
    error: str | None = None
    answer: Any = None


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yaml"))


def provider_of(exchange: Exchange) -> str:
    host = urlsplit(exchange.request.url).netloc
    return next((name for known, name in PROVIDERS.items() if host.endswith(known)), host)


def refused(exchange: Exchange) -> Recorded | None:
    """An HTTP error: nothing is charged for a request that was not accepted."""
    status, text = exchange.response.status, exchange.response.content.decode(errors="replace")
    if status < 400:
        return None
    return Recorded(status, (Paid(None, None, Decimal(0) if status < 500 else None),), error=_message(text))


def _message(text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return text
    (body,) = body if isinstance(body, list) else [body]
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    told = [error.get(key) for key in ("message", "detail") if isinstance(error.get(key), str)]
    return told[0] if told else ""


def is_streamed(exchange: Exchange) -> bool:
    return exchange.response.content.startswith((b"data:", b"event:", b":"))


def events(exchange: Exchange) -> Iterator[Any]:
    for line in exchange.response.content.decode().split("\n"):
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            yield json.loads(data)


def counts(**given: int | None) -> dict[str, int]:
    """Counts in our names; what is not given is 0."""
    assert set(given) <= set(COUNTS)
    return {name: given.get(name) or 0 for name in COUNTS} | {"requests": 1}


def usd(counts: dict[str, int]) -> Fraction:
    """The cost by fractions: every token once, at the price of its own kind."""
    cached_audio, for_an_hour = counts["cache_audio_read_tokens"], counts["cache_write_1h_tokens"]
    kinds = {
        "cache_read": counts["cache_read_tokens"] - cached_audio,
        "cache_audio_read": cached_audio,
        "cache_write": counts["cache_write_tokens"] - for_an_hour,
        "cache_write_1h": for_an_hour,
        "input_audio": counts["input_audio_tokens"] - cached_audio,
        "input_image": counts["input_image_tokens"],
        "output_reasoning": counts["output_reasoning_tokens"],
        "output_audio": counts["output_audio_tokens"],
    }
    inputs = sum(n for kind, n in kinds.items() if not kind.startswith("output"))
    kinds["input"] = counts["input_tokens"] - inputs
    kinds["output"] = counts["output_tokens"] - kinds["output_reasoning"] - kinds["output_audio"]
    return sum((Fraction(n * USD_PER_MILLION[kind], 10**6) for kind, n in kinds.items()), Fraction(0))


Reader = Callable[[Exchange], Recorded]
