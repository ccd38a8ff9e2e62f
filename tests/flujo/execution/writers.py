"""Agents that answer from a list, plugins that judge from one, and a run of one step with their prices."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flujo import (
    AgentOutput,
    Draft,
    Flujo,
    PipelineContext,
    PipelineResult,
    PluginOutcome,
    Price,
    PriceTable,
    Rejection,
    Step,
    Usage,
    validator,
)
from flujo.events import Asked

PRICES = PriceTable({"test:writer": Price(input="3", output="17"), "test:judge": Price(input="5", output="13")})
WRITER = Usage(input_tokens=100, output_tokens=10)  # 0.00047 USD
JUDGE = Usage(input_tokens=20, output_tokens=2)  # 0.000126 USD


class Writer:
    """Answers from a list; remembers what it was given."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.inputs: list[Any] = []

    async def run(self, x: Any) -> Any:
        self.inputs.append(x)
        answer = self.answers[len(self.inputs) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return AgentOutput(answer, usage=WRITER, model="test:writer")


class Listening(Writer):
    """The same, but told the feedback apart from its input."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(*answers)
        self.feedback: list[tuple[Rejection, ...]] = []

    async def run(self, x: Any, *, feedback: tuple[Rejection, ...] = ()) -> Any:
        self.feedback.append(feedback)
        return await super().run(x)


class Judging:
    """Gives its outcomes in order; remembers the drafts."""

    def __init__(self, name: str, *outcomes: Any, priority: int = 0) -> None:
        self.name = name
        self.priority = priority
        self.outcomes = list(outcomes)
        self.drafts: list[Draft] = []

    async def validate(self, draft: Draft) -> PluginOutcome:
        self.drafts.append(draft)
        outcome = self.outcomes[len(self.drafts) - 1]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome  # type: ignore[no-any-return]


YES = PluginOutcome(True)


def no(why: str, **more: Any) -> PluginOutcome:
    return PluginOutcome(False, why, **more)


@validator
def at_most_five(text: str) -> bool | str:
    return len(text) <= 5 or f"{len(text)} letters, at most 5"


class Ctx(PipelineContext):
    seen: list[str] = Field(default=[])


async def run(step: Step, given: Any = "rain", **options: Any) -> PipelineResult:
    return await Flujo(step, cost_model=PRICES, **options).run_async(given)


def asked(result: PipelineResult) -> list[tuple[str, object]]:
    return [(event.path, event.input) for event in result.transcript.of(Asked)]
