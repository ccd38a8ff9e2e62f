"""The story of a run for each law of isolation: what C1 to C9 look like in a golden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, Field

from flujo import BranchFailureStrategy, Draft, MergeStrategy, PipelineContext, PluginOutcome, Step
from flujo_testing import FlujoRun, FunctionAgent
from flujo_testing.golden.assertion import Golden


class Source(BaseModel):
    title: str
    year: int = 2026


class Notes(PipelineContext):
    drafts: list[str] = Field(default=[])
    notes: dict[str, Any] = Field(default={})
    source: Source = Source(title="none")
    score: float = 0.0


def agent(change: Callable[[Notes], object], output: object = "done", fail: str = "") -> FunctionAgent:
    async def changing(x: object, *, context: Notes) -> object:
        change(context)
        if fail:
            raise ValueError(fail)
        return output

    return FunctionAgent(changing)


async def test_c1_what_a_failed_attempt_changed_is_gone(flujo_run: FlujoRun, golden: Golden) -> None:
    seen: list[list[str]] = []

    async def write(x: list[str], *, context: Notes) -> str:
        seen.append([*x, *context.drafts])
        x.append("spoiled")
        context.drafts.append(f"draft {len(seen)}")
        if len(seen) == 1:
            raise ValueError("broken")
        return "done"

    result = await flujo_run(Step("write", FunctionAgent(write)), ["rain"], context_model=Notes)
    assert seen == [["rain"], ["rain"]]
    assert result.context.drafts == ["draft 2"]
    golden.check(result)


async def test_c2_what_an_accepted_attempt_changed_is_kept_as_it_is(flujo_run: FlujoRun, golden: Golden) -> None:
    def change(context: Notes) -> None:
        context.drafts.reverse()
        context.drafts.append("b")
        del context.notes["old"]
        context.notes["none"] = None
        context.source.year = 1999
        context.score = float("nan")

    data = {"drafts": ["a", "b", "b"], "notes": {"old": 1, "kept": [1, 2]}}
    result = await flujo_run(Step("write", agent(change)), "rain", context_model=Notes, context_data=data)
    assert result.context.drafts == ["b", "b", "a", "b"]
    golden.check(result)


async def test_c2_plugins_changes_are_kept_with_the_attempts(flujo_run: FlujoRun, golden: Golden) -> None:
    class Noting:
        name, priority = "noting", 0

        async def validate(self, draft: Draft, *, context: Notes) -> PluginOutcome:
            context.notes[f"attempt {draft['attempt']}"] = "seen"
            return PluginOutcome(draft["attempt"] == 2, "again")

    step = Step("write", agent(lambda context: context.drafts.append("draft")), plugins=[Noting()])
    result = await flujo_run(step, "rain", context_model=Notes)
    assert (result.context.notes, result.context.drafts) == ({"attempt 2": "seen"}, ["draft"])
    golden.check(result)


def fan(strategy: Any = MergeStrategy.NO_MERGE, **branches: Any) -> Any:
    steps = {name: Step("note", one, max_retries=0) for name, one in branches.items()}
    return Step.parallel("review", steps, merge_strategy=strategy, on_branch_failure=BranchFailureStrategy.IGNORE)


def notes(name: str) -> FunctionAgent:
    def change(context: Notes) -> None:
        context.drafts.append(name)
        context.notes[name] = len(context.drafts)

    return agent(change, name)


async def test_c3_branches_start_equal_and_a_failed_one_is_never_merged(flujo_run: FlujoRun, golden: Golden) -> None:
    failing = agent(lambda context: context.drafts.append("lost"), fail="offline")
    result = await flujo_run(
        fan(MergeStrategy.CONTEXT_UPDATE, legal=notes("legal"), facts=failing, tone=notes("tone")),
        "rain",
        context_model=Notes,
    )
    assert result.context.drafts == ["legal", "tone"]
    assert result.context.notes == {"legal": 1, "tone": 1}
    golden.check(result)


async def test_c4_no_merge_leaves_the_parent_alone(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(fan(legal=notes("legal")), "rain", context_model=Notes)
    assert result.context == Notes()
    golden.check(result)


def title(text: str) -> FunctionAgent:
    def change(context: Notes) -> None:
        context.source.title = text

    return agent(change)


async def test_c4_what_two_branches_changed_differently_is_a_conflict(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(
        fan(MergeStrategy.CONTEXT_UPDATE, legal=title("law"), facts=title("fact")),
        "rain",
        context_model=Notes,
    )
    assert result.status == "failed"
    assert result.context == Notes()
    golden.check(result)


@pytest.mark.parametrize("strategy", [MergeStrategy.OVERWRITE, MergeStrategy.KEEP_FIRST])
async def test_c4_the_explicit_ways_out(flujo_run: FlujoRun, golden: Golden, strategy: MergeStrategy) -> None:
    result = await flujo_run(fan(strategy, legal=title("law"), facts=title("fact")), "rain", context_model=Notes)
    assert result.context.source.title == {"overwrite": "fact", "keep_first": "law"}[strategy]
    golden.check(result)


async def test_c4_a_function_merges(flujo_run: FlujoRun, golden: Golden) -> None:
    def count(base: Notes, branches: Mapping[str, Notes]) -> Mapping[str, object]:
        return {"score": float(sum(len(branch.drafts) for branch in branches.values()))}

    result = await flujo_run(fan(count, legal=notes("legal"), facts=notes("facts")), "rain", context_model=Notes)
    assert result.context == Notes(score=2.0)
    golden.check(result)


async def test_c6_nothing_of_the_callers_is_shared(flujo_run: FlujoRun, golden: Golden) -> None:
    given, data = ["rain"], {"drafts": ["start"]}

    async def spoil(x: list[str], *, context: Notes) -> list[str]:
        x.append("spoiled")
        context.drafts.append("more")
        return x

    result = await flujo_run(
        Step("write", FunctionAgent(spoil)) >> Step("again", FunctionAgent(spoil)),
        given,
        context_model=Notes,
        context_data=data,
    )
    assert (given, data) == (["rain"], {"drafts": ["start"]})
    assert result.output == ["rain", "spoiled", "spoiled"]
    assert result.step_history[0].output == ["rain", "spoiled"]
    golden.check(result)


async def test_c7_an_output_is_merged_into_the_context(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(
        Step("write", agent(lambda context: None, {"score": "0.5", "drafts": ["one"]}), updates_context=True),
        "rain",
        context_model=Notes,
    )
    assert result.context == Notes(score=0.5, drafts=["one"])
    golden.check(result)


async def test_c7_an_output_that_does_not_fit_fails_the_step(flujo_run: FlujoRun, golden: Golden) -> None:
    step = Step("write", agent(lambda context: context.drafts.append("lost"), {"score": "high"}), updates_context=True)
    result = await flujo_run(step, "rain", context_model=Notes)
    assert (result.status, result.context) == ("failed", Notes())
    golden.check(result)


async def test_c8_models_are_handed_on_as_they_are(flujo_run: FlujoRun, golden: Golden) -> None:
    async def give(x: str) -> Source:
        return Source(title=x)

    async def take(x: Source) -> str:
        return f"{type(x).__name__} {x.title}"

    result = await flujo_run(Step("give", FunctionAgent(give)) >> Step("take", FunctionAgent(take)), "rain")
    assert result.output == "Source rain"
    golden.check(result)
