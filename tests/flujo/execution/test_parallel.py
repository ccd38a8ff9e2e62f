"""Branches at once: equal snapshots, declared order, failures that propagate or are ignored, merges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest
from pydantic import Field

from flujo import (
    BranchFailureStrategy,
    ContextMergeConflict,
    Flujo,
    MergeStrategy,
    PipelineContext,
    PipelineResult,
    Step,
    StepFailedError,
)
from flujo.events import BranchEnded, Merged, StepEnded, StepStarted


class Ctx(PipelineContext):
    log: list[str] = Field(default=[])
    notes: dict[str, str] = Field(default={})
    winner: str = ""


def writes(**changes: Any) -> Callable[..., Any]:
    """An agent that appends to the log, sets notes, or sets the winner."""

    async def agent(x: object, *, context: Ctx) -> object:
        context.log.extend(changes.get("log", []))
        context.notes.update(changes.get("notes", {}))
        context.winner = changes.get("winner", context.winner)
        return changes.get("output")

    return agent


async def fails(x: object, *, context: Ctx) -> object:
    context.log.append("failed")
    raise ValueError("broken")


def fan(branches: Mapping[str, Any], **options: Any) -> Any:
    return Step.parallel("fan", {name: Step("s", agent, max_retries=0) for name, agent in branches.items()}, **options)


async def run(step: Any, **data: Any) -> PipelineResult:
    return await Flujo(step, context_model=Ctx).run_async("rain", context_data=data)


class Turns:
    """Agents that finish in the order of their turns, whatever order they start in."""

    def __init__(self) -> None:
        self.gates: dict[int, anyio.Event] = {}
        self.finished: list[int] = []

    def agent(self, turn: int, output: object) -> Callable[..., Any]:
        self.gates[turn] = anyio.Event()

        async def agent(x: object, *, context: Ctx) -> object:
            if turn > 0:
                await self.gates[turn - 1].wait()
            context.log.append(str(output))
            self.finished.append(turn)
            self.gates[turn].set()
            return output

        return agent


async def test_the_transcript_does_not_depend_on_the_order_of_completion() -> None:
    results = []
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        turns = Turns()
        step = fan(
            {name: turns.agent(turn, name) for name, turn in zip("abc", order, strict=True)},
            merge_strategy=MergeStrategy.CONTEXT_UPDATE,
        )
        results.append(await run(step))
        assert turns.finished == [0, 1, 2]
    assert [result.output for result in results] == [{"a": "a", "b": "b", "c": "c"}] * 3
    assert [result.context.log for result in results] == [["a", "b", "c"]] * 3
    stories = [[event for event in result.transcript if type(event).__name__ != "RunStarted"] for result in results]
    assert stories[0] == stories[1] == stories[2]


async def test_every_branch_gets_the_input_and_the_output_keeps_declared_order() -> None:
    async def shout(x: str) -> str:
        return x.upper()

    async def count(x: str) -> int:
        return len(x)

    step = Step.parallel("fan", {"z": Step("a", shout) >> Step("b", count), "a": Step("a", shout)})
    result = await run(step)
    assert list(result.output.items()) == [("z", 4), ("a", "RAIN")]
    assert [event.step for event in result.transcript.of(StepStarted)] == [
        "fan", "fan/branch:z/a", "fan/branch:z/b", "fan/branch:a/a",
    ]  # fmt: skip


async def test_branches_start_from_equal_snapshots_and_never_see_each_other() -> None:
    turns = Turns()
    seen: dict[str, list[str]] = {}

    def looking(name: str, turn: int) -> Callable[..., Any]:
        inner = turns.agent(turn, name)

        async def agent(x: object, *, context: Ctx) -> object:
            output = await inner(x, context=context)
            seen[name] = list(context.log)
            return output

        return agent

    result = await run(fan({"a": looking("a", 0), "b": looking("b", 1)}), log=["start"])
    assert seen == {"a": ["start", "a"], "b": ["start", "b"]}
    assert result.context == Ctx(log=["start"])


async def test_no_merge_is_the_default() -> None:
    result = await run(fan({"a": writes(log=["x"])}))
    assert result.context == Ctx()
    assert result.transcript.of(Merged) == ()


async def test_context_update_merges_tails_and_keys_in_declared_order() -> None:
    branches = {"a": writes(log=["a1", "a2"], notes={"a": "1"}), "b": writes(log=["b1"], notes={"b": "2"})}
    result = await run(fan(branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE), log=["start"])
    assert result.context == Ctx(log=["start", "a1", "a2", "b1"], notes={"a": "1", "b": "2"})
    (merged,) = result.transcript.of(Merged)
    assert merged.strategy == "context_update"
    assert merged.changes == (
        ("log", ["start"], ["start", "a1", "a2", "b1"]), ("notes", {}, {"a": "1", "b": "2"}),
    )  # fmt: skip


async def test_a_conflict_fails_the_step_and_names_field_branches_and_values() -> None:
    branches = {"a": writes(winner="ann"), "b": writes(winner="bob"), "c": writes()}
    result = await run(fan(branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE), winner="nobody")
    assert type(result.error) is StepFailedError
    conflict = result.error.cause
    assert type(conflict) is ContextMergeConflict
    assert (conflict.path, conflict.field, conflict.values) == (
        "fan",
        "$.winner",
        (("a", "ann"), ("b", "bob")),
    )
    assert result.context.winner == "nobody"


@pytest.mark.parametrize(("strategy", "winner"), [(MergeStrategy.OVERWRITE, "bob"), (MergeStrategy.KEEP_FIRST, "ann")])
async def test_the_explicit_ways_out_of_a_conflict(strategy: MergeStrategy, winner: str) -> None:
    branches = {"a": writes(winner="ann"), "b": writes(winner="bob"), "c": writes()}
    assert (await run(fan(branches, merge_strategy=strategy))).context.winner == winner


async def test_a_merge_function_gets_copies_and_decides() -> None:
    def longest(base: Ctx, branches: Mapping[str, Ctx]) -> Mapping[str, object]:
        base.log.append("not kept")
        return {"winner": max((branch.winner for branch in branches.values()), key=len)}

    result = await run(fan({"a": writes(winner="ann"), "b": writes(winner="bobby")}, merge_strategy=longest))
    assert result.context == Ctx(winner="bobby")
    assert result.transcript.of(Merged)[0].strategy == "function"


async def test_a_merge_function_that_raises_fails_the_step_with_the_cause() -> None:
    def broken(base: Ctx, branches: Mapping[str, Ctx]) -> Mapping[str, object]:
        raise KeyError("winner")

    result = await run(fan({"a": writes()}, merge_strategy=broken))
    assert str(result.error) == "step 'fan' failed: KeyError: 'winner'"


# Failures -----------------------------------------------------------------------------------------------


async def test_a_failure_stops_the_other_branches_and_fails_the_step() -> None:
    async def waits(x: object) -> None:
        await anyio.Event().wait()

    result = await run(fan({"a": waits, "b": fails, "c": waits}))
    assert str(result.error) == "step 'fan/branch:b/s' failed after 1 attempt: ValueError: broken"
    assert [(event.branch, event.status) for event in result.transcript.of(BranchEnded)] == [
        ("a", "stopped"), ("b", "failed"), ("c", "stopped"),
    ]  # fmt: skip
    assert result.transcript.of(StepEnded)[-1].status == "failed"


async def test_an_ignored_failure_lets_the_others_go_on_and_is_never_merged() -> None:
    step = fan(
        {"a": writes(log=["a"], output=1), "b": fails, "c": writes(log=["c"], output=3)},
        on_branch_failure=BranchFailureStrategy.IGNORE,
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    result = await run(step)
    assert result.status == "completed"
    assert result.output == {"a": 1, "c": 3}
    assert result.context.log == ["a", "c"]
    assert [(event.branch, event.status, event.ignored) for event in result.transcript.of(BranchEnded)] == [
        ("a", "completed", False), ("b", "failed", True), ("c", "completed", False),
    ]  # fmt: skip


async def test_all_failing_under_ignore_fails_the_step_with_the_earliest_declared_error() -> None:
    turns = Turns()

    def failing(turn: int, name: str) -> Callable[..., Any]:
        inner = turns.agent(turn, name)

        async def agent(x: object, *, context: Ctx) -> object:
            await inner(x, context=context)
            raise ValueError(name)

        return agent

    result = await run(
        fan({"a": failing(1, "a"), "b": failing(0, "b")}, on_branch_failure=BranchFailureStrategy.IGNORE)
    )
    assert turns.finished == [0, 1]
    assert str(result.error) == "step 'fan/branch:a/s' failed after 1 attempt: ValueError: a"


async def test_a_branch_never_vanishes_when_its_agent_raises_a_cancellation() -> None:
    import asyncio

    async def vanishing(x: object) -> None:
        raise asyncio.CancelledError

    result = await run(fan({"a": writes(output=1), "b": vanishing}, on_branch_failure=BranchFailureStrategy.IGNORE))
    assert result.output == {"a": 1}
    assert [(event.branch, event.status) for event in result.transcript.of(BranchEnded)] == [
        ("a", "completed"), ("b", "failed"),
    ]  # fmt: skip


async def test_an_interruption_in_a_branch_is_raised_as_it_is() -> None:
    async def interrupted(x: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run(fan({"a": writes(), "b": interrupted}))


async def test_max_concurrency_bounds_how_many_branches_run_at_once() -> None:
    running: list[str] = []
    most = 0

    def busy(name: str) -> Callable[..., Any]:
        async def agent(x: object) -> str:
            nonlocal most
            running.append(name)
            most = max(most, len(running))
            await anyio.lowlevel.checkpoint()
            running.remove(name)
            return name

        return agent

    result = await run(fan({name: busy(name) for name in "abcdef"}, max_concurrency=2))
    assert most == 2
    assert list(result.output) == list("abcdef")


async def test_included_keys_are_all_that_branches_see_and_change() -> None:
    seen: list[Ctx] = []

    async def agent(x: object, *, context: Ctx) -> None:
        seen.append(context.model_copy(deep=True))
        context.log.append("branch")
        context.winner = "branch"

    step = fan({"a": agent}, context_include_keys=["log"], merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    result = await run(step, log=["start"], winner="parent")
    assert seen == [Ctx(log=["start"], winner="")]
    assert result.context == Ctx(log=["start", "branch"], winner="parent")


async def test_a_merge_function_changes_included_fields_only_and_only_these_have_sources() -> None:
    def both(base: Ctx, branches: Mapping[str, Ctx]) -> dict[str, Any]:
        return {"log": branches["a"].log, "winner": "a"}

    step = fan({"a": writes(log=["a"])}, context_include_keys=["log"], merge_strategy=both)
    result = await run(step)
    assert result.context == Ctx(log=["a"])
    assert [(event.changes, event.sources) for event in result.transcript.of(Merged)] == [
        ((("log", [], ["a"]),), (("log", ("a",)),))
    ]


async def test_parallel_steps_nest() -> None:
    inner = fan({"x": writes(log=["x"]), "y": writes(log=["y"])}, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    outer = Step.parallel(
        "outer",
        {"left": inner, "right": Step("s", writes(log=["right"]))},
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    result = await run(outer >> Step("after", writes(log=["after"])))
    assert result.context.log == ["x", "y", "right", "after"]
    assert [step.path for step in result.step_history] == ["outer", "after"]
    assert [step.path for step in result.step_history[0].step_history] == [
        "outer/branch:left/fan",
        "outer/branch:right/s",
    ]
    assert [step.branch for step in result.step_history[0].step_history[0].step_history] == ["x", "y"]
