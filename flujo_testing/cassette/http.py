"""Records and replays what an SDK sends, behind its own HTTP client: for requests that no agent of a run makes alone.

``AsyncOpenAI(http_client=httpx2.AsyncClient(transport=cassette.transport(httpx2)))``: httpx2 and httpx have the same
transports, so the library is an argument. A request is recorded with its method, address and body, at the path of the
ask that it belongs to; an answer with its status, its body, and the headers below. No other header is kept.
"""

from __future__ import annotations

import contextlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import anyio

from flujo_testing.agents.places import here
from flujo_testing.cassette.answers import NO_ANSWER, error_from, told_error
from flujo_testing.cassette.errors import CassetteMisuse
from flujo_testing.cassette.exchange import Data, Exchange
from flujo_testing.cassette.player import Player
from flujo_testing.recordings.replay import SAYS_NOTHING
from flujo_testing.recordings.vcr import body_of

KEPT_HEADERS: Final = ("content-type", "retry-after", "retry-after-ms")
SECRET_PARAMETERS: Final = frozenset({"access_token", "api-key", "api_key", "apikey", "key", "sig", "token"})
"""Parameters of addresses in which providers take keys."""
OUTSIDE: Final = "outside of all runs"


def transport(library: Any, player: Player, inner: Any = None) -> Any:
    """A transport for clients of ``library``, httpx or httpx2; ``inner`` sends what is recorded, on its network."""
    for name in ("AsyncBaseTransport", "BaseTransport", "AsyncHTTPTransport", "HTTPTransport", "Response"):
        if name not in vars(library):
            raise CassetteMisuse(f"cassette.transport takes the module httpx or httpx2, not {library!r}")

    class CassetteTransport(library.AsyncBaseTransport, library.BaseTransport):  # type: ignore[misc]
        """Answers from the cassette, or records what the network answers."""

        async def handle_async_request(self, request: Any) -> Any:
            asked = _request(request, await request.aread())
            found = player.recorded(_place(), asked)
            if found is not None and found.answer == NO_ANSWER:
                await anyio.sleep_forever()
            if found is not None:
                return _response(library, found)
            with _Recording(player, asked) as recording:
                async with contextlib.aclosing(inner or library.AsyncHTTPTransport()) as network:
                    recording.response = await network.handle_async_request(request)
                    recording.content = b"".join([part async for part in recording.response.aiter_bytes()])
            return _response(library, recording.exchange)

        def handle_request(self, request: Any) -> Any:
            asked = _request(request, request.read())
            found = player.recorded(_place(), asked)
            if found is not None and found.answer == NO_ANSWER:
                raise library.ReadTimeout("no answer was recorded", request=request)
            if found is not None:
                return _response(library, found)
            with (
                _Recording(player, asked) as recording,
                contextlib.closing(inner or library.HTTPTransport()) as network,
            ):
                recording.response = network.handle_request(request)
                recording.content = b"".join(recording.response.iter_bytes())
            return _response(library, recording.exchange)

    return CassetteTransport()


class _Recording:
    """One live request: keeps the answer of the block, or what it raises."""

    def __init__(self, player: Player, asked: Data) -> None:
        self._player = player
        self._asked = asked
        self._at = _place()
        self.response: Any = None
        self.content = b""

    def __enter__(self) -> _Recording:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._player.keep(self._at, self._asked, self.exchange.answer)
        elif isinstance(error, Exception):
            self._player.keep(self._at, self._asked, told_error(error))
        else:
            self._player.give_up(self._at, self._asked)

    @property
    def exchange(self) -> Exchange:
        headers = {name: value for name in KEPT_HEADERS if (value := self.response.headers.get(name)) is not None}
        answer = {"status": self.response.status_code, "headers": headers, **body_told(self.content)}
        return Exchange(self._at, self._asked, answer)


def _place() -> str:
    place = here()
    return OUTSIDE if place is None or place.path is None else place.path


def _request(request: Any, content: bytes) -> dict[str, Any]:
    body = body_of(content)
    told = {"$base64": b64encode(body).decode("ascii")} if isinstance(body, bytes) else body
    return {"method": request.method.upper(), "url": address(str(request.url)), "body": told}


def address(url: str) -> str:
    """An address in one spelling: parameters sorted, without keys, user names and fragments."""
    parts = urlsplit(url)
    parameters = sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair not in SAYS_NOTHING)
    query = urlencode([(name, value) for name, value in parameters if name.lower() not in SECRET_PARAMETERS])
    return urlunsplit((parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower(), parts.path, query, ""))


def body_told(content: bytes) -> dict[str, Any]:
    try:
        return {"text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body": {"$base64": b64encode(content).decode("ascii")}}


def _body_from(answer: Mapping[str, Any]) -> bytes:
    return str(answer["text"]).encode("utf-8") if "text" in answer else b64decode(answer["body"]["$base64"])


def _response(library: Any, exchange: Exchange) -> Any:
    answer = exchange.answer
    if "error" in answer:
        known = vars(library).get(answer["error"])
        is_of_library = isinstance(known, type) and issubclass(known, library.TransportError)
        raise known(answer["message"]) if is_of_library else error_from(answer)
    return library.Response(int(answer["status"]), headers=dict(answer["headers"]), content=_body_from(answer))
