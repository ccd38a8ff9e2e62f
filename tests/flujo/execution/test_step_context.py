"""One step: which changes of context, input and output are kept, and which are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from flujo import Draft, Flujo, Laws, PipelineContext, PluginOutcome, Rejection, Step, override
from flujo.events import Answered, Event, StepStarted
from tests.flujo.execution.writers import YES, Ctx, Judging, Writer, no, run


async def test_what_a_failed_attempt_changed_is_gone() -> None:
    calls: list[Sequence[str]] = []

    async def write(x: list[str], *, context: Ctx) -> str:
        calls.append((*x, *context.seen))
        x.append("changed")
        context.seen.append("changed")
        if len(calls) == 1:
            raise ValueError("broken")
        return "done"

    given = ["rain"]
    result = await Flujo(Step("write", write), context_model=Ctx).run_async(given, context_data={"seen": ["start"]})
    assert calls == [("rain", "start"), ("rain", "start")]
    assert result.context.seen == ["start", "changed"]
    assert given == ["rain"]


async def test_what_becomes_of_a_failed_attempt_is_one_law() -> None:
    told: list[tuple[list[str], bool]] = []

    def kept(before: Any, context: Any, accepted: bool) -> Any:
        told.append((list(context.seen), accepted))
        return before.commit(context)

    async def write(x: str, *, context: Ctx) -> str:
        context.seen.append("changed")
        if len(context.seen) == 1:
            raise ValueError("broken")
        return x

    with override(laws=replace(Laws(), context_after_attempt=kept)):
        result = await Flujo(Step("write", write), context_model=Ctx).run_async("x")
    assert told == [(["changed"], False), (["changed", "changed"], True)]
    assert result.context.seen == ["changed", "changed"]


async def test_state_is_replaced_not_added_to() -> None:
    async def tidy(x: str, *, context: Ctx) -> str:
        context.seen.reverse()
        del context.seen[0]
        return x

    result = await Flujo(Step("tidy", tidy), context_model=Ctx).run_async("x", context_data={"seen": ["a", "b", "b"]})
    assert result.context.seen == ["b", "a"]


async def test_plugins_changes_are_committed_with_the_attempt() -> None:
    class Noting:
        name, priority = "noting", 0

        async def validate(self, draft: Draft, *, context: Ctx, resources: list[str]) -> PluginOutcome:
            context.seen.append(f"{resources[0]} {draft['attempt']}")
            return no("again") if draft["attempt"] == 1 else YES

    result = await run(Step("write", Writer("x", "y"), plugins=[Noting()]), context_model=Ctx, resources=["attempt"])
    assert result.context.seen == ["attempt 2"]


async def test_the_results_context_and_the_callers_data_are_apart() -> None:
    kept: list[Ctx] = []

    async def keep(x: str, *, context: Ctx) -> str:
        kept.append(context)
        return x

    data = {"seen": ["start"]}
    result = await Flujo(Step("keep", keep), context_model=Ctx).run_async("x", context_data=data)
    kept[0].seen.append("late")
    data["seen"].append("later")
    assert result.context.seen == ["start"]


class Totals(PipelineContext):
    model_config = ConfigDict(extra="forbid")
    total: int = 0
    parts: list[int] = Field(default=[])


async def test_updates_context_merges_a_dict_or_a_model_validated() -> None:
    class Out(BaseModel):
        parts: list[int]

    async def as_dict(x: str) -> dict[str, object]:
        return {"total": "3"}

    async def as_model(x: object) -> Out:
        return Out(parts=[1, 2])

    pipeline = Step("a", as_dict, updates_context=True) >> Step("b", as_model, updates_context=True)
    result = await Flujo(pipeline, context_model=Totals).run_async("x")
    assert result.context == Totals(total=3, parts=[1, 2])


@pytest.mark.parametrize("output", [{"total": "three"}, {"totl": 3}, "three"])
async def test_an_output_that_does_not_fit_the_context_fails_the_step_and_changes_nothing(
    output: object,
) -> None:
    async def bad(x: str, *, context: Totals) -> object:
        context.parts.append(1)
        return output

    result = await Flujo(Step("a", bad, updates_context=True), context_model=Totals).run_async("x")
    assert result.status == "failed"
    assert result.context == Totals()
    assert result.step_history[0].attempts == 1


async def test_the_output_of_a_judged_step_is_merged_as_it_was_accepted() -> None:
    mended = PluginOutcome(True, new_solution={"total": 7, "parts": [3]})
    step = Step("a", Writer({"total": 5}), plugins=[Judging("mends", mended)], updates_context=True)
    assert (await run(step, context_model=Totals)).context == Totals(total=7, parts=[3])


async def test_an_output_that_does_not_fit_is_told_before_the_step_fails() -> None:
    async def bad(x: str) -> object:
        return {"total": "three"}

    result = await Flujo(Step("a", bad, updates_context=True), context_model=Totals).run_async("x")
    assert [(event.path, event.output) for event in result.transcript.of(Answered)] == [
        ("a/attempt:1", {"total": "three"})
    ]


async def test_outputs_are_handed_on_as_the_objects_they_are() -> None:
    class Answer:
        def __init__(self) -> None:
            self.output = "a field that is nobody's business"

    answer = Answer()

    async def give(x: str) -> Answer:
        return answer

    async def check(x: Answer) -> bool:
        return type(x) is Answer and x.output == answer.output

    assert (await run(Step("a", give))).output is answer
    assert (await Flujo(Step("a", give) >> Step("b", check)).run_async("x")).output is True


@pytest.mark.parametrize("listened", [False, True], ids=["read later", "listened to"])
async def test_what_was_told_of_an_output_stays_though_its_agent_goes_on_with_the_object(listened: bool) -> None:
    heard: list[Event] = []
    lines: list[str] = []

    async def collect(x: object) -> list[str]:
        lines.append("line")
        return lines

    flow = Flujo(Step("a", collect) >> Step("b", collect), listeners=[heard.append] if listened else [])
    result = await flow.run_async("x")
    assert [event.output for event in result.transcript.of(Answered)] == [["line"], ["line", "line"]]
    assert [event.input for event in result.transcript.of(StepStarted)] == ["x", ["line"]]


async def test_an_output_may_be_a_rejection_without_being_one() -> None:
    verdict = Rejection("somebody", "of something else", 1)

    async def report(x: str) -> Rejection:
        return verdict

    result = await Flujo(Step("report", report)).run_async("x")
    assert (result.status, result.output is verdict, result.step_history[0].attempts) == ("completed", True, 1)
