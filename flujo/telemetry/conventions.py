"""Names of OpenTelemetry's conventions for generative AI, and what an entry of the ledger says in them.

As of their release 0.1.0 (https://github.com/open-telemetry/semantic-conventions-genai), which still calls all of them
unstable; the package that holds them as constants has older ones. What the conventions have no name for is under
``flujo.``: cost, for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from flujo.entries import LedgerEntry
from flujo.telemetry.details import Value
from flujo.usage import Usage

OPERATION = "gen_ai.operation.name"
AGENT = "gen_ai.agent.name"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.request.model"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
ERROR = "error.type"

PROVIDERS: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gen_ai",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "xai": "x_ai",
}
"""Providers that the conventions call otherwise than a model's name ``provider:model`` does."""

# Always told: what a model read and wrote. The others only where there are any.
_WHOLE = {"gen_ai.usage.input_tokens": "input_tokens", "gen_ai.usage.output_tokens": "output_tokens"}
_PARTS = {
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.cache_write.input_tokens": "cache_write_tokens",
    "gen_ai.usage.reasoning.output_tokens": "output_reasoning_tokens",
    "gen_ai.usage.audio.input_tokens": "input_audio_tokens",
    "gen_ai.usage.audio.cache_read.input_tokens": "cache_audio_read_tokens",
    "gen_ai.usage.audio.output_tokens": "output_audio_tokens",
    "gen_ai.usage.image.input_tokens": "input_image_tokens",
}


def model_of(entry: LedgerEntry) -> str | None:
    """The model's name without its provider."""
    return entry.model if entry.provider is None or entry.model is None else entry.model.partition(":")[2]


def inference(entry: LedgerEntry) -> dict[str, Value]:
    """The attributes of the span of one paid request."""
    told: dict[str, Value | None] = {
        OPERATION: "chat",
        PROVIDER: None if entry.provider is None else PROVIDERS.get(entry.provider, entry.provider),
        MODEL: model_of(entry),
        **usage(entry.usage),
        "flujo.entry_id": entry.entry_id,
        "flujo.path": entry.path,
        "flujo.cost_usd": None if entry.cost_usd is None else float(entry.cost_usd),
        "flujo.cost_usd_exact": None if entry.cost_usd is None else str(entry.cost_usd),
        "flujo.cost_source": entry.cost_source,
        "flujo.price_table_id": entry.table_id,
        "flujo.request_outcome": entry.outcome,
    }
    return {name: value for name, value in told.items() if value is not None}


def usage(used: Usage | None) -> dict[str, Value]:
    """What a request reported; nothing where it reported nothing."""
    if used is None:
        return {}
    parts = {name: getattr(used, field) for name, field in _PARTS.items() if getattr(used, field)}
    return {name: getattr(used, field) for name, field in _WHOLE.items()} | parts


def message(role: str, value: object) -> str:
    """Text that somebody wrote, as the one message of a conversation in JSON."""
    text = value if isinstance(value, str) else repr(value)
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)
