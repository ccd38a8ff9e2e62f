"""Pause and resume (R1 to R3, P10, A8): nothing is asked, decided or paid twice, and every run can go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from flujo import Draft, Flujo, MisuseError, PipelineResult, PluginOutcome, Step, UsageLimits
from flujo.events import Asked, BranchEnded, Decided, Paid, Questioned, RunResumed
from flujo_testing import EchoAgent, FailingAgent, FlujoRun, FunctionAgent, SlowAgent
from flujo_testing.clock import VirtualClock
from tests.laws.cast import Notes, asked, max_words, noting, resumed, runner, usd, writer

ONE = Decimal("0.00104")
ASK: Any = Step.human_in_the_loop("ask", "Publish?")


class Counted:
    """Wraps functions, and counts by name how often each is called."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def __call__(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(value: Any) -> Any:
            self.calls[name] = self.calls.get(name, 0) + 1
            return function(value)

        return counted


async def test_r1_a_pause_is_no_failure(flujo_run: FlujoRun) -> None:
    result = await flujo_run(Step("write", writer("Rain")) >> ASK >> Step("after", EchoAgent()), "rain")
    assert (result.status, result.error, result.output) == ("paused", None, None)
    assert [(step.path, step.status) for step in result.step_history] == [("write", "completed"), ("ask", "paused")]
    assert [(question.path, question.message, question.input) for question in result.questions] == [
        ("ask", "Publish?", "Rain")
    ]


async def test_r2_nothing_that_was_answered_is_asked_again(flujo_run: FlujoRun) -> None:
    agent = writer("one two three four", "Rain")
    echo = EchoAgent()
    flow = runner(Step("write", agent, plugins=[max_words]) >> ASK >> Step("after", echo))
    paused = await flujo_run(flow, "rain")
    result = await resumed(flow, paused, {"ask": "yes"})
    assert (result.status, result.output, len(agent.calls), len(echo.calls)) == ("completed", "yes", 2, 1)
    assert result.run_id == paused.run_id
    assert [event for event in result.transcript if isinstance(event, Asked)][:2] == list(paused.transcript.of(Asked))
    assert [(event.status, event.answers) for event in result.transcript.of(RunResumed)] == [
        ("paused", (("ask", "yes"),))
    ]


async def test_r2_some_questions_may_stay_open(flujo_run: FlujoRun) -> None:
    flow = runner(Step.parallel("fan", {"a": ASK, "b": ASK}))
    paused = await flujo_run(flow, "rain")
    half = await resumed(flow, paused, {"fan/branch:b/ask": "b"})
    assert [question.path for question in half.questions] == ["fan/branch:a/ask"]
    whole = await resumed(flow, half, {"fan/branch:a/ask": "a"})
    assert (whole.status, whole.output) == ("completed", {"a": "a", "b": "b"})
    assert len(whole.transcript.of(RunResumed)) == 2
    assert [event.step for event in whole.transcript.of(Questioned)] == ["fan/branch:a/ask", "fan/branch:b/ask"]


async def test_r2_what_was_answered_is_known_though_a_resumed_run_ended_before_it_got_that_far(
    flujo_run: FlujoRun,
) -> None:
    """One branch at a time: the first fails when the run goes on, and the second is not reached."""
    breaks = FailingAgent(on_call=1, error="offline", then="fine")
    first = ASK >> Step("publish", breaks, max_retries=0)
    second = writer("Rain")
    flow = runner(Step.parallel("fan", {"a": first, "b": Step("write", second) >> ASK}, max_concurrency=1))
    paused = await flujo_run(flow, "rain")
    answers = {"fan/branch:b/ask": "b"}
    half = await resumed(flow, paused, answers)
    failed = await resumed(flow, half, {"fan/branch:a/ask": "a"})
    assert (failed.status, asked(failed)) == ("failed", ["fan/branch:a/publish/attempt:1"])
    with pytest.raises(MisuseError, match="the question at 'fan/branch:b/ask' has been answered already"):
        await flow.resume_async(failed, answers)
    result = await resumed(flow, failed)
    assert (result.status, result.output, len(second.calls)) == ("completed", {"a": "fine", "b": "b"}, 1)


async def test_r2_recorded_answers_bring_their_changes_of_the_context(flujo_run: FlujoRun) -> None:
    flow = runner(Step("one", noting("one")) >> ASK >> Step("two", noting("two")), context=True)
    paused = await flujo_run(flow, "rain")
    assert paused.context == Notes(drafts=["one of rain"])
    result = await resumed(flow, paused, {"ask": "yes"})
    assert result.context == Notes(drafts=["one of rain", "two of yes"])


BAD_ANSWERS: Mapping[str, tuple[Any, str]] = {
    "that is no dict": (["ask"], r"answers is \['ask'\]; pass a dict of answers by the paths in result.questions"),
    "nobody asked for": ({"aks": 1}, "nobody asks for an answer at 'aks'; open questions: 'ask'"),
    "that does not fit": ({"ask": "many"}, "the answer 'many' at 'ask' does not fit its input_schema"),
}


