"""Chat completions through the real SDK: what is sent, and what is made of the answers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import AgentError, AgentOutput, Flujo, MisuseError, PluginOutcome, Price, PriceTable, Rejection
from flujo import RequestUsage, Step, Usage, UsageLimits, validator
from flujo.agents.openai import OpenAIChat, ToolCall, ToolCalls
from tests.flujo.agents.wire import USAGE, answer, chunk, client, completion, saying, sse, in_pieces, streamed

RAIN = [{"role": "user", "content": "Rain?"}]
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
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


class Forecast(BaseModel):
    rain: bool


async def sent(agent_options: dict[str, Any], input: object, **run: Any) -> Any:
    """The body that goes out."""
    sdk, wire = client(saying("Grey."))
    await OpenAIChat("gpt-x", client=sdk, **agent_options).run(input, **run)
    return wire.bodies[0]


async def outcome(*answers: Any, **options: Any) -> AgentOutput[Any]:
    sdk, _ = client(*answers)
    return await OpenAIChat("gpt-x", client=sdk, **options).run("Rain?")


async def failure(*answers: Any, **options: Any) -> AgentError:
    with pytest.raises(AgentError) as failed:
        await outcome(*answers, **options)
    return failed.value


# What is sent -----------------------------------------------------------------------------------------------


async def test_a_text_becomes_one_user_message() -> None:
    assert await sent({}, "Rain?") == {"model": "gpt-x", "messages": RAIN}


async def test_instructions_come_first_unless_the_input_is_a_whole_request() -> None:
    system = {"role": "system", "content": "Be brief."}
    told = {"instructions": "Be brief."}
    assert (await sent(told, "Rain?"))["messages"] == [system, *RAIN]
    assert (await sent(told, RAIN))["messages"] == [system, *RAIN]
    assert (await sent(told, {"messages": RAIN}))["messages"] == RAIN


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ({"mood": "grey"}, '{"mood": "grey"}'),
        (Forecast(rain=True), '{"rain": true}'),
        (["wet", "cold"], '["wet", "cold"]'),
        ([], "[]"),
        (Decimal("1.50"), '"1.50"'),
        (None, "null"),
        ("", ""),
    ],
)
async def test_other_data_is_sent_as_json_text(value: object, content: str) -> None:
    assert (await sent({}, value))["messages"] == [{"role": "user", "content": content}]


async def test_the_input_wins_over_the_settings_of_the_step_and_these_over_those_of_the_agent() -> None:
    body = await sent(
        {"settings": {"temperature": 0.1, "seed": 1, "top_p": 0.5}},
        {"messages": RAIN, "temperature": 0.3, "tools": [TOOL]},
        settings={"temperature": 0.2, "seed": 2},
    )
    assert body == {
        "model": "gpt-x",
        "messages": RAIN,
        "tools": [TOOL],
        "temperature": 0.3,
        "seed": 2,
        "top_p": 0.5,
    }


async def test_what_the_sdk_does_not_know_is_sent_as_it_is() -> None:
    body = await sent({"settings": {"extra_body": {"a": 1}}}, {"messages": RAIN, "transforms": [], "stop": None})
    assert body == {"model": "gpt-x", "messages": RAIN, "a": 1, "transforms": [], "stop": None}


async def test_options_of_the_sdk_are_settings_too() -> None:
    sdk, wire = client(saying("Grey."))
    await OpenAIChat("gpt-x", client=sdk, settings={"extra_headers": {"x-team": "7"}}).run("Rain?")
    assert (wire.requests[0].headers["x-team"], wire.bodies) == ("7", [{"model": "gpt-x", "messages": RAIN}])


async def test_feedback_is_one_more_message() -> None:
    feedback = (Rejection("short", "5 words, at most 2", 1), Rejection("tone", "too sad", 2))
    told = "Earlier answers were rejected:\n- short: 5 words, at most 2\n- tone: too sad\nAnswer again."
    body = await sent({}, {"messages": RAIN}, feedback=feedback)
    assert body["messages"] == [*RAIN, {"role": "user", "content": told}]


async def test_an_output_type_asks_for_its_schema_unless_the_request_asks_for_another() -> None:
    schema = {
        "type": "object",
        "title": "Forecast",
        "properties": {"rain": {"title": "Rain", "type": "boolean"}},
        "required": ["rain"],
    }
    asked = {"type": "json_schema", "json_schema": {"name": "Forecast", "schema": schema, "strict": False}}
    sdk, wire = client(saying("{}"), saying("{}"))
    agent = OpenAIChat("gpt-x", client=sdk, output_type=Forecast)
    await agent.run("Rain?")
    await agent.run({"messages": RAIN, "response_format": {"type": "json_object"}})
    assert [body["response_format"] for body in wire.bodies] == [asked, {"type": "json_object"}]


def test_an_output_type_that_is_no_object_is_refused_when_it_is_declared() -> None:
    with pytest.raises(MisuseError) as refused:
        OpenAIChat("gpt-x", output_type=list[int])
    assert str(refused.value) == (
        "output_type list[int] is no object in JSON: put it into a field of a model"
    )


async def test_text_as_output_type_asks_for_no_schema() -> None:
    assert "response_format" not in await sent({"output_type": str}, "Rain?")


# What a budget is told --------------------------------------------------------------------------------------


async def test_the_declared_limit_is_sent_and_shared_by_all_choices() -> None:
    assert (await sent({"max_output_tokens": 90}, "Rain?"))["max_completion_tokens"] == 90
    body = await sent({"max_output_tokens": 90, "settings": {"n": 3}}, "Rain?")
    assert body["max_completion_tokens"] == 30
    body = await sent({"max_output_tokens": 90}, {"messages": RAIN, "max_tokens": 80})
    assert (body["max_tokens"], "max_completion_tokens" in body) == (80, False)


def test_a_limit_among_the_settings_is_declared() -> None:
    settings = {"max_tokens": 40, "n": 2}
    assert OpenAIChat("gpt-x", settings=settings).max_output_tokens == 80
    assert OpenAIChat("gpt-x").max_output_tokens == None  # noqa: E711


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"max_tokens": 91}, "the request allows 91 output tokens, but its agent declares max_output_tokens=90"),
        ({"max_tokens": 46, "n": 2}, "the request allows 92 output tokens, but its agent declares"),
        ({"max_tokens": None}, "the request allows any number of output tokens, but its agent declares"),
        ({"model": "gpt-y"}, "the request asks for model 'gpt-y', but its agent is declared as 'gpt-x'"),
        ({"messages": {}}, "'messages' must be a list, not dict"),
        ({"stop": {1, 2.5, object()}}, "the input of a model must be text or JSON data: $.stop"),
    ],
)
async def test_a_request_that_its_agent_does_not_cover_is_neither_sent_nor_booked(
    request_: dict[str, Any], why: str
) -> None:
    sdk, wire = client()
    agent = OpenAIChat("gpt-x", client=sdk, max_output_tokens=90)
    result = await Flujo(Step("ask", agent, max_retries=0)).run_async({"messages": RAIN, **request_})
    assert why in str(result.error)
    assert (wire.requests, result.ledger.entries, result.total_cost_usd) == ([], (), Decimal(0))


def test_the_bytes_of_a_request_bound_its_tokens() -> None:
    agent = OpenAIChat("gpt-x", instructions="Bréf")
    body = {
        "model": "gpt-x",
        "messages": [{"role": "system", "content": "Bréf"}, {"role": "user", "content": "Rain?"}],
    }
    assert agent.estimate_input("Rain?") == len(json.dumps(body, ensure_ascii=False).encode())
    longer = agent.estimate_input("Rain?", settings={"tools": [TOOL]})
    assert longer == len(json.dumps({"model": 0, **body, "tools": [TOOL]}, ensure_ascii=False).encode())
    rejected = agent.estimate_input("Rain?", feedback=[Rejection("short", "no", 1)])
    assert rejected == 110 + len('{"role": "user", "content": ""}, ') + len(
        "Earlier answers were rejected:\\n- short: no\\nAnswer again."
    ) + len("é") + 1 - 2


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        {"messages": RAIN, "web_search_options": {}},
        {"messages": RAIN, "tools": [{"type": "openrouter:web_search"}]},
        {"messages": ["?"]},
    ],
)
def test_what_brings_tokens_from_elsewhere_has_no_bound(request_: object) -> None:
    assert OpenAIChat("gpt-x").estimate_input(request_) == None  # noqa: E711


async def test_a_budget_refuses_a_call_that_could_pass_it() -> None:
    sdk, wire = client(saying("Grey."))
    agent = OpenAIChat("gpt-x", client=sdk, max_output_tokens=1000)
    prices = PriceTable({"openai:gpt-x": Price(input="2", output="3")})
    limits = UsageLimits(total_cost_usd_limit="0.003")
    result = await Flujo(Step("ask", agent), cost_model=prices, usage_limits=limits).run_async("Rain?")
    assert (result.status, wire.requests) == ("limited", [])


# What comes back --------------------------------------------------------------------------------------------


async def test_every_kind_of_token_is_read() -> None:
    assert await outcome(saying("Grey.")) == AgentOutput("Grey.", usage=ALL_KINDS, model="openai:gpt-x-1")


async def test_the_model_that_answered_is_charged_and_the_declared_one_metered() -> None:
    sdk, _ = client(saying("Grey."))
    agent = OpenAIChat("gpt-x", client=sdk, provider="acme")
    prices = PriceTable(
        {
            "acme:gpt-x": Price(input="101"),
            "acme:gpt-x-1": Price(
                input="2",
                cache_read="3",
                cache_write="5",
                input_audio="7",
                input_image="11",
                output="13",
                output_reasoning="17",
                output_audio="19",
            ),
        }
    )
    result = await Flujo(Step("ask", agent), cost_model=prices).run_async("Rain?")
    plain = (101 - 37 - 11 - 13 - 7) * 2 + 37 * 3 + 11 * 5 + 13 * 7 + 7 * 11
    assert agent.model == "acme:gpt-x"
    assert result.ledger.entries[0].model == "acme:gpt-x-1"
    assert result.total_cost_usd == Decimal(plain + (53 - 29 - 5) * 13 + 29 * 17 + 5 * 19) / 10**6


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": 9},
        {"prompt_tokens": "9", "completion_tokens": 2},
        {"prompt_tokens": True, "completion_tokens": 2},
        {"prompt_tokens": 9.0, "completion_tokens": 2},
        {"prompt_tokens": -9, "completion_tokens": 2},
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 10}},
        {"prompt_tokens": 9, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 3}},
        [9, 2],
        "9 and 2",
    ],
)
async def test_usage_that_is_absent_or_contradicts_itself_is_unknown_and_not_zero(usage: object) -> None:
    assert await outcome(saying("Grey.", usage=usage)) == AgentOutput("Grey.", model="openai:gpt-x-1")


async def test_details_may_be_missing_and_zero_is_an_answer() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "prompt_tokens_details": None}
    assert (await outcome(saying("", usage=usage))).usage == Usage()


@pytest.mark.parametrize(
    ("tier", "context"),
    [(None, None), ("auto", None), ("default", None), ("on_demand", None), ("flex", "flex"), (7, None)],
)
async def test_the_tier_that_served_is_the_context_of_the_price(tier: object, context: str | None) -> None:
    assert (await outcome(saying("Grey.", service_tier=tier))).price_context == context


@pytest.mark.parametrize(
    ("cost", "usd"),
    [(0.0000113, Decimal("0.0000113")), (0, Decimal(0)), (None, None), (-1, None), ("1", None), (True, None)],
)
async def test_a_cost_that_the_provider_reports_is_kept_exactly(cost: object, usd: Decimal | None) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "cost": cost}
    assert (await outcome(saying("Grey.", usage=usage))).cost_usd == usd


async def test_tool_calls_come_back_with_what_the_conversation_goes_on_with() -> None:
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}},
            {"id": "b", "type": "custom", "custom": {"name": "draw", "input": "a cloud"}},
        ],
    }
    output = await outcome(answer(completion(message, "tool_calls")))
    calls = (ToolCall("a", "look", '{"at": 1}'), ToolCall("b", "draw", "a cloud"))
    assert output.output == ToolCalls(calls, "", (message,))
    assert output.requests == (RequestUsage(usage=ALL_KINDS, model="openai:gpt-x-1", tool_calls=2),)


async def test_several_choices_are_a_tuple() -> None:
    choices = [
        {"index": at, "finish_reason": "stop", "message": {"content": said}} for at, said in enumerate("ab")
    ]
    assert (await outcome(answer({"choices": choices}))).output == ("a", "b")


async def test_an_answer_in_sound_is_its_record() -> None:
    audio = {"id": "audio_1", "data": "AAAA", "transcript": "Grey."}
    assert (await outcome(answer(completion({"content": None, "audio": audio})))).output == audio


async def test_json_that_was_asked_for_is_data() -> None:
    asks = {"settings": {"response_format": {"type": "json_object"}}}
    assert (await outcome(saying('{"rain": true}'), **asks)).output == {"rain": True}
    error = await failure(saying("Grey."), **asks)
    assert str(error).startswith("openai:gpt-x-1 was asked for JSON and wrote something else (")
    assert error.usage == ALL_KINDS


async def test_an_output_type_rejects_broken_json_with_the_reason() -> None:
    sdk, wire = client(saying("Grey."), saying('{"rain": true}'))
    agent = OpenAIChat("gpt-x", client=sdk, output_type=Forecast)
    result = await Flujo(Step("ask", agent)).run_async("Rain?")
    assert (result.output, len(result.ledger.entries)) == (Forecast(rain=True), 2)
    assert wire.bodies[1]["messages"][0] == RAIN[0]
    assert "Earlier answers were rejected:" in wire.bodies[1]["messages"][1]["content"]


async def test_a_rejected_draft_is_asked_again_with_its_reasons() -> None:
    short = validator(lambda said: "too long" if " " in said else True, name="short")
    sdk, wire = client(saying("Very grey."), saying("Grey."))
    result = await Flujo(Step("ask", OpenAIChat("gpt-x", client=sdk), plugins=[short])).run_async("Rain?")
    told = "Earlier answers were rejected:\n- short: too long\nAnswer again."
    assert (result.output, wire.bodies[1]["messages"]) == ("Grey.", [*RAIN, {"role": "user", "content": told}])


# Streams ----------------------------------------------------------------------------------------------------


async def test_chunks_arrive_as_text_and_then_the_whole_answer() -> None:
    events = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Gr"}), chunk({"content": "ey."})]
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
        ({}, {"stream_options": {"include_obfuscation": False}}, {"include_usage": True, "include_obfuscation": False}),
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
    assert wire.bodies[0]["stream"] == False  # noqa: E712


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
    assert (await outcome(in_pieces(b"data: " + raw[:half] + b"\ndata: " + raw[half:] + b"\n\n"), stream=True)).output == "Gr\u2028ey"
