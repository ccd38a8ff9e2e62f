"""A gate before the engine's door: it is told of every ask, waits within its deadline, and changes nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import anyio
import pytest

from flujo import Flujo, PluginOutcome, Step, UsageLimits, override, validator
from flujo.binding import BoundAgent
from flujo.events import AskFailed
from flujo.stores.memory import MemoryJournal

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("virtual_clock")]


@dataclass
class Turnstile:
    """Notes who passes, and lets each wait for ``pause_s`` seconds of virtual time."""

    pause_s: float = 0.0
    passed: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    async def let_through(self, path: str, order: tuple[int, ...], call: Callable[[], Awaitable[object]]) -> object:
        self.passed.append((path, order))
        await anyio.sleep(self.pause_s)
        return await call()


async def echo(text: str) -> str:
    return text


async def broken(text: str) -> str:
    raise ValueError("broken")


@validator
def short(text: str) -> bool:
    return len(text) < 5


async def test_every_agent_and_plugin_passes_and_the_run_stays_the_same() -> None:
    inner = Step("check", echo, plugins=[short])
    pipeline = Step("write", broken, fallback=Step("small", echo)) >> Step.parallel(
        "both", {"left": inner, "right": inner}
    )
    plain = await Flujo(pipeline).run_async("rain")
    gate = Turnstile()
    with override(gate=gate):
        result = await Flujo(pipeline).run_async("rain")
    assert result.transcript == plain.transcript
    assert sorted(gate.passed) == [
        ("both/branch:left/check/attempt:1", (0,)),
        ("both/branch:left/check/attempt:1/plugin:short", (0,)),
        ("both/branch:right/check/attempt:1", (1,)),
        ("both/branch:right/check/attempt:1/plugin:short", (1,)),
        ("write/attempt:1", ()),
        ("write/attempt:2", ()),
        ("write/fallback:small/attempt:1", ()),
    ]


async def test_a_fallback_in_a_branch_passes_as_that_branch() -> None:
    saved = Step("write", broken, max_retries=0, fallback=Step("small", echo))
    gate = Turnstile()
    with override(gate=gate):
        await Flujo(Step.parallel("both", {"left": Step("echo", echo), "right": saved})).run_async("rain")
    assert sorted(gate.passed) == [
        ("both/branch:left/echo/attempt:1", (0,)),
        ("both/branch:right/write/attempt:1", (1,)),
        ("both/branch:right/write/fallback:small/attempt:1", (1,)),
    ]


async def test_waiting_at_the_gate_counts_against_the_deadline() -> None:
    with override(gate=Turnstile(pause_s=31)):
        result = await Flujo(Step("write", echo, timeout_s=30, max_retries=0)).run_async("rain")
    assert [event.outcome for event in result.transcript.of(AskFailed)] == ["timeout"]


async def test_an_answer_out_of_the_journal_does_not_pass() -> None:
    store, gate = MemoryJournal(), Turnstile()
    runner = Flujo(Step("write", echo), store=store)
    with override(gate=gate):
        await runner.run_async("rain", run_id="one")
        await runner.run_async("rain", run_id="one")
    assert gate.passed == [("write/attempt:1", ())]


async def test_a_stream_and_a_redirect_pass_under_a_limit() -> None:
    class Streaming:
        async def run(self, text: str) -> str:
            return text

        async def stream(self, text: str) -> AsyncIterator[str]:
            yield text
            yield "!"

    class ToTheOther:
        name, priority = "tone", 0

        async def validate(self, draft: object) -> PluginOutcome:
            return PluginOutcome(True, redirect_to=None if len(gate.passed) > 2 else echo)

    gate = Turnstile()
    runner = Flujo(Step("write", Streaming(), plugins=[ToTheOther()]), usage_limits=UsageLimits(total_tokens_limit=9))
    with override(gate=gate):
        async with runner.stream_async("rain") as events:
            *_, result = [event async for event in events]
    assert result.output == "rain"  # type: ignore[union-attr]
    assert [path for path, _ in gate.passed] == [
        "write/attempt:1",
        "write/attempt:1/plugin:tone",
        "write/attempt:1/redirect:1",
        "write/attempt:1/redirect:1/plugin:tone",
    ]


async def test_a_gate_stands_around_the_doors() -> None:
    """Somebody else may answer in the agent's stead: it passes as the agent would."""

    def answers(callee: BoundAgent, path: str) -> BoundAgent:
        async def call(text: str, **offered: object) -> str:
            return "hail"

        return replace(callee, call=call)

    gate = Turnstile()
    with override(gate=gate), override(door=answers):
        result = await Flujo(Step("write", echo)).run_async("rain")
    assert (result.output, gate.passed) == ("hail", [("write/attempt:1", ())])


async def test_the_inner_gate_wins_and_none_is_left_behind() -> None:
    outer, inner = Turnstile(), Turnstile()
    runner = Flujo(Step("write", echo))
    with override(gate=outer):
        with override(gate=inner):
            await runner.run_async("rain")
        await runner.run_async("rain")
    await runner.run_async("rain")
    assert (len(outer.passed), len(inner.passed)) == (1, 1)
