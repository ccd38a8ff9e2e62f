"""Which orders there are: at the door, in loops, threads and runs inside runs, the same on both backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from flujo import Flujo, Pipeline, Step
from flujo.pipeline import Part
from flujo_testing.agents import ScriptedAgent, ScriptOrderUnclear
from flujo_testing.schedules import Explored, explore
from tests.flujo_testing.schedule_runs import BACKENDS, on_both, run


@dataclass
class Log:
    """What agents did, one list for each pass."""

    passes: list[list[str]] = field(default_factory=list)

    def agent(self, name: str) -> Callable[[str], Awaitable[str]]:
        async def act(text: str) -> str:
            self.passes[-1].append(name)
            return text

        return act

    def branch(self, name: str, asks: int) -> Part | Pipeline:
        steps: Any = Step(f"{name}1", self.agent(f"{name}1"))
        for number in range(2, asks + 1):
            steps = steps >> Step(f"{name}{number}", self.agent(f"{name}{number}"))
        return steps  # type: ignore[no-any-return]


# Which orders there are -----------------------------------------------------------------------------------


def all_orders(backend: str, branches: dict[str, int], orders: int = 1000, seed: int = 0) -> tuple[Explored, Log]:
    log = Log()
    pipeline = Step.parallel("all", {name: log.branch(name, asks) for name, asks in branches.items()})

    def test() -> None:
        log.passes.append([])
        run(pipeline, backend)

    return explore(test, orders=orders, seed=seed), log


def test_three_branches_of_two_asks_finish_in_ninety_orders_the_same_on_both_backends() -> None:
    (explored, log), (on_trio, log_on_trio) = (all_orders(backend, {"a": 2, "b": 2, "c": 2}) for backend in BACKENDS)
    assert (len(explored.schedules), explored.all_there_are) == (90, True)
    assert len({tuple(done) for done in log.passes}) == len(set(explored.schedules)) == 90
    assert (on_trio, log_on_trio) == (explored, log)
    assert log.passes[0] == ["a1", "b1", "c1", "a2", "b2", "c2"]


@on_both
def test_of_many_orders_as_many_are_tried_as_were_asked_for_and_none_twice(backend: str) -> None:
    explored, log = all_orders(backend, {"a": 3, "b": 3, "c": 3}, orders=40)
    assert (len(set(explored.schedules)), explored.all_there_are) == (40, False)
    assert len({tuple(done) for done in log.passes}) == 40
    assert explored != all_orders(backend, {"a": 3, "b": 3, "c": 3}, orders=40, seed=1)[0]


@on_both
def test_what_runs_alone_has_one_order(backend: str) -> None:
    explored, log = all_orders(backend, {"a": 3}, orders=20)
    assert (len(explored.schedules), explored.all_there_are) == (1, True)
    assert log.passes == [["a1", "a2", "a3"]]


@on_both
def test_an_ask_that_waits_itself_takes_another_turn_for_its_answer(backend: str) -> None:
    """While the one waits for the other, others go on; then its answer stands in the queue as any ask does."""
    told: list[list[str]] = []

    def test() -> None:
        opened = anyio.Event()
        done: list[str] = []
        told.append(done)

        async def waits(text: str) -> str:
            done.append("waits")
            await opened.wait()
            return text

        async def opens(text: str) -> str:
            done.append("opens")
            opened.set()
            return text

        async def after(text: str) -> str:
            done.append("after")
            return text

        def answered(text: str) -> str:
            done.append("answered")
            return text

        left = Step("waits", waits, output_processors=[answered])
        right = Step("opens", opens) >> Step("after", after)
        run(Step.parallel("both", {"left": left, "right": right}), backend)

    assert explore(test, orders=100).all_there_are
    assert sorted(told) == [
        ["opens", "after", "waits", "answered"],
        ["opens", "waits", "answered", "after"],
        ["waits", "opens", "after", "answered"],
        ["waits", "opens", "answered", "after"],
    ]


@on_both
def test_a_thread_is_waited_for(backend: str) -> None:
    log = Log()

    async def in_thread(text: str) -> str:
        await anyio.to_thread.run_sync(log.passes[-1].append, "thread")
        return text

    pipeline = Step.parallel("both", {"a": Step("t", in_thread), "b": log.branch("b", 2)})

    def test() -> None:
        log.passes.append([])
        run(pipeline, backend)

    assert len(explore(test).schedules) == 3
    assert sorted(log.passes) == [["b1", "b2", "thread"], ["b1", "thread", "b2"], ["thread", "b1", "b2"]]


@on_both
def test_a_task_that_spins_stops_nobody(backend: str) -> None:
    def test() -> None:
        came: list[str] = []

        async def spins(text: str) -> str:
            while not came:
                await anyio.lowlevel.checkpoint()
            return text

        async def comes(text: str) -> str:
            came.append(text)
            return text

        run(Step.parallel("both", {"a": Step("spins", spins), "b": Step("comes", comes)}), backend)

    assert len(explore(test).schedules) == 2


@on_both
def test_runs_side_by_side_and_runs_inside_agents_are_explored_together(backend: str) -> None:
    log = Log()

    async def nested(text: str) -> str:
        return str((await Flujo(log.branch("inner", 1)).run_async(text)).output)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(Flujo(Step("nested", nested)).run_async, "rain")
            group.start_soon(Flujo(log.branch("b", 2)).run_async, "rain")

    def test() -> None:
        log.passes.append([])
        anyio.run(main, backend=backend)

    assert explore(test, orders=100).all_there_are
    assert {tuple(done) for done in log.passes} == {
        ("inner1", "b1", "b2"),
        ("b1", "inner1", "b2"),
        ("b1", "b2", "inner1"),
    }


# Scripts --------------------------------------------------------------------------------------------------


def test_scripts_start_afresh_in_every_order() -> None:
    answers = {f"all/branch:{name}/write": name for name in "ab"}
    branches = dict.fromkeys("ab", Step("write", ScriptedAgent.by_path(answers)))

    def test() -> None:
        assert run(Step.parallel("all", branches), "asyncio").output == {"a": "a", "b": "b"}

    assert len(explore(test).schedules) == 2


@on_both
def test_a_script_in_order_that_branches_share_is_refused_in_the_first_pass(backend: str) -> None:
    branches = dict.fromkeys("ab", Step("write", ScriptedAgent("one", "two")))
    with pytest.raises(ScriptOrderUnclear, match="the concurrent branches"):
        explore(lambda: run(Step.parallel("all", branches), backend))
