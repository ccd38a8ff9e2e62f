"""One connection of a client: HTTP/1.1 over h11. It knows bytes and silence, not what they are about.

It serves one request. A client that keeps connections, and is not closed at the end of a test, then leaves none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream

try:
    import h11
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo_testing.server needs h11: pip install 'flujo-pipelines[testing]'", name=missing.name
    ) from missing

Headers = Iterable[tuple[str, str]]

_CHUNK_BYTES = 65_536
_LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError)


class HungUp(Exception):
    """The client has closed the connection, or speaks no HTTP."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came; names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes


class Connection:
    """A request in, a response out. Raises HungUp when the client is gone."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER)
        self.client_port = int(stream.extra(SocketAttribute.remote_port))
        self.silent = False
        """Whether it says nothing on purpose."""
        self._left = False

    async def request(self) -> Received | None:
        """The request; None when the client closes the connection without one."""
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        content = b""
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise HungUp("in the middle of its request")
            content += event.data
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        return Received(head.method.decode(), head.target.decode(), headers, content)

    async def respond(self, status: int, headers: Headers, content: bytes) -> None:
        """A whole response."""
        await self.begin(status, [*headers, ("content-length", str(len(content)))])
        await self.send(content)
        await self.end()

    async def begin(self, status: int, headers: Headers) -> None:
        """The head of a response; without a content-length its body comes in chunks."""
        all_headers = [*(pair for pair in headers if pair[0] != "connection"), ("connection", "close")]
        await self._send(h11.Response(status_code=status, headers=all_headers))

    async def send(self, content: bytes) -> None:
        await self._send(h11.Data(data=content))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def silence(self, seconds: float) -> None:
        """Say nothing for so long, unless the client hangs up before."""
        self.silent = True
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._listen, group.cancel_scope)
                await (anyio.sleep_forever() if seconds == inf else anyio.sleep(seconds))
                group.cancel_scope.cancel()
        finally:
            self.silent = False
        if self._left:
            raise HungUp("while it waited")

    async def _listen(self, until: anyio.CancelScope) -> None:
        """Hear that the client hangs up."""
        while await self._receive():
            continue
        until.cancel()

    async def _next_event(self) -> Any:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise HungUp(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            await self._receive()

    async def _receive(self) -> bool:
        """Whether there was something before the end."""
        try:
            data = await self._stream.receive(_CHUNK_BYTES)
        except (anyio.EndOfStream, *_LOST):
            data = b""
        self._left = not data
        self._http.receive_data(data)
        return not self._left

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        try:
            if data:
                await self._stream.send(data)
        except _LOST as lost:
            raise HungUp("while it was answered") from lost
