"""The assertion that would have noticed: the first of these claims whose exact value the fault changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from flujo import PipelineResult
from flujo_testing.transcript.difference import WIDTH

COMPARE_ALL = "golden.check(result)"
"""A golden is the whole story, and another story is what makes a fault an infection."""
CLAIMS: dict[str, Callable[[PipelineResult], Any]] = {
    "result.status": lambda result: result.status,
    "result.output": lambda result: result.output,
    "result.total_cost_usd": lambda result: result.total_cost_usd,
    "len(result.ledger.entries)": lambda result: len(result.ledger.entries),
    "result.total_tokens": lambda result: result.total_tokens,
    "[step.attempts for step in result.step_history]": lambda result: [step.attempts for step in result.step_history],
    "[step.output for step in result.step_history]": lambda result: [step.output for step in result.step_history],
    "[step.feedback for step in result.step_history]": lambda result: [step.feedback for step in result.step_history],
    "str(result.error)": lambda result: str(result.error),
    "result.context.model_dump()": lambda result: result.context.model_dump(),
}
LONGEST = 3 * WIDTH


def would_notice(clean: Sequence[PipelineResult], under_fault: Sequence[PipelineResult], usual: str) -> str:
    """With the values of the clean run. What no short claim tells, the golden of the run does, or the ``usual`` way."""
    for one, other in zip(clean, under_fault, strict=False):
        if one.is_whole and other.is_whole:
            for claim, value in CLAIMS.items():
                written = _written(claim, value(one))
                if written is not None and _differ(value(one), _read(value, other)):
                    return written
    return COMPARE_ALL if usual == COMPARE_ALL else f"{COMPARE_ALL}, or {usual}"


def _written(claim: str, value: Any) -> str | None:
    """The claim as an assertion; None where a value cannot be written so, or nobody would want to read it."""
    if not _is_literal(value):
        return None
    text = f"assert {claim} is None" if value is None else f"assert {claim} == {value!r}"
    return text if len(text) <= LONGEST else None


def _read(value: Callable[[PipelineResult], Any], lied: PipelineResult) -> Any:
    """What cannot be read of a result that a lying engine gave, is what reading it raised."""
    try:
        return value(lied)
    except Exception as error:
        return error


def _differ(right: Any, wrong: Any) -> bool:
    return type(right) is not type(wrong) or bool(right != wrong)


def _is_literal(value: Any) -> bool:
    """Whether what Python shows of it is the value again, with no import but that of Decimal."""
    if type(value) in (list, tuple):
        return all(map(_is_literal, value))
    if type(value) is dict:
        return all(_is_literal(part) for pair in value.items() for part in pair)
    return value is None or type(value) in (bool, int, str, Decimal)
