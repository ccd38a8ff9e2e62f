"""Agents, plugins and functions that behave badly: they cost their own step, never the run around them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import sniffio

from flujo import (
    AgentError,
    AgentOutput,
    Draft,
    Flujo,
    PipelineDefinitionError,
    PipelineResult,
    PluginOutcome,
    Price,
    PriceTable,
    RequestUsage,
    Step,
    UnknownModelPrice,
    Usage,
    UsageLimitExceededError,
    UsageLimits,
)
from flujo.errors import OverrunError, RunPausedError, StepFailedError, StepTimeoutError
from flujo.events import Asked, AskFailed, BranchEnded, Event, Judged, RunEnded, StepEnded, StepStarted
from flujo.execution.account import budget_above
from flujo.execution.budget import Budget

pytestmark = pytest.mark.usefixtures("virtual_clock")

PRICES = PriceTable({"test:m": Price(input="3", output="17")})
USAGE = Usage(input_tokens=7, output_tokens=5)
AgentFunction = Callable[[object], Awaitable[object]]


async def echo(x: object) -> object:
    return x


async def waits(x: object = None) -> None:
    await anyio.Event().wait()


async def breaks(x: object) -> None:
    await anyio.lowlevel.checkpoint()
    raise KeyError("broken")


async def swallows(x: object) -> object:
    """Answers although it was cancelled."""
    try:
        await waits()
    except anyio.get_cancelled_exc_class():
        return x
    raise AssertionError("the gate is never opened")


async def turns_into_an_error(x: object) -> None:
    try:
        await waits()
    except anyio.get_cancelled_exc_class():
        raise ValueError("cleaning up failed") from None


async def cleaning_up_fails() -> None:
    try:
        await waits()
    finally:
        raise ValueError("cleaning up failed")


async def anyio_group(x: object) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(cleaning_up_fails)
        group.start_soon(waits)


async def native_group(x: object) -> None:
    if sniffio.current_async_library() == "trio":
        import trio

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cleaning_up_fails)
            nursery.start_soon(waits)
    else:
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning_up_fails())
            group.create_task(waits())


async def well_behaved_group(x: object) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(waits)
        group.start_soon(waits)


class Counting:
    """Asks a function and counts how often."""

    def __init__(self, function: AgentFunction) -> None:
        self.function = function
        self.calls = 0

    async def run(self, x: object) -> object:
        self.calls += 1
        return await self.function(x)


# Deadlines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [anyio_group, native_group, turns_into_an_error])
async def test_a_group_that_fails_while_it_times_out_is_an_overrun_and_retried(group: AgentFunction) -> None:
    result = await Flujo(Step("s", group, timeout_s=30, max_retries=1, retry_on=OSError)).run_async("x")
    assert [(event.path, event.outcome) for event in result.transcript.of(AskFailed)] == [
        ("s/attempt:1", "overrun"), ("s/attempt:2", "overrun"),
    ]  # fmt: skip
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is OverrunError


async def test_a_group_that_times_out_tidily_is_a_timeout_and_retried() -> None:
    result = await Flujo(Step("s", well_behaved_group, timeout_s=30, max_retries=1)).run_async("x")
    assert [(event.path, event.outcome) for event in result.transcript.of(AskFailed)] == [
        ("s/attempt:1", "timeout"), ("s/attempt:2", "timeout"),
    ]  # fmt: skip
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is StepTimeoutError


# Stopped by a sibling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", [anyio_group, native_group, well_behaved_group, turns_into_an_error, swallows, waits])
async def test_a_stopped_branch_is_stopped_whatever_its_agent_makes_of_it(agent: AgentFunction) -> None:
    stopped, saved, later = Counting(agent), Counting(echo), Counting(echo)
    branch = Step("s", stopped, max_retries=3, fallback=Step("f", saved)) >> Step("t", later)
    fan = Step.parallel("fan", {"a": branch, "b": Step("s", breaks, max_retries=0)})
    result = await Flujo(fan).run_async("x")
    assert (stopped.calls, saved.calls, later.calls) == (1, 0, 0)
    assert str(result.error) == "step 'fan/branch:b/s' failed after 1 attempt: KeyError: 'broken'"
    assert [(event.branch, event.status) for event in result.transcript.of(BranchEnded)] == [
        ("a", "stopped"), ("b", "failed"),
    ]  # fmt: skip
    assert result.transcript.of(StepEnded)[-1].error == str(result.error)


async def test_a_step_that_a_stopped_branch_comes_to_is_told_as_cancelled() -> None:
    branch = Step("s", swallows) >> Step("t", echo)
    fan = Step.parallel("fan", {"a": branch, "b": Step("s", breaks, max_retries=0)})
    result = await Flujo(fan).run_async("x")
    told = [event for event in result.transcript if event.step == "fan/branch:a/t"]
    assert [type(event) for event in told] == [StepStarted, StepEnded]
    assert [event.status for event in told if isinstance(event, StepEnded)] == ["cancelled"]


async def test_a_rejected_draft_of_a_stopped_branch_is_not_asked_for_again() -> None:
    class Strict:
        name, priority = "strict", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            return PluginOutcome(False, "never")

    stopped = Counting(swallows)
    branch = Step("s", stopped, plugins=[Strict()], max_retries=3)
    fan = Step.parallel("fan", {"a": branch, "b": Step("s", breaks, max_retries=0)})
    result = await Flujo(fan).run_async("x")
    assert (stopped.calls, result.transcript.of(Judged)) == (1, ())


async def test_a_branch_that_swallows_the_stop_of_a_breach_spends_no_more() -> None:
    later = Counting(echo)

    async def pays(x: object) -> AgentOutput[object]:
        await anyio.sleep(1)
        return AgentOutput(x, usage=USAGE, model="test:m")

    branch = Step("s", swallows) >> Step("t", later) >> Step("u", later)
    runner = Flujo(
        Step.parallel("fan", {"a": branch, "b": Step("s", pays)}),
        cost_model=PRICES,
        usage_limits=UsageLimits(total_cost_usd_limit="0.0001"),
    )
    result = await runner.run_async("x")
    assert (result.status, result.total_cost_usd, later.calls) == ("limited", Decimal("0.000106"), 0)


# Cancelled from outside --------------------------------------------------------------------------------------


async def cancelled_from_outside(step: Step, heard: list[Event]) -> bool:
    """Whether the cancellation came out again at the other end of the run."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel() -> None:
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

            group.start_soon(cancel)
            await Flujo(step, listeners=[heard.append]).run_async("x")
    return scope.cancelled_caught


