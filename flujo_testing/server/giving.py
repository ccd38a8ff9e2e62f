"""How an item of a script goes over the wire: as an answer, in pieces or whole, or as one of the failures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any, Protocol

from flujo import AgentError, Usage
from flujo_testing.agents.errors import FakeError
from flujo_testing.agents.scripts import Script, is_error, shown
from flujo_testing.recordings import RecordedResponse
from flujo_testing.server import chat, messages, responses
from flujo_testing.server.answers import Answer, answer_of
from flujo_testing.server.connection import Connection, Received
from flujo_testing.server.failures import Malformed, Stall, StatusError
from flujo_testing.server.requests import Api, WireRequest, request_of
from flujo_testing.server.sse import Event, Json

JSON = (("content-type", "application/json"),)
EVENTS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


class Words(Protocol):
    """An API: how it says an answer whole, and in events before, at and after each piece of text."""

    def whole(self, answer: Answer, request: WireRequest, /) -> Json: ...
    def opening(self, answer: Answer, request: WireRequest, /) -> Iterator[Event]: ...
    def delta(self, answer: Answer, index: int, /) -> Event: ...
    def closing(self, answer: Answer, request: WireRequest, /) -> Iterator[Event | bytes]: ...
    def broken(self, answer: Answer, error: StatusError, /) -> Event: ...
    def refused(self, error: StatusError, /) -> Json: ...


WORDS: Mapping[Api, Words] = {"chat": chat, "responses": responses, "messages": messages}


NOBODY = request_of(Received("POST", "/v1/responses", {}, b'{"model": "none"}'), None)
"""A request to try out what may be answered."""


class BrokenOff(Exception):
    """The script says that the connection breaks here."""


async def give(item: Any, request: WireRequest, connection: Connection, usage: Usage | None) -> None:
    """Send it. Raises BrokenOff, and HungUp."""
    match item:
        case Stall():
            await connection.silence(item.seconds)
            await give(item.then, request, connection, usage)
        case RecordedResponse():
            await connection.respond(item.status, item.headers, item.content)
        case _ if is_error(item):
            await _fail(_made(item) if isinstance(item, type) else item, request, connection)
        case _ if request.streamed:
            await _stream(answer_of(item, request, usage), request, connection)
        case _:
            await _whole(answer_of(item, request, usage), request, connection)


def checked(items: Iterable[Any]) -> list[Any]:
    """The items of a script. Raises FakeError for what no server can answer."""
    for item in items:
        if isinstance(item, Script):
            checked(item.items)
        elif isinstance(item, Stall):
            checked([item.then])
        elif is_error(item):
            error = item if isinstance(item, type) else type(item)
            if not issubclass(error, Exception):
                raise FakeError(f"a server cannot answer with {shown(item)}: it ends a process, not a request")
            if isinstance(item, type):
                _made(item)
        elif not isinstance(item, RecordedResponse):
            answer_of(item, NOBODY, None)
    return list(items)


def _made(error: type[BaseException]) -> BaseException:
    try:
        return error()
    except TypeError as why:
        raise FakeError(f"a server cannot answer with {shown(error)}, which takes arguments: give one") from why


async def refuse(error: StatusError, api: Api | None, connection: Connection, *headers: tuple[str, str]) -> None:
    """An answer with the status of the error, in the API's own format."""
    after = () if error.retry_after_s is None else (("retry-after", f"{error.retry_after_s:g}"),)
    body = json.dumps(WORDS[api or "chat"].refused(error)).encode()
    await connection.respond(error.status, [*JSON, *after, *headers], body)


async def _fail(error: BaseException, request: WireRequest, connection: Connection) -> None:
    match error:
        case Malformed():
            await connection.respond(200, EVENTS if request.streamed else JSON, error.text.encode())
        case ConnectionError():
            raise BrokenOff
        case TimeoutError():
            await connection.silence(inf)
        case _:
            await refuse(_as_status(error), request.api, connection)


async def _whole(answer: Answer, request: WireRequest, connection: Connection) -> None:
    """What breaks off behind its pieces shows half of the body, if it shows any."""
    if answer.pause_s:
        await connection.silence(answer.pause_s * len(answer.texts))
    body = json.dumps(_words(request).whole(answer, request)).encode()
    half = body[: len(body) // 2]
    match answer.error:
        case None:
            await connection.respond(200, JSON, body)
        case Malformed():
            await connection.respond(200, JSON, half + answer.error.text.encode())
        case ConnectionError() | TimeoutError():
            await connection.begin(200, [*JSON, ("content-length", str(len(body)))])
            await connection.send(half)
            await _fail(answer.error, request, connection)
        case _:
            await _fail(answer.error, request, connection)


async def _stream(answer: Answer, request: WireRequest, connection: Connection) -> None:
    words = _words(request)
    await connection.begin(200, EVENTS)
    await connection.send(b"".join(map(bytes, words.opening(answer, request))))
    for index in range(len(answer.texts)):
        if answer.pause_s:
            await connection.silence(answer.pause_s)
        await connection.send(bytes(words.delta(answer, index)))
    match answer.error:
        case None:
            await connection.send(b"".join(map(bytes, words.closing(answer, request))))
        case Malformed():
            await connection.send(f"data: {answer.error.text}\n\n".encode() if answer.error.text else b"")
        case ConnectionError() | TimeoutError():
            await _fail(answer.error, request, connection)
        case _:
            await connection.send(bytes(words.broken(answer, _as_status(answer.error))))
    await connection.end()


def _words(request: WireRequest) -> Words:
    assert request.api is not None
    return WORDS[request.api]


def _as_status(error: BaseException) -> StatusError:
    """What an agent would have raised is an internal error of the provider, which may report its usage."""
    if isinstance(error, StatusError):
        return error
    return StatusError(500, str(error), usage=error.usage if isinstance(error, AgentError) else None)
