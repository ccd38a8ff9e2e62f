"""Random pipelines several times: at another pace they tell the same, and what is cached is not asked for again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.oracle.building import Building
from tests.oracle.frames import Kept
from tests.oracle.model import outcome_of
from tests.oracle.pipelines import Story
from tests.oracle.random_pipelines import Taste, stories
from tests.oracle.reading import differences
from tests.oracle.running import examples, run

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("virtual_clock")]
SIDE_BY_SIDE = Taste(kinds=("parallel", "map", "plain", "loop", "nested"))
CACHED = Taste(kinds=("cached", "loop", "map", "conditional", "cached", "nested"))


@given(story=stories(taste=SIDE_BY_SIDE), tempo=st.integers(1, 1000))
@examples(20)
async def test_the_pace_of_agents_changes_nothing_but_times(story: Story, tempo: int) -> None:
    outcome, at_another_pace = outcome_of(story), replace(story, tempo=tempo)
    assume(not outcome.stops_somebody and not outcome_of(at_another_pace).stops_somebody)
    assert differences(await run(story), outcome) == []
    assert differences(await run(at_another_pace), outcome) == []


@given(
    story=stories(depth=3, taste=CACHED), second=st.sampled_from(["rain", ["a", "b"], {"k": ["v"]}]), log=st.booleans()
)
@examples(20)
async def test_runs_share_what_is_cached_if_they_read_the_same(story: Story, second: Any, log: bool) -> None:
    building, cache = Building(), Kept()
    again = replace(story, input=second, log=(*story.log, "more") if log else story.log)
    for each in (story, again, story):
        outcome = outcome_of(each, cache=cache)
        assume(not outcome.uncertain)
        assert differences(await run(each, building), outcome) == []
