"""What a story tells beside the ordinary: no fact can go, come twice, or be said of somebody else without a trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import (
    AgentOutput,
    BranchFailureStrategy,
    MergeStrategy,
    PipelineContext,
    PluginOutcome,
    Step,
    Usage,
    UsageLimits,
)
from flujo.events import (
    Answered,
    Asked,
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
from flujo.execution.ledger import Ledger
from flujo.pipeline import Pipeline
from flujo.ports import Rejection
from flujo_testing.transcript import NotTellable, RedactionError, render, story_of
from tests.flujo_testing.transcript_runs import (
    OK,
    RUNS,
    Answers,
    Ctx,
    Says,
    echo,
    fell_back,
    keep,
    parallel,
    rejected,
    run,
)


@dataclass(frozen=True)
class Retold:
    """A result whose transcript holds other events than those that happened."""

    transcript: tuple[Event, ...]
    context: object

    @property
    def ledger(self) -> Ledger:
        return Ledger.of(event.entry for event in self.transcript if isinstance(event, Paid))


def retold(result: Any, events: Iterable[Event]) -> dict[str, Any]:
    return story_of(Retold(tuple(events), result.context))  # type: ignore[arg-type]


# Every fact leaves a mark -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
async def test_an_event_that_is_missing_makes_another_story(name: str) -> None:
    result = await RUNS[name]()
    events = list(result.transcript)
    golden = render(retold(result, events))
    same = [
        event
        for i, event in enumerate(events)
        if render(retold(result, events[:i] + events[i + 1 :])) == golden
    ]
    assert same == []


@pytest.mark.parametrize("name", RUNS)
async def test_an_event_that_comes_twice_makes_another_story(name: str) -> None:
    result = await RUNS[name]()
    events = list(result.transcript)
    golden = render(retold(result, events))
    same = [
        event
        for i, event in enumerate(events)
        if render(retold(result, [*events[: i + 1], *events[i:]])) == golden
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
        replace(event, entry=replace(event.entry, path="other/attempt:1"))
        if isinstance(event, Paid)
        else event
        for event in result.transcript
    ]
    assert [payment["path"] for payment in retold(result, events)["steps"]["write"]["paid"]] == [
        "other/attempt:1"
    ] * 2


async def test_a_payment_that_contradicts_its_place_says_so() -> None:
    result = await rejected()
    events = list(result.transcript)
    at = next(i for i, event in enumerate(events) if isinstance(event, Paid))
    paid = events[at]
    assert type(paid) is Paid
    wrong = replace(
        paid.entry, attempt=7, branch="x/branch:y", provider="elsewhere", entry_id="other/request:9"
    )
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


async def test_a_run_without_beginning_or_end_has_no_input_and_no_status() -> None:
    result = await run(Step("a", echo))
    told = retold(
        result, [event for event in result.transcript if not isinstance(event, RunStarted | RunEnded)]
    )
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
        replace(event, status="failed", output="odd", error="why") if isinstance(event, BranchEnded) and event.branch == "legal"
        else event
        for event in result.transcript
    ]  # fmt: skip
    branch = retold(result, events)["steps"]["review"]["branch legal"]
    assert list(branch) == ["step legal", "status", "output", "error"]
    assert (branch["status"], branch["output"], branch["error"]) == ("failed", "odd", "why")


async def test_a_step_that_completed_with_an_error_or_failed_with_an_output_shows_it() -> None:
    result = await run(Step("a", echo))
    odd = [replace(e, error="why") if isinstance(e, StepEnded) else e for e in result.transcript]
    assert retold(result, odd)["steps"]["a"]["error"] == "why"
    odd = [
        replace(e, status="failed", error="why") if isinstance(e, StepEnded) else e for e in result.transcript
    ]
    told = retold(result, odd)["steps"]["a"]
    assert (told["status"], told["output"], told["error"]) == ("failed", "rain", "why")


async def test_an_unfinished_run_that_has_an_output_shows_it() -> None:
    result = await run(Step("a", echo))
    odd = [replace(e, status="failed") if isinstance(e, RunEnded) else e for e in result.transcript]
    assert retold(result, odd)["result"] == {"status": "failed", "output": "rain"}


# Where inputs and outputs come from ---------------------------------------------------------------------


async def test_a_shaped_input_and_a_shaped_output_are_shown_where_they_differ() -> None:
    step = Step("loud", echo, input_processors=[str.upper], output_processors=[len])
    assert story_of(await run(step >> Step("next", echo)))["steps"] == {
        "loud": {"attempt 1": {"input": "RAIN", "output": "RAIN"}, "output": 4},
        "next": {"attempt 1": {"input_from": "loud", "output": 4}},
    }


async def test_an_input_that_equals_an_earlier_value_is_told_to_come_from_there() -> None:
    back = Step("back", echo, input_processors=[lambda text: text.lower()])
    assert story_of(await run(Step("up", str.upper) >> Step("one", echo) >> back))["steps"]["back"] == {
        "attempt 1": {"input_from": "run", "output": "rain"}
    }


async def test_steps_named_run_and_step_are_not_mistaken_for_the_run_and_the_step_at_hand() -> None:
    steps = story_of(await run(Step("run", str.upper) >> Step("step", str.title) >> Step("end", echo)))[
        "steps"
    ]
    assert [steps[name]["attempt 1"]["input_from"] for name in ("run", "step", "end")] == [
        "run",
        "steps/run",
        "steps/step",
    ]


async def test_a_step_that_is_not_given_what_the_one_before_put_out_shows_its_input() -> None:
    result = await run(Step("a", str.upper) >> Step("b", echo))
    events = [
        replace(event, input="odd") if isinstance(event, StepStarted | Asked) and event.step == "b" else event
        for event in result.transcript
    ]
    assert retold(result, events)["steps"]["b"] == {
        "input": "odd", "attempt 1": {"input_from": "step", "output": "RAIN"},
    }  # fmt: skip


async def test_one_and_true_are_different_inputs() -> None:
    result = await run(Step("a", echo), 1)
    events = [
        replace(event, input=True) if isinstance(event, Asked) else event for event in result.transcript
    ]
    assert retold(result, events)["steps"]["a"]["attempt 1"]["input"] is True


async def test_outputs_that_a_step_holds_as_a_table_of_the_same_objects_are_not_told_again() -> None:
    result = await parallel()
    events = [
        replace(event, output=dict(reversed(event.output.items()))) if isinstance(event, StepEnded) and event.step == "review"
        else event
        for event in result.transcript
    ]  # fmt: skip
    assert "output" not in story_of(result)["steps"]["review"]
    assert list(retold(result, events)["steps"]["review"]["output"]) == ["facts", "legal"]


class Verse(BaseModel):
    lines: int


class Poet(Answers):
    output_type = Verse


async def test_a_typed_answer_is_told_as_replaced_only_where_it_reads_otherwise() -> None:
    told = story_of(await run(Step("a", Poet('{"lines": 3}')) >> Step("b", Poet(Verse(lines=4)))))["steps"]
    assert told["a"]["attempt 1"]["plugin output_type"] == {"replaced": {"lines": 3}}
    assert told["b"]["attempt 1"]["plugin output_type"] == "accepted"
    assert told["b"]["attempt 1"]["output"] == {"lines": 4}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (dict(accepted=True), "accepted"),
        (dict(accepted=True, feedback="nice"), {"accepted": True, "feedback": "nice"}),
        (dict(accepted=True, replaced=True, new_solution=1), {"replaced": 1}),
        (dict(accepted=False, feedback="no"), {"rejected": "no"}),
        (dict(accepted=False, feedback="no", replaced=True, new_solution=1), {"replaced": 1, "rejected": "no"}),
        (dict(accepted=False, feedback="no", redirect_to="x"), {"redirect_to": "x", "feedback": "no"}),
        (dict(accepted=True, redirect_to="x"), {"redirect_to": "x", "accepted": True}),
        (dict(accepted=False, crashed=True, feedback="no"), {"crashed": "no"}),
        (dict(accepted=True, crashed=True, feedback="no"), {"crashed": "no", "accepted": True}),
    ],
)  # fmt: skip
async def test_every_verdict_has_a_form_of_its_own(said: dict[str, Any], told: object) -> None:
    result = await run(Step("a", echo, plugins=[Says("p", [OK])]))
    fields = dict(feedback=None, redirect_to=None, replaced=False, new_solution=None, crashed=False) | said
    events = [replace(e, **fields) if isinstance(e, Judged) else e for e in result.transcript]
    assert retold(result, events)["steps"]["a"]["attempt 1"]["plugin p"] == told


# Money and limits ---------------------------------------------------------------------------------------


async def test_a_provider_that_charges_otherwise_than_its_price_is_shown_beside_it() -> None:
    async def agent(input: object) -> object:
        return AgentOutput("x", usage=Usage(input_tokens=2), model="test:small", cost_usd=Decimal("0.5"))

    async def unknown(input: object) -> object:
        return AgentOutput("x", cost_usd=Decimal("0.7"))

    steps = story_of(await run(Step("a", agent) >> Step("b", unknown)))["steps"]
    assert steps["a"]["attempt 1"]["paid"] == {
        "model": "test:small", "input": 2, "output": 0, "usd": "0.000004", "provider_usd": "0.5",
    }  # fmt: skip
    assert steps["b"]["attempt 1"]["paid"] == {"usage": "absent", "usd": "0.7", "usd_from": "provider"}


async def test_a_limit_of_a_step_that_is_passed_fails_the_step() -> None:
    step = Step(
        "a", Answers("x"), usage_limits=UsageLimits(total_cost_usd_limit="0.001"), fallback=Step("b", echo)
    )
    told = story_of(await run(step))["steps"]["a"]
    error = "a/attempt:1 passed a limit: a used 0.00104 of 0.001 USD"
    assert told["attempt 1"]["limited"] == error
    assert told["attempt 1"]["limit_passed"] == {"spent_usd": "0.00104", "limit_usd": "0.001"}
    assert told["fallback b"]["original_error"] == error


async def test_a_fallback_that_fails_too_tells_its_error_once() -> None:
    step = Step(
        "a",
        Answers(ValueError("1")),
        max_retries=0,
        fallback=Step("b", Answers(ValueError("2")), max_retries=0),
    )
    tolerant = BranchFailureStrategy.IGNORE
    branches = Step.parallel("p", {"x": step, "y": Step("y", echo)}, on_branch_failure=tolerant)
    assert story_of(await run(branches))["steps"]["p"]["branch x"]["step a"] == {
        "attempt 1": {"input_from": "run", "error": "ValueError: 1"},
        "fallback b": {
            "original_error": "ValueError: 1",
            "attempt 1": {"input_from": "run", "error": "ValueError: 2"},
            "status": "failed",
        },
        "status": "failed",
    }


# The context --------------------------------------------------------------------------------------------


async def test_a_final_context_that_nobody_told_of_is_shown() -> None:
    result = await run(Step("a", keep), context_model=Ctx)
    told = story_of(Retold(tuple(result.transcript), Ctx(topic="snow", drafts=["rain"])))  # type: ignore[arg-type]
    assert told["result"]["context"] == {"topic": {"was": "", "now": "snow"}}


async def test_a_fallback_hands_on_its_context_and_a_branch_does_not() -> None:
    failing = Step("a", Answers(ValueError("1")), max_retries=0, fallback=Step("b", keep))
    told = story_of(await run(failing >> Step.parallel("p", {"x": Step("x", keep)}), context_model=Ctx))
    assert "context" not in told["result"]
    assert told["steps"]["a"]["fallback b"]["context"] == {"drafts": {"appended": ["rain"]}}
    assert told["steps"]["p"]["branch x"]["context"] == {"drafts": {"appended": ["rain"]}}


class Open(PipelineContext, extra="allow"):
    by: str = ""


async def test_a_field_that_is_called_like_a_word_of_ours_is_told_apart() -> None:
    async def change(input: str, *, context: Any) -> str:
        context.by, context.more = "x", 1
        return input

    step = Step.parallel("p", {"x": Step("x", change)}, merge_strategy=MergeStrategy.OVERWRITE)
    told = story_of(await run(step, context_model=Open))
    assert told["steps"]["p"]["merged"] == {
        "by": "overwrite",
        "$by": {"was": "", "now": "x", "from": ["x"]},
        "more": {"set": 1, "from": ["x"]},
    }


async def test_a_run_without_a_field_in_its_context_shows_none() -> None:
    assert list(story_of(await run(Step("a", echo)))) == ["format", "input", "result", "steps"]


# Header and redaction -----------------------------------------------------------------------------------


async def test_owner_and_a_name_of_the_pipeline_stand_in_the_header() -> None:
    told = story_of(await run(Pipeline.of(Step("a", echo)).named("poems")), owner="tests/test_a.py::test_b")
    assert list(told.items())[:3] == [
        ("format", "flujo-golden/1"), ("owner", "tests/test_a.py::test_b"), ("pipeline", "poems"),
    ]  # fmt: skip


async def test_a_value_without_plain_form_is_an_error_that_names_step_and_place_and_can_be_redacted() -> None:
    async def strange(input: object) -> object:
        return {"a": [1, {"b": object()}]}

    result = await run(Step("write", strange))
    with pytest.raises(NotTellable) as caught:
        story_of(result, redact={"result.output": "<output>"})
    assert str(caught.value) == (
        "steps.write.attempt 1.output.a[1].b cannot be told in a golden: it is of type object; use plain data, "
        "a pydantic model or a dataclass; or redact it: redact={'steps.write.attempt 1.output.a[1].b': '<redacted>'}"
    )
    told = story_of(result, redact={"$..b": "<b>"})
    assert told["result"]["output"] == {"a": [1, {"b": "<b>"}]}


async def test_a_value_that_contains_itself_is_an_error_that_names_the_place_within_it() -> None:
    async def endless(input: object) -> object:
        value: dict[str, Any] = {"a": []}
        value["a"] += [value, value]
        return value

    with pytest.raises(NotTellable) as caught:
        story_of(await run(Step("write", endless)))
    assert (caught.value.path, caught.value.inner) == ("result.output", "$.a[0]")


async def test_a_redaction_that_finds_nothing_is_an_error() -> None:
    with pytest.raises(RedactionError):
        story_of(await rejected(), redact={"steps.nowhere": "x"})
