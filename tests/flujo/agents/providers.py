"""Every adapter with an answer of its provider, written by hand: what all must do is tested over all of them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI

from flujo import Usage
from flujo.agents.anthropic import AnthropicMessages
from flujo.agents.bedrock import BedrockConverse
from flujo.agents.cohere import CohereChat
from flujo.agents.google import Gemini
from flujo.agents.openai import OpenAIChat, OpenAIResponses
from tests.flujo.agents.wire import Answer, sse

HOST = "https://api.test"


@dataclass(frozen=True)
class Provider:
    """``whole`` and ``events`` answer with pieces of text, and with usage or without; the last event is the end."""

    name: str
    make: Callable[..., Any]
    whole: Callable[[str, bool], object]
    events: Callable[[Sequence[str], bool], list[Any]]
    usage: Usage
    model: str = "m-1"
    encode: Callable[..., bytes] = sse

    def answer(self, said: str, *, reports: bool = True) -> Answer:
        body = json.dumps(self.whole(said, reports)).encode()
        return Answer(200, (body,), {"content-type": "application/json"})

    def stream(self, *said: str, reports: bool = True, events: int | None = None) -> Answer:
        """``events``: only so many of them, counted from the end if negative."""
        return self.sent(self.events(said, reports)[:events])

    def sent(self, events: list[Any], lost: Exception | None = None) -> Answer:
        content = self.encode(*events, done=False)
        pieces = tuple(content[at : at + 7] for at in range(0, len(content), 7))
        return Answer(200, pieces, {"content-type": "text/event-stream"}, lost)

    def wants_stream(self, request: httpx2.Request) -> bool:
        return "tream" in request.url.path or b'"stream":true' in request.content.replace(b" ", b"")


class Anything(httpx2.AsyncBaseTransport):
    """Answers every request, streamed where it is asked so."""

    def __init__(self, provider: Provider, *, reports: bool = True) -> None:
        self.provider = provider
        self.reports = reports

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.provider.wants_stream(request):
            return self.provider.stream("Gr", "ey.", reports=self.reports).response()
        return self.provider.answer("Grey.", reports=self.reports).response()


def http(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=transport, base_url=HOST)


# OpenAI -----------------------------------------------------------------------------------------------------


def _openai(transport: httpx2.AsyncBaseTransport) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="unused", base_url=f"{HOST}/v1", http_client=http(transport))


def _chat(transport: httpx2.AsyncBaseTransport, **options: Any) -> OpenAIChat:
    return OpenAIChat("m", client=_openai(transport), provider="p", **options)


def _responses(transport: httpx2.AsyncBaseTransport, **options: Any) -> OpenAIResponses:
    return OpenAIResponses("m", client=_openai(transport), provider="p", **options)


CHAT_USAGE = {
    "prompt_tokens": 101,
    "prompt_tokens_details": {"cached_tokens": 37},
    "completion_tokens": 53,
    "completion_tokens_details": {"reasoning_tokens": 29},
}
RESPONSE_USAGE = {
    "input_tokens": 101,
    "input_tokens_details": {"cached_tokens": 37},
    "output_tokens": 53,
    "output_tokens_details": {"reasoning_tokens": 29},
}


def _chat_answer(said: str, reports: bool) -> object:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
    return {"model": "m-1", "choices": [choice], **({"usage": CHAT_USAGE} if reports else {})}


def _chat_events(said: Sequence[str], reports: bool) -> list[Any]:
    deltas = [{"index": 0, "delta": {"content": part}, "finish_reason": None} for part in said]
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks: list[dict[str, Any]] = [{"model": "m-1", "choices": [choice]} for choice in deltas]
    if reports:
        chunks[-1]["usage"] = CHAT_USAGE
    return [*chunks, {"model": "m-1", "choices": [end]}]


def _response(said: str, reports: bool) -> dict[str, Any]:
    message = {"type": "message", "content": [{"type": "output_text", "text": said}]}
    usage = {"usage": RESPONSE_USAGE} if reports else {}
    return {"id": "r", "model": "m-1", "status": "completed", "output": [message], **usage}


def _response_events(said: Sequence[str], reports: bool) -> list[Any]:
    whole = _response("".join(said), reports)
    begun = {"type": "response.in_progress", "response": {**whole, "output": [], "status": "in_progress"}}
    deltas = [{"type": "response.output_text.delta", "delta": part} for part in said]
    return [begun, *deltas, {"type": "response.completed", "response": whole}]


# Anthropic --------------------------------------------------------------------------------------------------


def _messages(transport: httpx2.AsyncBaseTransport, **options: Any) -> AnthropicMessages:
    client = AsyncAnthropic(api_key="unused", base_url=HOST, http_client=http(transport))
    return AnthropicMessages("m", client=client, provider="p", **options)


MESSAGE_USAGE = {
    "input_tokens": 53,
    "cache_read_input_tokens": 37,
    "cache_creation_input_tokens": 11,
    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 7},
    "output_tokens": 53,
    "output_tokens_details": {"thinking_tokens": 29},
}


def message(*content: Any, stop: str | None = "end_turn", usage: Any = None) -> dict[str, Any]:
    reported = {} if usage is None else {"usage": usage}
    return {"model": "m-1", "role": "assistant", "stop_reason": stop, "content": list(content), **reported}


def _message(said: str, reports: bool) -> object:
    return message({"type": "text", "text": said}, usage=MESSAGE_USAGE if reports else None)


def _message_events(said: Sequence[str], reports: bool) -> list[Any]:
    """Counts of the cache come at the start, those of the output at the end."""
    first = {key: count for key, count in MESSAGE_USAGE.items() if not key.startswith("output")} | {"output_tokens": 1}
    last = {"output_tokens": 53, "output_tokens_details": {"thinking_tokens": 29}, "cache_creation": None}
    start = message(stop=None, usage=first if reports else None)
    delta: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    deltas = [{"type": "text_delta", "text": part} for part in said]
    return [
        {"type": "message_start", "message": start},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta_} for delta_ in deltas),
        {"type": "content_block_stop", "index": 0},
        {**delta, **({"usage": last} if reports else {})},
        {"type": "message_stop"},
    ]


# Google -----------------------------------------------------------------------------------------------------


def _gemini(transport: httpx2.AsyncBaseTransport, **options: Any) -> Gemini:
    http_options = types.HttpOptions(base_url=HOST, httpx_async_client=http(transport))
    return Gemini("m", client=genai.Client(api_key="unused", http_options=http_options), provider="p", **options)


CONTENT_USAGE = {
    "promptTokenCount": 96,
    "toolUsePromptTokenCount": 5,
    "cachedContentTokenCount": 37,
    "candidatesTokenCount": 24,
    "thoughtsTokenCount": 29,
    "totalTokenCount": 154,
}


def content(*parts: Any, finish: str | None = "STOP", usage: Any = None, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, **({"finishReason": finish} if finish else {})}
    reported = {} if usage is None else {"usageMetadata": usage}
    return {"modelVersion": "m-1", "candidates": [candidate], **reported, **more}


def _content(said: str, reports: bool) -> object:
    return content({"text": said}, usage=CONTENT_USAGE if reports else None)


def _content_events(said: Sequence[str], reports: bool) -> list[Any]:
    usage = CONTENT_USAGE if reports else None
    return [*(content({"text": part}, finish=None, usage=usage) for part in said), content(usage=usage)]


# Bedrock ----------------------------------------------------------------------------------------------------


def _converse(transport: httpx2.AsyncBaseTransport, **options: Any) -> BedrockConverse:
    return BedrockConverse("m-1", client=http(transport), provider="p", **options)


CONVERSE_USAGE = {
    "inputTokens": 53,
    "cacheReadInputTokens": 37,
    "cacheWriteInputTokens": 11,
    "cacheDetails": [{"inputTokens": 4, "ttl": "5m"}, {"inputTokens": 7, "ttl": "1h"}],
    "outputTokens": 53,
    "totalTokens": 154,
}


def converse(*blocks: Any, stop: str = "end_turn", usage: Any = None, **more: Any) -> dict[str, Any]:
    reported = {} if usage is None else {"usage": usage}
    output = {"message": {"role": "assistant", "content": list(blocks)}}
    return {"output": output, "stopReason": stop, **reported, **more}


def _converse_answer(said: str, reports: bool) -> object:
    return converse({"text": said}, usage=CONVERSE_USAGE if reports else None)


def _converse_events(said: Sequence[str], reports: bool) -> list[Any]:
    """Usage comes after the end of the message, so here it comes before it, to be there in half a stream."""
    deltas = [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": part}}) for part in said]
    usage = [("metadata", {"usage": CONVERSE_USAGE})] if reports else []
    return [("messageStart", {"role": "assistant"}), *deltas, *usage, ("messageStop", {"stopReason": "end_turn"})]


def frames(*events: tuple[str, object], done: bool = False) -> bytes:
    """An AWS event stream."""
    return b"".join(frame({":message-type": "event", ":event-type": kind}, data) for kind, data in events)


def frame(headers: dict[str, str], data: object, more_headers: bytes = b"") -> bytes:
    payload = data if isinstance(data, bytes) else json.dumps(data).encode()
    head = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    head += more_headers
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return body + struct.pack(">I", zlib.crc32(body))


# Cohere -----------------------------------------------------------------------------------------------------


def _cohere(transport: httpx2.AsyncBaseTransport, **options: Any) -> CohereChat:
    return CohereChat("m-1", client=http(transport), provider="p", **options)


COHERE_USAGE = {"billed_units": {"input_tokens": 101, "output_tokens": 53.0}}


def cohere(message: object, finish: str = "COMPLETE", usage: Any = COHERE_USAGE) -> dict[str, Any]:
    return {"finish_reason": finish, "message": message, **({"usage": usage} if usage else {})}


def _cohere_answer(said: str, reports: bool) -> object:
    spoken = {"role": "assistant", "content": [{"type": "text", "text": said}]}
    return cohere(spoken, usage=COHERE_USAGE if reports else None)


def _cohere_events(said: Sequence[str], reports: bool) -> list[Any]:
    def part(kind: str, content: object) -> object:
        return {"type": kind, "index": 0, "delta": {"message": {"content": content}}}

    end = {"finish_reason": "COMPLETE", **({"usage": COHERE_USAGE} if reports else {})}
    return [
        part("content-start", {"type": "text", "text": ""}),
        *(part("content-delta", {"text": piece}) for piece in said),
        {"type": "message-end", "delta": end},
    ]


REPORTED = Usage(input_tokens=101, cache_read_tokens=37, output_tokens=53, output_reasoning_tokens=29)
WRITTEN = Usage(
    input_tokens=101,
    cache_read_tokens=37,
    cache_write_tokens=11,
    cache_write_1h_tokens=7,
    output_tokens=53,
    output_reasoning_tokens=29,
)
CHAT = Provider("openai chat", _chat, _chat_answer, _chat_events, REPORTED)
RESPONSES = Provider("openai responses", _responses, _response, _response_events, REPORTED)
ANTHROPIC = Provider("anthropic", _messages, _message, _message_events, WRITTEN)
GOOGLE = Provider("google", _gemini, _content, _content_events, REPORTED)
BEDROCK = Provider(
    "bedrock",
    _converse,
    _converse_answer,
    _converse_events,
    Usage(input_tokens=101, cache_read_tokens=37, cache_write_tokens=11, cache_write_1h_tokens=7, output_tokens=53),
    encode=frames,
)
COHERE = Provider("cohere", _cohere, _cohere_answer, _cohere_events, Usage(input_tokens=101, output_tokens=53))
PROVIDERS = (CHAT, RESPONSES, ANTHROPIC, GOOGLE, BEDROCK, COHERE)
