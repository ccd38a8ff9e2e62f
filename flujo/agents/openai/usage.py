"""What OpenAI, and those who speak its APIs, report of a request: usage, tier, their own cost."""

from __future__ import annotations

from flujo.agents.wire.answers import Bill, named
from flujo.agents.wire.reading import Json, table, text
from flujo.agents.wire.usage import Report, charged_usd, others_in, usage_of
from flujo.usage import Usage

# The tiers that are billed at the standard price: OpenAI's names and Groq's.
# https://platform.openai.com/docs/api-reference/chat/object, https://console.groq.com/docs/service-tiers
_STANDARD_TIERS = frozenset({"auto", "default", "standard", "on_demand"})
# Numbers that are sums or parts of the counts that are read: tokens of text, of predictions, DeepSeek's misses;
# or none of usage: the seconds that Groq took, the dollars of OpenRouter.
_ACCOUNTED_FOR = (
    *("total_tokens", "cost", "cost_details", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens"),
    *("queue_time", "prompt_time", "completion_time", "total_time"),
)
_PARTS_OF_INPUT = (
    *("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"),
    *("text_tokens", "video_tokens", "cached_tokens_details"),
)
_PARTS_OF_OUTPUT = (
    *("reasoning_tokens", "audio_tokens", "text_tokens", "image_tokens"),
    *("accepted_prediction_tokens", "rejected_prediction_tokens"),
)


def chat_report(wire: object) -> Report:
    """``usage`` of a chat completion: the prompt includes cached and audio tokens, the completion reasoning.

    https://platform.openai.com/docs/api-reference/chat/object; DeepSeek reports cached tokens as
    ``prompt_cache_hit_tokens``, too: https://api-docs.deepseek.com/guides/kv_cache
    """
    return _report(table(wire), "prompt_tokens", "completion_tokens")


def response_report(wire: object) -> Report:
    """``usage`` of a response: input includes cached tokens, output includes reasoning.

    https://platform.openai.com/docs/api-reference/responses/object
    """
    return _report(table(wire), "input_tokens", "output_tokens")


def chat_usage(wire: object) -> Usage | None:
    return chat_report(wire).usage


def response_usage(wire: object) -> Usage | None:
    return response_report(wire).usage


def bill_of(answer: Json, declared: str, report: Report) -> Bill:
    """``declared`` is the agent's own ``provider:model``, which counts where the answer names no model."""
    tier = text(answer.get("service_tier"))
    return Bill(
        model=named(declared, text(answer.get("model"))),
        report=report,
        cost_usd=charged_usd(answer.get("usage")),
        price_context=None if tier in _STANDARD_TIERS else tier,
    )


def _report(wire: Json, whole_input: str, whole_output: str) -> Report:
    asked_key, answered_key = f"{whole_input}_details", f"{whole_output}_details"
    known = (
        *(whole_input, whole_output, *_ACCOUNTED_FOR),
        *(f"{asked_key}.{part}" for part in _PARTS_OF_INPUT),
        *(f"{answered_key}.{part}" for part in _PARTS_OF_OUTPUT),
    )
    others = others_in(wire, known)
    if wire.get(whole_input) is None or wire.get(whole_output) is None:
        return Report(None, others)
    asked, answered = table(wire.get(asked_key)), table(wire.get(answered_key))
    cached = asked.get("cached_tokens")
    usage = usage_of(
        {
            "input_tokens": wire[whole_input],
            "cache_read_tokens": wire.get("prompt_cache_hit_tokens") if cached is None else cached,
            "cache_write_tokens": asked.get("cache_write_tokens"),
            "input_audio_tokens": asked.get("audio_tokens"),
            "input_image_tokens": asked.get("image_tokens"),
            "output_tokens": wire[whole_output],
            "output_reasoning_tokens": answered.get("reasoning_tokens"),
            "output_audio_tokens": answered.get("audio_tokens"),
        }
    )
    return Report(usage, others)
