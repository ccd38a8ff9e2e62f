"""How a breach of a contract is told: which sentence, by what, and how."""

from __future__ import annotations

from dataclasses import asdict

from flujo import Usage
from flujo.binding import Meter
from flujo.errors import shown_value


class ConformanceError(AssertionError):
    """A part breaks its contract; the message says which sentence of it, and how."""


def broken(part: object, contract: str, how: str) -> ConformanceError:
    return ConformanceError(f"{contract}; but with {shown(part)}: {how}")


def shown(value: object) -> str:
    text = shown_value(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def counts(usage: Usage | None) -> str:
    """A usage by its counts that are not 0."""
    if usage is None:
        return "None"
    return f"Usage({', '.join(f'{name}={count}' for name, count in asdict(usage).items() if count)})"


def check_meter(part: object, meter: Meter | None, given: object) -> None:
    """Raise ConformanceError for a metered part that declares limits which no budget can reckon with."""
    if meter is None:
        return
    limits: dict[str, object] = {"max_requests": meter.max_requests}
    if meter.max_output_tokens is not None:
        limits["max_output_tokens"] = meter.max_output_tokens
    estimate = meter.estimate(given, {"settings": {}, "feedback": ()})
    if estimate is not None:  # None says that nobody knows
        limits["estimate_input(input)"] = estimate
    contract = "what is metered declares what its calls may use at most, in whole numbers"
    for name, limit in limits.items():
        if type(limit) is not int or limit < 0:
            raise broken(part, contract, f"{name} is {shown(limit)}")
    if not meter.model:
        raise broken(part, contract, "its model has no name")
