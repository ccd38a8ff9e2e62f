"""What Bedrock reports of a request: usage, and the variant it was bought in."""

from __future__ import annotations

from flujo.agents.wire.answers import Bill
from flujo.agents.wire.reading import Json, rows, table, text
from flujo.agents.wire.usage import Report, others_in, sum_of, usage_of

# Some counts come under two names.
_KNOWN = (
    *("inputTokens", "outputTokens", "totalTokens", "cacheDetails"),
    *("cacheReadInputTokens", "cacheReadInputTokenCount", "cacheWriteInputTokens", "cacheWriteInputTokenCount"),
)
_STANDARD = ("default", "standard", "reserved")


def converse_report(wire: object) -> Report:
    """``usage`` of Converse: ``inputTokens`` leaves out what was read from a cache or written to one.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    reported = table(wire)
    others = others_in(reported, _KNOWN)
    asked, answered = reported.get("inputTokens"), reported.get("outputTokens")
    if asked is None or answered is None:
        return Report(None, others)
    read = _first(reported, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _first(reported, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    for_an_hour = [row.get("inputTokens") for row in rows(reported.get("cacheDetails")) if row.get("ttl") == "1h"]
    usage = usage_of(
        {
            "input_tokens": sum_of(asked, read, written),
            "cache_read_tokens": read,
            "cache_write_tokens": written,
            "cache_write_1h_tokens": sum_of(*for_an_hour),
            "output_tokens": answered,
        }
    )
    return Report(usage, others)


def bill_of(answer: Json, declared: str) -> Bill:
    """Answers do not name the model, so the declared one is charged."""
    tier = text(table(answer.get("serviceTier")).get("type"))
    latency = text(table(answer.get("performanceConfig")).get("latency"))
    special = [variant for variant in (tier, latency) if variant and variant not in _STANDARD]
    return Bill(
        model=declared,
        report=converse_report(answer.get("usage")),
        price_context="+".join(special) or None,
    )


def _first(reported: Json, *names: str) -> object:
    return next((reported[name] for name in names if reported.get(name) is not None), None)
