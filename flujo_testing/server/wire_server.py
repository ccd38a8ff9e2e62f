"""The server that a test scripts: it answers the real SDKs on loopback, and records what they asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream

from flujo import Usage
from flujo_testing.agents.errors import FakeError, ScriptLeftOver, ScriptUnmatched
from flujo_testing.agents.fake import Fake
from flujo_testing.agents.passes import FakeState, pass_here
from flujo_testing.agents.places import standing_at
from flujo_testing.agents.scripts import Scripts
from flujo_testing.clock.loopback import announced
from flujo_testing.recordings import RecordedResponse, Recording, Replay, ReplayMiss, read_recording
from flujo_testing.server.askers import asker_of
from flujo_testing.server.connection import Connection, HungUp, Received
from flujo_testing.server.failures import StatusError
from flujo_testing.server.giving import BrokenOff, checked, give, refuse
from flujo_testing.server.recorded import exchange_for
from flujo_testing.server.requests import ENDPOINTS, WireRequest, request_of

NO_RETRY = ("x-should-retry", "false")
"""Understood by the SDKs: what is wrong with a script is not better the next time."""
NOT_SPOKEN = f"it answers POST {', '.join(f'/v1{endpoint}' for endpoint in ENDPOINTS)} that name a model"


class LLMServer(Fake):
    """Speaks OpenAI's chat completions and responses and Anthropic's messages, and says what its script says.

    ``async with server.serving():`` listens on loopback, at ``server.url``, in the running loop. ``usage`` is
    reported with every answer that brings none of its own; if none is given, none is reported. Items of a
    script are those of ``ScriptedAgent``; ToolUse and Turn; the failures that only a wire has (StatusError,
    Malformed, Stall); and a RecordedResponse, which is sent as it is.
    """

    def __init__(self, *, name: str = "llm_server", usage: Usage | None = None) -> None:
        super().__init__(name, Scripts.in_order(()))
        self.usage = usage
        self.url = ""
        """Where it listens: the base_url of any of the SDKs."""
        self._found_by: str | None = None
        self._replay: Replay | None = None
        self._port = 0
        self._connections: set[Connection] = set()

    def answer(self, *script: Any) -> None:
        """Answer in this order, each item once; more of them may be added later."""
        earlier = self.scripts.tracks[0][1] if self._found_by == "order" else ()
        self._take_over(Scripts.in_order([*earlier, *checked(script)]))

    def answer_by_path(self, scripts: Mapping[str, Any]) -> None:
        """Answer by the path of the step that asks: ``{"write": Script("a", "b"), "check": "fine"}``."""
        checked(scripts.values())
        self._take_over(Scripts.by_path(scripts))

    def answer_by_input(self, scripts: Mapping[str, Any]) -> None:
        """Answer by the first text of a user in the request: ``{"rain": "Grey rain"}``."""
        checked(scripts.values())
        self._take_over(Scripts.by_input(scripts))

    def answer_by_model(self, scripts: Mapping[str, Any]) -> None:
        """Answer by the model that is asked, as it stands in the request: ``{"gpt-4.1": "Grey rain"}``."""
        checked(scripts.values())
        self._take_over(Scripts.by_model(scripts))

    def answer_from(self, *recordings: Recording | str | Path) -> Replay:
        """Answer as was recorded, by what is asked; the Replay tells what was used, what was not, what was missed."""
        self._refuse_another("recordings")
        self._replay = Replay(*(one if isinstance(one, Recording) else read_recording(one) for one in recordings))
        self._state()
        return self._replay

    @property
    def requests(self) -> tuple[WireRequest, ...]:
        """What it was asked in this pass of the test, in the order of asking."""
        return tuple(call for call in self.calls if isinstance(call, WireRequest))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LLMServer]:
        """Listen until the end of the block."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        self._port = int(listener.extra(SocketAttribute.local_port))
        self.url = f"http://127.0.0.1:{self._port}"
        with announced(self._port, self._kept_waiting):
            async with listener, anyio.create_task_group() as group:
                group.start_soon(listener.serve, self._serve)
                yield self
                group.cancel_scope.cancel()

    def left_over(self, state: FakeState) -> FakeError | None:
        """What nobody asked for, of the script or of the recordings."""
        unused = self._replay.unused if self._replay else ()
        if not unused:
            return super().left_over(state)
        first = f"{unused[0].path}:{unused[0].line} (exchange {unused[0].position})"
        text = f"{self.who} still has {len(unused)} recorded answers when the test ends, the first is {first}"
        return ScriptLeftOver(f"{text}: remove what is too much, or find out why the pipeline asked less")

    def _take_over(self, scripts: Scripts) -> None:
        self._refuse_another(scripts.found_by)
        self.scripts = scripts
        self._state()

    def _refuse_another(self, kind: str) -> None:
        if self._found_by is not None and not self._found_by == kind == "order":
            raise FakeError(f"{self.who} has its answers by {self._found_by} already: give them all at once")
        self._found_by = kind

    def _kept_waiting(self) -> set[int]:
        return {connection.client_port for connection in self._connections if connection.silent}

    async def _serve(self, stream: SocketStream) -> None:
        async with stream:
            connection = Connection(stream)
            self._connections.add(connection)
            try:
                if (received := await connection.request()) is not None:
                    await self._answered(received, connection)
            except (HungUp, BrokenOff):
                return  # by the client or by the script: the test sees it in what the SDK makes of it
            finally:
                self._connections.remove(connection)

    async def _answered(self, received: Received, connection: Connection) -> None:
        place = await asker_of(connection.client_port, self._port)
        with standing_at(place):
            request = request_of(received, None if place is None else place.path)
            self._state().calls.append(request)
            try:
                if self._replay is not None:
                    await give(self._recorded(request, self._replay), request, connection, None)
                elif request.api is None:
                    raise self._misuse(f"{self.who} was asked {request.method} {request.url}: {NOT_SPOKEN}", request)
                else:
                    await self._by_script(request, connection)
            except FakeError as misuse:
                await refuse(StatusError(400, str(misuse)), request.api, connection, NO_RETRY)

    async def _by_script(self, request: WireRequest, connection: Connection) -> None:
        given = request.model if self.scripts.found_by == "model" else request.input
        with self._taken(given, request.path) as item:
            await give(item, request, connection, self.usage)

    def _recorded(self, request: WireRequest, replay: Replay) -> RecordedResponse:
        try:
            return exchange_for(request, replay).response
        except ReplayMiss as miss:
            raise self._misuse(str(miss), request) from miss

    def _misuse(self, text: str, request: WireRequest) -> FakeError:
        misuse = ScriptUnmatched(text, path=request.path)
        self._state().misused = True
        if (now := pass_here()) is not None:
            now.remember(misuse)
        return misuse
