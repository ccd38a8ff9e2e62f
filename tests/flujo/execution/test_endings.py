"""Endings under pressure: errors in clean-up, errors without words, interruptions, results that travel."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import anyio
import pytest
from pydantic import BeforeValidator

from flujo import (
    AgentOutput,
    Draft,
    Flujo,
    PipelineAbort,
    PluginOutcome,
    Price,
    PriceTable,
    Step,
    Usage,
    UsageLimits,
)
from flujo.events import AskFailed, BranchEnded, Event, RunEnded, StepStarted
from flujo.stores.memory import MemoryJournal
from flujo.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.usefixtures("virtual_clock")
PRICES = PriceTable({"test:m": Price(input="3", output="17")})
USAGE = Usage(input_tokens=7, output_tokens=5)


async def echo(x: object) -> object:
    return x


async def waits() -> None:
    await anyio.Event().wait()


async def cleaning_up_fails() -> None:
    try:
        await waits()
    finally:
        raise ValueError("cleaning up failed")


async def group(x: object) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cleaning_up_fails)
        tasks.start_soon(waits)


class Metered:
    model, max_output_tokens = "test:m", 5

    def __init__(self, first: Callable[[object], Awaitable[object]] = echo) -> None:
        self.first = first
        self.calls = 0

    def estimate_input(self, x: object) -> int:
        return 7

    async def run(self, x: object) -> AgentOutput[object]:
        self.calls += 1
        await self.first(x)
        return AgentOutput(x, usage=USAGE, model="test:m")


@pytest.mark.parametrize("retries", [0, 2])
async def test_a_group_that_fails_while_the_run_is_cancelled_lets_the_cancellation_out(retries: int) -> None:
    heard: list[Event] = []
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

            tasks.start_soon(cancel)
            await Flujo(Step("s", group, max_retries=retries), listeners=[heard.append]).run_async("x")
    assert scope.cancelled_caught
    assert [(e.outcome, e.error) for e in heard if isinstance(e, AskFailed)] == [("cancelled", "cancelled")]
    assert [e.status for e in heard if isinstance(e, RunEnded)] == ["cancelled"]


async def test_the_ledger_says_the_same_of_an_overrun_group_on_both_backends() -> None:
    r = await Flujo(Step("s", Metered(group), timeout_s=30, max_retries=0), cost_model=PRICES).run_async("x")
    assert [e.outcome for e in r.ledger.entries] == ["error"]


async def test_a_branch_that_swallows_the_stop_of_a_breach_is_stopped_and_not_to_blame() -> None:
    async def swallows(x: object) -> object:
        try:
            await waits()
        except anyio.get_cancelled_exc_class():
            return x
        return None

    async def pays(x: object) -> AgentOutput[object]:
        await anyio.sleep(1)
        return AgentOutput(x, usage=USAGE, model="test:m")

    fan = Step.parallel("fan", {"a": Step("s", swallows), "b": Step("s", pays)})
    r = await Flujo(fan, cost_model=PRICES, usage_limits=UsageLimits(total_cost_usd_limit="0.0001")).run_async("x")
    assert [(e.branch, e.status) for e in r.transcript.of(BranchEnded)] == [("a", "stopped"), ("b", "limited")]
    assert str(r.error) == "fan/branch:b/s/attempt:1 passed a limit: run used 0.000106 of 0.0001 USD"


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


async def test_a_plugin_that_raises_an_error_without_words_rejects() -> None:
    class Pl:
        name, priority = "pl", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            raise Mute

    assert (await Flujo(Step("s", echo, plugins=[Pl()], max_retries=0)).run_async("x")).status == "failed"


async def test_a_redirect_to_what_cannot_be_looked_at_rejects() -> None:
    class Odd:
        @property
        def run(self) -> object:
            raise Mute

    class Pl:
        name, priority = "pl", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            return PluginOutcome(True, redirect_to=Odd())

    assert (await Flujo(Step("s", echo, plugins=[Pl()], max_retries=0)).run_async("x")).status == "failed"


async def test_a_validator_of_an_output_type_that_raises_fails_the_step() -> None:
    def broken(x: object) -> object:
        raise KeyError("k")

    class T:
        output_type = Annotated[int, BeforeValidator(broken)]

        async def run(self, x: object) -> object:
            return x

    assert (await Flujo(Step("s", T(), max_retries=0)).run_async("x")).status == "failed"


async def test_an_abort_without_words_aborts() -> None:
    class Quiet(PipelineAbort):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def guard(e: object) -> None:
        raise Quiet("x")

    assert (await Flujo(Step("s", echo), listeners=[guard]).run_async("x")).status == "aborted"


async def test_a_failed_result_can_be_pickled() -> None:
    async def breaks(x: object) -> None:
        raise ValueError("broken")

    r = await Flujo(Step("s", breaks)).run_async("x")
    assert str(pickle.loads(pickle.dumps(r)).error) == str(r.error)


async def test_a_replayed_timeout_stays_in_doubt_so_the_limit_still_holds() -> None:
    fallback, journal = Metered(), MemoryJournal()

    async def hangs(x: object) -> None:
        await anyio.sleep(60)

    step = Step("s", Metered(hangs), timeout_s=30, max_retries=0, fallback=Step("f", fallback))
    runner = Flujo(step, store=journal, cost_model=PRICES, usage_limits=UsageLimits(total_cost_usd_limit="0.00015"))
    assert [(await runner.run_async("x", run_id="r")).status for _ in range(2)] == ["limited", "limited"]
    assert fallback.calls == 0


async def test_an_answer_that_the_store_keeps_no_more_is_told_as_an_error(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "runs.db")

    async def breaks(x: str) -> str:
        store._database.read_now(lambda database: database.execute("PRAGMA query_only=ON").fetchall())
        return x

    result = await Flujo(Step("s", breaks, max_retries=0), store=store).run_async("x", run_id="r")
    (failed,) = result.transcript.of(AskFailed)
    assert (result.status, failed.path, failed.outcome, failed.error) == (
        "failed",
        "s/attempt:1",
        "error",
        str(result.error),
    )
    store.close()


async def test_an_interruption_at_a_steps_start_closes_the_step() -> None:
    heard: list[Event] = []

    def interrupt(e: Event) -> None:
        heard.append(e)
        if isinstance(e, StepStarted):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Flujo(Step("s", echo), listeners=[interrupt]).run_async("x")
    assert [type(e).__name__ for e in heard] == ["RunStarted", "StepStarted", "StepEnded", "RunEnded"]
