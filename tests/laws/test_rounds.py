"""One way to run a step (P5, P7): with a fallback, streamed or cached, the rounds and their spend are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flujo import AgentOutput, Draft, Flujo, PipelineResult, PluginOutcome, Step, Usage
from flujo.events import Chunk, Event, FellBack, Judged, Paid, RunStarted, StepEnded, StepStarted
from flujo.stores.memory import MemoryCache
from flujo_testing import EchoAgent, FlujoRun, check_conservation
from tests.flujo.kinds.cast import STILL
from tests.laws.cast import DRAFT, PRICES, max_words, never, small, writer


@dataclass(frozen=True)
class Shortening:
    """Its draft is as long as its feedback is short: the first too long, the next one not. It streams, too."""

    name: str = "shortening"

    async def run(self, text: str, *, feedback: Any = ()) -> AgentOutput[str]:
        draft = "grey rain" if feedback else f"{text} falls and falls"
        return AgentOutput(draft, usage=Usage(input_tokens=7, output_tokens=5), model="test:writer")

    async def stream(self, text: str, *, feedback: Any = ()) -> Any:
        answer = await self.run(text, feedback=feedback)
        for word in answer.output.split():
            yield f"{word} "
        yield answer


@dataclass(frozen=True)
class AtMostThree:
    name: str = "at_most_three"
    priority: int = 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        words = len(draft["output"].split())
        return PluginOutcome(words <= 3, f"{words} words")


PIPELINE = Step("write", Shortening(), plugins=[AtMostThree()]) >> Step("echo", EchoAgent(), max_retries=0)


def told(result: PipelineResult) -> list[Event]:
    """All events but the first, which holds the context."""
    return [event for event in result.transcript if not isinstance(event, RunStarted)]


async def test_p7_a_streamed_run_tells_the_same_transcript() -> None:
    flow = Flujo(PIPELINE, cost_model=PRICES, clock=STILL)
    plain = await flow.run_async("rain", run_id="r")
    async with flow.stream_async("rain", run_id="r") as events:
        *arrived, streamed = [event async for event in events]
    assert type(streamed) is PipelineResult
    check_conservation(streamed)
    chunks = [event for event in arrived if isinstance(event, Chunk)]
    assert "".join(chunk.text for chunk in chunks) == "rain falls and falls grey rain "
    assert len(arrived) - len(chunks) == len(streamed.transcript)
    assert told(streamed) == told(plain)
    assert [judged.accepted for judged in streamed.transcript.of(Judged)] == [False, True]


async def test_p7_a_step_inside_a_cache_makes_the_same_rounds(flujo_run: FlujoRun) -> None:
    step = Step("write", Shortening(), plugins=[AtMostThree()])
    plain = await flujo_run(step, "rain")
    cached = await flujo_run(Step.cached(step, MemoryCache()), "rain")
    inside = [event for event in cached.transcript if event.step.startswith("write/")]
    assert [type(event) for event in inside] == [type(event) for event in plain.transcript if event.step]
    assert [event.feedback for event in inside if isinstance(event, Judged)] == ["4 words", "2 words"]
    assert (cached.output, cached.usage, cached.total_cost_usd) == (plain.output, plain.usage, plain.total_cost_usd)


async def test_p7_a_fallback_changes_nothing_before_it_begins(flujo_run: FlujoRun) -> None:
    def primary(**options: Any) -> Step:
        return Step("write", writer("a b c d", "a b c d e"), plugins=[max_words], **options)

    alone = await flujo_run(primary(), "rain", run_id="r")
    saved = await flujo_run(primary(fallback=Step("small", small("Rain"))), "rain", run_id="r")
    (fell_back,) = [at for at, event in enumerate(saved.transcript) if isinstance(event, FellBack)]
    before = [event for event in saved.transcript[1:fell_back] if not isinstance(event, Paid)]
    assert before == [event for event in alone.transcript[1:-2] if not isinstance(event, Paid)]
    assert saved.ledger.entries[0].usage == alone.ledger.entries[0].usage == DRAFT
    assert [entry.path for entry in saved.ledger.entries[:2]] == [entry.path for entry in alone.ledger.entries]


async def test_p5_a_plugin_that_always_crashes_ends_in_the_fallback(flujo_run: FlujoRun) -> None:
    class Crashing:
        name, priority = "crashing", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            raise KeyError("lexicon")

    agent = writer("one", "two", "three")
    step = Step("write", agent, plugins=[Crashing()], max_retries=2, fallback=Step("small", small("Rain")))
    result = await flujo_run(step, "rain")
    assert (result.status, result.output, len(agent.calls)) == ("completed", "Rain", 3)
    (fell_back,) = result.transcript.of(FellBack)
    assert (fell_back.attempts, fell_back.error) == (
        3, "plugin 'crashing' rejected the last draft: plugin crashing failed (KeyError: 'lexicon')",
    )  # fmt: skip
    assert [len(call.feedback) for call in agent.calls] == [0, 1, 2]


async def test_p7_a_fallback_of_any_kind_starts_from_the_original_input(flujo_run: FlujoRun) -> None:
    agent = EchoAgent(name="echo")
    each = Step.map_over("each", Step("echo", agent), str.split)
    result = await flujo_run(Step("write", writer("x"), plugins=[never], max_retries=0, fallback=each), "grey rain")
    assert (result.output, [call.input for call in agent.calls]) == (["grey", "rain"], ["grey", "rain"])
    kinds = [(event.step, event.kind) for event in result.transcript.of(StepStarted)]
    assert kinds == [
        ("write", "step"), ("write/fallback:each", "map"),
        ("write/fallback:each/item:1/echo", "step"), ("write/fallback:each/item:2/echo", "step"),
    ]  # fmt: skip
    assert [event.status for event in result.transcript.of(StepEnded)] == ["completed"] * 4


async def test_p7_a_fallback_gets_the_input_without_what_retries_were_told(flujo_run: FlujoRun) -> None:
    """The agent takes no feedback, so its own input holds what was wrong with its first draft."""
    agent, saved = writer("Grey", "Rain", takes=()), EchoAgent()
    part = Step("write", agent, plugins=[never], max_retries=1, fallback=Step("saved", saved))
    result = await flujo_run(part, "rain")
    told = "rain\n\n<feedback>\nEarlier drafts were rejected:\n- never (attempt 1): not good enough\n</feedback>"
    assert [call.input for call in agent.calls] == ["rain", told]
    assert ([call.input for call in saved.calls], result.output) == (["rain"], "rain")
