"""What a story tells beside the ordinary: no fact can go, come twice, or be said of somebody else without a trace."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from flujo import (
    PluginOutcome,
    Step,
    Usage,
)
from flujo.events import (
    Answered,
    Asked,
    BranchEnded,
    Chunk,
    Event,
    FellBack,
    LimitPassed,
    Merged,
    Paid,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
)
from flujo.ports import Rejection
from flujo_testing.transcript import NotTellable, render, story_of, story_of_events
from tests.flujo_testing.transcript_runs import (
    RUNS,
    Says,
    echo,
    fell_back,
    limited,
    parallel,
    rejected,
    retold,
    run,
)

# Every fact leaves a mark -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
async def test_an_event_that_is_missing_makes_another_story(name: str) -> None:
    result = await RUNS[name]()
    events = list(result.transcript)
    golden = render(retold(result, events))
    same = [event for i, event in enumerate(events) if render(retold(result, events[:i] + events[i + 1 :])) == golden]
    assert same == []


@pytest.mark.parametrize("name", RUNS)
async def test_an_event_that_comes_twice_makes_another_story(name: str) -> None:
    result = await RUNS[name]()
    events = list(result.transcript)
    golden = render(retold(result, events))
    same = [
        event for i, event in enumerate(events) if render(retold(result, [*events[: i + 1], *events[i:]])) == golden
    ]
    assert same == []


@pytest.mark.parametrize("name", RUNS)
async def test_a_run_that_is_run_again_has_the_same_story(name: str) -> None:
    assert render(story_of(await RUNS[name]())) == render(story_of(await RUNS[name]()))


async def test_chunks_of_a_stream_are_not_told() -> None:
    result = await rejected()
    events = [part for event in result.transcript for part in (event, Chunk("write", 0.0, 1, 0, "Rain"))]
    assert retold(result, events) == story_of(result)


async def test_a_payment_that_is_booked_after_the_answer_is_told_as_late() -> None:
    result = await rejected()
    events = list(result.transcript)
    first = next(i for i, event in enumerate(events) if isinstance(event, Paid))
    events[first], events[first + 1] = events[first + 1], events[first]
    attempt = retold(result, events)["steps"]["write"]["attempt 1"]
    assert list(attempt) == ["input_from", "output", "paid_too_late", "plugin max_words"]


async def test_a_payment_that_is_booked_after_the_ask_failed_is_told_as_late() -> None:
    result = await limited()
    assert list(story_of(result)["steps"]["write"]["attempt 1"]) == ["input_from", "limited", "paid", "limit_passed"]
    paid = next(event for event in result.transcript if isinstance(event, Paid))
    others = [event for event in result.transcript if event is not paid]
    attempt = retold(result, [*others[:-2], paid, *others[-2:]])["steps"]["write"]["attempt 1"]
    assert list(attempt) == ["input_from", "limit_passed", "limited", "paid_too_late"]


async def test_a_limit_that_was_passed_before_anybody_was_asked_is_told_by_the_step() -> None:
    result = await limited()
    passed = next(event for event in result.transcript if isinstance(event, LimitPassed))
    others = [event for event in result.transcript if event is not passed]
    step = retold(result, [*others[:2], passed, *others[2:]])["steps"]["write"]
    assert step["limit_passed"] == {"spent_output_tokens": 40, "limit_output_tokens": 39}
    assert list(step["attempt 1"]) == ["input_from", "limited", "paid"]


async def test_a_plugin_that_pays_after_its_verdict_is_told_apart_from_one_that_pays_before() -> None:
    judge = Says("judge", [PluginOutcome(True, usage=Usage(input_tokens=11), model="test:critic")])
    result = await run(Step("write", echo, plugins=[judge]))
    events = list(result.transcript)
    paid = next(i for i, event in enumerate(events) if isinstance(event, Paid))
    events[paid], events[paid + 1] = events[paid + 1], events[paid]
    payment = {"model": "test:critic", "input": 11, "output": 0, "usd": "0.000077"}
    told = story_of(result)["steps"]["write"]["attempt 1"]
    assert told["plugin judge"] == {"paid": payment, "accepted": True}
    late = retold(result, events)["steps"]["write"]["attempt 1"]
    assert late["plugin judge"] == "accepted"
    assert late["plugin judge again"] == {"paid": payment}


async def test_a_payment_at_the_path_of_another_step_is_shown_with_its_path() -> None:
    result = await rejected()
    events = [
        replace(event, entry=replace(event.entry, path="other/attempt:1")) if isinstance(event, Paid) else event
        for event in result.transcript
    ]
    assert [payment["path"] for payment in retold(result, events)["steps"]["write"]["paid"]] == ["other/attempt:1"] * 2


async def test_a_payment_that_contradicts_its_place_says_so() -> None:
    result = await rejected()
    events = list(result.transcript)
    at = next(i for i, event in enumerate(events) if isinstance(event, Paid))
    paid = events[at]
    assert type(paid) is Paid
    wrong = replace(paid.entry, attempt=7, branch="x/branch:y", provider="elsewhere", entry_id="other/request:9")
    events[at] = replace(paid, entry=wrong)
    assert retold(result, events)["steps"]["write"]["attempt 1"]["paid"] == {
        "model": "test:writer", "input": 120, "output": 40, "usd": "0.00104",
        "attempt": 7, "branch": "x/branch:y", "provider": "elsewhere", "request": "9",
    }  # fmt: skip


async def test_feedback_that_is_not_what_the_plugins_said_names_its_attempt() -> None:
    result = await rejected()
    events = [
        replace(event, feedback=(Rejection("max_words", "6 words, at most 4", 3),))
        if isinstance(event, Asked) and event.attempt == 2
        else event
        for event in result.transcript
    ]
    assert retold(result, events)["steps"]["write"]["attempt 2"]["feedback"] == [
        {"from": "max_words", "text": "6 words, at most 4", "attempt": 3}
    ]


async def test_a_redirect_that_asks_somebody_else_names_whom_it_asked() -> None:
    result = await RUNS["redirected"]()
    events = [
        replace(event, agent="junior") if isinstance(event, Asked) and event.hop else event
        for event in result.transcript
    ]
    assert retold(result, events)["steps"]["write"]["attempt 1"]["redirect 1 to senior"]["agent"] == "junior"


@dataclass(frozen=True, slots=True)
class Rested(Event):
    seconds: int


@dataclass(frozen=True, slots=True)
class Wondered(Answered):
    doubt: float


async def test_an_event_without_words_of_its_own_is_told_by_its_fields() -> None:
    result = await rejected()
    started, *events = result.transcript
    told = retold(
        result,
        [
            started,
            Rested("", 0.0, 1),
            events[0],
            Rested("write", 0.0, 2),
            Wondered("write", 0.0, 1, 0, "?", 0.5),
        ],
    )
    assert told["result"] == {"event Rested": {"seconds": 1}}
    assert told["steps"]["write"] == {
        "event Rested": {"seconds": 2},
        "attempt 1": {"event Wondered": {"output": "?", "doubt": 0.5}},
        "unfinished": True,
    }


# Steps that do not fit together -------------------------------------------------------------------------


async def test_a_step_that_never_started_and_one_that_never_ended_say_so() -> None:
    result = await run(Step("a", echo) >> Step("b", echo))
    events = [
        event
        for event in result.transcript
        if not (isinstance(event, StepEnded) and event.step == "a")
        and not (isinstance(event, StepStarted) and event.step == "b")
    ]
    assert retold(result, events)["steps"] == {
        "a": {"attempt 1": {"input_from": "run", "output": "rain"}, "unfinished": True},
        "b": {"not_started": True, "attempt 1": {"input_from": "run", "output": "rain"}},
    }


async def test_a_step_that_starts_twice_is_two_steps() -> None:
    result = await run(Step("a", echo))
    events = list(result.transcript)
    assert retold(result, [*events[:2], *events[1:]])["steps"] == {
        "a": {"unfinished": True},
        "a again": {"attempt 1": {"input_from": "run", "output": "rain"}},
    }


async def test_a_fallback_without_its_step_stands_by_itself() -> None:
    result = await fell_back()
    events = [event for event in result.transcript if event.step in ("", "write/fallback:small")]
    told = retold(result, events)["steps"]["write"]["fallback small"]
    assert list(told["attempt 1"]) == ["input_from", "output", "paid"]


async def test_a_step_that_fell_back_after_other_attempts_than_its_own_shows_how_many() -> None:
    result = await fell_back()
    events = [replace(event, attempts=7) if isinstance(event, FellBack) else event for event in result.transcript]
    told = retold(result, events)["steps"]["write"]["fallback small"]
    assert list(told.items())[:2] == [("original_error", "ValueError: bang"), ("after_attempts", 7)]


async def test_a_step_that_fell_back_on_nobody_says_so() -> None:
    result = await fell_back()
    events = [event for event in result.transcript if event.step != "write/fallback:small"]
    assert retold(result, events)["steps"]["write"]["fell_back"] == {"original_error": "ValueError: bang"}


async def test_a_run_without_beginning_or_end_has_no_input_and_no_status() -> None:
    result = await run(Step("a", echo))
    told = retold(result, [event for event in result.transcript if not isinstance(event, RunStarted | RunEnded)])
    assert told == {
        "format": "flujo-golden/1",
        "result": {},
        "steps": {"a": {"input": "rain", "attempt 1": {"input_from": "step", "output": "rain"}}},
    }


async def test_branches_in_another_order_make_another_story() -> None:
    result = await parallel()
    ends = [i for i, event in enumerate(result.transcript) if isinstance(event, BranchEnded)]
    begin = next(i for i, event in enumerate(result.transcript) if event.step.startswith("review/branch:"))
    events = list(result.transcript)
    swapped = [
        *events[:begin],
        *events[ends[0] + 1 : ends[1] + 1],
        *events[begin : ends[0] + 1],
        *events[ends[1] + 1 :],
    ]
    assert list(retold(result, swapped)["steps"]["review"])[:2] == ["branch facts", "branch legal"]
    assert "output" in retold(result, swapped)["steps"]["review"]


async def test_a_branch_whose_end_tells_otherwise_than_its_steps_shows_both() -> None:
    result = await parallel()
    events = [
        replace(event, status="failed", output="odd", error="why")
        if isinstance(event, BranchEnded) and event.branch == "legal"
        else event
        for event in result.transcript
    ]  # fmt: skip
    branch = retold(result, events)["steps"]["review"]["branch legal"]
    assert list(branch) == ["step legal", "status", "output", "error"]
    assert (branch["status"], branch["output"], branch["error"]) == ("failed", "odd", "why")


async def test_a_branch_that_never_ended_says_so() -> None:
    result = await parallel()
    events = [e for e in result.transcript if not (isinstance(e, BranchEnded) and e.branch == "facts")]
    told = retold(result, events)["steps"]["review"]
    assert list(told["branch facts"]) == ["step look_up", "step check", "unfinished"]
    assert told["branch facts"]["unfinished"] is True
    assert list(told["branch legal"]) == list(story_of(result)["steps"]["review"]["branch legal"])


async def test_a_merge_of_a_field_that_did_not_change_names_its_branches() -> None:
    result = await parallel()
    events = [replace(event, changes=()) if isinstance(event, Merged) else event for event in result.transcript]
    assert retold(result, events)["steps"]["review"]["merged"] == {
        "by": "context_update", "drafts": {"from": ["legal", "facts"]}, "notes": {"from": ["legal"]},
    }  # fmt: skip


async def test_a_step_that_completed_with_an_error_or_failed_with_an_output_shows_it() -> None:
    result = await run(Step("a", echo))
    odd = [replace(e, error="why") if isinstance(e, StepEnded) else e for e in result.transcript]
    assert retold(result, odd)["steps"]["a"]["error"] == "why"
    odd = [replace(e, status="failed", error="why") if isinstance(e, StepEnded) else e for e in result.transcript]
    told = retold(result, odd)["steps"]["a"]
    assert (told["status"], told["output"], told["error"]) == ("failed", "rain", "why")


async def test_an_unfinished_run_that_has_an_output_shows_it() -> None:
    result = await run(Step("a", echo))
    odd = [replace(e, status="failed") if isinstance(e, RunEnded) else e for e in result.transcript]
    assert retold(result, odd)["result"] == {"status": "failed", "output": "rain"}


@pytest.mark.parametrize("name", RUNS)
async def test_a_story_can_be_told_from_the_events_alone(name: str) -> None:
    result = await RUNS[name]()
    assert story_of_events(iter(result.transcript)) == story_of(result)


async def test_events_with_a_value_that_cannot_be_told_have_no_story() -> None:
    result = await run(Step("odd", lambda _: object()))
    with pytest.raises(NotTellable):
        story_of_events(result.transcript)
