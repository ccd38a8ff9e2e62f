"""What a story tells of inputs and outputs, verdicts, money and the context, and how values are kept out of it."""

from __future__ import annotations

from dataclasses import replace
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
    RequestUsage,
    Step,
    Usage,
    UsageLimits,
)
from flujo.events import (
    Asked,
    Judged,
    Paid,
    StepEnded,
    StepStarted,
)
from flujo.pipeline import Pipeline
from flujo.ports import Rejection
from flujo_testing.transcript import NotTellable, RedactionError, story_of
from tests.flujo_testing.transcript_runs import (
    OK,
    Answers,
    Ctx,
    Heeding,
    Metered,
    Retold,
    Says,
    echo,
    hang,
    keep,
    parallel,
    rejected,
    retold,
    run,
)

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
    steps = story_of(await run(Step("run", str.upper) >> Step("step", str.title) >> Step("end", echo)))["steps"]
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


async def test_a_step_that_is_given_an_earlier_value_says_where_that_came_from() -> None:
    result = await run(Step("a", str.upper) >> Step("b", echo))
    events = [
        replace(event, input="rain") if isinstance(event, StepStarted | Asked) and event.step == "b" else event
        for event in result.transcript
    ]
    assert retold(result, events)["steps"]["b"] == {
        "input_from": "run", "attempt 1": {"input_from": "run", "output": "RAIN"},
    }  # fmt: skip


async def test_an_equal_table_of_other_objects_is_the_same_and_one_with_other_values_is_not() -> None:
    result = await run(Step("a", echo) >> Step("b", echo), {"x": [1]})
    for value, source in (({"x": [1]}, "a"), ({"x": [True]}, None)):
        events = [
            replace(event, input=value) if isinstance(event, Asked) and event.step == "b" else event
            for event in result.transcript
        ]
        assert retold(result, events)["steps"]["b"]["attempt 1"].get("input_from") == source


async def test_a_kind_of_step_that_its_parts_do_not_show_is_named() -> None:
    result = await run(Step("a", echo))
    events = [replace(e, kind="loop") if isinstance(e, StepStarted) else e for e in result.transcript]
    assert retold(result, events)["steps"]["a"]["kind"] == "loop"


async def test_one_and_true_are_different_inputs() -> None:
    result = await run(Step("a", echo), 1)
    events = [replace(event, input=True) if isinstance(event, Asked) else event for event in result.transcript]
    assert retold(result, events)["steps"]["a"]["attempt 1"]["input"] is True


async def test_outputs_that_a_step_holds_as_a_table_of_the_same_objects_are_not_told_again() -> None:
    result = await parallel()
    backwards = {"facts": "true", "legal": "fine"}
    events = [
        replace(event, output=backwards) if isinstance(event, StepEnded) and event.step == "review" else event
        for event in result.transcript
    ]  # fmt: skip
    assert "output" not in story_of(result)["steps"]["review"]
    assert list(retold(result, events)["steps"]["review"]["output"]) == ["facts", "legal"]


async def test_a_run_that_completed_with_nothing_says_so() -> None:
    assert story_of(await run(Step("a", lambda _: None)))["result"] == {"status": "completed", "output": None}


class Verse(BaseModel):
    lines: int


class Poet(Answers):
    output_type = Verse


async def test_a_typed_answer_is_told_as_replaced_only_where_it_reads_otherwise() -> None:
    steps = Step("a", Poet('{"lines": 3}')) >> Step("b", Poet(Verse(lines=4))) >> Step("c", Poet({"lines": 5}))
    told = story_of(await run(steps))["steps"]
    assert told["a"]["attempt 1"]["plugin output_type"] == {"replaced": {"lines": 3}}
    assert told["b"]["attempt 1"]["plugin output_type"] == "accepted"
    assert told["b"]["attempt 1"]["output"] == {"lines": 4}
    assert told["c"]["attempt 1"]["plugin output_type"] == "accepted"
    assert told["c"]["attempt 1"]["output"] == {"lines": 5}


async def test_a_plugin_that_replaces_a_draft_by_an_equal_one_is_told_to_have_replaced_it() -> None:
    same = Says("same", [PluginOutcome(True, new_solution="rain")])
    told = story_of(await run(Step("a", echo, plugins=[same])))["steps"]
    assert told["a"]["attempt 1"]["plugin same"] == {"replaced": "rain"}


async def test_feedback_is_known_to_come_from_the_plugins_that_rejected() -> None:
    plugins = [Says("kind", [PluginOutcome(True, "fine"), OK]), Says("strict", [PluginOutcome(False, "no"), OK])]
    result = await run(Step("a", Heeding("one", "two"), plugins=plugins))
    assert story_of(result)["steps"]["a"]["attempt 2"]["feedback"] == [{"from": "strict", "text": "no"}]


