"""One step: waits between attempts, processors, unusable answers, and what is handed to the agent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flujo import AgentError, Flujo, Step, StepFailedError, UsageLimits
from flujo.errors import MisbehavedError
from flujo.events import AskFailed, BackedOff
from flujo.execution.account import budget_above
from tests.flujo.execution.writers import PRICES, WRITER, Writer, run


class Clock:
    """Time goes on while somebody waits, and no longer."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def now(self) -> float:
        return sum(self.waited)

    def utc(self) -> Any:
        raise AssertionError("nothing is priced here")

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


async def failing(x: str) -> str:
    raise ValueError("overloaded")


async def test_backoff_waits_between_attempts_and_is_in_the_transcript() -> None:
    clock = Clock()
    step = Step("write", failing, max_retries=2, backoff=lambda failed: 1.5 * failed)
    result = await Flujo(step, clock=clock).run_async("rain")
    assert clock.waited == [1.5, 3.0]
    assert [(event.attempt, event.delay_s) for event in result.transcript.of(BackedOff)] == [
        (1, 1.5),
        (2, 3.0),
    ]


async def test_a_wait_may_be_shorter_than_a_second_or_none() -> None:
    clock = Clock()
    step = Step("write", failing, max_retries=2, backoff=lambda failed: failed / 2 - 0.5)
    assert (await Flujo(step, clock=clock).run_async("rain")).step_history[0].attempts == 3
    assert clock.waited == [0.0, 0.5]


async def test_a_run_that_goes_on_waits_for_new_attempts_only() -> None:
    clock = Clock()
    step = Step("write", failing, max_retries=1, backoff=lambda failed: 1.5 * failed)
    flow = Flujo(step, clock=clock)
    failed = await flow.run_async("rain")
    assert clock.waited == [1.5]
    again = await flow.resume_async(failed)
    assert clock.waited == [1.5, 3.0, 4.5]
    assert [event.delay_s for event in again.transcript.of(BackedOff)] == [1.5, 3.0, 4.5]


async def test_an_attempt_that_was_granted_once_stays_granted() -> None:
    """The step fails by what is not retried, gets further attempts and completes; then the run goes on again."""
    agent = Writer(ValueError("offline"), "fits")
    ask: Any = Step.human_in_the_loop("ask", "Publish?")
    flow = Flujo(Step("write", agent, retry_on=KeyError) >> ask, cost_model=PRICES)
    failed = await flow.run_async("rain")
    paused = await flow.resume_async(failed)
    assert (failed.status, paused.status, len(agent.inputs)) == ("failed", "paused", 2)
    result = await flow.resume_async(paused, {"ask": "yes"})
    assert (result.status, result.output, len(agent.inputs)) == ("completed", "yes", 2)


async def test_processors_shape_what_goes_in_and_what_comes_out() -> None:
    writer = Writer("x")
    step = Step("write", writer, input_processors=[str.upper], output_processors=[lambda o: o * 2, lambda o: o + "!"])
    assert (await run(step)).output == "xx!"
    assert writer.inputs == ["RAIN"]


@pytest.mark.parametrize("where", ["input_processors", "output_processors"])
async def test_a_processor_that_raises_fails_the_step_at_once_and_the_spend_is_kept(where: str) -> None:
    def broken(value: object) -> object:
        raise KeyError("title")

    options: dict[str, Any] = {where: [broken]}
    result = await run(Step("write", Writer("x", "y"), **options))
    when = "before it was asked" if where == "input_processors" else "after 1 attempt"
    assert str(result.error) == f"step 'write' failed {when}: KeyError: 'title'"
    assert len(result.ledger.entries) == (0 if where == "input_processors" else 1)


@pytest.mark.parametrize("where", ["input_processors", "output_processors"])
async def test_a_processor_that_has_to_be_awaited_fails_the_step_at_once(where: str) -> None:
    async def shaping(value: object) -> object:
        return value

    options: dict[str, Any] = {where: [lambda value: shaping(value)]}
    result = await run(Step("write", Writer("x", "y"), **options))
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is MisbehavedError
    assert str(result.error.cause) == (
        "a processor returned what is to be awaited or collected; processors are plain functions"
    )


async def test_an_answer_that_was_not_awaited_is_named() -> None:
    async def inner() -> str:
        return "x"

    async def forgetful(x: str) -> Any:
        return inner()

    result = await run(Step("write", forgetful, max_retries=0))
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is MisbehavedError
    assert str(result.error.cause) == (
        "agent 'forgetful' answered with a coroutine: it forgot to await, or to collect what it yields"
    )


async def test_what_was_paid_before_a_failure_is_booked() -> None:
    paid = AgentError("refused", usage=WRITER, model="test:writer")
    result = await run(Step("write", Writer(paid, paid, "fits"), max_retries=2))
    assert [(entry.attempt, entry.cost_usd, entry.outcome) for entry in result.ledger.entries] == [
        (1, Decimal("0.00047"), "error"), (2, Decimal("0.00047"), "error"), (3, Decimal("0.00047"), "ok"),
    ]  # fmt: skip
    assert result.total_cost_usd == Decimal("0.00141")
    assert [event.outcome for event in result.transcript.of(AskFailed)] == ["error", "error"]


async def test_a_step_that_passes_its_own_limit_fails_and_says_whose_it_was() -> None:
    limited = Step("write", Writer("x"), usage_limits=UsageLimits(total_cost_usd_limit="0.0001"))
    fan: Any = Step.parallel("fan", {"a": limited})
    result = await run(fan)
    assert type(result.error) is StepFailedError
    assert (result.error.path, result.error.attempts) == ("fan/branch:a/write", 1)
    assert str(result.error.cause) == (
        "fan/branch:a/write/attempt:1 passed a limit: fan/branch:a/write used 0.00047 of 0.0001 USD"
    )


async def test_where_there_are_no_limits_an_agent_runs_under_no_budget() -> None:
    async def look(x: str) -> bool:
        return budget_above() is None

    assert (await run(Step("look", look))).output is True


async def test_steps_take_resources_and_settings_by_name() -> None:
    async def taking(x: str, *, resources: dict[str, str], settings: dict[str, int]) -> list[object]:
        return [x, resources["db"], settings]

    step = Step("take", taking, settings={"temperature": 0})
    assert (await run(step, resources={"db": "rows"})).output == ["rain", "rows", {"temperature": 0}]
