"""What Google reports of a request: usage, and the variant it was bought in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from flujo.agents.wire.answers import Bill, named
from flujo.agents.wire.reading import Json, rows, table, text
from flujo.agents.wire.usage import Report, others_in, sum_of, usage_of

_INPUT = ("promptTokenCount", "toolUsePromptTokenCount")
_OUTPUT = ("candidatesTokenCount", "thoughtsTokenCount")
_KNOWN = (
    *(*_INPUT, *_OUTPUT, "totalTokenCount", "cachedContentTokenCount", "cacheTokensDetails"),
    *("promptTokensDetails", "toolUsePromptTokensDetails", "candidatesTokensDetails"),
)
_STANDARD = {"serviceTier": ("standard", "unspecified"), "trafficType": ("on_demand", "traffic_type_unspecified")}


def content_report(wire: object) -> Report:
    """``usageMetadata``: the prompt includes cached tokens and leaves out what tools of Google's brought back.

    The candidates leave out thoughts. A count of 0 is not sent. https://ai.google.dev/api/generate-content#UsageMetadata
    """
    reported = table(wire)
    others = others_in(reported, _KNOWN)
    if all(reported.get(key) is None for key in ("promptTokenCount", "totalTokenCount")):
        return Report(None, others)
    asked = [*rows(reported.get("promptTokensDetails")), *rows(reported.get("toolUsePromptTokensDetails"))]
    cached = rows(reported.get("cacheTokensDetails")) if asked else []  # parts of what they are parts of
    usage = usage_of(
        {
            "input_tokens": sum_of(*(reported.get(key) for key in _INPUT)),
            "cache_read_tokens": reported.get("cachedContentTokenCount"),
            "input_audio_tokens": _of_modality(asked, "AUDIO"),
            "cache_audio_read_tokens": _of_modality(cached, "AUDIO"),
            "input_image_tokens": _of_modality(asked, "IMAGE"),
            "output_tokens": sum_of(*(reported.get(key) for key in _OUTPUT)),
            "output_reasoning_tokens": reported.get("thoughtsTokenCount"),
            "output_audio_tokens": _of_modality(rows(reported.get("candidatesTokensDetails")), "AUDIO"),
        }
    )
    total = reported.get("totalTokenCount")
    if usage is not None and not others and isinstance(total, int) and total > usage.total_tokens:
        others = (("totalTokenCount, of no kind", Decimal(total - usage.total_tokens)),)
    return Report(usage, others)


def bill_of(answer: Json, declared: str) -> Bill:
    reported = table(answer.get("usageMetadata"))
    variants = [(key, (text(reported.get(key)) or "").lower()) for key in _STANDARD]
    special = [value for key, value in variants if value and value not in _STANDARD[key]]
    return Bill(
        model=named(declared, text(answer.get("modelVersion"))),
        report=content_report(reported),
        price_context="+".join(special) or None,
    )


def _of_modality(details: Sequence[Json], modality: str) -> object:
    return sum_of(*(detail.get("tokenCount") for detail in details if detail.get("modality") == modality))
