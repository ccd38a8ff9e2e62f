"""What Anthropic reports of a request: usage, the variant it was bought in, and requests to other models."""

from __future__ import annotations

from flujo.agents.wire.answers import Bill, named
from flujo.agents.wire.reading import Json, rows, table, text
from flujo.agents.wire.usage import Report, others_in, sum_of, usage_of
from flujo.usage import RequestUsage, Usage

_KNOWN = (
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    *("cache_creation.ephemeral_5m_input_tokens", "cache_creation.ephemeral_1h_input_tokens"),
    *("output_tokens_details.thinking_tokens", "iterations"),
)
# Each variant has a price of its own: https://platform.claude.com/docs/en/about-claude/pricing
_STANDARD = {
    "service_tier": ("standard", "auto"),
    "inference_geo": ("global", "not_available"),
    "speed": ("standard",),
}


def message_report(wire: object) -> Report:
    """``usage`` of a message: ``input_tokens`` leaves out what was read from a cache or written to one.

    https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance
    """
    reported = table(wire)
    others = others_in(reported, _KNOWN)
    asked, answered = reported.get("input_tokens"), reported.get("output_tokens")
    if asked is None or answered is None:
        return Report(None, others)
    split = table(reported.get("cache_creation"))
    short, long = split.get("ephemeral_5m_input_tokens"), split.get("ephemeral_1h_input_tokens")
    read, written = reported.get("cache_read_input_tokens"), reported.get("cache_creation_input_tokens")
    written = sum_of(short, long) if written is None else written
    usage = usage_of(
        {
            "input_tokens": sum_of(asked, read, written),
            "cache_read_tokens": read,
            "cache_write_tokens": written,
            "cache_write_1h_tokens": long,
            "output_tokens": answered,
            "output_reasoning_tokens": table(reported.get("output_tokens_details")).get("thinking_tokens"),
        }
    )
    return Report(usage, others)


def message_usage(wire: object) -> Usage | None:
    return message_report(wire).usage


def bill_of(answer: Json, declared: str) -> Bill:
    reported = table(answer.get("usage"))
    model = named(declared, text(answer.get("model")))
    return Bill(
        model=model,
        report=message_report(reported),
        price_context=_variant(reported),
        besides=_besides(reported, model),
    )


def _variant(reported: Json) -> str | None:
    named_ = [(key, text(reported.get(key))) for key in _STANDARD]
    special = [value for key, value in named_ if value and value not in _STANDARD[key]]
    return "+".join(special) or None


def _besides(reported: Json, model: str) -> tuple[RequestUsage, ...]:
    """Requests that the totals leave out: to an advisor's model, or to compact the conversation.

    https://platform.claude.com/docs/en/build-with-claude/compaction#understanding-usage
    """
    iterations = rows(reported.get("iterations"))
    for kind in ("input_tokens", "output_tokens"):
        if sum_of(*(iteration.get(kind) for iteration in iterations)) != reported.get(kind):
            break
    else:
        return ()
    left_out = [iteration for iteration in iterations if iteration.get("type") != "message"]
    return tuple(_request(iteration, named(model, text(iteration.get("model")))) for iteration in left_out)


def _request(iteration: Json, model: str) -> RequestUsage:
    report = message_report(iteration)
    return RequestUsage(usage=report.usage, model=model, other_usage=report.others)
