"""Whose spans they are: of branches, of runs at once, of runs inside runs, and of what is cut off or goes on."""

from __future__ import annotations

from decimal import Decimal

import anyio

from flujo import BranchFailureStrategy, Flujo, PipelineAbort, Step
from flujo.events import Event, StepStarted
from flujo_testing import VirtualClock
from tests.flujo.telemetry.cast import PRICES, Slow, echo, runner
from tests.flujo.telemetry.seen import Seen, about, trace_of


async def test_branches_that_interleave_keep_their_own(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    branches = {
        name: Step("draft", Slow("x", name=name, seconds=seconds)) >> Step("check", Slow("y", name=name))
        for name, seconds in (("legal", 3), ("tech", 1))
    }
    await runner(Step.parallel("reviews", branches), seen).run_async("rain")
    assert seen.tree() == [
        "invoke_workflow support 0-5 s",
        "  step reviews 0-5 s",
        "    step draft 0-1 s",
        "      invoke_agent tech 0-1 s",
        "        chat writer 0-1 s",
        "    step draft 0-3 s",
        "      invoke_agent legal 0-3 s",
        "        chat writer 0-3 s",
        "    step check 1-3 s",
        "      invoke_agent tech 1-3 s",
        "        chat writer 1-3 s",
        "    step check 3-5 s",
        "      invoke_agent legal 3-5 s",
        "        chat writer 3-5 s",
    ]
    assert [about(span)["flujo.path"] for span in seen.finished if span.name == "step draft"] == [
        "reviews/branch:tech/draft",
        "reviews/branch:legal/draft",
    ]
    assert seen.events("step reviews") == [
        "BranchEnded branch=legal status=completed ignored=False",
        "BranchEnded branch=tech status=completed ignored=False",
    ]
    assert about(seen.one("step reviews"))["flujo.total_requests"] == 4


async def test_what_a_failing_branch_stops_is_ended_with_it(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    branches = {
        "slow": Step("draft", Slow("x", name="slow", seconds=9)),
        "bad": Step("draft", Slow(ValueError("no"), name="bad", seconds=1), max_retries=0),
    }
    part = Step.parallel("reviews", branches, on_branch_failure=BranchFailureStrategy.PROPAGATE)
    await runner(part, seen).run_async("rain")
    assert seen.tree() == [
        "invoke_workflow support 0-1 s ERROR: failed",
        "  step reviews 0-1 s ERROR: failed",
        "    step draft 0-1 s ERROR: failed",
        "      invoke_agent bad 0-1 s ERROR: error",
        "    step draft 0-1 s",
        "      invoke_agent slow 0-1 s",
    ]
    stopped = [about(span) for span in seen.finished if span.name in ("step draft", "invoke_agent slow")]
    assert [(row.get("flujo.status"), row.get("flujo.outcome"), row.get("error.type")) for row in stopped] == [
        ("failed", None, "failed"),
        (None, "cancelled", None),
        ("cancelled", None, None),
    ]


async def test_many_runs_of_one_listener_are_traces_of_their_own(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    async with anyio.create_task_group() as group:
        for number in range(3):
            flow = runner(Step("write", Slow("x", name=f"writer {number}", seconds=number + 1)), seen, f"run {number}")
            group.start_soon(flow.run_async, "rain")
    traces: dict[int, list[str]] = {}
    for span in seen.finished:
        traces.setdefault(trace_of(span), []).append(span.name)
    assert sorted(traces.values()) == [
        ["chat writer", f"invoke_agent writer {number}", "step write", f"invoke_workflow run {number}"]
        for number in range(3)
    ]


async def test_a_run_inside_an_agent_is_a_part_of_its_span(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    inner = runner(Step("look", Slow("found")), seen, "search")

    async def research(text: str) -> str:
        return str((await inner.run_async(text)).output)

    outer = Step.parallel(
        "both", {"one": Step("research", research), "two": Step("idle", Slow("x", name="idle", seconds=1))}
    )
    await runner(outer >> Step("write", Slow("fine")), seen).run_async("rain")
    assert seen.tree() == [
        "invoke_workflow support 0-4 s",
        "  step both 0-2 s",
        "    step idle 0-1 s",
        "      invoke_agent idle 0-1 s",
        "        chat writer 0-1 s",
        "    step research 0-2 s",
        "      invoke_agent research 0-2 s",
        "        invoke_workflow search 0-2 s",
        "          step look 0-2 s",
        "            invoke_agent writer 0-2 s",
        "              chat writer 0-2 s",
        "  step write 2-4 s",
        "    invoke_agent writer 2-4 s",
        "      chat writer 2-4 s",
    ]


async def test_spans_of_others_are_around_a_run_and_inside_its_asks(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    tracer = seen.provider.get_tracer("an application")

    async def call(text: str) -> str:
        with tracer.start_as_current_span("POST /v1/chat"):
            return text

    with tracer.start_as_current_span("GET /page"):
        await runner(Step("write", call), seen).run_async("rain")
        tracer.start_span("after").end()
    parents = {span.name: span.parent and span.parent.span_id for span in seen.finished}
    ids = {span.name: span.context and span.context.span_id for span in seen.finished}
    assert parents == {
        "POST /v1/chat": ids["invoke_agent call"],
        "invoke_agent call": ids["step write"],
        "step write": ids["invoke_workflow support"],
        "invoke_workflow support": ids["GET /page"],
        "after": ids["GET /page"],
        "GET /page": None,
    }


async def test_a_run_that_is_cancelled_leaves_no_span_open(virtual_clock: VirtualClock) -> None:
    seen = Seen()
    with anyio.move_on_after(1):
        await runner(Step("write", Slow("x", seconds=9)), seen).run_async("rain")
    assert seen.tree() == [
        "invoke_workflow support 0-1 s",
        "  step write 0-1 s",
        "    invoke_agent writer 0-1 s",
    ]
    assert about(seen.one("invoke_workflow support"))["flujo.status"] == "cancelled"
    assert about(seen.one("invoke_agent writer"))["flujo.outcome"] == "cancelled"


async def test_a_run_that_waits_for_a_person_and_goes_on_exports_each_request_once(
    virtual_clock: VirtualClock,
) -> None:
    seen = Seen()
    ask = Step.human_in_the_loop("approve", "May it be sent?")
    flow = runner(Step("write", Slow("fine")) >> ask >> Step("send", Slow("sent")), seen)
    paused = await flow.run_async("rain", run_id="run-1")
    assert (paused.status, about(seen.one("invoke_workflow support"))["flujo.status"]) == ("paused", "paused")
    assert [span.status.is_unset for span in seen.finished] == [True] * len(seen.finished)
    assert seen.events("step approve") == ["Questioned"]
    await anyio.sleep(60)
    seen.exporter.clear()
    result = await flow.resume_async(paused, {"approve": "yes"})
    assert seen.tree() == [
        "invoke_workflow support 0-2 s",
        "  step write 0-0 s",
        "    invoke_agent writer 0-0 s",
        "  step approve 0-0 s",
        "  step send 0-2 s",
        "    invoke_agent writer 0-2 s",
        "      chat writer 0-2 s",
    ]
    assert seen.events("invoke_workflow support") == ["RunResumed status=paused answers=1"]
    assert seen.events("step write") == ["PaidBefore entry_id=run-1/write/attempt:1/request:1"]
    total = about(seen.one("invoke_workflow support"))["flujo.total_cost_usd"]
    assert (result.total_cost_usd, total) == (Decimal("0.00208"), 0.00104)


async def test_what_was_paid_before_and_not_reached_again_is_told_by_the_run(virtual_clock: VirtualClock) -> None:
    seen = Seen()

    def stop(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "fan/branch:a/next":
            raise PipelineAbort("enough")

    ask = Step.human_in_the_loop("ask", "Go on?")
    branches = {"a": ask >> Step("next", echo), "b": Step("write", Slow("fine")) >> ask}
    pipeline = Step.parallel("fan", branches, max_concurrency=1)
    paused = await Flujo(pipeline, cost_model=PRICES, name="support").run_async("rain", run_id="run-1")
    flow = Flujo(pipeline, cost_model=PRICES, listeners=[seen.spans, stop], name="support")
    result = await flow.resume_async(paused, {"fan/branch:a/ask": "yes"})
    assert (result.status, result.total_cost_usd) == ("aborted", Decimal("0.00104"))
    assert seen.events("invoke_workflow support") == [
        "RunResumed status=paused answers=1",
        "PaidBefore entry_id=run-1/fan/branch:b/write/attempt:1/request:1",
    ]
    assert [span.name for span in seen.finished if span.name.startswith("chat")] == []
