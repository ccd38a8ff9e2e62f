"""Results are read from the events; a result is data, whatever its status."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import Field

from flujo import AgentOutput, Flujo, PipelineContext, PipelineResult, Price, PriceTable, Step, StepFailedError, Usage
from flujo.events import Asked, Event, RunEnded, RunStarted

PRICES = PriceTable({"test:m": Price(input="3", output="17")})


class Ctx(PipelineContext):
    seen: list[str] = Field(default=[])


async def paid(x: str, *, context: Ctx) -> AgentOutput[str]:
    context.seen.append(x)
    return AgentOutput(x + "!", usage=Usage(input_tokens=7, output_tokens=5), model="test:m")


async def fails(x: str) -> str:
    raise ValueError("broken")


class Ticking:
    """Every look at this clock takes a second."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        self.time += 1
        return self.time

    def utc(self) -> None: ...

    async def sleep(self, seconds: float) -> None: ...


def test_a_completed_run_says_what_every_step_did() -> None:
    result = Flujo(Step("a", paid) >> Step("b", paid), context_model=Ctx, cost_model=PRICES).run("x", run_id="r")
    assert (result.status, result.success, result.output, result.error) == ("completed", True, "x!!", None)
    assert (result.run_id, result.total_tokens, result.total_cost_usd) == ("r", 24, Decimal("0.000212"))
    assert result.usage == Usage(input_tokens=14, output_tokens=10, requests=2)
    assert result.context == Ctx(seen=["x", "x!"])
    assert result.context is result.context
    assert result.raise_for_status() is result
    assert repr(result) == "PipelineResult(status='completed', output='x!!', error=None)"
    assert [
        (s.name, s.status, s.output, s.attempts, s.token_counts, s.branch, s.metadata)
        for s in result.step_history
    ] == [
        ("a", "completed", "x!", 1, 12, None, {}), ("b", "completed", "x!!", 1, 12, None, {}),
    ]  # fmt: skip


def test_a_failed_step_has_no_output_and_ends_the_pipeline() -> None:
    result: PipelineResult = Flujo(
        Step("a", paid) >> Step("b", fails) >> Step("c", paid), context_model=Ctx, cost_model=PRICES
    ).run("x")
    assert (result.status, result.output) == ("failed", None)
    assert [(s.name, s.success, s.output, s.error) for s in result.step_history] == [
        ("a", True, "x!", None), ("b", False, None, "step 'b' failed after 2 attempts: ValueError: broken"),
    ]  # fmt: skip
    assert result.context == Ctx(seen=["x"])
    assert result.total_cost_usd == Decimal("0.000106")
    with pytest.raises(StepFailedError):
        result.raise_for_status()


def test_every_run_begins_and_ends_in_its_transcript() -> None:
    result = Flujo(Step("a", fails, max_retries=0), name="triage").run("x")
    first, last = result.transcript[0], result.transcript[-1]
    assert type(first) is RunStarted
    assert type(last) is RunEnded
    assert (first.pipeline, first.input) == ("triage", "x")
    assert (last.status, last.error) == ("failed", "step 'a' failed after 1 attempt: ValueError: broken")


def test_latency_is_the_clocks() -> None:
    async def echo(x: str) -> str:
        return x

    (step,) = Flujo(Step("a", echo), clock=Ticking()).run("x").step_history  # type: ignore[arg-type]
    assert step.latency_s == 2.0  # the clock is read when it starts, is asked and ends


def test_transcripts_of_equal_runs_are_equal_though_their_times_differ() -> None:
    async def echo(x: str) -> str:
        return x

    runner = Flujo(Step("a", echo))
    one, two = runner.run("x").transcript, runner.run("x").transcript
    assert one == two
    assert one[0].at != two[0].at
    assert one != runner.run("y").transcript


def test_paths_of_asks_name_attempt_and_redirect() -> None:
    assert Asked("a/b", 0.0, 2, 1, "agent", None, ()).path == "a/b/attempt:2/redirect:1"
    assert Event("a", 1.0) == Event("a", 2.0)
