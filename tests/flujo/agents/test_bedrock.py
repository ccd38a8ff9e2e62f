"""What is particular to Bedrock: frames with checksums, caches of two lifetimes, answers that name no model."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import AgentError, AgentOutput, Flujo, Step, Usage
from flujo.agents.bedrock import BedrockConverse, ToolCall, ToolCalls
from tests.flujo.agents.providers import BEDROCK, CONVERSE_USAGE, converse, frame, frames, http
from tests.flujo.agents.wire import Answer, Wire, answer

RAIN = [{"role": "user", "content": [{"text": "Rain?"}]}]
LOOK = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"at": "Köln"}}}
AGAIN = "Retry, or give the step a fallback"


class Forecast(BaseModel):
    rain: bool


async def asked(body: object, **options: Any) -> AgentOutput[Any]:
    output: AgentOutput[Any] = await BEDROCK.make(Wire(answer(body)), **options).run("Rain?")
    return output


async def streamed(*pieces: bytes) -> AgentOutput[Any]:
    output: AgentOutput[Any] = await BEDROCK.make(Wire(Answer(200, pieces)), stream=True).run("Rain?")
    return output


async def test_a_request_goes_to_its_model_as_it_is() -> None:
    wire = Wire(answer(converse({"text": "Grey."})), BEDROCK.stream("Grey."))
    agent = BedrockConverse("us.m-1:0", client=http(wire), instructions="Be brief.", max_output_tokens=9)
    await agent.run("Rain?")
    await agent.run({"messages": RAIN, "inferenceConfig": {"temperature": 0.5}, "stream": True})
    system = [{"text": "Be brief."}]
    assert [request.url.raw_path for request in wire.requests] == [
        b"/model/us.m-1%3A0/converse",
        b"/model/us.m-1%3A0/converse-stream",
    ]
    assert wire.bodies == [
        {"system": system, "messages": RAIN, "inferenceConfig": {"maxTokens": 9}},
        {"system": system, "messages": RAIN, "inferenceConfig": {"temperature": 0.5, "maxTokens": 9}},
    ]
    assert agent.model == "bedrock:us.m-1:0"


async def test_an_output_type_is_asked_for_in_words_and_read() -> None:
    wire = Wire(answer(converse({"text": '{"rain": true}'})))
    output = await BEDROCK.make(wire, output_type=Forecast).run("Rain?")
    told = f"Answer with JSON of this schema, and with nothing else: {json.dumps(Forecast.model_json_schema())}"
    assert (wire.bodies[0]["system"], output.output) == ([{"text": told}], {"rain": True})


@pytest.mark.parametrize(
    ("block", "known"),
    [
        ({"toolResult": {"content": [{"json": {}}, {"text": ""}]}}, True),
        ({"toolResult": {"content": [{"image": {}}]}}, False),
        ({"document": {}}, False),
    ],
)
def test_a_bound_of_the_input_is_known_for_text_only(block: dict[str, Any], known: bool) -> None:
    messages = [{"role": "user", "content": [block]}]
    assert (BEDROCK.make(Wire()).estimate_input({"messages": messages}) is not None) == known


async def test_tool_calls_come_with_the_turn_that_made_them() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}
    output = await asked(converse(thought, {"text": "Let me look."}, LOOK, stop="tool_use", usage=CONVERSE_USAGE))
    turn = {"role": "assistant", "content": [thought, {"text": "Let me look."}, LOOK]}
    assert output.output == ToolCalls((ToolCall("t1", "look", '{"at": "Köln"}'),), "Let me look.", (turn,))


async def test_streamed_blocks_are_put_together() -> None:
    def delta(at: int, **part: Any) -> tuple[str, object]:
        return "contentBlockDelta", {"contentBlockIndex": at, "delta": part, "p": "padding"}

    start = {"toolUse": {"toolUseId": "t1", "name": "look"}}
    events = [
        delta(0, reasoningContent={"text": "H"}),
        delta(0, reasoningContent={"text": "m."}),
        delta(0, reasoningContent={"signature": "s"}),
        delta(1, text="Let me "),
        delta(1, text="look."),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": start}),
        delta(2, toolUse={"input": '{"at": '}),
        delta(2, toolUse={"input": '"Köln"}'}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": CONVERSE_USAGE}),
    ]
    output = await streamed(frames(*events))
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}
    turn = {"role": "assistant", "content": [thought, {"text": "Let me look."}, LOOK]}
    assert output.output == ToolCalls((ToolCall("t1", "look", '{"at": "Köln"}'),), "Let me look.", (turn,))
    assert (output.requests or ())[0].usage == BEDROCK.usage


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        ("max_tokens", "was cut off at its limit of output tokens. Raise max_output_tokens"),
        ("guardrail_intervened", "was stopped (guardrail_intervened). Change what it is asked"),
    ],
)
async def test_an_answer_that_is_of_no_use_is_booked_and_says_why(stop: str, told: str) -> None:
    with pytest.raises(AgentError) as failed:
        await asked(converse({"text": "Gr"}, stop=stop, usage=CONVERSE_USAGE))
    assert (str(failed.value), failed.value.usage) == (f"p:m-1 {told}", BEDROCK.usage)


async def test_an_exception_within_a_stream_is_told_and_what_was_reported_is_booked() -> None:
    begun = frames(*BEDROCK.events(["Gr"], True)[:-1])
    headers = {":message-type": "exception", ":exception-type": "throttlingException"}
    with pytest.raises(AgentError) as failed:
        await streamed(begun + frame(headers, {"message": "Slow."}))
    assert str(failed.value) == f"p:m-1 broke off its answer (throttlingException): Slow.. {AGAIN}"
    assert failed.value.usage == BEDROCK.usage


SHORT = (9).to_bytes(4, "big") + (7).to_bytes(4, "big")
FRAMES = frames(*BEDROCK.events(["Gr", "ey."], True))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (FRAMES[:-9], "BrokenFrame: the stream ends within a message"),
        (b"\0" * 12, "BrokenFrame: the beginning of a message does not fit its checksum: this is no event stream"),
        (FRAMES[:-1] + b"?", "BrokenFrame: a message does not fit its checksum"),
        (SHORT + zlib.crc32(SHORT).to_bytes(4, "big"), "BrokenFrame: a message of 9 bytes with 7 bytes of headers"),
        (frame({":event-type": "x" * 9}, {})[:13] + b"\xff", "BrokenFrame: the stream ends within a message"),
    ],
)
async def test_damaged_frames_are_a_failure(content: bytes, why: str) -> None:
    with pytest.raises(AgentError) as failed:
        await streamed(content)
    assert f"p:m-1 broke off its answer: {why}" in str(failed.value)


async def test_frames_may_come_in_any_pieces() -> None:
    pieces = [FRAMES[at : at + 1] for at in range(len(FRAMES))]
    assert (await streamed(*pieces)).output == "Grey."


def header(kind: int, value: bytes) -> bytes:
    return b"\x01n" + bytes([kind]) + value


SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
KINDS = {kind: b"\1" * size for kind, size in SIZES.items()} | {6: b"\0\1\xff"}


async def test_headers_that_are_no_text_are_passed_over() -> None:
    others = b"".join(header(kind, value) for kind, value in KINDS.items())
    events = [frame({":event-type": kind}, data, others) for kind, data in BEDROCK.events(["Grey."], True)]
    assert (await streamed(*events)).output == "Grey."


@pytest.mark.parametrize("headers", [header(10, b""), header(7, b"\0"), header(7, b"\0\1\xff"), b"\x09"])
async def test_headers_that_cannot_be_read_are_a_failure(headers: bytes) -> None:
    with pytest.raises(AgentError, match=r"BrokenFrame: (a header of the unknown type 10|headers that cannot be read)"):
        await streamed(frame({}, {}, headers))


async def test_caches_and_variants_are_read_from_either_name() -> None:
    usage = {"inputTokens": 3, "cacheReadInputTokenCount": 2, "outputTokens": 5, "serverToolUsage": {"searches": 1}}
    variants: dict[str, Any] = {"serviceTier": {"type": "flex"}, "performanceConfig": {"latency": "standard"}}
    body = converse({"text": "Grey."}, usage=usage, **variants)
    result = await Flujo(Step("ask", BEDROCK.make(Wire(answer(body))))).run_async("Rain?")
    (entry,) = result.ledger.entries
    assert entry.usage == Usage(input_tokens=5, cache_read_tokens=2, output_tokens=5)
    assert [name for name, _ in entry.other_usage] == ["serverToolUsage.searches"]
    assert (await asked(body)).price_context == "flex"