async def test_a_cancellation_turned_into_an_error_is_not_retried_nor_saved() -> None:
    heard: list[Event] = []
    step = Step("s", turns_into_an_error, max_retries=3, fallback=Step("f", echo))
    assert await cancelled_from_outside(step, heard)
    assert [event.path for event in heard if isinstance(event, Asked)] == ["s/attempt:1"]
    assert [event.status for event in heard if isinstance(event, RunEnded)] == ["cancelled"]


async def test_the_last_attempt_that_turned_a_cancellation_into_an_error_is_not_saved() -> None:
    heard: list[Event] = []
    step = Step("s", turns_into_an_error, max_retries=0, fallback=Step("f", echo))
    assert await cancelled_from_outside(step, heard)
    assert [event.path for event in heard if isinstance(event, Asked)] == ["s/attempt:1"]


async def test_a_rejected_draft_of_an_agent_that_swallowed_a_cancellation_is_not_asked_for_again() -> None:
    class Strict:
        name, priority = "strict", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            return PluginOutcome(False, "never")

    heard: list[Event] = []
    step = Step("s", swallows, plugins=[Strict()], max_retries=3, fallback=Step("f", echo))
    assert await cancelled_from_outside(step, heard)
    assert [event.path for event in heard if isinstance(event, Asked)] == ["s/attempt:1"]


# What cannot be used -------------------------------------------------------------------------------------------


class Metered:
    model, max_output_tokens = "test:m", 5

    def __init__(self, answer: Callable[[], object], estimate: object = 7) -> None:
        self.answer = answer
        self.estimate = estimate

    def estimate_input(self, x: object) -> object:
        return self.estimate

    async def run(self, x: object) -> object:
        return self.answer()


async def limited(*steps: Step) -> tuple[PipelineResult, int]:
    """The result under a limit, and how many calls the budget still holds something for."""
    budgets: list[Budget] = []

    async def look(x: object) -> object:
        budget = budget_above()
        assert type(budget) is Budget
        budgets.append(budget)
        return x

    pipeline = Step("look", look) >> steps[0]
    result = await Flujo(pipeline, cost_model=PRICES, usage_limits=UsageLimits(request_limit=9)).run_async("x")
    assert not any(budgets[0].reserved.values())
    return result, budgets[0].open_holds


