"""Random pipelines that are cancelled from outside, at any time: everything that began is told to its end."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo.events import Answered, Asked, AskFailed, Event, Paid, RunEnded, StepEnded, StepStarted
from tests.oracle.pipelines import Story
from tests.oracle.random_pipelines import Taste, stories
from tests.oracle.running import examples, run

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("virtual_clock")]
TASTE = Taste(limits=True)


@given(story=stories(taste=TASTE), at=st.floats(0, 30))
@examples(20)
async def test_a_run_that_is_cancelled_at_a_time_is_told_to_its_end(story: Story, at: float) -> None:
    heard: list[Event] = []
    with anyio.move_on_after(at) as scope:
        await run(story, listeners=[heard.append])
    assert_told_to_its_end(heard, scope.cancelled_caught)


@given(story=stories(taste=TASTE), number=st.integers(1, 60))
@examples(20)
async def test_a_run_that_is_cancelled_at_an_event_is_told_to_its_end(story: Story, number: int) -> None:
    heard: list[Event] = []
    with anyio.CancelScope() as scope:

        def hear(event: Event) -> None:
            heard.append(event)
            if len(heard) == number:
                scope.cancel()

        await run(story, listeners=[hear])
    assert_told_to_its_end(heard, scope.cancelled_caught)


def assert_told_to_its_end(heard: list[Event], cancelled: bool) -> None:
    assert [event.status == "cancelled" for event in heard if isinstance(event, RunEnded)] == [cancelled]
    started = Counter(event.step for event in heard if isinstance(event, StepStarted))
    ended = Counter(event.step for event in heard if isinstance(event, StepEnded))
    assert ended == started
    asked = Counter((event.step, event.attempt, event.hop) for event in heard if isinstance(event, Asked))
    answered = (event for event in heard if isinstance(event, Answered | AskFailed))
    assert Counter((event.step, event.attempt, event.hop) for event in answered) == asked
    entries = Counter(event.entry.entry_id for event in heard if isinstance(event, Paid))
    assert set(entries.values()) <= {1}
