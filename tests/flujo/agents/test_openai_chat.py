"""What is made of the answers of chat completions, and what they cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import AgentError, AgentOutput, Flujo, Price, PriceTable, RequestUsage, Step, Usage, validator
from flujo.agents.openai import OpenAIChat, ToolCall, ToolCalls
from tests.flujo.agents.wire import ALL_KINDS, answer, client, completion, saying

RAIN = [{"role": "user", "content": "Rain?"}]


class Forecast(BaseModel):
    rain: bool


async def outcome(*answers: Any, **options: Any) -> AgentOutput[Any]:
    sdk, _ = client(*answers)
    return await OpenAIChat("gpt-x", client=sdk, **options).run("Rain?")


async def failure(*answers: Any, **options: Any) -> AgentError:
    with pytest.raises(AgentError) as failed:
        await outcome(*answers, **options)
    return failed.value


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
    choices = [{"index": at, "finish_reason": "stop", "message": {"content": said}} for at, said in enumerate("ab")]
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
    assert (result.output, wire.bodies[1]["messages"]) == (
        "Grey.",
        [*RAIN, {"role": "user", "content": told}],
    )
