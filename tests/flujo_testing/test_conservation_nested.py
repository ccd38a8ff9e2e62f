"""Nested pipelines, people, selections and caches: every log that was edited by hand is found out, and every result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flujo import PipelineResult, StepResult
from flujo.events import (
    Answered,
    Asked,
    BranchEnded,
    CacheHit,
    CacheMissed,
    Decided,
    Event,
    PaidBefore,
    Questioned,
    Replied,
    RunEnded,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo.transcript import Transcript
from flujo_testing.conservation import ConservationError, check_conservation
from flujo_testing.conservation.reading import read
from tests.flujo_testing.composite_runs import COMPOSITES
from tests.flujo_testing.edited_logs import Change, add, alter, drop, find, moved, renamed, step_at, together, twice


def violations(run: Any) -> tuple[str, ...]:
    with pytest.raises(ConservationError) as caught:
        check_conservation(run)
    return caught.value.violations


LIES: list[tuple[str, Change, list[str]]] = [
    (
        "nested_pipeline", alter(StepEnded, {"output": "odd"}, step="prepare"),
        ["prepare: its output is 'odd', 'prepare/polish' put out 'rain: fine'"],
    ),
    (
        "nested_failed", alter(StepEnded, {"status": "paused", "error": None}, step="prepare/deep"),
        [
            "prepare/deep: paused, but 'prepare/deep/write' in it ended failed",
            "prepare/deep: paused, but nothing in it waits for an answer",
            "prepare: failed, but 'prepare/deep' in it ended paused",
        ],
    ),
    ("nested_pipeline", renamed("prepare/keep", "prepare/item:1/keep"), [
        "prepare/item:1/keep: a step of kind pipeline has no such place inside",
    ]),
    (
        "nested_pipeline", add(StepStarted, step_at("prepare/keep"), step="prepare/keep"),
        ["prepare/keep: ran twice"],
    ),
    (
        "asked", add(RunEnded, step_at("never")),
        [
            "never: ran, although 'approve' before it ended paused",
            "the run: paused, but its last step is completed",
        ],
    ),
    ("asked", drop(Questioned), ["approve: paused, but nobody was asked"]),
    ("asked", twice(Questioned), ["approve: Questioned twice", "approve: paused, but nobody was asked"]),
    (
        "asked", add(StepEnded, [Replied("approve", 0.0, "yes")], step="approve"),
        [
            "approve: a reply, but the run was resumed with none",
            "approve: paused, although there was a reply",
        ],
    ),
    ("asked", alter(RunEnded, {"status": "failed", "error": "odd"}), ["the run: failed, but its last step is paused"]),
    ("asked", alter(RunEnded, {"error": "odd"}), ["the run: status paused, but its error is 'odd'"]),
    ("asked", alter(StepEnded, {"error": "odd"}, step="approve"), ["approve: paused, but its error is 'odd'"]),
    (
        "asked_by_function", alter(Questioned, {"message": "Why?"}),
        ["approve: asks 'Why?', but decided to ask 'Publish rain with 1 drafts?'"],
    ),
    (
        "asked_by_function", moved(Decided, StepEnded, step="approve"),
        ["approve: message decided after the question was put"],
    ),
    (
        "asked", add(StepEnded, step_at("approve/more"), step="approve"),
        ["approve/more: a step of kind human has no such place inside"],
    ),
    (
        "asked_in_branches", alter(BranchEnded, {"status": "completed", "output": "x"}, branch="late"),
        ["review/branch:late: completed, but its last step ended paused"],
    ),
    ("answered", drop(RunResumed), ["approve: a reply, but the run was resumed with none"]),
    (
        "answered", alter(RunResumed, {"status": "failed"}),
        ["approve: answered, although the run had ended failed"],
    ),
    (
        "answered", alter(RunResumed, {"status": "completed", "answers": ()}),
        [
            "the run: resumed, although it had completed",
            "approve: a reply, but the run was resumed with none",
        ],
    ),
    (
        "answered", moved(RunResumed, RunEnded),
        [
            "approve: a reply, but the run was resumed with none",
            "the run: RunResumed after its first step",
        ],
    ),
    ("answered", twice(RunResumed), ["approve: answered twice"]),
    ("answered", alter(RunResumed, {"answers": (("approve", 8),)}), ["approve: the reply is 7, the answer was 8"]),
    ("answered", drop(Replied), ["approve: completed, but nobody replied"]),
    ("answered", twice(Replied), ["approve: Replied twice", "approve: completed, but nobody replied"]),
    ("answered", drop(Questioned), ["approve: a reply, but no question"]),
    (
        "answered", alter(StepEnded, {"output": "odd"}, step="approve"),
        ["approve: its output is 'odd', the reply was 7"],
    ),
    (
        "answered_in_turn",
        together(drop(Replied, step="review/branch:late/approve"), alter(
            StepEnded, {"status": "paused", "output": None}, step="review/branch:late/approve"
        )),
        [
            "review/branch:late/approve: paused, although the run was resumed with an answer",
            "review/branch:late: completed, but its last step ended paused",
        ],
    ),
    (
        "selected", alter(Decided, {"value": ("legal",)}),
        [
            "review/branch:facts: ran, but the selected branches are legal",
            "review: the selected branches are legal, those that ran are legal, facts",
        ],
    ),
    (
        "selected", alter(Decided, {"value": ("legal", "facts", "style")}),
        ["review: the selected branches are legal, facts, style, those that ran are legal, facts"],
    ),
    (
        "selected_nothing", alter(Decided, {"value": ("legal",)}),
        ["review: the selected branches are legal, those that ran are none"],
    ),
    ("selected_by_a_step", drop(Decided), ["review: completed, but its branches were never chosen"]),
    (
        "selected_by_a_step", add(StepEnded, step_at("review/more"), step="review"),
        ["review: chose branches when some had run"],
    ),
    (
        "branches_fell_apart", alter(BranchEnded, {"output": "odd"}, branch="good"),
        ["review/branch:good: its output is 'odd', 'review/branch:good/good' put out 'rain'"],
    ),
    (
        "branched", together(drop(Asked, step="write"), drop(Answered, step="write")),
        ["write: completed, but nobody was asked"],
    ),
    (
        "branched", add(StepEnded, [replace(asked, step="route") for asked in step_at("x")[1:3]], step="route"),
        ["route/attempt:1: asked, but a step of kind branch asks nobody"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "said"), LIES)
async def test_what_cannot_be_is_named(name: str, change: Change, said: list[str]) -> None:
    events = list((await COMPOSITES[name]()).transcript)
    change(events)
    assert read(events).violations == said


ENTRY = "run/check/attempt:1/request:1"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop(RunResumed), [f"{ENTRY}: paid before, but the run was not resumed"]),
        (twice(PaidBefore), [f"{ENTRY}: two entries of this id", f"{ENTRY}: is request 2 of 'check/attempt:1'"]),
        (alter(PaidBefore, {"step": "check"}), [f"{ENTRY}: paid before, but told by 'check'"]),
        (moved(PaidBefore, StepEnded, step="check"), [f"{ENTRY}: paid before, but told while steps were running"]),
    ],
)  # fmt: skip
async def test_what_was_paid_before_is_told_once_by_a_run_that_went_on(change: Change, said: list[str]) -> None:
    result = await COMPOSITES["not_reached_again"]()
    events = list(result.transcript)
    change(events)
    assert [violation.replace(result.run_id, "run") for violation in read(events).violations] == said


# Caches -------------------------------------------------------------------------------------------------


def cached(*inside: Event) -> list[Event]:
    return [
        RunStarted("", 0.0, "pipeline", "rain", None),
        StepStarted("polish", 0.0, "cached", "rain"),
        *inside,
        StepEnded("polish", 0.0, "completed", "rain", None),
        RunEnded("", 0.0, "completed", "rain", None),
    ]


HIT, MISS = CacheHit("polish", 0.0, "key"), CacheMissed("polish", 0.0, "key")


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ([HIT], []),
        ([MISS, *step_at("polish/polish")], []),
        ([HIT, *step_at("polish/polish")], ["polish: ran its step, but the cache said CacheHit"]),
        (step_at("polish/polish"), [
            "polish: ran its step, but the cache said none", "polish: completed, but never looked into the cache",
        ]),
        ([MISS], ["polish: the cache had no result, but it ran none"]),
        ([MISS, HIT], [
            "polish: looked up twice in the cache", "polish: the cache had no result, but it ran none",
        ]),
        ([HIT, HIT], ["polish: looked up twice in the cache"]),
        ([], ["polish: completed, but never looked into the cache"]),
        ([MISS, *step_at("polish/polish", "failed")], [
            "polish: completed, but 'polish/polish' in it ended failed",
            "polish: its output is 'rain', 'polish/polish' put out None",
        ]),
        ([MISS, *step_at("polish/one"), *step_at("polish/two")], [
            "polish: the cache had no result, but it ran polish/one, polish/two",
        ]),
        ([HIT, Asked("polish", 0.0, 1, 0, "x", "rain", ()), Answered("polish", 0.0, 1, 0, "rain")], [
            "polish/attempt:1: asked, but a step of kind cached asks nobody",
        ]),
        ([MISS, step_at("polish/polish")[0], replace(HIT, step="polish/polish"), *step_at("polish/polish")[1:]], [
            "polish/polish: CacheHit, but no such cached step is running",
        ]),
    ],
)  # fmt: skip
def test_a_result_comes_from_the_cache_or_from_the_step_and_never_from_both(
    inside: list[Event], said: list[str]
) -> None:
    assert read(cached(*inside)).violations == said


# The order of a transcript ------------------------------------------------------------------------------


async def test_a_transcript_in_another_order_is_named_though_its_events_could_have_arrived_so() -> None:
    result = await COMPOSITES["selected"]()
    events = list(result.transcript)
    first = find(events, BranchEnded)
    started = events.pop(first + 1)
    events.insert(first, started)
    assert read(events).violations == []
    told = Transcript([])
    told._events = tuple(events)
    result.transcript = told
    assert violations(result)[0] == (
        "review/branch:facts/check: StepStarted stands where BranchEnded of review belongs"
    )


# Results that say otherwise -----------------------------------------------------------------------------


async def lying(name: str, **metadata: Any) -> PipelineResult:
    result = await COMPOSITES[name]()
    history = result.step_history

    def told(step: StepResult) -> StepResult:
        changed = {key: value for key, value in metadata.items() if key in step.metadata}
        return replace(step, metadata={**step.metadata, **changed})

    vars(result)["step_history"] = tuple(told(step) for step in history)
    return result


@pytest.mark.parametrize(
    ("name", "metadata", "said"),
    [
        (
            "branched", {"executed_branch_key": "legal"},
            "route: its executed_branch_key is 'legal', by its events it is 'sales'",
        ),
        ("looped", {"iterations": 3}, "refine: its iterations is 3, by its events it is 2"),
        (
            "looped", {"exit_reason": "max_loops"},
            "refine: its exit_reason is 'max_loops', by its events it is 'condition'",
        ),
    ],
)  # fmt: skip
async def test_metadata_that_the_events_contradict_is_named(name: str, metadata: dict[str, Any], said: str) -> None:
    assert violations(await lying(name, **metadata)) == (said,)


async def test_questions_that_nobody_put_or_that_are_left_out_are_named() -> None:
    result = await COMPOSITES["asked_in_branches"]()
    vars(result)["questions"] = result.questions[1:]
    assert violations(result) == (
        "the run: its open questions are review/branch:late/approve, "
        "by its events they are review/branch:legal/approve, review/branch:late/approve",
    )
