"""What is recorded at the door of the engine comes back as it was: answers, costs, errors, contexts, pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flujo import Flujo, PipelineResult, Step, override
from flujo.pipeline import Part
from flujo_testing.cassette.door import RecordingDoor
from flujo_testing.cassette.errors import CassetteMiss, NotRecordable
from flujo_testing.cassette.mode import Mode
from flujo_testing.costs import default_cost_model
from flujo_testing.transcript import story_of
from tests.flujo_testing.cassette.deck import Critic, Critical, Deck, Echo, Live, Poet, Slow, Streamer, Writer

PIPELINES: dict[str, tuple[Callable[[Live], Part], int]] = {
    "an error, then an answer of two requests that changes its context": (lambda live: Step("write", Writer(live)), 2),
    "a value of a declared type": (lambda live: Step("versify", Poet(live)), 1),
    "a plugin that pays, with feedback and a new solution": (
        lambda live: Step("write", Poet(live), plugins=[Critic(live)]),
        4,
    ),
}


@pytest.fixture
def deck() -> Deck:
    return Deck()


def told(result: PipelineResult[Any]) -> Any:
    return story_of(result)


@pytest.mark.parametrize(("build", "asked"), PIPELINES.values(), ids=list(PIPELINES))
async def test_a_run_is_told_alike_when_it_is_replayed(deck: Deck, build: Callable[[Live], Part], asked: int) -> None:
    recorded = await deck.run(build(deck.live), mode=Mode.ONCE)
    assert recorded.status == "completed"
    assert deck.live.asked == asked
    replayed = await deck.run(build(deck.live))
    assert deck.live.asked == asked
    assert told(replayed) == told(recorded)
    assert replayed.output == recorded.output
    assert type(replayed.output) is type(recorded.output)
    assert replayed.context == recorded.context
    assert [entry.usage for entry in replayed.ledger.entries] == [entry.usage for entry in recorded.ledger.entries]
    assert replayed.ledger.known_cost_usd == recorded.ledger.known_cost_usd


async def test_a_streamed_answer_comes_in_the_same_pieces(deck: Deck) -> None:
    async def streamed(mode: Mode) -> list[Any]:
        player = deck.player(mode)
        runner = Flujo(Step("say", Streamer(deck.live)), cost_model=default_cost_model())
        with override(door=RecordingDoor(player)):
            async with runner.stream_async("grey") as events:
                arrived = [event async for event in events]
        player.finish(ended=True)
        return [getattr(event, "text", None) or getattr(event, "output", None) for event in arrived]

    recorded = await streamed(Mode.ONCE)
    assert deck.live.asked == 1
    assert await streamed(Mode.NONE) == recorded
    assert deck.live.asked == 1


async def test_a_request_that_changed_is_a_miss_that_says_where(deck: Deck) -> None:
    await deck.run(Step("write", Poet(deck.live)), "rain", mode=Mode.ONCE)
    with pytest.raises(CassetteMiss) as raised:
        await deck.run(Step("write", Poet(deck.live), max_retries=0), "rains")
    assert str(raised.value) == (
        "cassettes/test_rain/test_rain.jsonl holds no answer for what 'write/attempt:1' asks; "
        "the nearest is line 2, recorded at 'write/attempt:1'\n"
        '  $.input: recorded "rain", asked "rains"\n'
        "Nothing goes live: record it with --flujo-record=new, or all of it anew with --flujo-record=all"
    )
    assert raised.value.path == "$.input"
    assert deck.live.asked == 1


async def test_the_same_request_at_another_place_is_a_miss(deck: Deck) -> None:
    await deck.run(Step("write", Poet(deck.live)), mode=Mode.ONCE)
    with pytest.raises(CassetteMiss, match="the same request was recorded at 'write/attempt:1'"):
        await deck.run(Step("draft", Poet(deck.live), max_retries=0))
    assert deck.live.asked == 1


async def test_a_request_asked_more_often_than_recorded_is_a_miss(deck: Deck) -> None:
    pipeline = Step("write", Poet(deck.live), max_retries=0)
    await deck.run(pipeline, mode=Mode.ONCE)
    player = deck.player()
    with override(door=RecordingDoor(player)):
        assert (await Flujo(pipeline).run_async("rain")).status == "completed"
        assert (await Flujo(pipeline).run_async("rain")).status == "failed"
    with pytest.raises(CassetteMiss, match="it was recorded once there, and is asked once more"):
        player.finish(ended=True)


async def test_functions_are_recorded_where_they_are_named(deck: Deck) -> None:
    async def plain(text: str) -> str:
        deck.live.asked += 1
        return f"plain {text}"

    pipeline = Step("plain", plain)
    await deck.run(pipeline, mode=Mode.ONCE)
    assert deck.content is None
    await deck.run(pipeline, mode=Mode.ONCE, agents=("pla*",))
    assert (await deck.run(pipeline, agents=("pla*",))).output == "plain rain"
    assert deck.live.asked == 2


async def test_once_plays_what_exists_and_records_nothing(deck: Deck) -> None:
    await deck.run(Step("write", Poet(deck.live)), mode=Mode.ONCE)
    with pytest.raises(CassetteMiss, match="Nothing goes live beside a cassette that exists"):
        await deck.run(Step("write", Poet(deck.live), max_retries=0), "snow", mode=Mode.ONCE)
    assert deck.live.asked == 1


async def test_new_records_what_is_missing_and_all_drops_what_is_not_asked(deck: Deck) -> None:
    await deck.run(Step("write", Poet(deck.live)), mode=Mode.ONCE)
    await deck.run(Step("write", Poet(deck.live)) >> Step("polish", Critical(deck.live)), mode=Mode.NEW)
    assert deck.live.asked == 2
    assert deck.places() == ["polish/attempt:1", "write/attempt:1"]
    await deck.run(Step("write", Poet(deck.live)), mode=Mode.ALL)
    assert deck.live.asked == 3
    assert deck.places() == ["write/attempt:1"]


async def test_what_json_would_change_is_refused_and_the_paid_run_goes_on(deck: Deck) -> None:
    class Pair:
        async def run(self, text: str) -> tuple[str, str]:
            return text, text

    with pytest.raises(NotRecordable) as raised:
        await deck.run(Step("pair", Pair()), mode=Mode.ONCE)
    assert str(raised.value) == (
        "pair/attempt:1: its answer cannot be recorded: it is a tuple, and JSON would not bring it back: "
        "declare the agent's output_type"
    )
    assert deck.content is None


async def test_what_differs_in_every_run_is_redacted_before_it_is_compared(deck: Deck) -> None:
    redact = {"$.request.input.id": "<id>"}
    await deck.run(Step("say", Echo(deck.live)), {"id": 1, "text": "rain"}, mode=Mode.ONCE, redact=redact)
    replayed = await deck.run(Step("say", Echo(deck.live)), {"id": 2, "text": "rain"}, redact=redact)
    assert replayed.output == "rain"
    assert deck.live.asked == 1
    assert b'"id":"<id>"' in (deck.content or b"")


async def test_a_call_that_never_ended_ends_in_the_same_timeout(deck: Deck, virtual_clock: object) -> None:
    pipeline = Step("say", Slow(deck.live), timeout_s=30, max_retries=1)
    recorded = await deck.run(pipeline, mode=Mode.ONCE)
    replayed = await deck.run(pipeline)
    assert deck.live.asked == 2
    assert replayed.output == "late rain"
    assert told(replayed) == told(recorded)
