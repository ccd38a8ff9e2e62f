"""An oracle that agrees with everything would be of no use: here the engine is told to break one law at a time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import chain, islice
from typing import Any

import pytest

from flujo import laws, override
from flujo.laws import DEFAULT, Laws
from flujo.ports import PluginOutcome
from tests.oracle.model import Outcome, outcome_of
from tests.oracle.pipelines import Agent, Call, Parallel, Pay, Plain, Story
from tests.oracle.random_pipelines import Taste, seeded_stories
from tests.oracle.reading import differences
from tests.oracle.running import run

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("virtual_clock")]
STORIES = 100


@pytest.fixture
def anyio_backend() -> str:
    """One of them is enough: what is tested here is the oracle."""
    return "asyncio"


Faults = dict[str, dict[str, Any]]
FAULTS: Faults = {
    "failed requests are not booked": {
        "entries_to_book": lambda entries: tuple(entry for entry in entries if entry.outcome == "ok")
    },
    "requests after the first of an ask are not booked": {"entries_to_book": lambda entries: entries[:1]},
    "attempts share a context": {"context_for_attempt": lambda state: state.view()},
    "attempts share an input": {"input_for_attempt": lambda value: value},
    "what a failed attempt changed is kept": {
        "context_after_attempt": lambda before, context, accepted: before.commit(context)
    },
    "what an accepted attempt changed is lost": {"context_after_attempt": lambda before, context, accepted: before},
    "what a failed iteration changed is kept": {"context_after_part": lambda before, after, completed: after},
    "what an iteration changed is lost": {"context_after_part": lambda before, after, completed: before},
    "there is no feedback": {"feedback_for_attempt": lambda rejections: ()},
    "only the latest feedback is told": {"feedback_for_attempt": lambda rejections: rejections[-1:]},
    "feedback replaces the input": {"text_with_feedback": lambda text, feedback: laws.text_with_feedback("", feedback)},
    "one attempt less": {"attempts_allowed": lambda max_retries: max(max_retries, 1)},
    "one attempt more": {"attempts_allowed": lambda max_retries: max_retries + 2},
    "every error is retried": {"retries_error": lambda error, retry_on: True},
    "no error is retried": {"retries_error": lambda error, retry_on: False},
    "plugins run backwards": {"plugins_in_order": lambda plugins, of: laws.plugins_in_order(plugins, of)[::-1]},
    "plugins run as declared": {"plugins_in_order": lambda plugins, priority: list(plugins)},
    "new solutions are ignored": {"output_after": lambda output, outcome: output},
    "redirects are ignored": {"redirect_of": lambda outcome: None},
    "only accepting plugins redirect": {"redirect_of": lambda told: told.redirect_to if told.success else None},
    "nobody minds a circle": {"loop_of": lambda asked, target: laws.loop_of(asked, target) if len(asked) > 3 else None},
    "a plugin that crashes accepts": {"verdict_of_crash": lambda reason: PluginOutcome(True, reason)},
    "a crash has no reason": {"verdict_of_crash": lambda reason: PluginOutcome(False)},
    "the fallback gets nothing": {"input_for_fallback": lambda original: None},
}
FAULTS_OF_BRANCHES: Faults = {
    "failed branches are merged": {"branches_to_merge": lambda rows: [(name, state) for name, state, _ in rows]},
    "branches are merged backwards": {"branches_to_merge": lambda rows: laws.branches_to_merge(rows)[::-1]},
    "outputs of branches are reordered": {"outputs_of_branches": lambda outputs: dict(reversed(outputs.items()))},
}
FAULTS_OF_LIMITS: Faults = {
    "a limit is passed when it is reached": {"passes": lambda spent, limit: spent >= limit},
    "a limit may be passed a little": {"passes": lambda spent, limit: spent > 2 * limit},
    "a limit is never passed": {"passes": lambda spent, limit: False},
    "a limit of 0 is none": {"passes": lambda spent, limit: bool(limit) and spent > limit},
    "a budget admits what could pass it": {"admits": lambda spent, reserved, bound, limit: True},
    "a budget forgets what others reserve": {"admits": lambda spent, reserved, bound, limit: spent + bound <= limit},
    "a budget forgets what is spent": {"admits": lambda spent, reserved, bound, limit: reserved + bound <= limit},
    "a budget admits nothing that could use it up": {
        "admits": lambda spent, reserved, bound, limit: spent + reserved + bound < limit
    },
}
TASTES: dict[str, tuple[Taste, Faults]] = {
    "any": (Taste(), FAULTS),
    "branches": (Taste(kinds=("parallel",)), FAULTS_OF_BRANCHES),
    "limits": (Taste(kinds=("parallel", "map"), limits=True), FAULTS_OF_LIMITS),
}


def one_waits_too_long() -> Story:
    """Two asks don't fit into the budget at once, and a third ends both: seldom does that alone decide a story."""
    asked = Agent("ann", (Call(lasts=2, pays=(Pay("m:a", (2, 3)),)),), metered="m:a", most=(7, 5))
    ends = Agent("bob", (Call("value_error", lasts=3),))
    lanes = tuple((name, (Plain("s", (agent,)),)) for name, agent in (("x", asked), ("y", asked), ("z", ends)))
    return Story((Parallel("p", lanes),), limits=(("total_tokens", Decimal(20)),))


@cache
def foretold(taste: str) -> list[tuple[Story, Outcome]]:
    stories = chain([one_waits_too_long()], seeded_stories(2, depth=3, taste=TASTES[taste][0]))
    told = ((story, outcome_of(story)) for story in stories)
    return list(islice(((story, outcome) for story, outcome in told if not outcome.uncertain), STORIES))


async def is_noticed(taste: str, laws: Laws) -> bool:
    """Whether the engine tells any of the stories otherwise than the oracle."""
    with override(laws=laws):
        for story, outcome in foretold(taste):
            if differences(await run(story), outcome):
                return True
    return False


@pytest.mark.parametrize("taste", TASTES)
async def test_without_a_fault_nothing_is_noticed(taste: str) -> None:
    assert not await is_noticed(taste, DEFAULT)


@pytest.mark.parametrize(("taste", "fault"), [(taste, fault) for taste in TASTES for fault in TASTES[taste][1]])
async def test_a_broken_law_is_noticed(taste: str, fault: str) -> None:
    lie = replace(DEFAULT, **TASTES[taste][1][fault])
    assert await is_noticed(taste, lie), f"in {STORIES} stories"
