"""The real SDKs understand the server: whole answers, streams, tools, and usage of every kind."""

from __future__ import annotations

from typing import Any

import pytest

from flujo import AgentOutput
from flujo_testing import Chunks
from flujo_testing.server import LLMServer, ToolUse, Turn
from tests.flujo_testing.server.sdks import (
    CHAT,
    MESSAGES,
    PYDANTIC_AI,
    RESPONSES,
    SDKS,
    USAGE,
    Heard,
    Sdk,
    asked,
    generators_left,
)

each_sdk = pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
each_way = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
by_pydantic_ai = pytest.mark.parametrize("sdk", PYDANTIC_AI, ids=lambda sdk: sdk.name)

pytestmark = generators_left
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # pydantic-ai runs nowhere else

IN_THEIR_WORDS: dict[str, Any] = {
    "chat": {
        "prompt_tokens": 120,
        "completion_tokens": 47,
        "total_tokens": 167,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 31, "audio_tokens": 0, "image_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 7,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    },
    "responses": {
        "input_tokens": 120,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 31},
        "output_tokens": 47,
        "output_tokens_details": {"reasoning_tokens": 7},
        "total_tokens": 167,
    },
    "messages": {
        "input_tokens": 69,
        "cache_creation_input_tokens": 31,
        "cache_read_input_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 11},
        "output_tokens": 47,
        "output_tokens_details": {"thinking_tokens": 7},
        "service_tier": "standard",
    },
}
STOPPED = {"chat": "stop", "responses": "completed", "messages": "end_turn"}
STOPPED_FOR_TOOLS = {"chat": "tool_calls", "responses": "completed", "messages": "tool_use"}


async def heard(sdk: Sdk, server: LLMServer, streamed: bool) -> Heard:
    async with asked(sdk, server.url) as client:
        return await (sdk.streamed if streamed else sdk.plain)(client, "What about rain?")


@each_sdk
@each_way
async def test_a_text_arrives_with_its_usage(sdk: Sdk, streamed: bool, llm_server: LLMServer) -> None:
    llm_server.answer(AgentOutput("Grey rain", usage=USAGE))
    expected = Heard("Grey rain", (), IN_THEIR_WORDS[sdk.name], STOPPED[sdk.name])
    assert await heard(sdk, llm_server, streamed) == expected


@each_sdk
@each_way
async def test_pieces_of_text_arrive_joined(sdk: Sdk, streamed: bool, llm_server: LLMServer) -> None:
    llm_server.usage = USAGE
    llm_server.answer(Chunks(["Grey", " ", "rain"]))
    assert (await heard(sdk, llm_server, streamed)).text == "Grey rain"


@each_sdk
@each_way
async def test_tools_are_called_with_their_arguments(sdk: Sdk, streamed: bool, llm_server: LLMServer) -> None:
    llm_server.usage = USAGE
    llm_server.answer(
        Turn("I look it up.", ToolUse("weather", {"city": "Oslo"}), ToolUse("weather", '{"city": "Ålesund"}')),
        ToolUse("weather", {"city": "Oslo"}),
    )
    called = (("weather", {"city": "Oslo"}), ("weather", {"city": "Ålesund"}))
    usage, stopped = IN_THEIR_WORDS[sdk.name], STOPPED_FOR_TOOLS[sdk.name]
    assert await heard(sdk, llm_server, streamed) == Heard("I look it up.", called, usage, stopped)
    assert await heard(sdk, llm_server, streamed) == Heard("", called[:1], usage, stopped)


@pytest.mark.parametrize("sdk", [CHAT, RESPONSES], ids=lambda sdk: sdk.name)
@each_way
async def test_no_usage_is_made_up(sdk: Sdk, streamed: bool, llm_server: LLMServer) -> None:
    llm_server.answer("Grey rain")
    assert await heard(sdk, llm_server, streamed) == Heard("Grey rain", (), None, STOPPED[sdk.name])


async def test_no_usage_is_made_up_for_anthropic_whose_sdk_then_has_none(llm_server: LLMServer) -> None:
    llm_server.answer("Grey rain")
    async with asked(MESSAGES, llm_server.url) as client:
        message = await client.messages.create(
            model="some-model", max_tokens=10, messages=[{"role": "user", "content": "rain"}]
        )
    assert (message.content[0].text, "usage" in message.model_fields_set) == ("Grey rain", False)


@by_pydantic_ai
@each_way
@on_asyncio
async def test_pydantic_ai_runs_its_tool_between_two_answers(sdk: Sdk, streamed: bool, llm_server: LLMServer) -> None:
    llm_server.usage = USAGE
    llm_server.answer(ToolUse("weather", {"city": "Oslo"}), Chunks(["It ", "rains"]))
    got = await heard(sdk, llm_server, streamed)
    assert (got.text, got.tools) == ("It rains", (("weather", {"city": "Oslo"}),))
    counted = (got.usage.requests, got.usage.input_tokens, got.usage.output_tokens, got.usage.cache_read_tokens)
    assert counted == (2, 240, 94, 40)
    assert [request.messages[-1] for request in llm_server.requests] == [
        ("user", "What about rain?"),
        {"pydantic-ai chat": ("tool", "rain"), "pydantic-ai responses": ("function_call_output", "rain")}.get(
            sdk.name, ("user", "rain")
        ),
    ]
