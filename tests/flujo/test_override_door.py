"""The door of an override: it says, at each ask, whom to call instead; everything else stays as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from flujo import AgentOutput, Draft, Flujo, PluginOutcome, Price, PriceTable, Step, Usage, override
from flujo.binding import BoundAgent
from flujo.events import Chunk

PRICES = PriceTable({"test:m": Price(input="3", output="17")})


class Writer:
    model = "test:m"

    async def run(self, x: str) -> AgentOutput[str]:
        return AgentOutput(f"written {x}", usage=Usage(input_tokens=10), model="test:m")

    async def stream(self, x: str) -> AsyncIterator[str]:
        yield "written "
        yield x


class Strict:
    name = "strict"
    priority = 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        if draft["output"].startswith("senior"):
            return PluginOutcome(True)
        return PluginOutcome(False, "ask a senior", redirect_to=senior)


async def senior(x: str) -> str:
    return f"senior {x}"


class Recorder:
    """Lets everyone be asked, and keeps at which paths."""

    def __init__(self, mark: str = "") -> None:
        self.mark = mark
        self.asked: list[str] = []

    def __call__(self, callee: BoundAgent, path: str) -> BoundAgent:
        self.asked.append(path)

        async def call(x: object, **offered: object) -> object:
            answer = await callee.call(x, **offered)
            return f"{answer}{self.mark}" if self.mark and isinstance(answer, str) else answer

        return replace(callee, call=call)


async def test_every_ask_passes_it_redirects_and_plugins_included() -> None:
    door = Recorder()
    with override(door=door):
        result = await Flujo(Step("write", Writer(), plugins=[Strict()]), cost_model=PRICES).run_async("x")
    assert result.output == "senior x"
    assert door.asked == [
        "write/attempt:1",
        "write/attempt:1/plugin:strict",
        "write/attempt:1/redirect:1",
        "write/attempt:1/redirect:1/plugin:strict",
    ]
    assert result.total_cost_usd == Decimal("0.00003")


async def test_doors_stand_around_each_other_the_latest_outermost() -> None:
    with override(door=Recorder(" inner")), override(door=Recorder(" outer")):
        result = await Flujo(Step("ask", senior)).run_async("x")
    assert result.output == "senior x inner outer"
    assert (await Flujo(Step("ask", senior)).run_async("x")).output == "senior x"


async def test_it_is_within_the_deadline_of_the_step(virtual_clock: object) -> None:
    def slow(callee: BoundAgent, path: str) -> BoundAgent:
        async def call(x: object, **offered: object) -> object:
            await anyio.sleep(31)
            return await callee.call(x, **offered)

        return replace(callee, call=call)

    with override(door=slow):
        result = await Flujo(Step("ask", senior, timeout_s=30, max_retries=0)).run_async("x")
    assert str(result.error) == "step 'ask' failed after 1 attempt: no answer within 30 s"


async def test_what_it_raises_fails_the_attempt() -> None:
    def broken(callee: BoundAgent, path: str) -> BoundAgent:
        raise RuntimeError(f"no way to {callee.name}")

    with override(door=broken):
        result = await Flujo(Step("ask", senior, max_retries=0)).run_async("x")
    assert str(result.error) == "step 'ask' failed after 1 attempt: RuntimeError: no way to senior"


async def test_its_chunks_are_streamed() -> None:
    async def other(x: object, **offered: object) -> AsyncIterator[str]:
        yield "other "
        yield str(x)

    with override(door=lambda callee, path: replace(callee, stream=other)):
        async with Flujo(Step("write", Writer()), cost_model=PRICES).stream_async("x") as events:
            arrived = [event async for event in events]
    assert [event.text for event in arrived if isinstance(event, Chunk)] == ["other ", "x"]


@pytest.mark.parametrize("door", [None, Recorder()])
def test_runs_in_synchronous_code_pass_it_too(door: Recorder | None) -> None:
    with override(door=door):
        assert Flujo(Step("ask", senior)).run("x").output == "senior x"
