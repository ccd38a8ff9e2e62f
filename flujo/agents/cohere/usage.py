"""What Cohere reports of a request: what it bills, and besides it what its model has read and written."""

from __future__ import annotations

from flujo.agents.wire.answers import Bill
from flujo.agents.wire.reading import Json, table
from flujo.agents.wire.usage import Report, others_in, usage_of

_KNOWN = ("billed_units.input_tokens", "billed_units.output_tokens")


def chat_report(wire: object) -> Report:
    """``usage`` of a chat: ``billed_units`` are charged; the rest, ``tokens`` with the provider's own prompt, is not.

    https://docs.cohere.com/v2/reference/chat
    """
    reported = table(wire)
    others = others_in(reported, _KNOWN)
    billed = table(reported.get("billed_units"))
    asked, answered = billed.get("input_tokens"), billed.get("output_tokens")
    if asked is None or answered is None:
        return Report(None, others)
    return Report(usage_of({"input_tokens": _whole(asked), "output_tokens": _whole(answered)}), others)


def bill_of(answer: Json, declared: str) -> Bill:
    """Answers do not name the model, so the declared one is charged."""
    return Bill(model=declared, report=chat_report(answer.get("usage")))


def _whole(count: object) -> object:
    """The API declares its counts as floats."""
    return int(count) if isinstance(count, float) and count.is_integer() else count
