"""Listeners and streams: everything that happens is told, what they do changes nothing but an abort."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from flujo import AgentOutput, Flujo, PipelineAbort, PipelineResult, Price, PriceTable, Step, Usage
from flujo.events import Answered, Asked, Chunk, Event, Paid, RunEnded, StepEnded, StepStarted
from flujo.transcript import Transcript

PRICES = PriceTable({"test:m": Price(input="3", output="17")})


async def echo(x: str) -> str:
    return x


async def paid(x: str) -> AgentOutput[str]:
    return AgentOutput(x, usage=Usage(input_tokens=7, output_tokens=5), model="test:m")


async def waits(x: object) -> None:
    await anyio.Event().wait()


FAN = Step("first", echo) >> Step.parallel("fan", {"a": Step("s", echo), "b": Step("s", paid)})


def kinds(events: Any) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_listeners_see_every_event_of_every_depth() -> None:
    heard: list[Event] = []
    result = await Flujo(FAN, listeners=[heard.append], cost_model=PRICES).run_async("x")
    assert sorted(map(repr, heard)) == sorted(map(repr, result.transcript))
    assert kinds(heard)[0] == "RunStarted"
    assert kinds(heard)[-1] == "RunEnded"


async def test_a_listener_changes_nothing_for_the_transcript() -> None:
    def deaf(event: object) -> None:
        raise ValueError("deaf")

    plain = await Flujo(FAN, cost_model=PRICES).run_async("x", run_id="r")
    heard = await Flujo(FAN, listeners=[deaf], cost_model=PRICES).run_async("x", run_id="r")
    assert kinds(heard.transcript) == kinds(plain.transcript)
    assert heard.status == "completed"
    assert [(str(error.error), type(error.event)) for error in heard.listener_errors] == [
        ("deaf", type(event))
        for error, event in zip(heard.listener_errors, [e.event for e in heard.listener_errors], strict=True)
    ]
    assert len(heard.listener_errors) == len(heard.transcript)


async def test_an_abort_stops_the_run_and_keeps_every_spend() -> None:
    def guard(event: object) -> None:
        if isinstance(event, Answered) and event.step == "second":
            raise PipelineAbort("that is enough")

    pipeline = Step("first", paid) >> Step("second", paid) >> Step("third", paid)
    result: PipelineResult = await Flujo(pipeline, listeners=[guard], cost_model=PRICES).run_async("x")
    assert (result.status, str(result.error), result.output) == ("aborted", "that is enough", None)
    assert [entry.path for entry in result.ledger.entries] == ["first/attempt:1", "second/attempt:1"]
    assert [event.path for event in result.transcript.of(Asked)] == ["first/attempt:1", "second/attempt:1"]
    assert [(event.step, event.status) for event in result.transcript.of(StepEnded)] == [
        ("first", "completed"), ("second", "completed"), ("third", "cancelled"),
    ]  # fmt: skip
    with pytest.raises(PipelineAbort, match="that is enough"):
        result.raise_for_status()


async def test_an_abort_interrupts_calls_that_wait() -> None:
    def guard(event: object) -> None:
        if isinstance(event, Answered):
            raise PipelineAbort("enough")

    fan = Step.parallel("fan", {"a": Step("s", waits), "b": Step("s", echo)})
    result = await Flujo(fan, listeners=[guard]).run_async("x")
    assert result.status == "aborted"
    assert [(event.step, event.status) for event in result.transcript.of(StepEnded)] == [
        ("fan/branch:a/s", "cancelled"), ("fan/branch:b/s", "completed"), ("fan", "cancelled"),
    ]  # fmt: skip


async def test_an_abort_at_the_very_last_step_still_aborts() -> None:
    def guard(event: object) -> None:
        if isinstance(event, StepEnded):
            raise PipelineAbort("too late")

    assert (await Flujo(Step("s", echo), listeners=[guard]).run_async("x")).status == "aborted"


async def test_a_run_cancelled_from_outside_tells_its_end_before_it_propagates() -> None:
    heard: list[Event] = []
    runner = Flujo(Step("first", paid) >> Step("second", waits), listeners=[heard.append], cost_model=PRICES)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel() -> None:
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

            group.start_soon(cancel)
            await runner.run_async("x")
    assert scope.cancelled_caught
    assert kinds(heard) == [
        "RunStarted",
        "StepStarted", "Asked", "Paid", "Answered", "StepEnded",
        "StepStarted", "Asked", "AskFailed", "StepEnded",
        "RunEnded",
    ]  # fmt: skip
    end = heard[-1]
    assert type(end) is RunEnded
    assert end.status == "cancelled"


async def test_an_interruption_propagates_after_the_end_was_told() -> None:
    heard: list[Event] = []

    async def interrupted(x: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Flujo(Step("s", interrupted), listeners=[heard.append]).run_async("x")
    end = heard[-1]
    assert type(end) is RunEnded
    assert (end.status, end.error) == ("cancelled", "KeyboardInterrupt")


# Streams ------------------------------------------------------------------------------------------------


class Talker:
    """Streams its words; the last item says what they cost."""

    async def run(self, x: str) -> AgentOutput[str]:
        return AgentOutput("one two", usage=Usage(input_tokens=7, output_tokens=5), model="test:m")

    async def stream(self, x: str) -> Any:
        yield "one "
        yield "two"
        yield AgentOutput("one two", usage=Usage(input_tokens=7, output_tokens=5), model="test:m")


async def read(runner: Flujo, given: str = "x", **options: Any) -> list[Any]:
    async with runner.stream_async(given, **options) as events:
        return [event async for event in events]


async def test_a_stream_gives_events_then_the_result() -> None:
    *events, result = await read(Flujo(FAN, cost_model=PRICES), run_id="r")
    assert type(result) is PipelineResult
    assert kinds(events)[:3] == ["RunStarted", "StepStarted", "Asked"]
    assert sorted(map(repr, events)) == sorted(map(repr, result.transcript))


async def test_chunks_come_as_they_arrive_and_the_accounting_is_that_of_an_unstreamed_run() -> None:
    runner = Flujo(Step("talk", Talker()), cost_model=PRICES)
    *events, streamed = await read(runner)
    plain = await runner.run_async("x")
    assert [event.text for event in events if isinstance(event, Chunk)] == ["one ", "two"]
    assert kinds(streamed.transcript) == kinds(plain.transcript)
    assert streamed.output == plain.output == "one two"
    assert streamed.total_cost_usd == plain.total_cost_usd


async def test_a_stream_of_plain_chunks_is_joined_and_anything_else_is_refused() -> None:
    class Plain(Talker):
        async def stream(self, x: str) -> Any:
            yield "a"
            yield "b"

    class Odd(Talker):
        async def stream(self, x: str) -> Any:
            yield 3

    assert (await read(Flujo(Step("s", Plain()))))[-1].output == "ab"
    assert str((await read(Flujo(Step("s", Odd(), max_retries=0))))[-1].error) == (
        "step 's' failed after 1 attempt: agent 'Odd' streamed a int; chunks are text, the last may be an AgentOutput"
    )


async def test_a_slow_reader_slows_the_run() -> None:
    asked: list[str] = []

    async def noting(x: str) -> str:
        asked.append(x)
        return x + "."

    pipeline = Step("s0", noting)
    for i in range(1, 20):
        pipeline = pipeline >> Step(f"s{i}", noting)  # type: ignore[assignment]
    async with Flujo(pipeline).stream_async("x", buffer=4) as events:
        await anyio.wait_all_tasks_blocked()
        assert len(asked) == 1
        seen = [event async for event in events]
    assert len(asked) == 20
    result = seen[-1]
    assert type(result) is PipelineResult
    assert result.output == "x" + "." * 20


async def test_leaving_early_cancels_the_run() -> None:
    heard: list[Event] = []
    async with Flujo(Step("s", waits), listeners=[heard.append]).stream_async("x") as events:
        async for event in events:
            if isinstance(event, StepStarted):
                break
    end = heard[-1]
    assert type(end) is RunEnded
    assert end.status == "cancelled"


async def test_the_readers_own_error_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with Flujo(Step("s", waits)).stream_async("x"):
            raise KeyError("mine")


async def test_a_run_that_cannot_start_says_so_to_its_reader() -> None:
    from flujo import MisuseError, PipelineContext

    class Ctx(PipelineContext):
        size: int

    with pytest.raises(MisuseError, match="does not fit"):
        await read(Flujo(Step("s", echo), context_model=Ctx), context_data={"size": "large"})


def test_a_transcript_reads_like_a_tuple() -> None:
    result = Flujo(Step("s", paid), cost_model=PRICES).run("x", run_id="r")
    transcript = result.transcript
    assert len(transcript) == 7
    assert transcript[0] is transcript.events[0]
    assert transcript[1:3] == transcript.events[1:3]
    assert repr(transcript) == "Transcript(7 events)"
    assert transcript == Transcript(transcript._log)
    assert transcript != transcript.events
    assert hash(transcript) == hash(Transcript(transcript._log))
    assert [event.entry.cost_usd for event in transcript.of(Paid)] == [result.total_cost_usd]
