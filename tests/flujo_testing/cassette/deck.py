"""A cassette in memory, live agents that count how often they are asked, and runs with it in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import anyio
from pydantic import BaseModel

from flujo import (
    AgentError,
    AgentOutput,
    Draft,
    Flujo,
    PipelineContext,
    PipelineResult,
    PluginOutcome,
    RequestUsage,
    Usage,
    override,
)
from flujo.pipeline import Part, Pipeline
from flujo_testing.cassette.door import RecordingDoor
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.lines import read, written
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.player import Player
from flujo_testing.cassette.tape import Tape
from flujo_testing.costs import default_cost_model

OWNER = "tests/test_rain.py::test_rain"
SHOWN = "cassettes/test_rain/test_rain.jsonl"


class Ctx(PipelineContext):
    drafts: list[str] = []
    paid: Decimal = Decimal(0)
    note: str | None = None


class Verse(BaseModel):
    lines: tuple[str, ...]


class Live:
    """Counts how often any live agent was asked."""

    def __init__(self) -> None:
        self.asked = 0


class Deck:
    """A file that is a text in memory. ``run`` plays or records a pipeline with it, as a test would."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.live = Live()

    def player(self, mode: Mode = Mode.NONE, redact: dict[str, Any] | None = None) -> Player:
        exchanges = [] if self.content is None else read(self.content, SHOWN)[1]
        return Player(Tape(SHOWN, exchanges), mode, existed=self.content is not None, keep=self._keep, redact=redact)

    async def run(
        self,
        pipeline: Pipeline | Part,
        input: object = "rain",
        *,
        mode: Mode = Mode.NONE,
        agents: tuple[str, ...] = (),
        redact: dict[str, Any] | None = None,
    ) -> PipelineResult[Any]:
        player = self.player(mode, redact)
        with override(door=RecordingDoor(player, agents)):
            runner = Flujo(pipeline, context_model=Ctx, cost_model=default_cost_model())
            result = await runner.run_async(input)
        player.finish(ended=True)
        return result

    def places(self) -> list[str]:
        """Where each exchange of the file was recorded, in its order."""
        return [exchange.at for exchange in read(self.content or b"", SHOWN)[1]]

    def _keep(self, exchanges: list[Exchange]) -> None:
        self.content = written(OWNER, exchanges)


class Writer:
    """A metered agent that is refused once, then answers with two requests of different cost, and keeps a draft."""

    model = "test:writer"

    def __init__(self, live: Live) -> None:
        self.live = live

    async def run(self, text: str, *, context: Ctx) -> AgentOutput[str]:
        self.live.asked += 1
        if not context.drafts and self.live.asked == 1:
            raise AgentError("overloaded", usage=Usage(input_tokens=7), model="test:writer")
        context.drafts.append(f"about {text}")
        context.paid = Decimal("0.10")
        requests = (
            RequestUsage(usage=Usage(input_tokens=120, output_tokens=40), model="test:writer", tool_calls=1),
            RequestUsage(usage=None, model="test:writer", cost_usd=Decimal("0.0001")),
        )
        return AgentOutput(f"{text} falls", requests=requests)


class Poet:
    """Answers with a model of its declared type."""

    output_type = Verse

    def __init__(self, live: Live) -> None:
        self.live = live

    async def run(self, text: str) -> Verse:
        self.live.asked += 1
        return Verse(lines=(text, "softly"))


class Streamer:
    """Streams its answer in pieces."""

    def __init__(self, live: Live) -> None:
        self.live = live

    async def run(self, text: str) -> str:
        return f"{text}, rain"

    async def stream(self, text: str) -> AsyncIterator[object]:
        self.live.asked += 1
        yield f"{text}, "
        yield "rain"
        yield AgentOutput(f"{text}, rain", usage=Usage(input_tokens=3, output_tokens=2), model="test:small")


class Critic:
    """A plugin that calls a model, and one that only counts when it is not recorded."""

    name = "critic"
    priority = 1
    model = "test:critic"

    def __init__(self, live: Live) -> None:
        self.live = live

    async def validate(self, draft: Draft) -> PluginOutcome:
        self.live.asked += 1
        spent = Usage(input_tokens=41, output_tokens=13)
        if draft["attempt"] == 1:
            return PluginOutcome(False, "too dry", usage=spent, model="test:critic")
        return PluginOutcome(True, new_solution="wet rain", usage=spent, model="test:critic")


class Critical:
    """An agent that takes what a poet wrote."""

    def __init__(self, live: Live) -> None:
        self.live = live

    async def run(self, verse: Verse) -> str:
        self.live.asked += 1
        return " / ".join(verse.lines)


class Echo:
    """Answers with the text of its input."""

    def __init__(self, live: Live) -> None:
        self.live = live

    async def run(self, asked: dict[str, Any]) -> str:
        self.live.asked += 1
        return str(asked["text"])


class Slow:
    """Gives its first answer too late."""

    def __init__(self, live: Live) -> None:
        self.live = live

    async def run(self, text: str) -> str:
        self.live.asked += 1
        if self.live.asked == 1:
            await anyio.sleep_forever()
        return f"late {text}"
