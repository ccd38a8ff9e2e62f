"""A recording behind an SDK that is built on httpx, such as Groq's or Cohere's:
``AsyncGroq(http_client=httpx.AsyncClient(transport=...))``.

The SDK is not modified, and no socket is opened.
"""

from __future__ import annotations

from pathlib import Path

try:
    import httpx
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo_testing.recordings.httpx_transport needs httpx, which comes with SDKs that are built on it: "
        "pip install httpx",
        name=missing.name,
    ) from missing

from flujo_testing.recordings.replay import Replay
from flujo_testing.recordings.vcr import RecordedRequest, Recording, body_of, read_recording


class ReplayTransport(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Answers each request from the recordings by its content, or raises ReplayMiss.

    ``replay`` tells what was used, what was not, and what was missed.
    """

    def __init__(self, *recordings: Recording | str | Path) -> None:
        self.replay = Replay(*(r if isinstance(r, Recording) else read_recording(r) for r in recordings))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, await request.aread())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, request.read())

    def _answer(self, request: httpx.Request, content: bytes) -> httpx.Response:
        asked = RecordedRequest(request.method, str(request.url), body_of(content))
        response = self.replay.answer(asked).response
        return httpx.Response(response.status, headers=list(response.headers), content=response.content)
