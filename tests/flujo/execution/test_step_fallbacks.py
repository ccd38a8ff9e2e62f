"""One step: a fallback starts afresh after the primary failed, and both are paid."""

from __future__ import annotations

from decimal import Decimal

from flujo import Flujo, PipelineResult, Step, StepFailedError
from tests.flujo.execution.writers import Ctx, Listening, Writer, at_most_five, run


async def test_a_fallback_starts_afresh_and_the_primary_is_paid() -> None:
    small = Listening("fits")
    primary = Step("write", Writer("too long", "too long"), plugins=[at_most_five], fallback=Step("small", small))
    result = await run(primary)
    assert result.output == "fits"
    assert small.inputs == ["rain"]
    assert small.feedback == [()]
    assert result.total_cost_usd == Decimal("0.00141")
    (step,) = result.step_history
    assert (step.name, step.success, step.attempts) == ("write", True, 2)
    assert step.metadata == {
        "fallback_triggered": True,
        "original_error": "plugin 'at_most_five' rejected the last draft: 8 letters, at most 5",
    }
    assert [inner.path for inner in step.step_history] == ["write/fallback:small"]


async def test_a_fallback_runs_its_own_plugins_only() -> None:
    fallback = Step("small", Writer("rather long"))
    step = Step("write", Writer("too long"), plugins=[at_most_five], max_retries=0, fallback=fallback)
    assert (await run(step)).output == "rather long"


async def test_a_failed_primary_leaves_neither_input_nor_context_changed() -> None:
    async def primary(x: list[str], *, context: Ctx) -> str:
        x.append("primary")
        context.seen.append("primary")
        raise ValueError("broken")

    async def small(x: list[str], *, context: Ctx) -> object:
        context.seen.append("small")
        return x

    step = Step("write", primary, fallback=Step("small", small))
    result: PipelineResult = await Flujo(step, context_model=Ctx).run_async(["rain"])
    assert result.output == ["rain"]
    assert result.context.seen == ["small"]


async def test_a_fallback_that_fails_is_the_error_and_names_its_path() -> None:
    step = Step(
        "write",
        Writer(ValueError("a")),
        max_retries=0,
        fallback=Step("small", Writer(ValueError("b")), max_retries=0),
    )
    result = await run(step)
    assert type(result.error) is StepFailedError
    assert str(result.error) == "step 'write/fallback:small' failed after 1 attempt: ValueError: b"
    assert str(result.error.__cause__) == "step 'write' failed after 1 attempt: ValueError: a"
