"""The stories of runs that pause, and of runs that go on: after a question, a failure, a limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flujo import BranchFailureStrategy, Step, UsageLimits
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, SlowAgent
from flujo_testing.clock import VirtualClock
from flujo_testing.golden.assertion import Golden
from tests.laws.cast import Notes, max_words, noting, resumed, runner, usd, writer

ASK: Any = Step.human_in_the_loop("approve", "Publish it?")
ONE = Decimal("0.00104")


async def test_r1_a_run_pauses_at_a_question(flujo_run: FlujoRun, golden: Golden) -> None:
    flow = runner(Step("write", writer("Rain")) >> ASK >> Step("publish", EchoAgent(name="echo")))
    paused = await flujo_run(flow, "rain")
    assert paused.status == "paused"
    golden.check(paused)


async def test_r2_an_answer_is_read_and_the_run_goes_on(flujo_run: FlujoRun, golden: Golden) -> None:
    ask: Any = Step.human_in_the_loop(
        "approve", lambda text, context: f"{text}, after {len(context.drafts)} drafts?", input_schema=bool
    )
    flow = runner(Step("write", noting("written")) >> ask >> Step("publish", noting("published")), context=True)
    result = await resumed(flow, await flujo_run(flow, "rain"), {"approve": "yes"})
    assert (result.output, result.context.drafts) == ("True, published", ["written of rain", "published of True"])
    golden.check(result)


async def test_r1_several_branches_ask_while_others_finish(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    branches = {
        "legal": Step("write", writer("Rain")) >> ASK,
        "facts": Step("slow", SlowAgent(60, name="slow")),
        "tone": ASK,
    }
    flow = runner(Step.parallel("review", branches))
    paused = await flujo_run(flow, "rain")
    assert [question.path for question in paused.questions] == [
        "review/branch:legal/approve", "review/branch:tone/approve",
    ]  # fmt: skip
    golden.check(paused)


async def test_r2_a_run_is_resumed_twice(flujo_run: FlujoRun, golden: Golden) -> None:
    flow = runner(Step.parallel("review", {"legal": ASK, "tone": ASK}) >> Step("publish", EchoAgent(name="echo")))
    half = await resumed(flow, await flujo_run(flow, "rain"), {"review/branch:tone/approve": "bright"})
    result = await resumed(flow, half, {"review/branch:legal/approve": "lawful"})
    assert result.output == {"legal": "lawful", "tone": "bright"}
    golden.check(result)


async def test_r1_a_failing_sibling_withdraws_the_question(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    late = Step("check", FailingAgent(error="offline", delay_s=5, name="check"), max_retries=0)
    result = await flujo_run(Step.parallel("review", {"legal": ASK, "facts": late}), "rain")
    assert (result.status, result.questions) == ("failed", ())
    golden.check(result)


async def test_r1_an_ignored_failure_leaves_the_question(flujo_run: FlujoRun, golden: Golden) -> None:
    failing = Step("check", FailingAgent(error="offline", name="check"), max_retries=0)
    fan = Step.parallel("review", {"legal": ASK, "facts": failing}, on_branch_failure=BranchFailureStrategy.IGNORE)
    flow = runner(fan)
    result = await resumed(flow, await flujo_run(flow, "rain"), {"review/branch:legal/approve": "lawful"})
    assert result.output == {"legal": "lawful"}
    golden.check(result)


async def test_r1_a_question_inside_a_loop_inside_a_map_keeps_what_was_done(
    flujo_run: FlujoRun, golden: Golden
) -> None:
    loop = Step.loop_until("refine", Step("note", noting("noted")) >> ASK, lambda answer: answer == "fine")
    flow = runner(Step.map_over("each", loop, str.split), context=True)
    first = await flujo_run(flow, "rain hail")
    second = await resumed(flow, first, {"each/item:1/refine/iteration:1/approve": "again"})
    third = await resumed(flow, second, {"each/item:1/refine/iteration:2/approve": "fine"})
    assert [question.path for question in third.questions] == ["each/item:2/refine/iteration:1/approve"]
    assert third.context.drafts == ["noted of rain", "noted of again", "noted of hail"]
    golden.check(third)


# Failed and limited runs --------------------------------------------------------------------------------


async def test_r3_a_failed_step_goes_on_with_its_feedback_and_its_numbers(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("a b c d", "a b c d e", "Rain")
    flow = runner(Step("first", writer("Rain")) >> Step("write", agent, plugins=[max_words]))
    result = await resumed(flow, await flujo_run(flow, "rain"))
    assert (result.output, result.total_cost_usd, len(agent.calls[2].feedback)) == ("Rain", 4 * ONE, 2)
    golden.check(result)


async def test_r3_a_stopped_sibling_goes_on_from_its_last_answer(
    flujo_run: FlujoRun, golden: Golden, virtual_clock: VirtualClock
) -> None:
    stopped = Step("once", writer("draft")) >> Step("slow", SlowAgent(60, "done", name="slow"))
    breaks = Step(
        "check", FailingAgent(on_call=1, error="offline", then="fine", delay_s=5, name="check"), max_retries=0
    )
    flow = runner(Step.parallel("review", {"legal": stopped, "facts": breaks}))
    result = await resumed(flow, await flujo_run(flow, "rain"))
    assert (result.output, result.total_cost_usd) == ({"legal": "done", "facts": "fine"}, ONE)
    golden.check(result)


async def test_r3_a_limited_run_goes_on_under_higher_limits(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("one", "two", "three")
    flow = runner(
        Step.loop_until("refine", Step("write", agent), lambda text: text == "three"),
        limits=UsageLimits(request_limit=2),
    )
    limited = await flujo_run(flow, "rain")
    assert limited.status == "limited"
    golden.check(limited, name="limited")
    result = await resumed(flow, limited, usage_limits=UsageLimits(request_limit=3))
    assert (result.status, result.total_cost_usd) == ("completed", 3 * ONE)
    golden.check(result)


async def test_r3_a_limit_that_an_answer_passed_does_not_lose_the_answer(flujo_run: FlujoRun, golden: Golden) -> None:
    agent = writer("one", "two", max_output_tokens=None)
    flow = runner(
        Step("write", agent) >> Step("again", agent) >> Step("note", noting("noted")),
        context=True,
        limits=usd("0.0015"),
    )
    result = await resumed(flow, await flujo_run(flow, "rain"), usage_limits=usd("1"))
    assert (result.output, len(agent.calls), result.context) == ("two, noted", 2, Notes(drafts=["noted of two"]))
    golden.check(result)
