"""No fact about steps with others inside, people and caches can go, come twice or change places without a trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from flujo import Step, override
from flujo.events import (
    BranchEnded,
    CacheHit,
    CacheMissed,
    ContextChanged,
    Decided,
    Event,
    ItemEnded,
    Merged,
    Questioned,
    Replied,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo.laws import DEFAULT
from flujo_testing.transcript import differences, render, story_of
from tests.flujo_testing import composite_runs as runs
from tests.flujo_testing.composite_runs import COMPOSITES
from tests.flujo_testing.transcript_runs import Answers, Ctx, echo, retold, run

INSIDE = (CacheHit, CacheMissed, Decided, ItemEnded, Questioned, Replied, RunResumed)


def changed(result: Any, was: Event, now: Event) -> dict[str, Any]:
    return retold(result, [now if event is was else event for event in result.transcript])


def first(result: Any, kind: type[Event], **fields: Any) -> Any:
    found = (event for event in result.transcript if isinstance(event, kind))
    return next(event for event in found if all(getattr(event, name) == value for name, value in fields.items()))


# Every fact leaves a mark -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPOSITES)
async def test_an_event_that_is_missing_or_comes_twice_makes_another_story(name: str) -> None:
    result = await COMPOSITES[name]()
    events = list(result.transcript)
    golden = render(retold(result, events))
    without = [[*events[:i], *events[i + 1 :]] for i in range(len(events))]
    twice = [[*events[: i + 1], *events[i:]] for i in range(len(events))]
    same = [
        event
        for i, event in enumerate(events)
        if golden in (render(retold(result, without[i])), render(retold(result, twice[i])))
    ]
    assert same == []


@pytest.mark.parametrize("name", COMPOSITES)
async def test_a_decision_an_answer_or_an_end_that_changes_places_makes_another_story(name: str) -> None:
    result = await COMPOSITES[name]()
    events = list(result.transcript)
    golden = render(retold(result, events))
    swapped: list[tuple[Event, Event]] = []
    for i, (one, other) in enumerate(pairwise(events)):
        merging = isinstance(one, ItemEnded) and isinstance(other, Merged)  # one cannot do without the other
        if isinstance(one, INSIDE) or isinstance(other, INSIDE):
            story = render(retold(result, [*events[:i], other, one, *events[i + 2 :]]))
            swapped += [(one, other)] if story == golden and not merging else []
    assert swapped == []


@pytest.mark.parametrize("name", COMPOSITES)
async def test_a_run_that_is_run_again_has_the_same_story_and_explains_its_context(name: str) -> None:
    story = story_of(await COMPOSITES[name]())
    assert render(story) == render(story_of(await COMPOSITES[name]()))
    assert "context" not in story["result"]


@pytest.mark.parametrize("name", COMPOSITES)
async def test_a_run_that_somebody_listens_to_has_the_same_story(name: str) -> None:
    alone = await COMPOSITES[name]()
    with override(listeners=[list[Event]().append]):
        followed = await COMPOSITES[name]()
    assert render(story_of(followed)) == render(story_of(alone))


@pytest.mark.parametrize("name", COMPOSITES)
async def test_a_part_that_somebody_else_accounts_for_is_unfinished(name: str) -> None:
    result = await COMPOSITES[name]()
    ends = [event for event in result.transcript if isinstance(event, ItemEnded | BranchEnded)]
    for end in ends:
        assert "unfinished: true" in render(retold(result, [event for event in result.transcript if event is not end]))


# Laws that the engine could break -----------------------------------------------------------------------

KEPT: dict[str, Any] = {"context_after_part": lambda before, after, completed: after}
LOST: dict[str, Any] = {"context_after_part": lambda before, after, completed: before}
BACKWARDS: dict[str, Any] = {
    "branches_to_merge": lambda branches: [(name, state) for name, state, done in reversed(branches) if done]
}


@pytest.mark.parametrize(
    ("name", "lies", "said"),
    [
        ("loop_failed", KEPT, ['final context of the run: nothing -> {drafts: {appended: ["draft"]}}']),
        ("branch_failed", KEPT, ['final context of the run: nothing -> {drafts: {appended: ["rain"]}}']),
        (
            "looped", LOST,
            [
                'context drafts in refine/iteration:2/shorten: appended ["grey cold"] -> '
                '{was: [], now: ["grey cold"]}',
                'final context of the run: nothing -> {drafts: {cut: ["grey cold"]}}',
            ],
        ),
        ("branched", LOST, ['final context of the run: nothing -> {drafts: {cut: ["rain"]}}']),
        (
            "mapped", LOST,
            [
                'context drafts in each/item:2/note: appended ["hail"] -> {was: [], now: ["hail"]}',
                'final context of the run: nothing -> {drafts: {cut: ["hail"]}}',
            ],
        ),
        (
            "mapped_at_once", BACKWARDS,
            [
                'merged drafts in each: {appended: ["rain", "hail"], from: ["item:1", "item:2"]} -> '
                '{appended: ["hail", "rain"], from: ["item:2", "item:1"]}'
            ],
        ),
    ],
)  # fmt: skip
async def test_a_lie_about_the_context_is_named_by_what_it_changes(
    name: str, lies: dict[str, Any], said: list[str]
) -> None:
    honest = story_of(await COMPOSITES[name]())
    with override(laws=replace(DEFAULT, **lies)):
        lying = story_of(await COMPOSITES[name]())
    assert [difference.text for difference in differences(honest, lying)] == said


# Where things come from ---------------------------------------------------------------------------------


async def test_an_iteration_that_is_given_another_value_shows_it() -> None:
    result = await runs.looped()
    started = first(result, StepStarted, step="refine/iteration:2/shorten")
    told = changed(result, started, replace(started, input="grey cold rain"))["steps"]["refine"]["iteration 2"]
    assert (told["step shorten"]["input_from"], told["step shorten"]["attempt 1"]) == (
        "run",
        {"input_from": "refine/iteration:1/shorten", "output": "grey"},
    )


async def test_an_item_that_is_not_among_the_items_shows_itself() -> None:
    result = await runs.mapped()
    decided = first(result, Decided)
    told = changed(result, decided, replace(decided, value=["rain"]))["steps"]["each"]
    assert told["items"] == ["rain"]
    assert told["item 2"]["step note"]["input"] == "hail"


async def test_a_fallback_in_an_iteration_has_its_input_from_where_its_step_has_it() -> None:
    write = Step("write", Answers("one"), max_retries=0, fallback=Step("small", echo))
    told = story_of(await run(Step.loop_until("refine", write, lambda text, *, iteration: iteration == 2)))
    fallback = told["steps"]["refine"]["iteration 2"]["step write"]["fallback small"]
    assert fallback["attempt 1"] == {"input_from": "iteration 1", "output": "one"}


async def test_steps_called_like_a_source_are_told_apart_from_it() -> None:
    names = ("item 1", "iteration_input_mapper", "iteration x")
    first_step, second, third = (Step(name, echo, output_processors=[len, str]) for name in names)
    steps = story_of(await run(first_step >> second >> third >> Step("end", echo), "four"))["steps"]
    assert [steps[name]["attempt 1"]["input_from"] for name in (*names[1:], "end")] == [
        "steps/item 1",
        "steps/iteration_input_mapper",
        "iteration x",
    ]


async def test_an_output_that_the_parts_do_not_give_is_shown() -> None:
    for make, path in ((runs.looped, "refine"), (runs.mapped, "each"), (runs.nested_pipeline, "prepare")):
        result = await make()
        ended = first(result, StepEnded, step=path)
        assert "output" not in story_of(result)["steps"][path]
        assert changed(result, ended, replace(ended, output="odd"))["steps"][path]["output"] == "odd"


async def test_an_item_whose_end_tells_otherwise_than_its_steps_shows_both() -> None:
    result = await runs.mapped()
    ended = first(result, ItemEnded, item=2)
    told = changed(result, ended, replace(ended, status="failed", error="why"))["steps"]["each"]["item 2"]
    assert list(told) == ["step note", "step polish", "status", "output", "error"]
    assert (told["status"], told["output"], told["error"]) == ("failed", "HAIL: fine", "why")


async def test_a_question_that_is_not_what_the_function_wrote_shows_both() -> None:
    result = await runs.asked_by_function()
    questioned = first(result, Questioned)
    told = changed(result, questioned, replace(questioned, message="Why?"))["steps"]["approve"]
    assert (told["message"], told["question"]) == ("Publish rain with 1 drafts?", "Why?")


async def test_an_output_that_is_not_the_answer_shows_both() -> None:
    result = await runs.answered()
    replied = first(result, Replied)
    told = changed(result, replied, replace(replied, answer=8))["steps"]["approve"]
    assert (told["answer"], told["output"]) == (8, 7)


# Items at once ------------------------------------------------------------------------------------------


async def test_items_that_ran_at_once_began_with_equal_contexts() -> None:
    told = story_of(await runs.mapped_apart())
    assert told["steps"]["each"]["kind"] == "map_at_once"
    assert told["steps"]["each"]["item 3"]["step note"]["context"] == {"drafts": {"appended": ["fog"]}}


# Caches -------------------------------------------------------------------------------------------------


def cached(*inside: Event) -> Sequence[Event]:
    """The events of a cached step, by hand."""
    return [
        RunStarted("", 0.0, "pipeline", "rain", Ctx()),
        StepStarted("polish", 0.0, "cached", "rain"),
        *inside,
        StepEnded("polish", 0.0, "completed", "fine", None),
    ]


async def test_a_result_from_a_cache_is_told_with_its_output_and_the_changes_it_brings() -> None:
    result = await run(Step("a", echo), context_model=Ctx)
    changes = ContextChanged("polish", 0.0, (("topic", "", "rain"),))
    told = retold(result, cached(CacheHit("polish", 0.0, "key"), changes))
    assert told["steps"] == {
        "polish": {
            "kind": "cached",
            "cache": "hit",
            "context": {"topic": {"was": "", "now": "rain"}},
            "output": "fine",
        }
    }


async def test_a_result_that_a_cache_had_not_is_told_by_the_step_that_made_it() -> None:
    result = await run(Step("a", echo), context_model=Ctx)
    inner = [
        StepStarted("polish/polish", 0.0, "step", "rain"),
        StepEnded("polish/polish", 0.0, "completed", "fine", None),
    ]
    told = retold(result, cached(CacheMissed("polish", 0.0, "key"), *inner))
    assert told["steps"] == {"polish": {"kind": "cached", "cache": "miss", "step polish": {"output": "fine"}}}


async def test_the_key_of_a_cache_makes_no_other_story() -> None:
    result = await run(Step("a", echo), context_model=Ctx)
    one, other = (retold(result, cached(CacheHit("polish", 0.0, key))) for key in ("one", "other"))
    assert one == other
