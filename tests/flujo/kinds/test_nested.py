"""Pipelines as steps: as if their steps stood there, with a budget of their own where that is asked for."""

from __future__ import annotations

from typing import Any

from flujo import AgentOutput, Pipeline, Step, StepFailedError, UsageLimitExceededError, UsageLimits
from flujo.events import StepEnded
from tests.flujo.kinds.cast import Breaker, Notes, Writer, echo, paid, run, spent, statuses, story, usd, why

TWO = Step("one", Writer("one", 7)) >> Step("two", Writer("two", 11))


async def test_the_whole_story_of_a_nested_pipeline() -> None:
    assert story(await run(Pipeline.of(Step("s", echo)).as_step("n"))) == [
        ("StepStarted", "n", "pipeline", "x"),
        ("StepStarted", "n/s", "step", "x"),
        ("Asked", "n/s", 1, 0, "echo", "x", ()),
        ("Answered", "n/s", 1, 0, "x"),
        ("StepEnded", "n/s", "completed", "x", None),
        ("StepEnded", "n", "completed", "x", None),
    ]


async def test_a_nested_pipeline_does_what_its_steps_do() -> None:
    nested, inlined = await run(TWO.as_step("n")), await run(TWO)
    assert (nested.output, nested.context) == (inlined.output, inlined.context)
    assert spent(nested) == [("n/one/attempt:1", usd(7)), ("n/two/attempt:1", usd(11))]
    (step,) = nested.step_history
    assert (step.name, step.cost_usd, [inner.path for inner in step.step_history]) == (
        "n", usd(7, 11), ["n/one", "n/two"],
    )  # fmt: skip


async def test_completed_steps_stay_in_the_context_though_a_later_one_fails() -> None:
    part = (TWO >> Step("three", Breaker("three", 13), max_retries=0)).as_step("n")
    result = await run(part)
    assert why(result) == ("failed", "n/three", "step 'n/three' failed after 1 attempt: broken")
    assert (result.context.notes, result.total_cost_usd) == (["one", "two"], usd(7, 11, 13))


async def test_a_budget_of_its_own_fails_the_step_and_not_the_run() -> None:
    part: Any = TWO.as_step("n", usage_limits=UsageLimits(request_limit=1))
    saved = Step("f", Breaker("f", 17), max_retries=0, fallback=part)
    result = await run(part)
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is UsageLimitExceededError
    assert (result.status, result.error.path, result.error.cause.dimension) == ("failed", "n", "requests")
    assert (result.context.notes, result.total_cost_usd) == (["one"], usd(7, 11))
    assert (await run(saved)).status == "failed"


async def test_every_inner_step_of_a_breached_budget_is_told() -> None:
    result = await run(TWO.as_step("n", usage_limits=UsageLimits(request_limit=1)))
    assert statuses(result) == [("n/one", "completed"), ("n/two", "limited"), ("n", "failed")]
    assert result.transcript.of(StepEnded)[-1].error == str(result.error)


async def test_a_fallback_saves_a_step_whose_budget_was_breached_under_the_budgets_around_it() -> None:
    class Costly:
        async def run(self, x: object) -> AgentOutput[object]:
            return AgentOutput(x, **paid(19))

    inner = Step("s", Costly(), usage_limits=UsageLimits(request_limit=0), fallback=Step("small", Writer("small", 5)))
    result = await run(Pipeline.of(inner).as_step("n", usage_limits=UsageLimits(request_limit=2)))
    assert (result.status, result.output, result.total_cost_usd) == ("completed", "x.small", usd(19, 5))


async def test_the_budget_of_the_run_counts_what_is_inside() -> None:
    part = TWO.as_step("n", usage_limits=UsageLimits(request_limit=9))
    result = await run(part, usage_limits=UsageLimits(request_limit=1))
    assert (result.status, result.total_cost_usd) == ("limited", usd(7, 11))
    assert statuses(result) == [("n/one", "completed"), ("n/two", "limited"), ("n", "limited")]


async def test_equal_limits_admit() -> None:
    result = await run(TWO.as_step("n", usage_limits=UsageLimits(request_limit=2)))
    assert (result.status, result.context) == ("completed", Notes(notes=["one", "two"]))


async def test_each_execution_has_the_budget_for_itself() -> None:
    part = TWO.as_step("n", usage_limits=UsageLimits(request_limit=2))
    result = await run(Step.loop_until("l", part, lambda x, *, iteration: iteration == 3))
    assert (result.status, result.total_cost_usd) == ("completed", usd(*[7, 11] * 3))
