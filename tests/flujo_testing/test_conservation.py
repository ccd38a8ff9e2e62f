"""The check of a run: honest runs pass it, and every lie told here is named with its path and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from flujo import (
    BranchFailureStrategy,
    Flujo,
    Laws,
    PipelineResult,
    Step,
    StepResult,
    Usage,
    UsageLimits,
    override,
)
from flujo.events import (
    Answered,
    Asked,
    AskFailed,
    BranchEnded,
    Chunk,
    Event,
    Judged,
    Paid,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo_testing.agents import EchoAgent, FailingAgent, ScriptedAgent, ScriptedPlugin, SlowAgent
from flujo_testing.conservation import ConservationError, check_conservation
from flujo_testing.conservation.reading import read
from flujo_testing.costs import default_cost_model

pytestmark = pytest.mark.anyio
USAGE = Usage(input_tokens=120, output_tokens=40)


def story() -> Any:
    """A pipeline with a retry, a paid plugin, branches of which one fails, and a fallback."""
    writer = ScriptedAgent("long", "short", model="test:writer", usage=USAGE)
    plugin = ScriptedPlugin("no", True, name="words", model="test:small", usage=Usage(input_tokens=3))
    critic = FailingAgent(
        on_call=1, paid=Usage(input_tokens=41), then="fine", model="test:critic", usage=Usage(input_tokens=13)
    )
    facts = FailingAgent(model="test:critic", paid=Usage(input_tokens=43))
    branches = {"legal": Step("check", critic), "facts": Step("check", facts, max_retries=0)}
    small = Step("small", EchoAgent(model="test:senior", usage=Usage(output_tokens=5)))
    return (
        Step("write", writer, plugins=[plugin])
        >> Step.parallel("review", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
        >> Step("publish", FailingAgent(model="test:small"), fallback=small)
    )


async def told() -> PipelineResult:
    return await Flujo(story(), cost_model=default_cost_model()).run_async("rain", run_id="run")


def violations(run: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(ConservationError) as caught:
        check_conservation(run, **options)
    return caught.value.violations


# Honest runs ----------------------------------------------------------------------------------------------


async def test_an_honest_run_passes_as_a_result_and_as_events() -> None:
    result = await told()
    check_conservation(result, metered={"write", "publish/fallback:small"})
    check_conservation(result.transcript)
    assert result.total_cost_usd == Decimal("0.002886")


async def test_failed_and_limited_runs_pass() -> None:
    failed = await Flujo(Step("write", FailingAgent(paid=USAGE, model="test:writer"))).run_async("rain")
    metered = EchoAgent(model="test:writer", usage=USAGE, estimate_input=120, max_output_tokens=40)
    limits = UsageLimits(total_cost_usd_limit="0.001")
    runner = Flujo(Step("a", EchoAgent()) >> Step("b", metered), usage_limits=limits, cost_model=default_cost_model())
    limited = await runner.run_async("rain")
    check_conservation(failed)
    check_conservation(limited)
    assert (failed.status, limited.status) == ("failed", "limited")


async def test_events_in_the_order_of_arrival_pass_also_of_a_run_that_was_cancelled() -> None:
    events: list[Event] = []
    slow = {name: Step("wait", SlowAgent(3600, model="test:small")) for name in "abc"}
    runner = Flujo(story() >> Step.parallel("wait", slow), listeners=[events.append])
    with anyio.CancelScope() as scope:
        runner.listeners = (
            *runner.listeners,
            lambda event: scope.cancel() if event.step == "wait/branch:c/wait" else None,
        )
        await runner.run_async("rain")
    check_conservation(events)
    assert events[-1].status == "cancelled"  # type: ignore[attr-defined]


async def test_chunks_are_no_part_of_the_account() -> None:
    events = list((await told()).transcript)
    events.insert(3, Chunk("write", 0.0, 1, 0, "lo"))
    check_conservation(events)


# Events that cannot be ------------------------------------------------------------------------------------


Change = Callable[[list[Any]], object]


def at(events: Sequence[Any], kind: type[Event], number: int = 0) -> int:
    return [index for index, event in enumerate(events) if isinstance(event, kind)][number]


def drop(kind: type[Event], number: int = 0) -> Change:
    return lambda events: events.pop(at(events, kind, number))


def repeat(kind: type[Event], number: int = 0) -> Change:
    def change(events: list[Any]) -> None:
        index = at(events, kind, number)
        events.insert(index, events[index])

    return change


def set_(kind: type[Event], number: int = 0, **values: Any) -> Change:
    def change(events: list[Any]) -> None:
        index = at(events, kind, number)
        events[index] = replace(events[index], **values)

    return change


def set_entry(number: int, **values: Any) -> Change:
    def change(events: list[Any]) -> None:
        index = at(events, Paid, number)
        events[index] = replace(events[index], entry=replace(events[index].entry, **values))

    return change


def late(kind: type[Event], number: int = 0) -> Change:
    return lambda events: events.append(events.pop(at(events, kind, number)))


REQUEST = "run/write/attempt:1/request:1"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop(RunStarted), ["the run: it has no RunStarted"]),
        (repeat(RunStarted), ["the run: RunStarted twice"]),
        (drop(RunEnded), ["the run: it has no RunEnded"]),
        (repeat(RunEnded), ["the run: RunEnded after the run has ended"]),
        (
            lambda events: events.append(events.pop(-2)),
            [
                "publish: None, but the run completed",
                "publish: StepEnded after the run has ended",
            ],
        ),
        (
            set_(RunEnded, error="oops"),
            ["the run: status completed, but its error is 'oops'"],
        ),
        (
            set_(RunEnded, status="failed", error="oops"),
            ["the run: failed, but its output is {'legal': 'fine'}"],
        ),
        (
            drop(StepEnded, -1),
            ["publish: None, but the run completed", "publish: StepStarted without StepEnded"],
        ),
        (repeat(StepEnded, 0), ["write: StepEnded without StepStarted"]),
        (
            drop(StepEnded, 1),
            [
                "review/branch:legal: ended outside of its parallel step",
                "review/branch:facts/check: started inside of 'review/branch:legal/check', where it is not",
                "review/branch:facts: ended outside of its parallel step",
                "review/branch:legal/check: still open when 'review' ended around it",
                "review: has outputs of ['legal'], but the completed branches are []",
            ],
        ),
        (
            set_(StepEnded, -1, error="oops"),
            ["publish: completed, but its error is 'oops'"],
        ),
        (
            set_(StepEnded, 2, output="draft"),
            ["review/branch:facts/check: failed, but its output is 'draft', not None"],
        ),
        (
            drop(Answered, 0),
            [
                "run/write/attempt:1/plugin:words/request:1: paid outside of the ask that it belongs to",
                "write/attempt:1/plugin:words: judged what was not answered",
                "write/attempt:1: asked, but neither Answered nor AskFailed",
            ],
        ),
        (repeat(Answered, 0), ["write/attempt:1: Answered, but no such ask is under way"]),
        (
            drop(AskFailed, 0),
            ["review/branch:legal/check/attempt:1: asked, but neither Answered nor AskFailed"],
        ),
        (
            set_(Asked, 1, attempt=3),
            [
                "write/attempt:3: asked after 'write/attempt:1': attempts must count 1, 2, 3, ...",
                "run/write/attempt:2/request:1: paid, but nobody was asked there",
                "write/attempt:2: Answered, but no such ask is under way",
                "run/write/attempt:2/plugin:words/request:1: paid, but nobody was asked there",
                "write/attempt:2/plugin:words: judged what was not answered",
                "write/attempt:3: asked, but neither Answered nor AskFailed",
            ],
        ),
        (drop(Judged, 0), []),
        (
            repeat(Paid, 0),
            [
                f"{REQUEST}: two entries of this id",
                f"{REQUEST}: is request 2 of 'write/attempt:1'",
            ],
        ),
        (
            late(Paid),
            ["write: Paid after the run has ended", f"{REQUEST}: paid while its step was not running"],
        ),
        (set_entry(0, attempt=2), [f"{REQUEST}: attempt 2, in attempt 1"]),
        (set_entry(0, branch="legal"), [f"{REQUEST}: branch 'legal', but it ran in None"]),
        (set_entry(0, cost_usd=Decimal("0.001")), [f"{REQUEST}: costs 0.001, its items 0.00104"]),
        (set_(Paid, 0, step="review"), [f"{REQUEST}: paid by 'review', says its event"]),
        (
            drop(BranchEnded, 1),
            [
                "review/branch:facts: 5 events, but no BranchEnded accounts for the branch",
            ],
        ),
        (
            repeat(BranchEnded, 1),
            ["review/branch:facts: BranchEnded twice"],
        ),
        (
            set_(BranchEnded, 1, status="stopped"),
            ["review/branch:facts: stopped, but the parallel step around it completed"],
        ),
        (
            set_(BranchEnded, 1, output="draft"),
            ["review/branch:facts: failed, but its output is 'draft', not None"],
        ),
    ],
)
async def test_an_event_that_cannot_be_is_named(change: Change, said: list[str]) -> None:
    events = list((await told()).transcript)
    change(events)
    assert read(events).violations == said


async def test_every_violation_is_told_at_once() -> None:
    events = list((await told()).transcript)
    drop(RunEnded)(events)
    drop(RunStarted)(events)
    with pytest.raises(ConservationError) as caught:
        check_conservation(events)
    assert str(caught.value) == ("this run cannot be:\n- the run: it has no RunStarted\n- the run: it has no RunEnded")


async def test_a_metered_answer_without_an_entry_is_named() -> None:
    def lost(entries: Any) -> Any:
        return [entry for entry in entries if entry.path != "write/attempt:1"]

    with override(laws=Laws(entries_to_book=lost)):
        result = await told()
    assert violations(result, metered={"write"}) == (
        "write/attempt:1: a metered agent answered, but no entry says what was paid",
    )


# Sums that do not agree -----------------------------------------------------------------------------------


async def lying(**lies: Any) -> PipelineResult:
    """A result that says otherwise than its events."""
    result = await told()
    liar = type("Liar", (PipelineResult,), lies)
    object.__setattr__(result, "__class__", liar)
    return result


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        (
            {"total_cost_usd": Decimal("0.002885")},
            ("the run: its cost is 0.002885, its entries add up to 0.002886",),
        ),
        (
            {"total_cost_usd": None},
            ("the run: its cost is None, but its entries add up to 0.002886",),
        ),
        ({"total_tokens": 424}, ("the run: total_tokens is 424, its entries add up to 428",)),
        (
            {"usage": Usage(input_tokens=343, output_tokens=85, requests=7)},
            ("the run: requests is 7, its entries add up to 8",),
        ),
        (
            {"cost_by": lambda self, grouping: {}},
            (
                "the run: its cost by step 'publish/fallback:small' is not there, by its entries 0.000115",
                "the run: its cost by step 'review/branch:facts/check' is not there, by its entries 0.000301",
                "the run: its cost by step 'review/branch:legal/check' is not there, by its entries 0.000378",
                "the run: its cost by step 'write' is not there, by its entries 0.002092",
            ),
        ),
        (
            {"step_history": ()},
            ("the run: its step_history is [], but its steps are ['write', 'review', 'publish']",),
        ),
    ],
)
async def test_a_sum_that_the_entries_do_not_add_up_to_is_named(lies: dict[str, Any], said: tuple[str, ...]) -> None:
    assert violations(await lying(**lies))[: len(said)] == said


async def test_costs_by_outcome_add_up_to_the_total() -> None:
    def by_outcome(self: PipelineResult, grouping: Any) -> dict[str, Decimal]:
        sums = PipelineResult.cost_by(self, grouping)
        return {"ok": Decimal("0.001")} if grouping == "outcome" else sums

    assert violations(await lying(cost_by=by_outcome)) == (
        "the run: its costs by outcome add up to 0.001, its entries to 0.002886",
    )


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (
            {"cost_usd": Decimal("0.00104")},
            "write: its cost is 0.00104, its entries add up to 0.002092",
        ),
        ({"attempts": 1}, "write: attempts is 1, but attempt 2 was the last one asked"),
        ({"status": "failed"}, "write: its status is failed, but it ended completed"),
    ],
)
async def test_a_step_result_that_its_events_contradict_is_named(lie: dict[str, Any], said: str) -> None:
    history: tuple[StepResult, ...] = (await told()).step_history
    found = violations(await lying(step_history=(replace(history[0], **lie), *history[1:])))
    assert found[0] == said


async def test_an_unknown_cost_makes_the_total_unknown() -> None:
    result = await Flujo(Step("write", EchoAgent(model="test:writer"))).run_async("rain", run_id="run")
    check_conservation(result)
    object.__setattr__(result, "__class__", type("Liar", (PipelineResult,), {"total_cost_usd": Decimal(0)}))
    assert violations(result) == ("the run: its cost is 0, but that of run/write/attempt:1/request:1 is unknown",)


async def test_a_status_that_the_events_contradict_is_named() -> None:
    result = await told()
    result.status = "failed"
    assert violations(result) == (
        "the run: its status is failed, but it ended completed",
        "the run: failed, but its error is None",
        "the run: failed, but its output is {'legal': 'fine'}, not None",
    )


async def test_a_step_started_where_it_is_not_is_named() -> None:
    events = list((await told()).transcript)
    index = at(events, StepStarted, 1)
    events[index : index + 1] = [replace(events[index], step="elsewhere"), events[index]]
    assert violations(events)[0] == "review: started inside of 'elsewhere', where it is not"
