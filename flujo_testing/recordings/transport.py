"""A recording behind an SDK's own HTTP client:
``AsyncOpenAI(http_client=httpx2.AsyncClient(transport=...))``.

The SDK is not modified, and no socket is opened. The HTTP library is httpx2, which the OpenAI SDK is built
on.
"""

from __future__ import annotations

from pathlib import Path

try:
    import httpx2
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo_testing.recordings.transport needs httpx2, which comes with the OpenAI SDK: "
        "pip install 'flujo-pipelines[openai,testing]'",
        name=missing.name,
    ) from missing

from flujo_testing.recordings.replay import Replay
from flujo_testing.recordings.vcr import RecordedRequest, Recording, body_of, read_recording


class ReplayTransport(httpx2.AsyncBaseTransport, httpx2.BaseTransport):
    """Answers each request from the recordings by its content, or raises ReplayMiss.

    ``replay`` tells what was used, what was not, and what was missed.
    """

    def __init__(self, *recordings: Recording | str | Path) -> None:
        self.replay = Replay(*(r if isinstance(r, Recording) else read_recording(r) for r in recordings))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._answer(request, await request.aread())

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._answer(request, request.read())

    def _answer(self, request: httpx2.Request, content: bytes) -> httpx2.Response:
        asked = RecordedRequest(request.method, str(request.url), body_of(content))
        response = self.replay.answer(asked).response
        return httpx2.Response(response.status, headers=list(response.headers), content=response.content)