@pytest.mark.parametrize(
    ("estimate", "told"),
    [
        (1.75, "TypeError: input_tokens must be an int, not float 1.75"),
        (-1, "ValueError: input_tokens must be at least 0, not -1"),
        ("7", "TypeError: input_tokens must be an int, not str '7'"),
    ],
)
async def test_an_estimate_that_is_no_count_fails_the_step_before_it_is_asked(estimate: object, told: str) -> None:
    result, held = await limited(Step("s", Metered(lambda: "x", estimate), max_retries=2))
    assert str(result.error) == f"step 's' failed before it was asked: {told}"
    assert ([event.path for event in result.transcript.of(Asked)], held) == (["look/attempt:1"], 0)


async def test_a_step_with_an_impossible_estimate_may_fall_back() -> None:
    result, held = await limited(Step("s", Metered(lambda: "x", -1), fallback=Step("f", echo)))
    assert (result.status, result.output, held) == ("completed", "x", 0)


def raises(failed: int) -> float:
    raise KeyError("no such attempt")


@pytest.mark.parametrize(
    ("backoff", "told"),
    [
        (raises, "KeyError: 'no such attempt'"),
        (lambda failed: None, "TypeError: float() argument must be a string or a real number, not 'NoneType'"),
        (lambda failed: -1, "ValueError: backoff(1) is -1.0 seconds"),
        (lambda failed: float("inf"), "ValueError: backoff(1) is inf seconds"),
        (lambda failed: float("nan"), "ValueError: backoff(1) is nan seconds"),
    ],
)
async def test_a_backoff_that_is_no_time_fails_the_step(backoff: Any, told: str) -> None:
    result = await Flujo(Step("s", breaks, max_retries=3, backoff=backoff)).run_async("x")
    assert str(result.error) == f"step 's' failed after 1 attempt: {told}"
    saved: PipelineResult = await Flujo(Step("s", breaks, backoff=backoff, fallback=Step("f", echo))).run_async("x")
    assert (saved.status, saved.output) == ("completed", "x")


async def test_a_redirect_to_an_agent_with_an_impossible_output_type_is_a_rejection() -> None:
    class Impossible:
        output_type = object()

        async def run(self, x: object) -> object:
            return x

    class Redirecting:
        name, priority = "redirecting", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            return PluginOutcome(True, redirect_to=Impossible())

    result = await Flujo(Step("s", echo, plugins=[Redirecting()], max_retries=1)).run_async("x")
    assert result.status == "failed"
    assert [(event.path, event.accepted, event.crashed) for event in result.transcript.of(Judged)] == [
        ("s/attempt:1", False, True), ("s/attempt:2", False, True),
    ]  # fmt: skip


NEGATIVE, NAN = Decimal(-1), Decimal("nan")
BAD_USAGE: Any = {"input_tokens": 7}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: AgentOutput("x", usage=USAGE, cost_usd=NEGATIVE), "cost_usd must be at least 0, not -1"),
        (lambda: AgentOutput("x", usage=USAGE, cost_usd=NAN), "cost_usd must be a finite number, not NaN"),
        (lambda: AgentError("x", usage=USAGE, cost_usd=NEGATIVE), "cost_usd must be at least 0, not -1"),
        (lambda: AgentOutput("x", usage=BAD_USAGE), "usage must be a Usage, not dict {'input_tokens': 7}"),
        (
            lambda: AgentOutput("x", requests=(RequestUsage(usage=BAD_USAGE),)),
            "usage must be a Usage, not dict {'input_tokens': 7}",
        ),
    ],
)
async def test_a_report_that_cannot_be_booked_fails_the_ask_that_makes_it(
    answer: Callable[[], object], told: str
) -> None:
    result, held = await limited(Step("s", Metered(answer), max_retries=0))
    assert (result.status, held) == ("failed", 0)
    (failed,) = result.transcript.of(AskFailed)
    assert (failed.outcome, failed.error.partition(": ")[2]) == ("error", told)
    assert [(entry.outcome, entry.cost_usd) for entry in result.ledger.entries] == [("error", None)]


async def test_an_error_that_cannot_be_told_is_named_by_its_class() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def mute() -> object:
        raise Mute

    result, held = await limited(Step("s", Metered(mute), max_retries=0))
    assert str(result.error) == "step 's' failed after 1 attempt: Mute, whose text cannot be made (RuntimeError)"
    assert held == 0


@pytest.mark.parametrize(
    "error",
    [UsageLimitExceededError("spent"), UnknownModelPrice("no row"), PipelineDefinitionError([]), RunPausedError("x")],
)
async def test_what_no_further_attempt_mends_is_not_retried_but_may_fall_back(error: Exception) -> None:
    async def raising(x: object) -> object:
        raise error

    agent = Counting(raising)
    result = await Flujo(Step("s", agent, max_retries=3, fallback=Step("f", echo))).run_async("x")
    assert (agent.calls, result.status, result.output) == (1, "completed", "x")
