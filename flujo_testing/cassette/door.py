"""Records and replays agents at the engine's door: what one was asked and what it brought, whoever it is.

Whose answers are recorded: every agent that is no plain function and no fake, every function that ``agents`` names by
a pattern of its path, and every plugin that declares a model. The others are asked as ever; so a pipeline's own code
is tested, and not what it once returned.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import anyio
from pydantic import ValidationError

from flujo import AgentOutput, PipelineContext
from flujo.binding import BoundAgent
from flujo.canonical import NotRepresentable, to_data
from flujo_testing.agents.fake import Fake
from flujo_testing.cassette.answers import NO_ANSWER, answer_from, error_from, told_answer, told_error
from flujo_testing.cassette.contexts import apply_change, change_of, context_data
from flujo_testing.cassette.errors import NotRecordable
from flujo_testing.cassette.exchange import Data, Exchange
from flujo_testing.cassette.player import Player
from flujo_testing.cassette.verdicts import outcome_from, told_outcome

BROKEN = (ValidationError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError)
"""What reading a recorded answer raises where it is none, or the agent is another by now."""


class RecordingDoor:
    """Whom a run asks while a cassette is in: the player's recorded answer, or the agent itself, which is recorded."""

    def __init__(self, player: Player, agents: Sequence[str] = ()) -> None:
        self._player = player
        self._patterns = tuple(agents)

    def __call__(self, callee: BoundAgent, path: str) -> BoundAgent:
        if not self._is_recorded(callee, path):
            return callee
        recorded = _Recorded(callee, path, self._player)
        return replace(callee, call=recorded.call, stream=None if callee.stream is None else recorded.stream)

    def _is_recorded(self, callee: BoundAgent, path: str) -> bool:
        if isinstance(callee.source, Fake):
            return False
        if _is_plugin(path):
            return callee.meter is not None
        if not inspect.isroutine(callee.source):
            return True
        places = (path, path.rpartition("/attempt:")[0])
        return any(fnmatchcase(place, pattern) for pattern in self._patterns for place in places)


@dataclass(slots=True)
class _Take:
    """What a live call has brought so far."""

    answer: object = None
    chunks: list[str] | None = None


class _Recorded:
    """One ask of a recorded agent or plugin."""

    def __init__(self, callee: BoundAgent, path: str, player: Player) -> None:
        self._callee = callee
        self._path = path
        self._player = player

    async def call(self, value: object, /, **offered: Any) -> object:
        request = self._request(value, offered)
        exchange = self._player.recorded(self._path, request)
        if exchange is not None:
            return await self._replayed(exchange, offered)
        with self._recording(request, offered) as take:
            take.answer = await self._callee.call(value, **offered)
        return take.answer

    async def stream(self, value: object, /, **offered: Any) -> AsyncIterator[object]:
        """The pieces as they were told, then the answer; of one that was not streamed when recorded, the answer."""
        request = self._request(value, offered)
        exchange = self._player.recorded(self._path, request)
        if exchange is not None:
            answer = await self._replayed(exchange, offered)
            for chunk in exchange.answer.get("chunks", ()):
                yield chunk
            if isinstance(answer, AgentOutput) or "chunks" not in exchange.answer:
                yield answer if isinstance(answer, AgentOutput) else AgentOutput(answer)
            return
        assert self._callee.stream is not None
        with self._recording(request, offered) as take:
            take.chunks = []
            async with _closed_at_the_end(self._callee.stream(value, **offered)) as items:
                async for item in items:
                    if isinstance(item, AgentOutput):  # the last one: whoever reads on has left by then
                        take.answer = item
                        break
                    take.chunks.append(item)
                    yield item
            if take.answer is None:
                take.answer = "".join(take.chunks)
        if isinstance(take.answer, AgentOutput):
            yield take.answer

    def _request(self, value: object, offered: Mapping[str, Any]) -> Data:
        """What is asked, as data: whatever may bear on the answer. Raises NotRecordable."""
        try:
            request: dict[str, Any] = {"agent": self._callee.name, "input": to_data(value)}
            for name in sorted(offered.keys() - {"resources"}):
                request[name] = to_data(offered[name])
        except NotRepresentable as error:
            raise NotRecordable(self._path, error.path.replace("$", "its input", 1), error.reason) from None
        if self._callee.meter is not None:
            request["model"] = self._callee.meter.model
        return request

    async def _replayed(self, exchange: Exchange, offered: Mapping[str, Any]) -> object:
        """The recorded answer, with what it changed in the context. Raises what was raised then."""
        if exchange.answer == NO_ANSWER:
            await anyio.sleep_forever()
        try:
            answer = self._read(exchange.answer)
            if isinstance(context := offered.get("context"), PipelineContext):
                apply_change(context, exchange.answer.get("context", {}))
        except BROKEN as error:
            raise self._player.refused(exchange, f"{type(error).__name__}: {error}") from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _read(self, answer: Data) -> object:
        """What was brought, an error as such."""
        if "error" in answer:
            return error_from(answer)
        return outcome_from(answer) if _is_plugin(self._path) else answer_from(answer, self._callee.output)

    def _told(self, take: _Take) -> dict[str, Any]:
        if _is_plugin(self._path):
            return told_outcome(self._path, take.answer)
        return told_answer(self._path, take.answer, self._callee.output, take.chunks)

    @contextmanager
    def _recording(self, request: Data, offered: Mapping[str, Any]) -> Iterator[_Take]:
        """Keep what the block brings, or what it raises; a call that is broken off has brought nothing."""
        take = _Take()
        context = offered.get("context")
        if not isinstance(context, PipelineContext):
            context = PipelineContext()
        before = context_data(self._path, context)
        try:
            yield take
        except Exception as error:
            self._player.keep(self._path, request, told_error(error))
            raise
        except BaseException:
            self._player.give_up(self._path, request)
            raise
        try:
            answer = self._told(take)
            if change := change_of(before, context_data(self._path, context)):
                answer["context"] = change
        except NotRecordable as problem:
            self._player.refuse(problem)
        else:
            self._player.keep(self._path, request, answer)


@asynccontextmanager
async def _closed_at_the_end(items: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


def _is_plugin(path: str) -> bool:
    return "/plugin:" in path.rpartition("/attempt:")[2]
