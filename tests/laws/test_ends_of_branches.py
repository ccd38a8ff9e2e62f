"""What several ends of branches make of a parallel step (P8, R1, C3): limited, then failed, then paused."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from flujo import AgentOutput, BranchFailureStrategy, MergeStrategy, PipelineResult, Step
from flujo.events import BranchEnded
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, FunctionAgent, ScriptedAgent, SlowAgent
from flujo_testing.clock import VirtualClock
from tests.laws.cast import DRAFT, Notes, noting, usd

IGNORE, PROPAGATE = BranchFailureStrategy.IGNORE, BranchFailureStrategy.PROPAGATE
ASK: Any = Step.human_in_the_loop("ask", "Publish?")
POLICIES = pytest.mark.parametrize("policy", [IGNORE, PROPAGATE])


def fails(delay_s: float = 0) -> Any:
    return Step("fail", FailingAgent(error="offline", delay_s=delay_s), max_retries=0)


def dear(delay_s: float) -> Any:
    """Passes the limit when its answer comes."""

    async def pay(x: object) -> object:
        await anyio.sleep(delay_s)
        return AgentOutput(x, usage=DRAFT, model="test:writer")

    return Step("dear", FunctionAgent(pay))


def fan(policy: BranchFailureStrategy = PROPAGATE, **branches: Any) -> Any:
    return Step.parallel("fan", branches, on_branch_failure=policy)


def ends(result: PipelineResult) -> list[tuple[str, str]]:
    return [(event.branch, event.status) for event in result.transcript.of(BranchEnded)]


@POLICIES
async def test_p8_a_limit_outranks_a_pause(
    flujo_run: FlujoRun, virtual_clock: VirtualClock, policy: BranchFailureStrategy
) -> None:
    result = await flujo_run(fan(policy, a=ASK, b=dear(5)), "rain", usage_limits=usd("0.001"))
    assert (result.status, result.questions) == ("limited", ())
    assert ends(result) == [("a", "paused"), ("b", "limited")]


async def test_p8_a_limit_outranks_an_ignored_failure(flujo_run: FlujoRun, virtual_clock: VirtualClock) -> None:
    result = await flujo_run(fan(IGNORE, a=fails(), b=dear(5)), "rain", usage_limits=usd("0.001"))
    assert result.status == "limited"
    assert ends(result) == [("a", "failed"), ("b", "limited")]


async def test_p8_a_limit_that_a_stopped_branch_passed_outranks_the_failure_that_stopped_it(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    async def pays_when_stopped(x: object) -> object:
        try:
            await anyio.sleep(60)
        except anyio.get_cancelled_exc_class():
            return AgentOutput(x, usage=DRAFT, model="test:writer")
        return x

    late = Step("late", FunctionAgent(pays_when_stopped))
    result = await flujo_run(fan(PROPAGATE, a=fails(5), b=late), "rain", usage_limits=usd("0.001"))
    assert (result.status, ends(result)) == ("limited", [("a", "failed"), ("b", "limited")])


async def test_p8_a_failure_outranks_a_pause_in_whatever_order_they_come(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    late = await flujo_run(fan(PROPAGATE, a=ASK, b=fails(5)), "rain")
    assert (late.status, late.questions, ends(late)) == ("failed", (), [("a", "paused"), ("b", "failed")])
    early = await flujo_run(fan(PROPAGATE, a=Step("slow", SlowAgent(5)) >> ASK, b=fails()), "rain")
    assert (early.status, early.questions, ends(early)) == ("failed", (), [("a", "stopped"), ("b", "failed")])


async def test_p8_an_ignored_failure_leaves_the_pause(flujo_run: FlujoRun) -> None:
    result = await flujo_run(fan(IGNORE, a=fails(), b=ASK), "rain")
    assert (result.status, ends(result)) == ("paused", [("a", "failed"), ("b", "paused")])


async def test_p8_of_several_failures_the_earliest_declared_one_is_told(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    result = await flujo_run(fan(IGNORE, a=fails(5), b=fails(3), c=fails(1)), "rain")
    assert str(result.error) == "step 'fan/branch:a/fail' failed after 1 attempt: offline"


async def test_r1_the_other_branches_finish_first_when_one_pauses(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    after = EchoAgent()
    slow = Step("slow", SlowAgent(60, "done")) >> Step("after", after)
    result = await flujo_run(fan(a=ASK, b=slow), "rain")
    assert (result.status, virtual_clock.elapsed, len(after.calls)) == ("paused", 60, 1)
    assert ends(result) == [("a", "paused"), ("b", "completed")]


async def test_r1_a_siblings_failure_withdraws_the_question(flujo_run: FlujoRun) -> None:
    inner = fan(x=ASK, y=Step("echo", EchoAgent()))
    result = await flujo_run(fan(a=inner, b=fails()), "rain")
    assert (result.status, result.questions) == ("failed", ())


async def test_r1_questions_of_several_branches_stand_in_declared_order(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    inner = fan(x=Step("slow", SlowAgent(9, "x")) >> ASK, y=ASK)
    result = await flujo_run(fan(a=inner, b=Step("slow", SlowAgent(5, "b")) >> ASK, c=ASK), "rain")
    assert [(question.path, question.message, question.input) for question in result.questions] == [
        ("fan/branch:a/fan/branch:x/ask", "Publish?", "x"),
        ("fan/branch:a/fan/branch:y/ask", "Publish?", "rain"),
        ("fan/branch:b/ask", "Publish?", "b"),
        ("fan/branch:c/ask", "Publish?", "rain"),
    ]


async def test_a1_a_call_that_was_stopped_with_its_branch_is_booked(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    slow = Step("write", ScriptedAgent("Rain", model="test:writer", usage=DRAFT, delay_s=2))
    result = await flujo_run(fan(a=slow, b=fails(1)), "rain")
    assert result.status == "failed"
    assert [(entry.path, entry.outcome, entry.cost_usd) for entry in result.ledger.entries] == [
        ("fan/branch:a/write/attempt:1", "cancelled", None)
    ]


async def test_c3_what_a_branch_changed_before_it_failed_is_not_merged(flujo_run: FlujoRun) -> None:
    branches: dict[str, Any] = {"a": Step("note", noting("a")), "b": Step("note", noting("b")) >> fails()}
    part: Any = Step.parallel("fan", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE, on_branch_failure=IGNORE)
    result = await flujo_run(part, "rain", context_model=Notes)
    assert ends(result) == [("a", "completed"), ("b", "failed")]
    assert result.context == Notes(drafts=["a of rain"])
