"""An engine that lies is noticed: by the words of the story, and by the tests of the laws themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from flujo import AgentError, Flujo, PipelineContext, PipelineResult, Step, Usage
from flujo_testing import FlujoRun, default_cost_model
from flujo_testing.faults import FAULTS
from flujo_testing.golden.assertion import Golden
from flujo_testing.transcript import differences, story_of
from tests.laws.test_accounting_goldens import test_a1_three_attempts_of_which_two_fail_cost_three as three_attempts
from tests.laws.test_isolation_goldens import test_c1_what_a_failed_attempt_changed_is_gone as failed_attempt

Law = Callable[[FlujoRun, Golden], Awaitable[None]]


class Notes(PipelineContext):
    drafts: list[str] = []


async def retried() -> PipelineResult:
    """A run whose first attempt is paid, changes the context, and fails."""
    calls: list[int] = []

    class Writer:
        async def run(self, x: str, *, context: Notes) -> str:
            calls.append(1)
            context.drafts.append(f"draft {len(calls)}")
            if len(calls) == 1:
                raise AgentError("overloaded", usage=Usage(input_tokens=120, output_tokens=40), model="test:writer")
            return "done"

    return await Flujo(Step("write", Writer()), context_model=Notes, cost_model=default_cost_model()).run_async("rain")


async def told_under(name: str) -> list[str]:
    clean = story_of(await retried())
    with FAULTS[name].in_force():
        lied = story_of(await retried())
    return [difference.text for difference in differences(clean, lied)]


async def test_a_dropped_cost_is_told_in_words() -> None:
    assert await told_under("drop_failed_attempt_cost") == [
        "write/attempt:1 is no longer paid: 0.00104 -> 0",
        'spent of the run: {usd: "0.00104", requests: 1, input_tokens: 120, output_tokens: 40} -> nothing',
    ]


async def test_a_shared_context_is_told_in_words() -> None:
    assert await told_under("share_context") == [
        'context drafts in write: appended ["draft 2"] -> appended ["draft 1", "draft 2"]'
    ]


async def test_a_shallow_copy_is_told_in_words() -> None:
    assert await told_under("shallow_copy") == [
        'initial context.drafts[0:0] of the run: [] -> ["draft 1", "draft 2"]',
        'context drafts in write: appended ["draft 2"] -> nothing',
    ]


@pytest.mark.parametrize(
    ("name", "law"), [("drop_failed_attempt_cost", three_attempts), ("share_context", failed_attempt)]
)
async def test_the_tests_of_the_laws_turn_red(name: str, law: Law, flujo_run: FlujoRun, golden: Golden) -> None:
    with FAULTS[name].in_force(), pytest.raises(AssertionError):
        await law(flujo_run, golden)


async def test_a_fault_is_gone_after_its_block() -> None:
    with FAULTS["drop_failed_attempt_cost"].in_force():
        assert (await retried()).ledger.entries == ()
    assert len((await retried()).ledger.entries) == 1
