"""Random pipelines through the real engine and through the oracle: everything that a user can see is the same."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.oracle.model import outcome_of
from tests.oracle.pipelines import Story
from tests.oracle.random_pipelines import Taste, stories
from tests.oracle.reading import differences
from tests.oracle.running import WAYS, examples, run, run_followed

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("virtual_clock")]


@given(story=stories(), way=st.sampled_from(WAYS))
@examples(40)
async def test_the_engine_does_what_the_laws_say_whoever_follows(story: Story, way: str) -> None:
    outcome = outcome_of(story)
    assume(not outcome.uncertain)
    assert differences(await run(story), outcome) == []
    assert differences(await run_followed(story, way), outcome) == []


@given(story=stories(taste=Taste(limits=True)), way=st.sampled_from(WAYS))
@examples(40)
async def test_limits_admit_what_fits_and_end_what_they_are_for(story: Story, way: str) -> None:
    outcome = outcome_of(story)
    assume(not outcome.uncertain)
    assert differences(await run(story), outcome) == []
    assert differences(await run_followed(story, way), outcome) == []