@pytest.mark.parametrize("bad", BAD_ANSWERS)
async def test_r2_an_answer_that_cannot_be_used_is_misuse_before_anything_runs(flujo_run: FlujoRun, bad: str) -> None:
    answers, message = BAD_ANSWERS[bad]
    after = EchoAgent()
    flow = runner(Step.human_in_the_loop("ask", "How many?", input_schema=int) >> Step("after", after))
    paused = await flujo_run(flow, "rain")
    with pytest.raises(MisuseError, match=message):
        await flow.resume_async(paused, answers)
    assert len(after.calls) == 0
    assert (await resumed(flow, paused, {"ask": "3"})).output == 3


async def test_r3_limits_that_are_none_are_misuse(flujo_run: FlujoRun) -> None:
    flow = runner(ASK)
    paused = await flujo_run(flow, "rain")
    with pytest.raises(MisuseError, match=r"usage_limits is '1 USD'; pass UsageLimits\(...\)"):
        await flow.resume_async(paused, {"ask": "yes"}, usage_limits="1 USD")  # type: ignore[arg-type]


async def test_r2_an_answer_that_was_given_stays(flujo_run: FlujoRun) -> None:
    flow = runner(ASK >> Step.human_in_the_loop("again", "Sure?"))
    half = await resumed(flow, await flujo_run(flow, "rain"), {"ask": "yes"})
    with pytest.raises(MisuseError, match="the question at 'ask' has been answered already; its answer stays"):
        await flow.resume_async(half, {"ask": "no", "again": "yes"})


async def test_a8_a_resumed_run_pays_nothing_twice(flujo_run: FlujoRun) -> None:
    flow = runner(Step("one", writer("Rain")) >> ASK >> Step("two", writer("Hail")))
    paused = await flujo_run(flow, "rain")
    result = await resumed(flow, paused, {"ask": "yes"})
    assert (paused.total_cost_usd, result.total_cost_usd) == (ONE, 2 * ONE)
    assert result.ledger.entries[:1] == paused.ledger.entries
    assert [event.entry.path for event in result.transcript.of(Paid)] == ["one/attempt:1", "two/attempt:1"]


async def test_p10_no_decision_is_taken_again(flujo_run: FlujoRun) -> None:
    counted = Counted()
    loop = Step.loop_until(
        "loop",
        Step("echo", EchoAgent()),
        counted("exit_condition", lambda x: x == "rain.."),
        initial_input_mapper=counted("initial_input_mapper", str),
        iteration_input_mapper=counted("iteration_input_mapper", lambda x: f"{x}."),
        loop_output_mapper=counted("loop_output_mapper", str),
    )
    route = Step.branch_on(
        "route",
        counted("condition", len),
        {6: Step("echo", EchoAgent())},
        branch_input_mapper=counted("branch_input_mapper", str),
        branch_output_mapper=counted("branch_output_mapper", str),
    )
    each = Step.map_over("each", Step("echo", EchoAgent()), counted("items", list))
    fan = Step.parallel("fan", {"a": Step("echo", EchoAgent())}, select=counted("select", lambda x: ["a"]))
    ask = Step.human_in_the_loop("ask", counted("message", lambda x: "Publish?"))
    flow = runner(loop >> route >> each >> fan >> ask)
    paused = await flujo_run(flow, "rain")
    result = await resumed(flow, paused, {"ask": "yes"})
    once = {"initial_input_mapper", "loop_output_mapper", "items", "select", "message"}
    once |= {"condition", "branch_input_mapper", "branch_output_mapper"}
    assert counted.calls == {**dict.fromkeys(once, 1), "exit_condition": 3, "iteration_input_mapper": 2}
    told = [(event.what, event.number, event.value) for event in paused.transcript.of(Decided)]
    assert told == [(event.what, event.number, event.value) for event in result.transcript.of(Decided)]
    assert len(told) == sum(counted.calls.values())


# Runs that failed, reached a limit, or were stopped --------------------------------------------------------


async def test_r3_the_failed_step_gets_further_attempts_numbered_onward(flujo_run: FlujoRun) -> None:
    agent = writer(ValueError("one"), ValueError("two"), ValueError("three"), "Rain")
    first = writer("Grey")
    flow = runner(Step("first", first) >> Step.parallel("fan", {"a": Step("write", agent)}))
    failed = await flujo_run(flow, "rain")
    assert asked(failed)[1:] == [f"fan/branch:a/write/attempt:{number}" for number in (1, 2)]
    result = await resumed(flow, failed)
    assert (result.status, result.output, len(first.calls)) == ("completed", {"a": "Rain"}, 1)
    assert asked(result)[1:] == [f"fan/branch:a/write/attempt:{number}" for number in (1, 2, 3, 4)]
    assert [event.status for event in result.transcript.of(RunResumed)] == ["failed"]


