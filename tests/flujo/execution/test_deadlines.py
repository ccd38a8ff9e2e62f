"""Deadlines (law P6): what is late has failed, ours are told from the agent's own, and who hangs is named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from flujo import Draft, Flujo, PipelineResult, PluginOutcome, Step, StepFailedError
from flujo.errors import OverrunError, StepTimeoutError
from flujo.events import AskFailed, Judged
from flujo.execution.watchdog import Watchdog

SOON = 0.001


async def hangs(x: object) -> None:
    await anyio.Event().wait()


async def run(agent: Any, **options: Any) -> PipelineResult:
    return await Flujo(Step("s", agent, **{"timeout_s": SOON, "max_retries": 0, **options})).run_async("x")


async def test_an_agent_that_gives_no_answer_in_time_has_failed_its_attempt() -> None:
    result = await run(hangs, max_retries=1)
    assert str(result.error) == "step 's' failed after 2 attempts: no answer within 0.001 s"
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is StepTimeoutError
    assert [(event.path, event.outcome) for event in result.transcript.of(AskFailed)] == [
        ("s/attempt:1", "timeout"), ("s/attempt:2", "timeout"),
    ]  # fmt: skip


async def test_an_agent_whose_drafts_are_judged_has_its_deadline_too(virtual_clock: object) -> None:
    async def slow(x: object) -> str:
        await anyio.sleep(60)
        return "too late"

    result = await run(slow, timeout_s=30, output_processors=[str])
    assert [(event.path, event.outcome) for event in result.transcript.of(AskFailed)] == [("s/attempt:1", "timeout")]


async def test_a_timeout_of_the_agents_own_is_its_exception() -> None:
    async def impatient(x: object) -> None:
        raise TimeoutError("the database was slow")

    result = await run(impatient, timeout_s=60)
    assert [event.outcome for event in result.transcript.of(AskFailed)] == ["error"]
    assert str(result.error) == "step 's' failed after 1 attempt: TimeoutError: the database was slow"


async def test_our_timeouts_are_retried_whatever_retry_on_says() -> None:
    result = await run(hangs, max_retries=1, retry_on=ConnectionError)
    assert result.step_history[0].attempts == 2


async def test_an_agent_that_swallows_its_cancellation_has_failed_whatever_it_returns() -> None:
    async def swallows(x: object) -> str:
        try:
            await anyio.Event().wait()
        except anyio.get_cancelled_exc_class():
            return "too late"
        return "never"

    result = await run(swallows)
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is OverrunError
    assert str(result.error) == (
        "step 's' failed after 1 attempt: came back after its deadline of 0.001 s: "
        "it swallows cancellation or blocks the event loop"
    )


async def test_an_agent_that_blocks_the_event_loop_has_failed_even_if_it_raises() -> None:
    async def blocks(x: object) -> None:
        threading.Event().wait(0.01)
        raise ValueError("after all that")

    result = await run(blocks)
    assert [event.outcome for event in result.transcript.of(AskFailed)] == ["overrun"]


async def test_a_plugin_that_hangs_rejects_with_the_reason(virtual_clock: object) -> None:
    class Hanging:
        name, priority = "hanging", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            await anyio.Event().wait()
            return PluginOutcome(True)

    async def echo(x: str) -> str:
        return x

    result = await run(echo, plugins=[Hanging()])
    (judged,) = result.transcript.of(Judged)
    assert (judged.accepted, judged.crashed, judged.feedback) == (
        False, True, "plugin hanging failed (no answer within 0.001 s)",
    )  # fmt: skip


async def test_a_cancellation_from_outside_is_no_timeout() -> None:
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel() -> None:
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

            group.start_soon(cancel)
            await run(hangs, timeout_s=60)
    assert scope.cancelled_caught


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.message = ""
        self.arrived = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.message = record.getMessage()
        self.arrived.set()


@contextmanager
def listening() -> Iterator[Heard]:
    heard, logger = Heard(), logging.getLogger("flujo")
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)


class Call:
    path = "draft/attempt:2"


def test_the_watchdog_names_who_hangs_while_it_hangs() -> None:
    watchdog = Watchdog(grace_s=0)
    with listening() as heard, watchdog.watch(Call(), 0.001):
        assert heard.arrived.wait(30)
    assert heard.message == (
        "draft/attempt:2 has not come back after its deadline of 0.001 s: "
        "it swallows cancellation or blocks the event loop"
    )


def test_the_watchdog_keeps_nothing_of_calls_that_came_back() -> None:
    watchdog = Watchdog(grace_s=3600)
    for _ in range(1000):
        with watchdog.watch(Call(), 60):
            assert watchdog.watching == 1
    assert watchdog.watching == 0
    assert watchdog.remembered <= 130


def test_an_earlier_deadline_wakes_the_watchdog() -> None:
    watchdog = Watchdog(grace_s=0)
    with listening() as heard, watchdog.watch(Call(), 3600), watchdog.watch(Call(), 0.001):
        assert heard.arrived.wait(30)


@pytest.mark.parametrize("timeout_s", [30.0, 120.0])
async def test_an_answer_in_time_is_an_answer(timeout_s: float) -> None:
    async def echo(x: str) -> str:
        return x

    assert (await run(echo, timeout_s=timeout_s)).output == "x"
