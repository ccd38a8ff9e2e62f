"""When a budget holds something (A1, A5, P6): while a call runs, and neither before nor after it."""

from __future__ import annotations

from typing import Any

import anyio

from flujo import AgentError, Backoff, Draft, PipelineResult, PluginOutcome, Step, Usage
from flujo.events import Answered, Asked, Judged, Paid
from flujo_testing import FlujoRun
from flujo_testing.clock import VirtualClock
from tests.laws.cast import DRAFT, bounded, usd

HALF = Usage(input_tokens=60, output_tokens=20)


def when(result: PipelineResult) -> list[tuple[str, float]]:
    """Path and second of every ask, counted from the start of the run."""
    begun = result.transcript[0].at
    return [(event.path, event.at - begun) for event in result.transcript.of(Asked)]


def beside(first: Any, second: Any) -> Any:
    return Step.parallel("fan", {"a": first, "b": second})


async def test_a1_a_request_is_booked_before_its_answer_is_judged(flujo_run: FlujoRun) -> None:
    class Strict:
        name, priority = "strict", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            return PluginOutcome(draft["attempt"] == 2, "again", usage=HALF, model="test:critic")

    result = await flujo_run(Step("write", bounded("one", "two"), plugins=[Strict()]), "rain")
    told = [event for event in result.transcript if isinstance(event, Asked | Paid | Answered | Judged)]
    one_attempt = [Asked, Paid, Answered, Paid, Judged]
    assert [type(event) for event in told] == one_attempt * 2


async def test_a5_nothing_is_held_while_a_step_backs_off(flujo_run: FlujoRun, virtual_clock: VirtualClock) -> None:
    unpaid = AgentError("429 too many requests", model="test:writer", requests=())
    waiting = Step("s", bounded(unpaid, "x", delay_s=5), backoff=Backoff(initial_s=60))
    result = await flujo_run(beside(waiting, Step("s", bounded("y", delay_s=5))), "rain", usage_limits=usd("0.00208"))
    assert result.status == "completed"
    assert when(result) == [
        ("fan/branch:a/s/attempt:1", 0), ("fan/branch:a/s/attempt:2", 65), ("fan/branch:b/s/attempt:1", 0),
    ]  # fmt: skip
    tight = await flujo_run(
        beside(
            Step("s", bounded(unpaid, "x", delay_s=5), backoff=Backoff(initial_s=60)),
            Step("s", bounded("y", usage=HALF, delay_s=5)),
        ),
        "rain",
        usage_limits=usd("0.00156"),
    )
    assert tight.status == "completed"
    assert dict(when(tight))["fan/branch:b/s/attempt:1"] == 5


async def test_a5_nothing_is_held_while_a_plugin_judges(flujo_run: FlujoRun, virtual_clock: VirtualClock) -> None:
    class Slow:
        name, priority = "slow", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            await anyio.sleep(60)
            return PluginOutcome(True)

    judged = Step("s", bounded("x", usage=HALF, delay_s=5), plugins=[Slow()])
    result = await flujo_run(beside(judged, Step("s", bounded("y", delay_s=5))), "rain", usage_limits=usd("0.00156"))
    assert (result.status, virtual_clock.elapsed) == ("completed", 65)
    assert when(result) == [("fan/branch:a/s/attempt:1", 0), ("fan/branch:b/s/attempt:1", 5)]


async def test_a5_nothing_is_held_while_a_person_is_asked(flujo_run: FlujoRun, virtual_clock: VirtualClock) -> None:
    asking = Step("s", bounded("x", usage=HALF, delay_s=5)) >> Step.human_in_the_loop("ask", "Publish?")
    result = await flujo_run(beside(asking, Step("s", bounded("y", delay_s=5))), "rain", usage_limits=usd("0.00156"))
    assert (result.status, virtual_clock.elapsed, result.usage) == ("paused", 10, HALF + DRAFT)


async def test_p6_waiting_for_budget_is_no_part_of_the_deadline(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    steps = [Step("s", bounded("x", usage=HALF, delay_s=25), timeout_s=30, max_retries=0) for _ in range(2)]
    result = await flujo_run(beside(*steps), "rain", usage_limits=usd("0.00156"))
    assert (result.status, virtual_clock.elapsed) == ("completed", 50)
    assert when(result) == [("fan/branch:a/s/attempt:1", 0), ("fan/branch:b/s/attempt:1", 25)]