async def test_r3_the_failed_step_keeps_all_feedback(flujo_run: FlujoRun) -> None:
    agent = writer("a b c d", "a b c d e", "a b c d e f", "Rain")
    flow = runner(Step("write", agent, plugins=[max_words]))
    result = await resumed(flow, await flujo_run(flow, "rain"))
    assert (result.output, result.total_cost_usd) == ("Rain", 4 * ONE)
    assert [[told.feedback for told in call.feedback] for call in agent.calls[2:]] == [
        ["4 words, at most 3", "5 words, at most 3"],
        ["4 words, at most 3", "5 words, at most 3", "6 words, at most 3"],
    ]


async def test_r3_the_failed_step_may_fail_again_and_again(flujo_run: FlujoRun) -> None:
    agent = FailingAgent(error="offline", name="writer")
    flow = runner(Step("write", agent, max_retries=1))
    result = await flujo_run(flow, "rain")
    for attempts in (4, 6):
        result = await resumed(flow, result)
        assert str(result.error) == f"step 'write' failed after {attempts} attempts: offline"
    assert len(agent.calls) == 6


async def test_r3_a_stopped_sibling_goes_on_from_its_last_answer(
    flujo_run: FlujoRun, virtual_clock: VirtualClock
) -> None:
    once, calls = writer("draft"), []

    async def slow_at_first(x: str) -> str:
        calls.append(x)
        return await SlowAgent(60 if len(calls) == 1 else 0, f"{x}, done").run(x)  # type: ignore[no-any-return]

    stopped = Step("once", once) >> Step("slow", FunctionAgent(slow_at_first))
    breaks = Step("fail", FailingAgent(on_call=1, error="offline", then="fine", delay_s=5), max_retries=0)
    flow = runner(Step.parallel("fan", {"a": stopped, "b": breaks}))
    failed = await flujo_run(flow, "rain")
    assert [(event.branch, event.status) for event in failed.transcript.of(BranchEnded)] == [
        ("a", "stopped"), ("b", "failed"),
    ]  # fmt: skip
    result = await resumed(flow, failed)
    assert (result.status, result.output) == ("completed", {"a": "draft, done", "b": "fine"})
    assert (len(once.calls), calls) == (1, ["draft", "draft"])
    assert [path for path in asked(result) if "slow" in path] == [
        "fan/branch:a/slow/attempt:1", "fan/branch:a/slow/attempt:2",
    ]  # fmt: skip


def limited(*script: Any) -> tuple[Flujo, Any]:
    agent = writer(*script)
    return runner(Step("one", agent) >> Step("two", agent) >> Step("three", agent), limits=usd("0.00208")), agent


async def test_r3_a_limited_run_goes_on_under_higher_limits_and_earlier_spend_counts(flujo_run: FlujoRun) -> None:
    flow, agent = limited("one", "two", "three")
    stopped = await flujo_run(flow, "rain")
    assert (stopped.status, stopped.total_cost_usd, len(agent.calls)) == ("limited", 2 * ONE, 2)
    result = await resumed(flow, stopped, usage_limits=usd("0.00312"))
    assert (result.status, result.output, result.total_cost_usd) == ("completed", "three", 3 * ONE)
    assert len(agent.calls) == 3


async def test_r3_a_limited_run_is_limited_again_where_the_higher_limits_do_not_do(flujo_run: FlujoRun) -> None:
    flow, _ = limited("one", "two", "three")
    stopped = await flujo_run(flow, "rain")
    result = await resumed(flow, stopped, usage_limits=usd("0.003"))
    assert (result.status, result.total_cost_usd) == ("limited", 3 * ONE)


async def test_r3_a_limited_run_keeps_an_answer_that_passes_the_higher_limits_too(flujo_run: FlujoRun) -> None:
    agent = writer("Rain")
    flow = runner(Step("write", agent), limits=usd("0.0001"))
    result = await flujo_run(flow, "rain")
    for limit, status, output in (("0.0002", "limited", None), ("0.002", "completed", "Rain")):
        result = await resumed(flow, result, usage_limits=usd(limit))
        assert (result.status, result.output, len(agent.calls)) == (status, output, 1)


async def test_r3_a_limited_run_does_not_go_on_under_the_same_limits(flujo_run: FlujoRun) -> None:
    flow, _ = limited("one", "two")
    stopped = await flujo_run(flow, "rain")
    with pytest.raises(MisuseError, match="raise them by resume_async"):
        await flow.resume_async(stopped)
    with pytest.raises(MisuseError, match="raise them by resume_async"):
        await flow.resume_async(stopped, usage_limits=UsageLimits(total_cost_usd_limit=Decimal("0.00208")))


async def test_r2_plugins_are_not_asked_again(flujo_run: FlujoRun) -> None:
    drafts: list[object] = []

    class Noting:
        name, priority = "noting", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            drafts.append(draft["output"])
            return PluginOutcome(draft["attempt"] == 2, "again")

    flow = runner(Step("write", writer("one", "two"), plugins=[Noting()]) >> ASK)
    result: PipelineResult = await resumed(flow, await flujo_run(flow, "rain"), {"ask": "yes"})
    assert (result.status, drafts) == ("completed", ["one", "two"])
