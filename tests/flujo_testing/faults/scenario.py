"""What kills a fault: a run, and an exact claim about its result. No tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flujo import Flujo, PipelineContext, PipelineResult, Step, UsageLimits
from flujo.events import Asked
from flujo_testing import FunctionAgent
from tests.laws.cast import PRICES, Notes, writer

Scenario = Callable[[], Awaitable[PipelineResult]]


async def plain() -> PipelineResult:
    """One paid step of one attempt, which nobody judges: few faults have anything to lie about here."""
    return await run(Step("write", writer("Rain")))


@dataclass(frozen=True, slots=True)
class Killer:
    """Clean, ``reads(result)`` of the run is ``expected``; under the fault it is not.

    ``null`` is a run that the fault leaves as it is.
    """

    run: Scenario
    reads: Callable[[PipelineResult], object]
    expected: object
    null: Scenario = plain


async def run(
    part: Any, given: object = "rain", *, limits: UsageLimits | None = None, context: type[PipelineContext] = Notes
) -> PipelineResult:
    return await Flujo(part, cost_model=PRICES, context_model=context, usage_limits=limits).run_async(given)


def slow_note(name: str, seconds: float = 0, *, fails: bool = False) -> FunctionAgent:
    """Writes its name among the drafts when its time is over, and sets the mood to it."""

    async def note(x: object, *, context: Notes) -> str:
        context.drafts.append(name)
        context.mood = name
        if fails:
            raise ValueError(f"{name} fails")
        return name

    return FunctionAgent(note, name=name, delay_s=seconds)


def total(result: PipelineResult) -> Decimal | None:
    return result.total_cost_usd


def status(result: PipelineResult) -> str:
    return result.status


def output(result: PipelineResult) -> object:
    return result.output


def attempts(result: PipelineResult) -> int:
    return result.step_history[0].attempts


def drafts(result: PipelineResult) -> object:
    return result.context.drafts


def last_feedback(result: PipelineResult) -> list[str]:
    """What the last agent that was asked has been told of the drafts so far."""
    return [rejection.feedback for rejection in result.transcript.of(Asked)[-1].feedback]
