"""What a transport of any HTTP library does with a request while recordings answer it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flujo_testing.recordings.replay import Replay
from flujo_testing.recordings.vcr import RecordedRequest, Recording, body_of, read_recording


class Answering:
    """Answers each request from the recordings by its content, or raises ReplayMiss.

    ``replay`` tells what was used, what was not, and what was missed. ``response_class`` is that of the library.
    """

    response_class: type[Any]

    def __init__(self, *recordings: Recording | str | Path) -> None:
        self.replay = Replay(*(r if isinstance(r, Recording) else read_recording(r) for r in recordings))

    async def handle_async_request(self, request: Any) -> Any:
        return self._answer(request, await request.aread())

    def handle_request(self, request: Any) -> Any:
        return self._answer(request, request.read())

    def _answer(self, request: Any, content: bytes) -> Any:
        asked = RecordedRequest(request.method, str(request.url), body_of(content))
        response = self.replay.answer(asked).response
        return self.response_class(response.status, headers=list(response.headers), content=response.content)
