"""A journal behind the door: what was answered is not asked again; all else is as if it had been."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ConfigDict, Field

from flujo import (
    AgentError,
    AgentOutput,
    Draft,
    Flujo,
    PipelineContext,
    PipelineResult,
    PluginOutcome,
    Price,
    PriceTable,
    Step,
    Usage,
    UsageLimits,
)
from flujo.entries import idempotency_key
from flujo.errors import MisuseError, PriceError
from flujo.execution.past import Replayed
from flujo.execution.signals import AskFailure
from flujo.ports import RecordedAnswer
from flujo.stores.memory import MemoryJournal
from flujo.stores.sqlite import SQLiteStore

PRICES = PriceTable({"test:m": Price(input="3", output="17")})


def failed_by(outcome: str, *kinds: type[Exception], retryable: bool = True) -> AskFailure:
    """A failure of which the names of its classes are left."""
    names = tuple(f"{kind.__module__}:{kind.__qualname__}" for kind in kinds)
    return AskFailure(outcome, Replayed("gone wrong", names), retryable=retryable)


class Ctx(PipelineContext):
    seen: list[str] = Field(default=[])
    note: str = ""


class Counted:
    model, max_output_tokens = "test:m", 5

    def __init__(self) -> None:
        self.calls = 0

    def estimate_input(self, x: object) -> int:
        return 7

    async def run(self, x: str, *, context: Ctx) -> AgentOutput[str]:
        self.calls += 1
        context.seen.append(f"call {self.calls}")
        usage = Usage(input_tokens=7, output_tokens=5)
        if self.calls == 1:
            raise AgentError("overloaded", usage=usage, model="test:m")
        return AgentOutput(x.upper(), usage=usage, model="test:m")


class Checking:
    name, priority = "checking", 0

    def __init__(self) -> None:
        self.calls = 0

    async def validate(self, draft: Draft, *, context: Ctx) -> PluginOutcome:
        self.calls += 1
        context.note = f"checked {self.calls}"
        return PluginOutcome(self.calls > 1, "again")


def kinds(result: PipelineResult) -> list[Any]:
    skipped = ("RunStarted",)
    return [event for event in result.transcript if type(event).__name__ not in skipped]


async def test_a_replayed_run_calls_nobody_and_is_the_same_run() -> None:
    agent, plugin, journal = Counted(), Checking(), MemoryJournal()
    step = Step("s", agent, plugins=[plugin], max_retries=3) >> Step("t", agent)
    runner = Flujo(step, context_model=Ctx, cost_model=PRICES, store=journal, usage_limits=UsageLimits(request_limit=4))
    first = await runner.run_async("x", run_id="r")
    assert (first.status, agent.calls, plugin.calls) == ("completed", 4, 2)
    second = await runner.run_async("x", run_id="r")
    assert (agent.calls, plugin.calls) == (4, 2)
    assert second.context == first.context == Ctx(seen=["call 3", "call 4"], note="checked 2")
    assert second.ledger == first.ledger
    assert kinds(second) == kinds(first)
    assert second.total_cost_usd == Decimal("0.000424")


async def test_runs_do_not_share_answers() -> None:
    agent, journal = Counted(), MemoryJournal()
    runner = Flujo(Step("s", agent), context_model=Ctx, store=journal)
    await runner.run_async("x", run_id="one")
    await runner.run_async("x", run_id="two")
    assert agent.calls == 3


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (failed_by("error"), 1),
        (failed_by("error", ValueError), 1),
        (failed_by("error", LookupError), 0),
        (failed_by("error", ValueError, PriceError), 0),
        (failed_by("timeout", LookupError), 1),
        (failed_by("timeout", MisuseError), 0),
        (failed_by("error", ValueError, retryable=False), 0),
    ],
    ids=["anything", "retried", "not retried", "never retried", "late", "late and never retried", "for good"],
)
async def test_a_failure_that_was_kept_is_retried_as_it_was_then(error: AskFailure, calls: int) -> None:
    agent, journal = Counted(), MemoryJournal()
    agent.calls = 1
    await journal.commit("r", "s/attempt:1", RecordedAnswer(None, error=error))
    step = Step("s", agent, retry_on=ValueError)
    result = await Flujo(step, context_model=Ctx, store=journal).run_async("x", run_id="r")
    assert (result.status, agent.calls) == ("completed" if calls else "failed", 1 + calls)


@pytest.mark.parametrize("kept", [True, False])
async def test_an_agent_that_asks_for_it_has_the_key_of_its_ask_where_answers_are_kept(kept: bool) -> None:
    keys: list[str | None] = []

    async def asking(x: str, *, idempotency_key: str | None) -> str:
        keys.append(idempotency_key)
        return x

    flow = Flujo(Step("s", asking), store=MemoryJournal() if kept else None)
    await flow.run_async("x", run_id="r")
    assert keys == [idempotency_key("r", "s/attempt:1") if kept else None]


async def test_an_answer_that_a_store_would_bring_back_as_another_fails_its_step(tmp_path: Path) -> None:
    async def pairs(x: str) -> object:
        return (x, x)

    result = await Flujo(Step("s", pairs), store=SQLiteStore(tmp_path / "runs.db")).run_async("x", run_id="r")
    assert str(result.error) == (
        "step 's' failed after 1 attempt: the answer at 's/attempt:1' cannot be stored: at $, it is of type tuple, "
        "which JSON does not know, and agent 'pairs' declares no type. Declare the output_type of agent 'pairs', or "
        "annotate what it returns"
    )


async def test_a_call_that_was_interrupted_is_in_doubt_and_made_again() -> None:
    gate, calls, journal = anyio.Event(), 0, MemoryJournal()

    class Agent:
        model = "test:m"

        async def run(self, x: str) -> str:
            nonlocal calls
            calls += 1
            await gate.wait()
            return x

    async def free(x: str) -> str:  # it declares no model: nothing is in doubt of it
        await gate.wait()
        return x

    runner = Flujo(Step.parallel("p", {"a": Step("s", Agent()), "b": Step("s", free)}), store=journal)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: runner.run_async("x", run_id="r"))
        await anyio.wait_all_tasks_blocked()
        assert journal.in_doubt == (("r", "p/branch:a/s/attempt:1"),)
        group.cancel_scope.cancel()
    gate.set()
    assert (await runner.run_async("x", run_id="r")).output == {"a": "x", "b": "x"}
    assert (calls, journal.in_doubt) == (2, ())


async def test_a_deleted_field_is_deleted_again() -> None:
    class Loose(PipelineContext):
        model_config = ConfigDict(extra="allow")

    async def forget(x: str, *, context: Loose) -> str:
        del context.secret  # type: ignore[attr-defined]
        return x

    runner = Flujo(Step("s", forget), context_model=Loose, store=MemoryJournal())
    for _ in range(2):
        result = await runner.run_async("x", run_id="r", context_data={"secret": "s", "kept": "k"})
        assert result.context == Loose.model_validate({"kept": "k"})


async def test_journals_are_asked_by_the_path_of_the_ask() -> None:
    paths: list[str] = []

    class Noting(MemoryJournal):
        async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
            paths.append(path)
            await super().commit(run_id, path, answer)

    step = Step("s", Counted(), plugins=[Checking()], max_retries=3)
    fan = Step.parallel("fan", {"a": step})
    await Flujo(fan, context_model=Ctx, store=Noting()).run_async("x")
    assert paths == [
        "fan/branch:a/s/attempt:1", "fan/branch:a/s/attempt:2", "fan/branch:a/s/attempt:2/plugin:checking",
        "fan/branch:a/s/attempt:3", "fan/branch:a/s/attempt:3/plugin:checking",
    ]  # fmt: skip