async def test_a_rejection_without_a_word_is_known_by_its_plugin() -> None:
    result = await run(Step("a", Heeding("one", "two"), plugins=[Says("p", [PluginOutcome(False, "no"), OK])]))
    silent = [
        replace(event, feedback=None)
        if isinstance(event, Judged) and not event.accepted
        else replace(event, feedback=(Rejection("p", "", 1),))
        if isinstance(event, Asked) and event.feedback
        else event
        for event in result.transcript
    ]
    assert retold(result, silent)["steps"]["a"]["attempt 2"]["feedback"] == [{"from": "p", "text": ""}]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"accepted": True}, "accepted"),
        ({"accepted": True, "feedback": "nice"}, {"accepted": True, "feedback": "nice"}),
        ({"accepted": True, "replaced": True, "new_solution": 1}, {"replaced": 1}),
        ({"accepted": False, "feedback": "no"}, {"rejected": "no"}),
        ({"accepted": False, "feedback": "no", "replaced": True, "new_solution": 1}, {"replaced": 1, "rejected": "no"}),
        ({"accepted": False, "feedback": "no", "redirect_to": "x"}, {"redirect_to": "x", "feedback": "no"}),
        ({"accepted": True, "redirect_to": "x"}, {"redirect_to": "x", "accepted": True}),
        ({"accepted": False, "crashed": True, "feedback": "no"}, {"crashed": "no"}),
        ({"accepted": True, "crashed": True, "feedback": "no"}, {"crashed": "no", "accepted": True}),
    ],
)  # fmt: skip
async def test_every_verdict_has_a_form_of_its_own(said: dict[str, Any], told: object) -> None:
    result = await run(Step("a", echo, plugins=[Says("p", [OK])]))
    fields = {
        "feedback": None,
        "redirect_to": None,
        "replaced": False,
        "new_solution": None,
        "crashed": False,
    } | said
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


async def test_the_price_of_an_estimate_is_one_unless_told_otherwise() -> None:
    async def agent(input: object) -> object:
        usage = Usage(input_tokens=120, output_tokens=40)
        return AgentOutput("x", requests=(RequestUsage(usage=usage, model="test:writer", usage_source="estimate"),))

    result = await run(Step("a", agent))
    told = {"model": "test:writer", "input": 120, "output": 40, "usd": "0.00104", "usage_from": "estimate"}
    assert story_of(result)["steps"]["a"]["attempt 1"]["paid"] == told
    odd = [
        replace(e, entry=replace(e.entry, cost_source="table")) if isinstance(e, Paid) else e for e in result.transcript
    ]
    assert retold(result, odd)["steps"]["a"]["attempt 1"]["paid"] == told | {"usd_from": "table"}


async def test_a_payment_tells_its_number_only_where_it_is_out_of_turn() -> None:
    result = await run(Step("a", Answers("x", model="own:model:2")))
    told = {"model": "own:model:2", "input": 120, "output": 40, "usd": "unknown"}
    assert story_of(result)["steps"]["a"]["attempt 1"]["paid"] == told
    odd = [
        replace(e, entry=replace(e.entry, entry_id=f"{e.entry.entry_id}7")) if isinstance(e, Paid) else e
        for e in result.transcript
    ]
    assert retold(result, odd)["steps"]["a"]["attempt 1"]["paid"] == told | {"request": "17"}


async def test_what_a_provider_counts_and_nobody_prices_is_told_beside_it() -> None:
    async def ask(x: object) -> AgentOutput[str]:
        spent = Usage(input_tokens=120, output_tokens=40)
        request = RequestUsage(usage=spent, model="test:writer", other_usage=(("searches", Decimal(2)),))
        return AgentOutput("grey", requests=(request,))

    told = story_of(await run(Step("a", ask)))
    assert told["steps"]["a"]["attempt 1"]["paid"] == {
        "model": "test:writer", "input": 120, "output": 40, "other": {"searches": "2"}, "usd": "0.00104",
    }  # fmt: skip


async def test_a_call_that_may_have_been_paid_shows_the_most_that_it_may_have_cost() -> None:
    class Hanging(Metered):
        async def run(self, input: object) -> object:
            await hang(input)
            return "never"

    limits = UsageLimits(total_cost_usd_limit="1")
    told = story_of(await run(Step("a", Hanging(), timeout_s=0.001, max_retries=0), usage_limits=limits))
    assert told["steps"]["a"]["attempt 1"]["paid"] == {
        "model": "test:writer", "usage": "absent", "usd": "unknown", "possible_usd": "0.00185", "outcome": "timeout",
    }  # fmt: skip
    assert told["result"]["spent"]["possible_usd"] == "0.00185"


async def test_a_limit_of_a_step_that_is_passed_fails_the_step() -> None:
    step = Step("a", Answers("x"), usage_limits=UsageLimits(total_cost_usd_limit="0.001"), fallback=Step("b", echo))
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


async def test_a_branch_whose_draft_was_rejected_does_not_tell_that_again_as_its_error() -> None:
    step = Step("x", Answers("one"), plugins=[Says("p", [PluginOutcome(False, "no")])], max_retries=0)
    tolerant = BranchFailureStrategy.IGNORE
    told = story_of(await run(Step.parallel("p", {"x": step, "y": Step("y", echo)}, on_branch_failure=tolerant)))
    branch = told["steps"]["p"]["branch x"]
    assert list(branch) == ["attempt 1", "failed"]
    assert (branch["attempt 1"]["plugin p"], branch["failed"]) == ({"rejected": "no"}, "ignored")


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
