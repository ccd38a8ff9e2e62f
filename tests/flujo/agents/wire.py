"""A provider in process: answers, written by hand, for the real SDK; it keeps the requests that it got."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from openai import AsyncOpenAI

from flujo import Usage


class Bytes(httpx2.AsyncByteStream):
    """A body that arrives in pieces, and that may be lost on its way."""

    def __init__(self, *pieces: bytes, lost: Exception | None = None) -> None:
        self.pieces = pieces
        self.lost = lost

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.lost:
            raise self.lost


@dataclass(frozen=True)
class Answer:
    """What the wire answers, as often as it is asked for it."""

    status: int = 200
    pieces: tuple[bytes, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    lost: Exception | None = None

    def response(self) -> httpx2.Response:
        return httpx2.Response(self.status, headers=self.headers, stream=Bytes(*self.pieces, lost=self.lost))


class Wire(httpx2.AsyncBaseTransport):
    """Gives its answers in order, whatever is asked; an exception stands for a connection that failed."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer.response()

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def client(*answers: Answer | Exception) -> tuple[AsyncOpenAI, Wire]:
    """An SDK client with its own retries on, as users have it, and the wire behind it."""
    wire = Wire(*answers)
    http_client = httpx2.AsyncClient(transport=wire)
    return AsyncOpenAI(api_key="unused", base_url="https://api.test/v1", http_client=http_client), wire


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    kind = {"content-type": "application/json"}
    return Answer(status, (json.dumps(body).encode(),), {**kind, **headers})


def sse(*events: object, done: bool = True) -> bytes:
    sent = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*sent, "data: [DONE]\n\n"] if done else sent).encode()


def streamed(*events: object, done: bool = True) -> Answer:
    """The events, cut into pieces of 7 bytes."""
    content = sse(*events, done=done)
    return in_pieces(*(content[at : at + 7] for at in range(0, len(content), 7)))


def in_pieces(*pieces: bytes, lost: Exception | None = None) -> Answer:
    return Answer(200, pieces, {"content-type": "text/event-stream"}, lost)


USAGE = {
    "prompt_tokens": 101,
    "completion_tokens": 53,
    "total_tokens": 154,
    "prompt_tokens_details": {
        "cached_tokens": 37,
        "cache_write_tokens": 11,
        "audio_tokens": 13,
        "image_tokens": 7,
    },
    "completion_tokens_details": {"reasoning_tokens": 29, "audio_tokens": 5, "accepted_prediction_tokens": 3},
}

ALL_KINDS = Usage(
    input_tokens=101,
    cache_read_tokens=37,
    cache_write_tokens=11,
    input_audio_tokens=13,
    input_image_tokens=7,
    output_tokens=53,
    output_reasoning_tokens=29,
    output_audio_tokens=5,
)


def completion(message: object, finish: str | None = "stop", **more: object) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return {"id": "c", "model": "gpt-x-1", "choices": [choice], "usage": USAGE, **more}


def saying(content: str | None, finish: str | None = "stop", **more: object) -> Answer:
    return answer(completion({"role": "assistant", "content": content}, finish, **more))


def chunk(delta: object = None, finish: str | None = None, **more: object) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"model": "gpt-x-1", "choices": choices, **more}


RESPONSE_USAGE = {
    "input_tokens": 101,
    "output_tokens": 53,
    "total_tokens": 154,
    "input_tokens_details": {"cached_tokens": 37, "cache_write_tokens": 11},
    "output_tokens_details": {"reasoning_tokens": 29},
}


def message(*parts: object) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "status": "completed", "content": list(parts)}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": []}


def response(*output: object, status: str = "completed", **more: object) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "model": "gpt-x-1",
        "status": status,
        "error": None,
        "output": list(output),
        "usage": RESPONSE_USAGE,
        **more,
    }
