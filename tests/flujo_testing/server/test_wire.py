"""The bodies and events of the server are what the SDKs' own types describe: nothing is missing, nothing is off."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from flujo import AgentOutput
from flujo_testing import Chunks
from flujo_testing.server import LLMServer, StatusError, ToolUse, Turn
from tests.flujo_testing.server.sdks import USAGE

# Bytes are the same on both backends: ``test_sdks.py`` reads them there.
pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])
ADDRESSES = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
WHOLE: dict[str, Any] = {"chat": ChatCompletion, "responses": Response, "messages": Message}
EVENTS: dict[str, Any] = {
    "chat": ChatCompletionChunk,
    "responses": ResponseStreamEvent,
    "messages": RawMessageStreamEvent,
}
ITEMS = {
    "text": AgentOutput("Grey rain", usage=USAGE),
    "nothing": AgentOutput("", usage=USAGE),
    "pieces": AgentOutput(Chunks(["Grey", " ", "rain"]), usage=USAGE),
    "tools": AgentOutput(Turn("I look.", ToolUse("weather", {"city": "Oslo"}), ToolUse("time")), usage=USAGE),
    "a tool": AgentOutput(ToolUse("weather", {"city": "Oslo"}), usage=USAGE),
}
KINDS: dict[str, dict[str, list[str]]] = {
    "text": {
        "responses": [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ],
        "messages": [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ],
    },
    "a tool": {
        "responses": [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ],
        "messages": [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ],
    },
}
each_api = pytest.mark.parametrize("api", ADDRESSES)
each_item = pytest.mark.parametrize("item", ITEMS)


async def posted(server: LLMServer, api: str, **more: object) -> httpx2.Response:
    body = {"model": "gpt-x", "messages": [], "input": "Rain?", **more}
    async with httpx2.AsyncClient() as client:
        return await client.post(server.url + ADDRESSES[api], json=body)


def events(text: str) -> list[tuple[str | None, Any]]:
    """Names and data, read line by line as the standard says."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields.get("event"), fields["data"]))
    return found


@each_api
@each_item
async def test_whole_answers_are_what_the_types_of_the_sdk_say(api: str, item: str, llm_server: LLMServer) -> None:
    llm_server.answer(ITEMS[item])
    response = await posted(llm_server, api)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    body = response.json()
    assert set(body) <= set(WHOLE[api].model_validate(body).model_dump())


@each_api
@each_item
async def test_events_are_what_the_types_of_the_sdk_say(api: str, item: str, llm_server: LLMServer) -> None:
    llm_server.answer(ITEMS[item])
    response = await posted(llm_server, api, stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    told = events(response.text)
    if api == "chat":
        assert told.pop() == (None, "[DONE]")
    one = TypeAdapter(EVENTS[api])
    for name, data in told:
        event = json.loads(data)
        assert name == event.get("type")
        if name != "ping":  # known to the SDK, but of no type
            assert set(event) <= set(one.dump_python(one.validate_python(event)))
    if api == "responses":
        assert [json.loads(data)["sequence_number"] for _, data in told] == list(range(len(told)))
    if item in KINDS and api != "chat":
        assert [name for name, _ in told] == KINDS[item][api]


async def test_usage_of_a_streamed_chat_comes_when_it_is_asked_for(llm_server: LLMServer) -> None:
    llm_server.answer(ITEMS["text"], ITEMS["text"])
    asked = events((await posted(llm_server, "chat", stream=True, stream_options={"include_usage": True})).text)
    unasked = events((await posted(llm_server, "chat", stream=True)).text)
    with_usage = [("usage" in data, '"choices": []' in data) for _, data in asked]
    assert with_usage == [(False, False), (False, False), (False, False), (True, True), (False, False)]
    assert ["usage" in data for _, data in unasked] == [False, False, False, False]


async def test_the_first_event_of_anthropic_counts_the_input_and_the_last_one_everything(
    llm_server: LLMServer,
) -> None:
    llm_server.answer(ITEMS["text"])
    told = [json.loads(data) for _, data in events((await posted(llm_server, "messages", stream=True)).text)]
    writes = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 11}
    of_input = {"input_tokens": 69, "cache_creation_input_tokens": 31, "cache_read_input_tokens": 20}
    begun = {**of_input, "cache_creation": writes, "output_tokens": 1, "service_tier": "standard"}
    assert told[0]["message"]["usage"] == {**begun, "output_tokens_details": {"thinking_tokens": 0}}
    assert told[-2]["usage"] == {**of_input, "output_tokens": 47, "output_tokens_details": {"thinking_tokens": 7}}


REFUSED: dict[str, dict[int, dict[str, object]]] = {
    "chat": {
        429: {"error": {"message": "slow", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
        500: {"error": {"message": "slow", "type": "server_error", "param": None, "code": None}},
        400: {"error": {"message": "slow", "type": "invalid_request_error", "param": None, "code": None}},
    },
    "messages": {
        429: {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}, "request_id": "req_scripted"},
        500: {"type": "error", "error": {"type": "api_error", "message": "slow"}, "request_id": "req_scripted"},
        529: {"type": "error", "error": {"type": "overloaded_error", "message": "slow"}, "request_id": "req_scripted"},
    },
}
REFUSED["responses"] = REFUSED["chat"]


@pytest.mark.parametrize(("api", "status"), [(api, status) for api in REFUSED for status in REFUSED[api]])
async def test_refusals_have_the_status_the_format_and_the_wait_of_the_api(
    api: str, status: int, llm_server: LLMServer
) -> None:
    llm_server.answer(StatusError(status, "slow", retry_after_s=1.5))
    response = await posted(llm_server, api)
    assert (response.status_code, response.headers["retry-after"]) == (status, "1.5")
    assert response.json() == REFUSED[api][status]


async def test_what_the_provider_charged_and_the_tier_are_told_as_they_are_read(llm_server: LLMServer) -> None:
    output = AgentOutput("Grey rain", usage=USAGE, cost_usd=Decimal("0.25"), price_context="flex")
    llm_server.answer(output, output, output)
    chat, responses, messages = [(await posted(llm_server, api)).json() for api in ADDRESSES]
    assert (chat["usage"]["cost"], chat["service_tier"]) == (0.25, "flex")
    assert (responses["usage"]["cost"], responses["service_tier"]) == (0.25, "flex")
    assert ("cost" in messages["usage"], messages["usage"]["service_tier"]) == (False, "flex")


async def test_the_same_request_is_answered_by_the_same_bytes(llm_server: LLMServer) -> None:
    llm_server.answer(ITEMS["tools"], ITEMS["tools"], ITEMS["tools"])
    same = [(await posted(llm_server, "chat")).content for _ in range(2)]
    other = (await posted(llm_server, "chat", user="another")).content
    assert (same[0] == same[1], same[0] == other) == (True, False)
