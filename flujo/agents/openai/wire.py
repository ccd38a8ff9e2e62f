"""Reading JSON that came from outside: what has not the expected shape reads as empty, never as an exception.

Whoever needs a value checks that it is there and says what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from flujo.usage import Usage, not_negative

Json = Mapping[str, object]


def table(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def rows(value: object) -> Sequence[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def excerpt(value: str, size: int = 300) -> str:
    """The beginning of a text that may be a whole page, on one line."""
    line = " ".join(value.split())
    return line if len(line) <= size else f"{line[:size]}…"


def json_or_none(value: bytes) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def chat_usage(wire: object) -> Usage | None:
    """``usage`` of a chat completion: the prompt includes cached and audio tokens, the completion reasoning.

    https://platform.openai.com/docs/api-reference/chat/object
    """
    return _usage(table(wire), "prompt_tokens", "completion_tokens")


def response_usage(wire: object) -> Usage | None:
    """``usage`` of a response: input includes cached tokens, output includes reasoning.

    https://platform.openai.com/docs/api-reference/responses/object
    """
    return _usage(table(wire), "input_tokens", "output_tokens")


def _usage(wire: Json, whole_input: str, whole_output: str) -> Usage | None:
    """None where there is no usage, and where its counts contradict each other: then nobody knows."""
    if wire.get(whole_input) is None or wire.get(whole_output) is None:
        return None
    asked = table(wire.get(f"{whole_input}_details"))
    answered = table(wire.get(f"{whole_output}_details"))
    counts = {
        "input_tokens": wire[whole_input],
        "cache_read_tokens": asked.get("cached_tokens"),
        "cache_write_tokens": asked.get("cache_write_tokens"),
        "input_audio_tokens": asked.get("audio_tokens"),
        "input_image_tokens": asked.get("image_tokens"),
        "output_tokens": wire[whole_output],
        "output_reasoning_tokens": answered.get("reasoning_tokens"),
        "output_audio_tokens": answered.get("audio_tokens"),
    }
    given = {kind: count for kind, count in counts.items() if count is not None}
    try:
        return Usage(**given)  # type: ignore[arg-type]  # Usage checks each of them, and that they fit together
    except (TypeError, ValueError):
        return None


def charged_usd(wire: object) -> Decimal | None:
    """``usage.cost``: USD, as OpenRouter reports it (https://openrouter.ai/docs/use-cases/usage-accounting)."""
    cost = table(wire).get("cost")
    if isinstance(cost, bool) or not isinstance(cost, (int, float)):
        return None
    try:
        return not_negative("usage.cost", str(cost))
    except ValueError:
        return None
