"""What is found in other orders, how small it is told, what it is held against, and what cannot be explored."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from flujo import (
    AgentOutput,
    Laws,
    Step,
    Usage,
    UsageLimits,
    override,
)
from flujo.entries import LedgerEntry
from flujo.events import BranchEnded
from flujo.pipeline import Part
from flujo.stores.memory import MemoryCache
from flujo_testing.agents import EchoAgent, FailingAgent, FunctionAgent
from flujo_testing.conservation import ConservationError
from flujo_testing.costs import default_cost_model
from flujo_testing.schedules import (
    NotRepeatable,
    ScheduleFailure,
    ScheduleNotReplayable,
    explore,
    replay,
)
from tests.flujo_testing.schedule_runs import merging_in_order_of_completion, on_both, planted_lost_update, run

# Planted faults -------------------------------------------------------------------------------------------


@on_both
def test_a_lost_update_that_fifty_runs_do_not_show_is_found_and_repeated(backend: str) -> None:
    test = planted_lost_update(backend)
    for _ in range(50):
        test()
    with pytest.raises(ScheduleFailure) as found:
        explore(test, orders=20)
    told = [
        "  decision 1: 'pay/branch:slow/think/attempt:1' goes before 'pay/branch:fast/read/attempt:1'",
        "  decision 4: 'pay/branch:slow/read/attempt:1' goes before 'pay/branch:fast/write/attempt:1'",
        "then it raises LostUpdate: 70 are left, not 40",
        "what differs from first in, first out:",
        "  output of pay/branch:slow/read/attempt:1: 70 -> 100",
        "  output of pay/branch:slow/write/attempt:1: 70 -> 100",
        "  output.slow of the run: 70 -> 100",
        'repeat it: replay(test, "1.0.0.1")',
    ]
    head = "fails in the order 1.0.0.1, 2 deviations from first in, first out"
    assert str(found.value).splitlines() == [f"{head} (seed 0, order 5 of at most 20):", *told]
    with pytest.raises(ScheduleFailure) as again:
        replay(test, "1.0.0.1")
    assert str(again.value).splitlines() == [f"{head} (as it was asked for):", *told]
    replay(test, "0.1")


@on_both
def test_a_merge_in_order_of_completion_is_found_by_the_story_alone(backend: str) -> None:
    test = merging_in_order_of_completion(backend)
    for _ in range(50):
        test()
    with pytest.raises(ScheduleFailure) as found:
        explore(test, orders=20)
    assert str(found.value).splitlines() == [
        "fails in the order 0.0.0.1, 1 deviation from first in, first out (seed 0, order 2 of at most 20):",
        "  decision 4: 'all/branch:b/note/attempt:1' goes before 'all/branch:a/note/attempt:1'",
        "what differs from first in, first out:",
        '  merged notes in all: {appended: ["a", "b", "c"], from: ["a", "b", "c"]} -> '
        '{appended: ["b", "a", "c"], from: ["b", "a", "c"]}',
        'repeat it: replay(test, "0.0.0.1")',
    ]
    with pytest.raises(ScheduleFailure, match="merged notes in all"):
        replay(test, "0.0.0.1")


def test_what_fails_first_in_first_out_is_raised_as_it_is() -> None:
    def test() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        explore(test)
    with pytest.raises(ValueError, match="broken"):
        replay(test, "0")


async def echo(text: str) -> str:
    return text


# What a run is held against -------------------------------------------------------------------------------


def fan(**agents: Any) -> Part:
    return Step.parallel("fan", {name: Step("ask", agent, max_retries=0) for name, agent in agents.items()})


@pytest.mark.parametrize("fails", [True, False])
def test_where_a_failure_stops_the_others_the_story_may_depend_on_the_order(fails: bool) -> None:
    agents = {"a": EchoAgent(), "b": FailingAgent() if fails else EchoAgent(), "c": EchoAgent()}
    statuses: set[tuple[str, ...]] = set()

    def test() -> None:
        result = run(fan(**agents))
        statuses.add(tuple(event.status for event in result.transcript.of(BranchEnded)))

    assert explore(test).all_there_are
    stopped = {(a, "failed", c) for a in ("completed", "stopped") for c in ("completed", "stopped")}
    assert statuses == (stopped if fails else {("completed",) * 3})


def test_where_a_budget_refuses_a_call_the_story_may_depend_on_the_order() -> None:
    """Each call may take 60 of 100 tokens, and takes 40 or 50: who comes last may be refused."""

    class Writer:
        model, max_output_tokens = "test:writer", 60

        def __init__(self, tokens: int) -> None:
            self.script = FunctionAgent(lambda _: "x", model="test:writer", usage=Usage(output_tokens=tokens))

        def estimate_input(self, input: object) -> int:
            return 0

        async def run(self, input: object) -> object:
            return await self.script.run(input)

    limits = UsageLimits(total_tokens_limit=100)
    statuses: list[str] = []

    def test() -> None:
        writers = {"a": Writer(40), "b": Writer(50)}
        branches = {name: Step("think", EchoAgent()) >> Step("ask", writer) for name, writer in writers.items()}
        statuses.append(run(Step.parallel("fan", branches), usage_limits=limits).status)

    assert explore(test).all_there_are
    assert set(statuses) == {"completed", "limited"}


def test_where_branches_share_a_cache_hits_depend_on_the_order() -> None:
    def test() -> None:
        cache = MemoryCache()
        step = Step.cached(Step("ask", echo), cache)
        run(Step.parallel("fan", {"a": Step("think", EchoAgent()) >> step, "b": step}))

    assert explore(test).all_there_are


def test_where_the_story_may_differ_the_laws_hold_all_the_same() -> None:
    """An engine that books twice what is paid, but only where the branch that pays is not stopped before."""
    writer = FunctionAgent(lambda text: text, model="test:writer", usage=Usage(output_tokens=40))

    def twice(entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        return (*entries, *(entry for entry in entries if entry.outcome == "ok"))

    def test() -> None:
        with override(laws=replace(Laws(), entries_to_book=twice)):
            run(fan(fails=FailingAgent(), pays=writer), cost_model=default_cost_model())

    with pytest.raises(ScheduleFailure) as found:
        explore(test)
    assert str(found.value).splitlines() == [
        "fails in the order 1, 1 deviation from first in, first out (seed 0, order 2 of at most 20):",
        "  decision 1: 'fan/branch:pays/ask/attempt:1' goes before 'fan/branch:fails/ask/attempt:1'",
        "then it raises ConservationError: this run cannot be: "
        "- run/fan/branch:pays/ask/attempt:1/request:1: two entries of this id",
        'repeat it: replay(test, "1")',
    ]


def test_the_laws_hold_first_in_first_out_as_well() -> None:
    def twice(entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        return (*entries, *entries)

    def test() -> None:
        with override(laws=replace(Laws(), entries_to_book=twice)):
            run(Step("pays", writer))

    writer = FunctionAgent(lambda text: text, model="test:writer", usage=Usage(output_tokens=40))
    with pytest.raises(ConservationError, match="two entries of this id"):
        explore(test)


@on_both
def test_who_answers_although_it_was_told_to_stop_is_heard_and_booked(backend: str) -> None:
    booked: set[tuple[str, ...]] = set()

    async def pays_when_stopped(text: str) -> object:
        try:
            await anyio.Event().wait()
        except anyio.get_cancelled_exc_class():
            return AgentOutput(text, usage=Usage(output_tokens=40), model="test:writer")
        return text

    async def fails_late(text: str) -> str:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        raise ValueError("broken")

    def test() -> None:
        result = run(fan(pays=pays_when_stopped, fails=fails_late), backend)
        booked.add(tuple(entry.outcome for entry in result.ledger.entries))

    assert explore(test).all_there_are
    assert booked == {("ok",), ()}


def test_what_differs_from_pass_to_pass_in_the_same_order_is_not_held_against_another() -> None:
    numbers = count()

    def test() -> None:
        run(fan(a=lambda _: next(numbers), b=EchoAgent()))

    assert explore(test).all_there_are


def test_outputs_that_cannot_be_told_are_not_compared() -> None:
    assert explore(lambda: run(fan(a=lambda _: object(), b=EchoAgent()))).all_there_are


# What cannot be explored or repeated ----------------------------------------------------------------------


def test_a_test_that_fails_the_second_time_is_not_repeatable() -> None:
    passes = count()

    def test() -> None:
        run(fan(a=EchoAgent(), b=EchoAgent()))
        assert next(passes) == 0

    with pytest.raises(NotRepeatable) as refused:
        explore(test)
    assert str(refused.value).startswith(
        "the test passes, and fails when it is run once more in the same order: AssertionError: assert 2 == 0"
    )


def test_chance_is_named_with_the_decision_where_it_shows_and_the_remedy() -> None:
    passes = count()

    def test() -> None:
        names = "abc" if next(passes) == 0 else "abd"
        run(fan(**dict.fromkeys(names, EchoAgent())))

    with pytest.raises(ScheduleNotReplayable) as refused:
        explore(test)
    assert str(refused.value) == (
        "at decision 1 there waited 'fan/branch:a/ask/attempt:1', 'fan/branch:b/ask/attempt:1', "
        "'fan/branch:c/ask/attempt:1'; in the same order once more, 'fan/branch:a/ask/attempt:1', "
        "'fan/branch:b/ask/attempt:1', 'fan/branch:d/ask/attempt:1'. something else than the order decides what "
        "happens: real time (take the fixture virtual_clock), a thread, chance, or state and caches that outlive a "
        "pass (make them in the test); or leave the test in one order, @pytest.mark.flujo_schedules(0, reason=...)"
    )


def test_chance_that_no_story_tells_is_named_as_well() -> None:
    """In the first pass a waits for b, in the others it does not."""
    passes = count()

    def test() -> None:
        came, is_first = anyio.Event(), next(passes) == 0

        async def waits(text: str) -> str:
            if is_first:
                await came.wait()
            return text

        async def comes(text: str) -> str:
            came.set()
            return text

        run(Step.parallel("fan", {"a": Step("ask", waits), "b": Step("ask", comes) >> Step("next", EchoAgent())}))

    with pytest.raises(ScheduleNotReplayable) as refused:
        explore(test, orders=100)
    assert str(refused.value).startswith(
        "at decision 2 there waited 'fan/branch:a/ask/attempt:1 (its answer)', 'fan/branch:b/next/attempt:1'; "
        "in the same order once more, nobody. something else than the order decides what happens: "
    )


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        (
            "2",
            "at decision 1 it takes number 2 (from 0), but 2 wait: "
            "'fan/branch:a/ask/attempt:1', 'fan/branch:b/ask/attempt:1'",
        ),
        (
            "0.1",
            "it has 2 choices, and there were 1 decisions; the last was between "
            "'fan/branch:a/ask/attempt:1', 'fan/branch:b/ask/attempt:1'",
        ),
    ],
)
def test_a_schedule_that_does_not_fit_names_the_step_and_the_remedy(schedule: str, why: str) -> None:
    with pytest.raises(ScheduleNotReplayable) as refused:
        replay(lambda: run(fan(a=EchoAgent(), b=EchoAgent())), schedule)
    assert str(refused.value) == (
        f"the schedule {schedule} does not fit this test: {why}. The test or the pipeline has changed since, or "
        "the schedule is another test's: explore anew with --flujo-schedules=N"
    )
