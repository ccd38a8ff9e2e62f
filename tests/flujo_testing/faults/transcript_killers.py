"""What kills the faults of the transcript. No tests."""

from __future__ import annotations

from flujo import Flujo, PipelineResult, Step
from flujo.events import Answered
from tests.flujo_testing.faults.isolation_killers import only_drafts, side_by_side
from tests.flujo_testing.faults.scenario import Killer, plain
from tests.laws.cast import PRICES, writer


async def unkept() -> PipelineResult:
    """A run that keeps no transcript has nothing to tell wrong."""
    flow = Flujo(Step("write", writer("Rain")), cost_model=PRICES, keep_transcript=False)
    return await flow.run_async("rain")


def events(result: PipelineResult) -> list[str]:
    return [type(event).__name__ for event in result.transcript]


def answers(result: PipelineResult) -> list[object]:
    return [event.output for event in result.transcript.of(Answered)]


WHOLE = ["RunStarted", "StepStarted", "Asked", "Paid", "Answered", "StepEnded", "RunEnded"]

TRANSCRIPT = {
    "last_event_dropped": Killer(plain, events, WHOLE, null=unkept),
    "event_twice": Killer(plain, events, WHOLE, null=unkept),
    "branches_in_completion_order": Killer(
        side_by_side([only_drafts("a", 2)], [only_drafts("b", 1)]),
        answers,
        ["a", "b"],
        null=side_by_side([only_drafts("a", 1)], [only_drafts("b", 2)]),
    ),
}
