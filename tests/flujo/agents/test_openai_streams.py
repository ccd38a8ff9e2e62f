"""Streamed chat completions: the chunks, the whole answer, and the usage."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flujo import AgentOutput, Usage
from flujo.agents.openai import OpenAIChat, ToolCall, ToolCalls
from tests.flujo.agents.wire import ALL_KINDS, USAGE, chunk, client, in_pieces, saying, sse, streamed

RAIN = [{"role": "user", "content": "Rain?"}]


async def outcome(*answers: Any, **options: Any) -> AgentOutput[Any]:
    sdk, _ = client(*answers)
    return await OpenAIChat("gpt-x", client=sdk, **options).run("Rain?")


async def test_chunks_arrive_as_text_and_then_the_whole_answer() -> None:
    events = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Gr"}),
        chunk({"content": "ey."}),
    ]
    sdk, wire = client(streamed(*events, chunk({}, "stop"), chunk(usage=USAGE)))
    said = [item async for item in OpenAIChat("gpt-x", client=sdk).stream("Rain?")]
    assert said == ["Gr", "ey.", AgentOutput("Grey.", usage=ALL_KINDS, model="openai:gpt-x-1")]
    assert wire.bodies == [
        {"model": "gpt-x", "messages": RAIN, "stream": True, "stream_options": {"include_usage": True}}
    ]


async def test_cumulative_usage_is_not_added_up() -> None:
    events = [chunk({"content": str(n)}, usage={"prompt_tokens": 9, "completion_tokens": n}) for n in (1, 2, 3)]
    output = await outcome(streamed(*events, chunk({}, "stop")), stream=True)
    assert output == AgentOutput("123", usage=Usage(input_tokens=9, output_tokens=3), model="openai:gpt-x-1")


async def test_a_stream_without_usage_is_unknown_and_not_zero() -> None:
    output = await outcome(streamed(chunk({"content": "Grey."}, "stop")), stream=True)
    assert output == AgentOutput("Grey.", model="openai:gpt-x-1")


@pytest.mark.parametrize(
    ("options", "settings", "sent_options"),
    [
        ({"include_usage": False}, {}, None),
        ({}, {"stream_options": {"include_usage": False}}, {"include_usage": False}),
        (
            {},
            {"stream_options": {"include_obfuscation": False}},
            {"include_usage": True, "include_obfuscation": False},
        ),
    ],
)
async def test_usage_is_asked_for_unless_the_caller_says_otherwise(
    options: dict[str, Any], settings: dict[str, Any], sent_options: object
) -> None:
    sdk, wire = client(streamed(chunk({"content": "Grey."}, "stop")))
    await OpenAIChat("gpt-x", client=sdk, stream=True, **options).run("Rain?", settings=settings)
    assert wire.bodies[0].get("stream_options") == sent_options


async def test_a_request_that_is_not_to_be_streamed_is_not() -> None:
    sdk, wire = client(saying("Grey."))
    said = [item async for item in OpenAIChat("gpt-x", client=sdk, settings={"stream": False}).stream("Rain?")]
    assert said == [AgentOutput("Grey.", usage=ALL_KINDS, model="openai:gpt-x-1")]
    assert wire.bodies[0]["stream"] is False


async def test_streamed_tool_calls_are_put_together_by_index() -> None:
    def part(index: int, **call: object) -> object:
        return chunk({"tool_calls": [{"index": index, **call}]})

    events = [
        chunk({"role": "assistant", "content": None}),
        part(0, id="a", type="function", function={"name": "look", "arguments": ""}),
        part(0, function={"arguments": '{"at"'}),
        part(1, id="b", type="function", function={"name": "smell", "arguments": "{"}),
        part(0, function={"name": None, "arguments": ": 1}"}),
        part(1, id="", function={"arguments": "}"}),
    ]
    output = await outcome(streamed(*events, chunk({}, "tool_calls")), stream=True)
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}},
            {"id": "b", "type": "function", "function": {"name": "smell", "arguments": "{}"}},
        ],
    }
    calls = (ToolCall("a", "look", '{"at": 1}'), ToolCall("b", "smell", "{}"))
    assert output.output == ToolCalls(calls, "", (message,))


async def test_comments_line_ends_and_half_lines_of_a_stream_are_read() -> None:
    body = sse(chunk({"content": "Grey\u2028."}, "stop"))
    noisy = b": waiting\r\n\r\nevent: x\r\nid: 7\r\n" + body.replace(b"\n", b"\r\n")
    assert (await outcome(in_pieces(noisy[:20], noisy[20:]), stream=True)).output == "Grey\u2028."
    raw = json.dumps(chunk({"content": "Gr\u2028ey"}, "stop"), ensure_ascii=False).encode()
    assert (await outcome(in_pieces(b"data:" + raw), stream=True)).output == "Gr\u2028ey"
    half = raw.index(b'"choices"') - 1
    assert (
        await outcome(in_pieces(b"data: " + raw[:half] + b"\ndata: " + raw[half:] + b"\n\n"), stream=True)
    ).output == "Gr\u2028ey"
