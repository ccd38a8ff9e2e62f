"""The stories of steps that run a body again and again: loops, refinements, maps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flujo import MergeStrategy, RefinementCheck, Step
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, FunctionAgent, ScriptedAgent, SlowAgent
from flujo_testing.clock import VirtualClock
from flujo_testing.golden.assertion import Golden
from tests.laws.cast import Notes, bounded, max_words, noting, usd, writer


def ends_with_rain(text: str) -> bool:
    return text.endswith("rain")


def never(text: object) -> bool:
    return False


# Loops --------------------------------------------------------------------------------------------------


async def test_a_loop_runs_until_its_condition_holds(flujo_run: FlujoRun, golden: Golden) -> None:
    loop = Step.loop_until("refine", Step("write", writer("Grey", "Grey rain")), ends_with_rain)
    result = await flujo_run(loop >> Step("publish", EchoAgent(name="echo")), "a haiku")
    assert (result.output, result.step_history[0].metadata["iterations"]) == ("Grey rain", 2)
    golden.check(result)


async def test_p1_each_iteration_has_attempts_and_feedback_of_its_own(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("one two three four", "Grey", "five six seven eight", "Grey rain")
    result = await flujo_run(Step.loop_until("refine", Step("write", agent, plugins=[max_words]), ends_with_rain), "x")
    assert (result.output, [len(call.feedback) for call in agent.calls]) == ("Grey rain", [0, 1, 0, 1])
    golden.check(result)


async def test_p10_mappers_of_a_loop_are_decisions(flujo_run: FlujoRun, golden: Golden) -> None:
    loop = Step.loop_until(
        "refine",
        Step("echo", EchoAgent(name="echo")),
        lambda text, *, iteration, input: iteration == 3,
        initial_input_mapper=lambda text: f"{text} at first",
        iteration_input_mapper=lambda text, *, iteration, input: f"{input} for the {iteration}.",
        loop_output_mapper=str.title,
    )
    result = await flujo_run(loop, "rain")
    assert result.output == "Rain For The 3."
    golden.check(result)


async def test_a_loop_that_does_not_end_fails(flujo_run: FlujoRun, golden: Golden) -> None:
    loop = Step.loop_until("refine", Step("note", noting("noted")), never, max_loops=2)
    result = await flujo_run(loop, "rain", context_model=Notes)
    assert result.context.drafts == ["noted of rain", "noted of rain, noted"]
    golden.check(result)


async def test_c5_a_failed_iteration_is_undone_and_those_before_stay(flujo_run: FlujoRun, golden: Golden) -> None:
    check = FailingAgent(on_call=2, error="offline", name="check")
    body = Step("note", noting("noted")) >> Step("check", check, max_retries=0)
    result = await flujo_run(Step.loop_until("refine", body, never), "rain", context_model=Notes)
    assert (result.status, result.context.drafts) == ("failed", ["noted of rain"])
    golden.check(result)


async def test_p10_a_condition_that_raises_fails_the_loop_and_spend_is_kept(
    flujo_run: FlujoRun, golden: Golden
) -> None:
    def broken(text: str) -> bool:
        raise KeyError(text)

    result = await flujo_run(Step.loop_until("refine", Step("write", writer("Rain")), broken), "rain")
    assert (result.status, result.total_cost_usd) == ("failed", Decimal("0.00104"))
    golden.check(result)


async def test_a5_a_limit_ends_a_loop_before_the_iteration_that_could_pass_it(
    flujo_run: FlujoRun, golden: Golden
) -> None:
    loop = Step.loop_until("refine", Step("write", bounded("Grey", "Greyer")), never)
    result = await flujo_run(loop, "rain", usage_limits=usd("0.003"))
    assert (result.status, result.total_cost_usd) == ("limited", Decimal("0.00208"))
    golden.check(result)


# Refinements --------------------------------------------------------------------------------------------


async def test_a_refinement_writes_drafts_until_its_critic_is_content(flujo_run: FlujoRun, golden: Golden) -> None:
    critic = ScriptedAgent(
        RefinementCheck(is_complete=False, feedback="Which rain?"),
        {"is_complete": True},
        name="critic",
        model="test:critic",
        usage=writer().usage,
    )
    refine: Any = Step.refine_until("refine", Step("write", writer("Rain", "Grey rain")), Step("judge", critic))
    result = await flujo_run(refine, "a haiku")
    assert (result.output, result.total_cost_usd) == ("Grey rain", Decimal("0.00608"))
    golden.check(result)


async def test_a_refinement_that_is_never_complete_fails(flujo_run: FlujoRun, golden: Golden) -> None:
    async def strict(draft: str) -> dict[str, object]:
        return {"is_complete": False, "feedback": f"not {draft}"}

    refine: Any = Step.refine_until(
        "refine",
        Step("write", writer("Rain", "Hail")),
        Step("judge", FunctionAgent(strict)),
        max_loops=2,
        feedback_mapper=lambda given, feedback: f"{given}, but {feedback}",
    )
    result = await flujo_run(refine, "a haiku")
    assert result.status == "failed"
    golden.check(result)


# Maps ---------------------------------------------------------------------------------------------------


async def test_items_in_turn_see_what_those_before_them_changed(flujo_run: FlujoRun, golden: Golden) -> None:
    each = Step.map_over("each", Step("note", noting("noted")), str.split)
    result = await flujo_run(each, "rain hail", context_model=Notes)
    assert (result.output, result.context.drafts) == (
        ["rain, noted", "hail, noted"],
        ["noted of rain", "noted of hail"],
    )
    golden.check(result)


async def test_no_items_are_an_empty_list(flujo_run: FlujoRun, golden: Golden) -> None:
    result = await flujo_run(Step.map_over("each", Step("echo", EchoAgent(name="echo")), str.split), "")
    assert result.output == []
    golden.check(result)


async def test_c5_a_failed_item_is_undone_and_none_follows(flujo_run: FlujoRun, golden: Golden) -> None:
    check = FailingAgent(on_call=2, error="offline", name="check")
    body = Step("note", noting("noted")) >> Step("check", check, max_retries=0)
    result = await flujo_run(Step.map_over("each", body, str.split), "rain hail snow", context_model=Notes)
    assert (result.status, result.context.drafts) == ("failed", ["noted of rain"])
    golden.check(result)


async def test_c4_items_at_once_join_in_their_order(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    async def slow_for_rain(x: str, *, context: Notes) -> str:
        await SlowAgent(9 if x == "rain" else 1).run(x)
        context.drafts.append(x)
        return x.upper()

    each = Step.map_over(
        "each",
        Step("note", FunctionAgent(slow_for_rain)),
        str.split,
        max_concurrency=None,
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    result = await flujo_run(each, "rain hail snow", context_model=Notes)
    assert (result.output, result.context.drafts) == (["RAIN", "HAIL", "SNOW"], ["rain", "hail", "snow"])
    golden.check(result)


async def test_c4_items_at_once_that_disagree_are_a_conflict(flujo_run: FlujoRun, golden: Golden) -> None:
    async def set_mood(x: str, *, context: Notes) -> str:
        context.mood = x
        return x

    each = Step.map_over(
        "each",
        Step("note", FunctionAgent(set_mood)),
        str.split,
        max_concurrency=2,
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    result = await flujo_run(each, "grey bright", context_model=Notes)
    assert (result.status, result.context.mood) == ("failed", "")
    golden.check(result)


async def test_p8_a_failed_item_stops_the_others_at_once(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    async def breaks_on_hail(x: str) -> str:
        if x == "hail":
            raise ValueError("too hard")
        return await SlowAgent(60).run(x)  # type: ignore[no-any-return]

    each = Step.map_over(
        "each", Step("note", FunctionAgent(breaks_on_hail), max_retries=0), str.split, max_concurrency=None
    )
    result = await flujo_run(each, "rain hail snow")
    assert (result.status, virtual_clock.elapsed) == ("failed", 0)
    golden.check(result)
