"""Whether what listeners were told of a run is what its transcript says: then one check of the two is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from flujo import Flujo, PipelineResult, Step
from flujo.events import Answered, BranchEnded, Chunk, Event
from flujo_testing import StreamingAgent
from flujo_testing.agents import EchoAgent, SlowAgent
from flujo_testing.clock import VirtualClock
from flujo_testing.conservation import is_checked_with
from tests.flujo_testing.edited_logs import Change, alter, drop, twice

pytestmark = pytest.mark.anyio


async def followed(pipeline: Any, value: object = "rain") -> tuple[PipelineResult, list[Event]]:
    told: list[Event] = []
    return await Flujo(pipeline, listeners=[told.append]).run_async(value), told


PLAIN = Step("write", EchoAgent()) >> Step("check", EchoAgent())


async def test_a_run_told_as_its_transcript_says_is_checked_with_it(virtual_clock: VirtualClock) -> None:
    result, told = await followed(PLAIN)
    assert is_checked_with(result.transcript, told)
    branches = {"slow": Step("draft", SlowAgent(2)), "fast": Step("draft", SlowAgent(1))}
    result, told = await followed(Step.parallel("both", branches))
    assert [event.branch for event in told if isinstance(event, BranchEnded)] == ["slow", "fast"]
    assert [event.step for event in told if isinstance(event, Answered)] == [
        "both/branch:fast/draft",
        "both/branch:slow/draft",
    ]
    assert is_checked_with(result.transcript, told)


async def test_pieces_of_an_answer_are_told_on_their_way_and_are_in_no_transcript() -> None:
    told: list[Event] = []
    runner = Flujo(Step("write", StreamingAgent("gr", "ey")), listeners=[told.append])
    async with runner.stream_async("rain") as events:
        result: Any = [event async for event in events][-1]
    assert [event.text for event in told if isinstance(event, Chunk)] == ["gr", "ey"]
    assert is_checked_with(result.transcript, told)


@pytest.mark.parametrize(
    "lie",
    [
        drop(Answered, step="write"),
        twice(Answered, step="write"),
        alter(Answered, {"output": "sun"}, step="write"),
        alter(Answered, {"step": "check"}, step="write"),
        lambda events: events.reverse(),
    ],
    ids=["dropped", "twice", "another-output", "another-step", "another-order"],
)
async def test_a_run_told_otherwise_is_not(lie: Change) -> None:
    result, told = await followed(PLAIN)
    lie(told)
    assert not is_checked_with(result.transcript, told)


async def test_a_branch_of_which_the_end_was_not_told_is_not() -> None:
    result, told = await followed(Step.parallel("both", {"one": PLAIN}))
    assert not is_checked_with(result.transcript, [event for event in told if not isinstance(event, BranchEnded)])


class Odd:
    """Refuses to be compared, as arrays of numbers do."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    def __deepcopy__(self, memo: object) -> Odd:
        return Odd()


async def test_values_that_refuse_to_be_compared_are_the_same_only_as_one_object() -> None:
    result, told = await followed(PLAIN, Odd())
    assert is_checked_with(result.transcript, told)
    copied: Sequence[Event] = [replace(event, output=Odd()) if isinstance(event, Answered) else event for event in told]
    assert not is_checked_with(result.transcript, copied)
