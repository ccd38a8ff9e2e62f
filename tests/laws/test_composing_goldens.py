"""The stories of steps inside steps: caches, nested pipelines, fallbacks of any kind, listeners, streams."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flujo import AgentOutput, BranchFailureStrategy, MergeStrategy, PipelineAbort, PipelineResult, Step, UsageLimits
from flujo.events import Event, StepEnded
from flujo.stores.memory import MemoryCache
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, StreamingAgent, check_conservation
from flujo_testing.golden.assertion import Golden
from tests.laws.cast import DRAFT, Notes, bounded, max_words, noting, runner, small, usd, writer

ONE = Decimal("0.00104")


@dataclass(frozen=True)
class Poet:
    """Can be told from other poets in any process, so that what it wrote can be cached."""

    style: str

    async def run(self, text: str, *, context: Notes) -> AgentOutput[str]:
        context.drafts.append(f"{context.mood} {self.style}")
        return AgentOutput(f"{context.mood} {text}", usage=DRAFT, model="test:writer")


# Caches -------------------------------------------------------------------------------------------------


async def test_c9_a_result_that_the_cache_does_not_have_is_made(flujo_run: FlujoRun, golden: Golden) -> None:
    cached = Step.cached(Step("write", Poet("haiku")), MemoryCache())
    result = await flujo_run(cached, "rain", context_model=Notes, context_data={"mood": "grey"})
    assert (result.output, result.total_cost_usd) == ("grey rain", ONE)
    golden.check(result)


async def test_a8_a_hit_costs_nothing_and_brings_its_changes(flujo_run: FlujoRun, golden: Golden) -> None:
    cached = Step.cached(Step("write", Poet("haiku")), MemoryCache())
    data = {"mood": "grey"}
    await flujo_run(cached, "rain", context_model=Notes, context_data=data)
    result = await flujo_run(cached >> Step("after", noting("after")), "rain", context_model=Notes, context_data=data)
    assert (result.total_cost_usd, result.context.drafts) == (Decimal(0), ["grey haiku", "after of grey rain"])
    golden.check(result)


# Nested pipelines and limits ----------------------------------------------------------------------------


async def test_a_nested_pipeline_is_as_if_its_steps_stood_there(flujo_run: FlujoRun, golden: Golden) -> None:
    inner = (Step("write", writer("Rain")) >> Step("note", noting("noted"))).as_step("draft")
    result = await flujo_run(Step("read", EchoAgent(name="echo")) >> inner, "rain", context_model=Notes)
    assert (result.output, result.context.drafts) == ("Rain, noted", ["noted of Rain"])
    golden.check(result)


async def test_a6_the_limit_of_a_nested_pipeline_fails_it_and_no_more(flujo_run: FlujoRun, golden: Golden) -> None:
    inner = (Step("write", bounded("Rain")) >> Step("again", bounded())).as_step("draft", usage_limits=usd("0.0015"))
    branches = {"long": inner, "short": Step("small", small("Hail"))}
    fan = Step.parallel("both", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
    result = await flujo_run(fan, "rain", usage_limits=usd("1"))
    assert (result.output, result.total_cost_usd) == ({"short": "Hail"}, ONE + Decimal("0.00068"))
    golden.check(result)


async def test_a7_items_of_a_map_draw_on_the_limit_of_the_run(flujo_run: FlujoRun, golden: Golden) -> None:
    echo = EchoAgent(name="echo", model="test:writer", usage=DRAFT, max_output_tokens=40, estimate_input=120)
    each = Step.map_over("each", (Step("write", echo) >> Step("again", echo)).as_step("draft"), str.split)
    result = await flujo_run(each, "rain hail", usage_limits=usd("0.0032"))
    assert (result.status, result.total_cost_usd) == ("limited", 3 * ONE)
    golden.check(result)


async def test_a7_a_branch_that_passes_the_limit_of_the_pipeline_around_it_stops_the_others(
    flujo_run: FlujoRun, golden: Golden
) -> None:
    fan = Step.parallel(
        "review",
        {
            "legal": Step("write", writer("x")),
            "facts": Step("write", EchoAgent(name="facts", model="test:small", usage=DRAFT)),
        },
    )
    result = await flujo_run(
        (Step("first", EchoAgent(name="echo")) >> fan).as_step("draft", usage_limits=UsageLimits(request_limit=1)),
        "rain",
    )
    assert result.status == "failed"
    golden.check(result)


# Fallbacks ----------------------------------------------------------------------------------------------


async def test_p7_a_fallback_may_be_a_parallel_step(flujo_run: FlujoRun, golden: Golden) -> None:
    both = Step.parallel(
        "both",
        {"a": Step("note", noting("a")), "b": Step("note", noting("b"))},
        merge_strategy=MergeStrategy.CONTEXT_UPDATE,
    )
    step = Step("write", writer("a b c d", "a b c d e"), plugins=[max_words], fallback=both)
    result = await flujo_run(step, "rain", context_model=Notes)
    assert (result.output, result.context.drafts) == ({"a": "rain, a", "b": "rain, b"}, ["a of rain", "b of rain"])
    golden.check(result)


async def test_p7_a_fallback_may_be_a_loop_that_fails_too(flujo_run: FlujoRun, golden: Golden) -> None:
    loop = Step.loop_until("again", Step("small", small("x", "y")), lambda text: False, max_loops=2)
    result = await flujo_run(
        Step("write", FailingAgent(error="offline", name="writer"), max_retries=0, fallback=loop), "rain"
    )
    assert (result.status, result.total_cost_usd) == ("failed", 2 * Decimal("0.00068"))
    golden.check(result)


# Listeners and streams ----------------------------------------------------------------------------------


def deep() -> Any:
    body = Step.branch_on("route", bool, {True: Step("write", writer("Grey", "Grey rain"))})
    return Step.map_over("each", Step.loop_until("refine", body, lambda text: text.endswith("rain")), lambda x: [x])


async def test_p9_listeners_see_what_happens_at_every_depth_and_change_nothing(
    flujo_run: FlujoRun, golden: Golden
) -> None:
    heard: list[Event] = []

    def deaf(event: Event) -> None:
        heard.append(event)
        raise ValueError("deaf")

    result = await flujo_run(deep(), "rain", listeners=[deaf])
    assert heard == list(result.transcript)
    assert len(result.listener_errors) == len(heard)
    golden.check(result)


async def test_p9_a_listener_aborts_from_the_depth(flujo_run: FlujoRun, golden: Golden) -> None:
    def guard(event: Event) -> None:
        if isinstance(event, StepEnded) and event.step.endswith("iteration:1/route"):
            raise PipelineAbort("one iteration is enough")

    part = Step.loop_until("refine", Step.branch_on("route", bool, {True: Step("write", writer("Grey"))}), str.isupper)
    result = await flujo_run(part, "rain", listeners=[guard])
    assert (result.status, result.total_cost_usd) == ("aborted", ONE)
    golden.check(result)


async def test_p7_a_streamed_run_tells_what_any_run_tells(golden: Golden) -> None:
    agent = StreamingAgent("Grey ", "rain", model="test:writer", usage=DRAFT, name="poet")
    flow = runner(
        Step.parallel("review", {"legal": Step("write", agent), "tone": Step("echo", EchoAgent(name="echo"))})
    )
    async with flow.stream_async("rain") as events:
        *_, result = [event async for event in events]
    assert type(result) is PipelineResult
    check_conservation(result)
    assert result.output == {"legal": "Grey rain", "tone": "rain"}
    golden.check(result)
