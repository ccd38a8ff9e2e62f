"""What is sent to chat completions, and what a budget is told of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import Flujo, MisuseError, Price, PriceTable, Rejection, Step, UsageLimits
from flujo.agents.openai import OpenAIChat
from tests.flujo.agents.wire import client, saying

RAIN = [{"role": "user", "content": "Rain?"}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


class Forecast(BaseModel):
    rain: bool


async def sent(agent_options: dict[str, Any], input: object, **run: Any) -> Any:
    """The body that goes out."""
    sdk, wire = client(saying("Grey."))
    await OpenAIChat("gpt-x", client=sdk, **agent_options).run(input, **run)
    return wire.bodies[0]


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
    assert str(refused.value) == ("output_type list[int] is no object in JSON: put it into a field of a model")


async def test_text_as_output_type_asks_for_no_schema() -> None:
    assert "response_format" not in await sent({"output_type": str}, "Rain?")


async def test_the_declared_limit_is_sent_and_shared_by_all_choices() -> None:
    assert (await sent({"max_output_tokens": 90}, "Rain?"))["max_completion_tokens"] == 90
    body = await sent({"max_output_tokens": 90, "settings": {"n": 3}}, "Rain?")
    assert body["max_completion_tokens"] == 30
    body = await sent({"max_output_tokens": 90}, {"messages": RAIN, "max_tokens": 80})
    assert (body["max_tokens"], "max_completion_tokens" in body) == (80, False)


def test_a_limit_among_the_settings_is_declared() -> None:
    settings = {"max_tokens": 40, "n": 2}
    assert OpenAIChat("gpt-x", settings=settings).max_output_tokens == 80
    assert OpenAIChat("gpt-x").max_output_tokens is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (
            {"max_tokens": 91},
            "the request allows 91 output tokens, but its agent declares max_output_tokens=90: "
            "ask for less or declare more",
        ),
        (
            {"max_tokens": 46, "n": 2},
            "the request allows 92 output tokens, but its agent declares max_output_tokens=90: "
            "ask for less or declare more",
        ),
        (
            {"max_tokens": None},
            "the request allows any number of output tokens, but its agent declares max_output_tokens=90: "
            "ask for less or declare more",
        ),
        (
            {"model": "gpt-y"},
            "the request asks for model 'gpt-y', but its agent is declared as 'gpt-x': make an agent for that model",
        ),
        ({"messages": {}}, "'messages' of a request cannot be a dict: send a list"),
        (
            {"stop": {object()}},
            "the input of a model must be text or JSON data: $.stop[0] has no JSON form: it is of type object; "
            "use plain data, a pydantic model or a dataclass",
        ),
    ],
)
async def test_a_request_that_its_agent_does_not_cover_is_neither_sent_nor_booked(
    request_: dict[str, Any], why: str
) -> None:
    sdk, wire = client()
    agent = OpenAIChat("gpt-x", client=sdk, max_output_tokens=90)
    result = await Flujo(Step("ask", agent, max_retries=0)).run_async({"messages": RAIN, **request_})
    assert str(result.error) == f"step 'ask' failed after 1 attempt: {why}"
    assert (wire.requests, result.ledger.entries, result.total_cost_usd) == ([], (), Decimal(0))


def test_the_bytes_of_a_request_bound_its_tokens() -> None:
    agent = OpenAIChat("gpt-x", instructions="Bréf")
    body: dict[str, Any] = {
        "model": "gpt-x",
        "messages": [{"role": "system", "content": "Bréf"}, {"role": "user", "content": "Rain?"}],
    }
    assert agent.estimate_input("Rain?") == len(json.dumps(body, ensure_ascii=False).encode())
    longer = agent.estimate_input("Rain?", settings={"tools": [TOOL]})
    assert longer == len(json.dumps({**body, "tools": [TOOL]}, ensure_ascii=False).encode())
    told = "Earlier answers were rejected:\n- short: no\nAnswer again."
    again = {**body, "messages": [*body["messages"], {"role": "user", "content": told}]}
    rejected = agent.estimate_input("Rain?", feedback=[Rejection("short", "no", 1)])
    assert rejected == len(json.dumps(again, ensure_ascii=False).encode())


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
    assert OpenAIChat("gpt-x").estimate_input(request_) is None


async def test_a_budget_refuses_a_call_that_could_pass_it() -> None:
    sdk, wire = client(saying("Grey."))
    agent = OpenAIChat("gpt-x", client=sdk, max_output_tokens=1000)
    prices = PriceTable({"openai:gpt-x": Price(input="2", output="3")})
    limits = UsageLimits(total_cost_usd_limit="0.003")
    result = await Flujo(Step("ask", agent), cost_model=prices, usage_limits=limits).run_async("Rain?")
    assert (result.status, wire.requests) == ("limited", [])
