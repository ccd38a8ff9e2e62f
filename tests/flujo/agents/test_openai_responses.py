"""The responses API through the real SDK: whole, streamed, in the background, compacted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from flujo import AgentError, AgentOutput, Flujo, Rejection, RequestUsage, Step, Usage
from flujo.agents.openai import BackgroundResponse, OpenAICompaction, OpenAIResponses, ToolCall, ToolCalls
from flujo_testing.conformance import AgentConformance
from tests.flujo.agents.wire import RESPONSE_USAGE, answer, client, message, response, streamed, text

PAID = Usage(
    input_tokens=101,
    cache_read_tokens=37,
    cache_write_tokens=11,
    output_tokens=53,
    output_reasoning_tokens=29,
)
GREY = AgentOutput("Grey.", usage=PAID, model="openai:gpt-x-1")


class Forecast(BaseModel):
    rain: bool


async def sent(options: dict[str, Any], input: object, **run: Any) -> Any:
    """The body that goes out."""
    sdk, wire = client(answer(response(message(text("{}")))))
    await OpenAIResponses("gpt-x", client=sdk, **options).run(input, **run)
    return wire.bodies[0]


async def outcome(*answers: Any, **options: Any) -> AgentOutput[Any]:
    sdk, _ = client(*answers)
    return await OpenAIResponses("gpt-x", client=sdk, **options).run("Rain?")


async def failure(*answers: Any, **options: Any) -> tuple[str, Usage | None, str | None]:
    with pytest.raises(AgentError) as failed:
        await outcome(*answers, **options)
    return str(failed.value), failed.value.usage, failed.value.model


async def test_a_text_is_sent_as_it_is_and_other_data_as_json() -> None:
    assert await sent({}, "Rain?") == {"model": "gpt-x", "input": "Rain?"}
    assert await sent({}, {"mood": "grey"}) == {"model": "gpt-x", "input": '{"mood": "grey"}'}
    items = [{"role": "user", "content": "Rain?"}, {"type": "item_reference", "id": "x"}]
    assert await sent({}, items) == {"model": "gpt-x", "input": items}


async def test_a_whole_request_wins_over_instructions_and_settings() -> None:
    options = {"instructions": "Be brief.", "settings": {"top_p": 0.5}, "max_output_tokens": 90}
    assert await sent(options, "Rain?") == {
        "model": "gpt-x",
        "instructions": "Be brief.",
        "input": "Rain?",
        "top_p": 0.5,
        "max_output_tokens": 90,
    }
    request = {"input": [], "instructions": "", "top_p": 0.7, "max_output_tokens": 80}
    assert await sent(options, request) == {"model": "gpt-x", **request}


async def test_feedback_is_one_more_message_behind_text_and_behind_items() -> None:
    told = {"role": "user", "content": "Earlier answers were rejected:\n- short: no\nAnswer again."}
    asked = {"role": "user", "content": "Rain?"}
    feedback = [Rejection("short", "no", 1)]
    assert (await sent({}, "Rain?", feedback=feedback))["input"] == [asked, told]
    assert (await sent({}, {"input": [asked]}, feedback=feedback))["input"] == [asked, told]


async def test_an_output_type_asks_for_its_schema() -> None:
    form = (await sent({"output_type": Forecast}, "Rain?"))["text"]["format"]
    assert (form["type"], form["name"], form["schema"]["required"]) == ("json_schema", "Forecast", ["rain"])


@pytest.mark.parametrize(
    "request_",
    [
        {"input": "Rain?", "previous_response_id": "resp_0"},
        {"input": "Rain?", "tools": [{"type": "web_search"}]},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        {"input": [{"type": "function_call_output", "output": [{"type": "input_file", "file_id": "f"}]}]},
        BackgroundResponse("resp_1"),
    ],
)
def test_what_brings_tokens_from_elsewhere_has_no_bound(request_: object) -> None:
    assert OpenAIResponses("gpt-x").estimate_input(request_) is None


def test_the_bytes_of_a_request_bound_its_tokens() -> None:
    request = {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Rain?"}]}], "tools": []}
    assert OpenAIResponses("gpt-x").estimate_input("Rain?") == len('{"model": "gpt-x", "input": "Rain?"}')
    assert OpenAIResponses("gpt-x").estimate_input(request) == len(
        '{"model": "gpt-x", "input": [{"role": "user", "content": '
        '[{"type": "input_text", "text": "Rain?"}]}], "tools": []}'
    )


# What comes back --------------------------------------------------------------------------------------------


async def test_the_texts_of_an_answer_are_joined_and_every_kind_of_token_is_read() -> None:
    reasoning = {"type": "reasoning", "summary": []}
    assert await outcome(answer(response(reasoning, message(text("Gr"), text("e")), message(text("y."))))) == GREY


async def test_the_tier_that_served_is_the_context_of_the_price() -> None:
    assert (await outcome(answer(response(message(text("Grey.")), service_tier="flex")))).price_context == "flex"


async def test_json_that_was_asked_for_is_data() -> None:
    asks = {"settings": {"text": {"format": {"type": "json_object"}}}}
    assert (await outcome(answer(response(message(text('{"rain": true}')))), **asks)).output == {"rain": True}


async def test_tool_calls_come_back_with_the_items_of_the_turn() -> None:
    items = (
        {"type": "reasoning", "id": "rs", "summary": []},
        message(text("Let me see.")),
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "b", "name": "draw", "input": "a cloud"},
    )
    output = await outcome(answer(response(*items)))
    calls = (ToolCall("a", "look", "{}"), ToolCall("b", "draw", "a cloud"))
    assert output.output == ToolCalls(calls, "Let me see.", items)
    assert output.requests == (RequestUsage(usage=PAID, model="openai:gpt-x-1", tool_calls=2),)


async def test_items_that_are_neither_text_nor_calls_are_handed_on() -> None:
    image = {"type": "image_generation_call", "id": "ig", "result": "AAAA"}
    assert (await outcome(answer(response(image)))).output == [image]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "gave an incomplete answer: max_output_tokens. Raise max_output_tokens",
        ),
        (
            response(message(text("Gr")), status="incomplete", incomplete_details={"reason": "content_filter"}),
            "gave an incomplete answer: content_filter. Change what it is asked",
        ),
        (
            response(status="failed", error={"code": "server_error", "message": "Out of rain."}),
            "ended as failed (server_error): Out of rain.. Retry, or give the step a fallback",
        ),
        (
            response(status="cancelled"),
            "ended as cancelled: no reason given. Retry, or give the step a fallback",
        ),
        (
            response(status="queued"),
            "has not finished (queued), and was not asked in background mode. Retry",
        ),
        (
            response(message({"type": "refusal", "refusal": "I'd rather not."})),
            "refused: I'd rather not.. Change what it is asked",
        ),
        (response(), "answered nothing. Retry, or give the step a fallback"),
        (response(output=7), "answered nothing. Retry, or give the step a fallback"),
    ],
)
async def test_a_response_without_a_usable_answer_is_booked_and_says_why(body: object, told: str) -> None:
    assert await failure(answer(body)) == (f"openai:gpt-x-1 {told}", PAID, "openai:gpt-x-1")


# Streams ----------------------------------------------------------------------------------------------------


def delta(said: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": said}


CREATED = {"type": "response.created", "response": response(status="in_progress", usage=None)}
COMPLETED = {"type": "response.completed", "response": response(message(text("Grey.")))}


async def test_chunks_arrive_as_text_and_then_the_whole_answer() -> None:
    sdk, wire = client(streamed(CREATED, delta("Gr"), delta("ey."), COMPLETED, done=False))
    said = [item async for item in OpenAIResponses("gpt-x", client=sdk).stream("Rain?")]
    assert said == ["Gr", "ey.", GREY]
    assert wire.bodies == [{"model": "gpt-x", "input": "Rain?", "stream": True}]
    assert await outcome(streamed(CREATED, COMPLETED), stream=True) == GREY


@pytest.mark.parametrize(
    ("last", "told", "paid"),
    [
        (
            {"type": "response.failed", "response": response(status="failed")},
            "openai:gpt-x-1 ended as failed: no reason given. Retry, or give the step a fallback",
            PAID,
        ),
        (
            {"type": "response.incomplete", "response": response(status="incomplete")},
            "openai:gpt-x-1 gave an incomplete answer: None. Change what it is asked",
            PAID,
        ),
        (
            {"type": "error", "code": "wet", "message": "Out of rain."},
            "openai:gpt-x broke off its answer (wet): Out of rain.. Retry, or give the step a fallback",
            None,
        ),
        (
            delta("Gr"),
            "openai:gpt-x-1 broke off its stream before the answer was finished. Retry, or give the step a fallback",
            None,
        ),
    ],
)
async def test_a_stream_that_ends_badly_is_booked_as_far_as_it_told(
    last: object, told: str, paid: Usage | None
) -> None:
    error, usage, _ = await failure(streamed(CREATED, last, done=False), stream=True)
    assert (error, usage) == (told, paid)


async def test_an_error_after_usage_was_reported_is_booked_with_it() -> None:
    late = {"type": "response.in_progress", "response": response(status="in_progress")}
    error, usage, model = await failure(streamed(late, {"type": "error", "message": "Thunder."}), stream=True)
    assert error == "openai:gpt-x broke off its answer (error): Thunder.. Retry, or give the step a fallback"
    assert (usage, model) == (PAID, "openai:gpt-x-1")


# In the background ------------------------------------------------------------------------------------------


async def test_a_background_request_is_one_paid_request_that_is_awaited() -> None:
    waiting = [answer(response(status=status, usage=None)) for status in ("queued", "in_progress")]
    sdk, wire = client(*waiting, answer(response(message(text("Grey.")))))
    agent = OpenAIResponses("gpt-x", client=sdk, settings={"background": True}, poll_s=0)
    result = await Flujo(Step("ask", agent)).run_async("Rain?")
    assert (result.output, [entry.usage for entry in result.ledger.entries]) == ("Grey.", [PAID])
    poll = ("GET", "https://api.test/v1/responses/resp_1?stream=false")
    asked = [(request.method, str(request.url)) for request in wire.requests]
    assert asked == [("POST", "https://api.test/v1/responses"), poll, poll]


async def test_a_response_that_was_asked_before_is_taken_up_by_its_id() -> None:
    sdk, wire = client(answer(response(message(text("Grey.")))), answer(response(message(text("Grey.")))))
    agent = OpenAIResponses("gpt-x", client=sdk)
    assert await agent.run(BackgroundResponse("resp_1")) == GREY
    assert [item async for item in agent.stream(BackgroundResponse("resp_1"))] == [GREY]
    assert [request.method for request in wire.requests] == ["GET", "GET"]


# Compaction -------------------------------------------------------------------------------------------------


async def test_a_conversation_is_compacted_and_the_declared_model_is_charged() -> None:
    items = [{"role": "user", "content": "Rain?"}]
    compacted = {
        "object": "response.compaction",
        "output": [*items, {"type": "compaction"}],
        "usage": RESPONSE_USAGE,
    }
    sdk, wire = client(answer(compacted), answer(compacted), answer({"output": []}))
    agent = OpenAICompaction("gpt-x", client=sdk, settings={"service_tier": "flex"})
    paid = AgentOutput([*items, {"type": "compaction"}], usage=PAID, model="openai:gpt-x")
    assert await agent.run(items) == paid
    assert await agent.run({"input": items, "instructions": "Be brief."}, settings={"service_tier": None}) == paid
    assert wire.bodies == [
        {"model": "gpt-x", "input": items, "service_tier": "flex"},
        {"model": "gpt-x", "input": items, "service_tier": None, "instructions": "Be brief."},
    ]
    with pytest.raises(AgentError, match="openai:gpt-x compacted to nothing"):
        await agent.run(items)


class TestCompaction(AgentConformance):
    """A conversation in, a shorter one out."""

    def make_agent(self) -> Any:
        sdk, _ = client(*[answer(response(message(text("Grey."))))] * 2)
        return OpenAICompaction("gpt-x", client=sdk)

    def make_silent_agent(self) -> Any:
        sdk, _ = client(answer({**response(message(text("Grey."))), "usage": None}))
        return OpenAICompaction("gpt-x", client=sdk)
