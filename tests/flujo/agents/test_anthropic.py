"""What is particular to Anthropic: caches of two lifetimes, thinking, tools, other models behind one request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from pydantic import BaseModel

from flujo import AgentError, AgentOutput, Flujo, Price, PriceTable, Step, Usage
from flujo.agents.anthropic import AnthropicMessages, AnthropicTokenCount, ToolCall, ToolCalls
from flujo_testing.conformance import AgentConformance
from tests.flujo.agents.providers import ANTHROPIC, HOST, MESSAGE_USAGE, http, message
from tests.flujo.agents.wire import Answer, Wire, answer

RAIN = [{"role": "user", "content": "Rain?"}]
TEXT = {"type": "text", "text": "Grey."}
COUNTS = {"input_tokens": 3, "output_tokens": 5}


class Forecast(BaseModel):
    rain: bool


async def asked(body: object, input: object = "Rain?", **options: Any) -> AgentOutput[Any]:
    output: AgentOutput[Any] = await ANTHROPIC.make(Wire(answer(body)), **options).run(input)
    return output


async def sent(input: object, settings: dict[str, Any] | None = None, **options: Any) -> Any:
    wire = Wire(answer(message(TEXT)))
    await ANTHROPIC.make(wire, **options).run(input, settings=settings)
    return wire.bodies[0]


async def failure(body: object) -> AgentError:
    with pytest.raises(AgentError) as failed:
        await asked(body)
    return failed.value


# Requests ---------------------------------------------------------------------------------------------------


async def test_a_request_has_a_bound_and_the_instructions_stand_beside_the_messages() -> None:
    assert await sent("Rain?") == {"model": "m", "messages": RAIN, "max_tokens": 4096}
    request = {"messages": RAIN, "thinking": {"type": "disabled"}}
    told = await sent(request, instructions="Be brief.", max_output_tokens=9)
    assert told == {
        "model": "m",
        "messages": RAIN,
        "system": "Be brief.",
        "thinking": {"type": "disabled"},
        "max_tokens": 9,
    }


async def test_an_output_type_is_asked_for_and_read() -> None:
    form = (await sent("Rain?", output_type=Forecast))["output_config"]["format"]
    assert (form["type"], form["schema"]["required"]) == ("json_schema", ["rain"])
    said = {"type": "text", "text": '{"rain": true}'}
    assert (await asked(message(said), output_type=Forecast)).output == {"rain": True}


async def test_betas_send_the_request_to_the_api_in_beta() -> None:
    wire = Wire(answer(message(TEXT)), answer(message(TEXT)))
    for settings in ({"betas": ["rain-1"], "mcp_servers": []}, {}):
        await ANTHROPIC.make(wire).run("Rain?", settings=settings)
    assert [request.headers.get("anthropic-beta") for request in wire.requests] == ["rain-1", None]
    assert wire.bodies[0] == {"model": "m", "messages": RAIN, "max_tokens": 4096, "mcp_servers": []}


@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({"tools": [{"name": "look", "input_schema": {}}]}, True),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, False),
        ({"mcp_servers": [{}]}, False),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, False),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [TEXT]}]}]}, True),
    ],
)
def test_a_bound_of_the_input_is_known_for_text_only(more: dict[str, Any], known: bool) -> None:
    bound = ANTHROPIC.make(Wire()).estimate_input({"messages": RAIN, **more})
    assert (bound is not None) == known


# Answers ----------------------------------------------------------------------------------------------------

LOOK = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "Köln"}}


async def test_tool_calls_come_with_the_turn_that_made_them() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    output = await asked(message(thought, TEXT, LOOK, stop="tool_use", usage=MESSAGE_USAGE))
    turn = {"role": "assistant", "content": [thought, TEXT, LOOK]}
    assert output.output == ToolCalls((ToolCall("t1", "look", '{"at": "Köln"}'),), "Grey.", (turn,))
    assert [request.tool_calls for request in output.requests or ()] == [1]


async def test_a_turn_without_words_or_that_is_paused_is_handed_on_to_be_sent_back() -> None:
    search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    assert (await asked(message(search))).output == [{"role": "assistant", "content": [search]}]
    paused = await asked(message(TEXT, search, stop="pause_turn"))
    assert paused.output == [{"role": "assistant", "content": [TEXT, search]}]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (message(TEXT, stop="max_tokens"), "was cut off at its limit of output tokens. Raise max_output_tokens"),
        (message(TEXT, stop="model_context_window_exceeded"), "was cut off where its context window ended. Send less"),
        (message(stop="refusal"), "refused. Change what it is asked"),
        (
            {**message(stop="refusal"), "stop_details": {"explanation": "Wet."}},
            "refused: Wet.. Change what it is asked",
        ),
        (message(), "answered nothing. Retry, or give the step a fallback"),
    ],
)
async def test_an_answer_that_is_of_no_use_is_booked_and_says_why(body: dict[str, Any], told: str) -> None:
    error = await failure({**body, "usage": MESSAGE_USAGE})
    assert (str(error), error.usage, error.model) == (f"p:m-1 {told}", ANTHROPIC.usage, "p:m-1")


async def test_streamed_blocks_are_put_together() -> None:
    def delta(index: int, **fields: Any) -> object:
        return {"type": "content_block_delta", "index": index, "delta": fields}

    blocks = [{"type": "thinking", "thinking": ""}, {"type": "text", "text": ""}, {**LOOK, "input": {}}]
    events = [
        {"type": "message_start", "message": message(usage=COUNTS)},
        *({"type": "content_block_start", "index": at, "content_block": block} for at, block in enumerate(blocks)),
        delta(0, type="thinking_delta", thinking="Hm."),
        delta(0, type="signature_delta", signature="s"),
        delta(1, type="text_delta", text="Gr"),
        delta(1, type="citations_delta", citation={"at": 1}),
        delta(1, type="text_delta", text="ey."),
        delta(2, type="input_json_delta", partial_json='{"at": '),
        delta(2, type="input_json_delta", partial_json='"Köln"}'),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    output = await ANTHROPIC.make(Wire(ANTHROPIC.sent(events)), stream=True).run("Rain?")
    turn = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {**TEXT, "citations": [{"at": 1}]},
        LOOK,
    ]
    calls = (ToolCall("t1", "look", '{"at": "Köln"}'),)
    assert output.output == ToolCalls(calls, "Grey.", ({"role": "assistant", "content": turn},))
    assert output.usage == Usage(input_tokens=3, output_tokens=7)


async def test_an_error_within_a_stream_is_told_and_what_was_reported_is_booked() -> None:
    begun = ANTHROPIC.events(["Gr"], True)[:3]
    broken = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(AgentError) as failed:
        await ANTHROPIC.make(Wire(ANTHROPIC.sent([*begun, broken])), stream=True).run("Rain?")
    again = "Retry, or give the step a fallback"
    assert str(failed.value) == f"p:m broke off its answer (overloaded_error): Overloaded. {again}"
    assert failed.value.usage == Usage(
        input_tokens=101, cache_read_tokens=37, cache_write_tokens=11, cache_write_1h_tokens=7, output_tokens=1
    )


# Accounting -------------------------------------------------------------------------------------------------


async def test_each_kind_of_token_is_paid_at_its_own_price() -> None:
    price = Price(input="2", cache_read="3", cache_write="5", cache_write_1h="7", output="11", output_reasoning="13")
    agent = ANTHROPIC.make(Wire(ANTHROPIC.answer("Grey.")))
    result = await Flujo(Step("ask", agent), cost_model=PriceTable({"p:m-1": price})).run_async("Rain?")
    assert result.total_cost_usd == Decimal(53 * 2 + 37 * 3 + 4 * 5 + 7 * 7 + 24 * 11 + 29 * 13) / 1_000_000


async def test_writes_are_known_from_their_lifetimes_alone() -> None:
    split = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 7}
    output = await asked(message(TEXT, usage={**COUNTS, "cache_creation": split}))
    assert output.usage == Usage(input_tokens=14, cache_write_tokens=11, cache_write_1h_tokens=7, output_tokens=5)


@pytest.mark.parametrize(
    ("variant", "context"),
    [
        ({"service_tier": "standard", "inference_geo": "not_available", "speed": "standard"}, None),
        ({"service_tier": "batch"}, "batch"),
        ({"service_tier": "priority", "inference_geo": "us"}, "priority+us"),
        ({"speed": "fast"}, "fast"),
    ],
)
async def test_the_variant_that_was_bought_is_named(variant: dict[str, Any], context: str | None) -> None:
    assert (await asked(message(TEXT, usage={**COUNTS, **variant}))).price_context == context


ADVISED = [
    {"type": "message", "input_tokens": 2, "output_tokens": 2},
    {"type": "advisor_message", "model": "wise-1", "input_tokens": 17, "output_tokens": 19},
    {"type": "message", "input_tokens": 1, "output_tokens": 3},
]


async def test_an_advisor_is_a_request_of_its_own() -> None:
    agent = ANTHROPIC.make(Wire(answer(message(TEXT, usage={**COUNTS, "iterations": ADVISED}))))
    result = await Flujo(Step("ask", agent)).run_async("Rain?")
    assert [(entry.model, entry.usage) for entry in result.ledger.entries] == [
        ("p:m-1", Usage(input_tokens=3, output_tokens=5)),
        ("p:wise-1", Usage(input_tokens=17, output_tokens=19)),
    ]


async def test_iterations_that_the_totals_include_are_not_paid_twice() -> None:
    whole = {"input_tokens": 20, "output_tokens": 24, "iterations": ADVISED}
    assert (await asked(message(TEXT, usage=whole))).requests is None


async def test_what_is_no_kind_of_token_is_kept_by_its_name() -> None:
    tools = {"web_search_requests": 2, "web_fetch_requests": 0, "novel": {"seconds": 1.5}}
    agent = ANTHROPIC.make(Wire(answer(message(TEXT, usage={**COUNTS, "server_tool_use": tools}))))
    result = await Flujo(Step("ask", agent)).run_async("Rain?")
    (entry,) = result.ledger.entries
    assert entry.usage == Usage(input_tokens=3, output_tokens=5)
    assert entry.other_usage == (
        ("server_tool_use.novel.seconds", Decimal("1.5")),
        ("server_tool_use.web_search_requests", Decimal(2)),
    )


# Counting tokens --------------------------------------------------------------------------------------------


def counter(*answers: Answer) -> tuple[AnthropicTokenCount, Wire]:
    wire = Wire(*answers)
    client = AsyncAnthropic(api_key="unused", base_url=HOST, http_client=http(wire))
    return AnthropicTokenCount("m", client=client, provider="p"), wire


async def test_a_count_is_a_number_that_costs_nothing() -> None:
    agent, wire = counter(answer({"input_tokens": 7}), answer({"input_tokens": 7}))
    for input in ("Rain?", {"messages": RAIN}):
        assert await agent.run(input) == AgentOutput(7, model="p:m", cost_usd=Decimal(0))
    assert wire.bodies == [{"model": "m", "messages": RAIN}] * 2


@pytest.mark.parametrize("given", [answer({}, 500), answer({}, 404), answer({"input_tokens": True}), answer({})])
async def test_a_count_that_failed_costs_nothing_either(given: Answer) -> None:
    agent, _ = counter(given)
    result = await Flujo(Step("count", agent, max_retries=0)).run_async("Rain?")
    (entry,) = result.ledger.entries
    assert (result.status, entry.outcome, entry.cost_usd) == ("failed", "error", Decimal(0))


class TestTokenCount(AgentConformance):
    def make_agent(self) -> Any:
        return counter(*[answer({"input_tokens": 7})] * 2)[0]

    make_silent_agent = make_agent


# Without what it needs --------------------------------------------------------------------------------------


async def test_without_a_key_the_step_fails_and_nothing_is_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    result = await Flujo(Step("ask", AnthropicMessages("m"), max_retries=0)).run_async("Rain?")
    # flujo: loose because the rest is said by the SDK
    assert "anthropic:m could not be asked: " in str(result.error)
    assert (result.status, result.ledger.entries) == ("failed", ())


async def test_a_request_that_the_sdk_refuses_is_not_booked() -> None:
    result = await Flujo(Step("ask", ANTHROPIC.make(Wire()), max_retries=0)).run_async(
        {"messages": RAIN, "max_tokens": 10**6}
    )
    # flujo: loose because the rest is said by the SDK
    assert "p:m could not be asked: Streaming is" in str(result.error)
    assert (result.status, result.ledger.entries) == ("failed", ())
