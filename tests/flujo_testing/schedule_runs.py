"""Runs for the tests of schedules, on a loop of their own, and two planted faults. No tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from flujo import Flujo, Laws, MergeStrategy, Pipeline, PipelineContext, PipelineResult, Step, override
from flujo.isolation import State
from flujo.pipeline import Part
from flujo_testing.agents import EchoAgent

BACKENDS = ["asyncio", "trio"]
on_both = pytest.mark.parametrize("backend", BACKENDS)


def run(pipeline: Part | Pipeline, backend: str = "asyncio", **options: Any) -> PipelineResult:
    async def main() -> PipelineResult:
        return await Flujo(pipeline, **options).run_async("rain", run_id="run")

    return anyio.run(main, backend=backend)


class LostUpdate(AssertionError):
    """Somebody's payment was overwritten."""


def planted_lost_update(backend: str) -> Callable[[], None]:
    """Two branches read a balance and write it back; one thinks first, so that as a rule nobody is in between."""

    def test() -> None:
        account = {"balance": 100}

        async def think(text: str) -> str:
            return text

        async def read(text: str) -> int:
            return account["balance"]

        async def write(balance: int) -> int:
            account["balance"] = balance - 30
            return balance

        fast = Step("read", read) >> Step("write", write)
        slow = Step("think", think) >> Step("think_again", think) >> fast
        run(Step.parallel("pay", {"fast": fast, "slow": slow}), backend)
        if account["balance"] != 40:
            raise LostUpdate(f"{account['balance']} are left, not 40")

    return test


def merging_in_order_of_completion(backend: str) -> Callable[[], None]:
    """An engine with a lie: branches are merged as they complete, not as they are declared."""

    class Ctx(PipelineContext):
        notes: list[str] = []

    def noting(name: str) -> Callable[..., Awaitable[str]]:
        async def note(text: str, context: Ctx) -> str:
            context.notes.append(name)
            return text

        return note

    branches = {name: Step("think", EchoAgent()) >> Step("note", noting(name)) for name in ("a", "b", "c")}
    pipeline = Step.parallel("all", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)

    def test() -> None:
        completed: list[object] = []

        def context_after_attempt(before: State[Any], context: PipelineContext, accepted: bool) -> State[Any]:
            after: State[Any] = Laws().context_after_attempt(before, context, accepted)
            completed.append(after)
            return after

        def branches_to_merge(branches: Any) -> list[tuple[str, State[Any]]]:
            joining = Laws().branches_to_merge(branches)
            return sorted(joining, key=lambda branch: [after is branch[1] for after in completed].index(True))

        lie = replace(Laws(), context_after_attempt=context_after_attempt, branches_to_merge=branches_to_merge)
        with override(laws=lie):
            run(pipeline, backend, context_model=Ctx)

    return test
