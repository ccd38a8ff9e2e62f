"""Who appears in the tests of the kinds: a context, agents that write into it and are paid, prices. No tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel

from flujo import (
    AgentError,
    AgentOutput,
    Flujo,
    PipelineContext,
    PipelineResult,
    Price,
    PriceTable,
    StepFailedError,
    Usage,
)
from flujo.errors import DecisionError, PipelineDefinitionError
from flujo.events import Event, StepEnded
from flujo.execution.ledger import Grouping

GROUPINGS: tuple[Grouping, ...] = ("step", "model", "outcome", "branch")
PRICES = PriceTable({"test:m": Price(input="3", output="17")})


class Still:
    """A clock that stands still."""

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return datetime(2026, 5, 17, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


STILL = Still()


class Notes(PipelineContext):
    """Everybody who worked, in order."""

    notes: list[str] = []
    winner: str = ""


def paid(tokens: int) -> dict[str, Any]:
    return {"usage": Usage(input_tokens=tokens, output_tokens=0), "model": "test:m"}


def usd(*tokens: int) -> Decimal:
    """What so many input tokens cost."""
    return Decimal(3 * sum(tokens)).scaleb(-6)


@dataclass(frozen=True)
class Writer:
    """Adds its name to the input and to the notes; each call takes ``tokens`` (0: it is nothing that is paid)."""

    name: str
    tokens: int = 0

    async def run(self, x: Any, *, context: Notes) -> Any:
        context.notes.append(self.name)
        output = f"{x}.{self.name}"
        return AgentOutput(output, **paid(self.tokens)) if self.tokens else output


@dataclass(frozen=True)
class Breaker:
    """Writes its name into the notes and fails, though it was paid."""

    name: str
    tokens: int = 0

    async def run(self, x: Any, *, context: Notes) -> Any:
        context.notes.append(self.name)
        if self.tokens:
            raise AgentError("broken", **paid(self.tokens))
        raise AgentError("broken")


async def echo(x: object) -> object:
    return x


async def run(part: Any, x: object = "x", **options: Any) -> PipelineResult:
    """A run with notes and prices that adds up."""
    data = options.pop("context_data", None)
    result = await Flujo(part, **{"context_model": Notes, "cost_model": PRICES, "clock": STILL, **options}).run_async(
        x, run_id="r", context_data=data
    )
    assert sums(result) == [result.ledger.known_cost_usd] * 5
    return result


def sums(result: PipelineResult) -> list[Decimal]:
    """Everything that was paid, added up in five ways (law A2)."""
    groups = [sum(result.cost_by(by).values(), Decimal()) for by in GROUPINGS]
    return [*groups, sum((entry.cost_usd or Decimal() for entry in result.ledger.entries), Decimal())]


def story(result: PipelineResult) -> list[tuple[object, ...]]:
    """What happened between the start and the end of a run: kind, path and fields of every event, without times."""
    return [facts(event) for event in result.transcript[1:-1]]


def facts(event: Event) -> tuple[object, ...]:
    names = [field.name for field in fields(event) if field.name != "at"]
    return (type(event).__name__, *(getattr(event, name) for name in names))


def kinds(result: PipelineResult) -> list[tuple[str, str]]:
    """Kind and path of every event between the start and the end of a run."""
    return [(type(event).__name__, event.step) for event in result.transcript[1:-1]]


def spent(result: PipelineResult) -> list[tuple[str, Decimal | None]]:
    """Path and cost of every ledger entry, in order."""
    return [(entry.path, entry.cost_usd) for entry in result.ledger.entries]


def why(result: PipelineResult) -> tuple[str, str, str]:
    """Status, path and text of the error of a run that one of its steps failed."""
    assert type(result.error) is StepFailedError
    return result.status, result.error.path, str(result.error)


def undecided(result: PipelineResult) -> tuple[str, str, str]:
    """Which function at which path failed its step, and why."""
    assert type(result.error) is StepFailedError
    cause = result.error.cause
    assert type(cause) is DecisionError
    assert (result.status, result.error.path) == ("failed", cause.path)
    return cause.path, cause.function, str(cause)


def codes(refused: PipelineDefinitionError) -> list[tuple[str, str]]:
    """Code and path of every problem, in order."""
    return [(problem.code, problem.path) for problem in refused.problems]


def statuses(result: PipelineResult) -> Sequence[tuple[str, str]]:
    """Path and status of every step that ended, in order."""
    return [(event.step, event.status) for event in result.transcript.of(StepEnded)]
