"""What is particular to Cohere: it bills less than its models read, and answers name no model."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import AgentError, AgentOutput, Flujo, Step, Usage
from flujo.agents.cohere import CohereChat, ToolCall, ToolCalls
from tests.flujo.agents.providers import COHERE, COHERE_USAGE, cohere, http
from tests.flujo.agents.wire import Wire, answer

RAIN = [{"role": "user", "content": "Rain?"}]
LOOK = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"at": "Köln"}'}}
SAYING = {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Grey."}]}


class Forecast(BaseModel):
    rain: bool


async def asked(body: object, **options: Any) -> AgentOutput[Any]:
    output: AgentOutput[Any] = await COHERE.make(Wire(answer(body)), **options).run("Rain?")
    return output


async def test_a_request_goes_out_as_it_is() -> None:
    said = {"role": "assistant", "content": [{"type": "text", "text": "{}"}]}
    wire = Wire(answer(cohere(SAYING)), answer(cohere(said)))
    agent = CohereChat("m-1", client=http(wire), instructions="Be brief.", max_output_tokens=9)
    assert (await agent.run("Rain?")).output == "Grey."
    await COHERE.make(wire, output_type=Forecast).run({"messages": RAIN, "documents": []})
    system = {"role": "system", "content": "Be brief."}
    form = {"type": "json_object", "json_schema": Forecast.model_json_schema()}
    assert wire.bodies == [
        {"stream": False, "model": "m-1", "messages": [system, *RAIN], "max_tokens": 9},
        {"stream": False, "model": "m-1", "messages": RAIN, "documents": [], "response_format": form},
    ]
    assert agent.model == "cohere:m-1"


def test_a_bound_of_the_input_is_known_for_text_only() -> None:
    image = [{"role": "user", "content": [{"type": "image_url"}]}]
    assert COHERE.make(Wire()).estimate_input({"messages": image}) is None


async def test_tool_calls_come_with_the_plan_and_the_turn_that_made_them() -> None:
    message = {"role": "assistant", "tool_calls": [LOOK], "tool_plan": "Let me look."}
    output = await asked(cohere(message, finish="TOOL_CALL"))
    assert output.output == ToolCalls((ToolCall("t1", "look", '{"at": "Köln"}'),), "Let me look.", (message,))


async def test_a_streamed_turn_is_put_together() -> None:
    def event(kind: str, **message: Any) -> object:
        return {"type": kind, "index": 0, "delta": {"message": message}}

    events = [
        {"type": "message-start", "delta": {"message": {"role": "assistant"}}},
        event("tool-plan-delta", tool_plan="Let me "),
        event("tool-plan-delta", tool_plan="look."),
        event("tool-call-start", tool_calls={**LOOK, "function": {"name": "look", "arguments": ""}}),
        event("tool-call-delta", tool_calls={"function": {"arguments": '{"at": '}}),
        event("tool-call-delta", tool_calls={"function": {"arguments": '"Köln"}'}}),
        event("tool-call-end"),
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": COHERE_USAGE}},
    ]
    output = await COHERE.make(Wire(COHERE.sent(events)), stream=True).run("Rain?")
    turn = {"role": "assistant", "content": [], "tool_calls": [LOOK], "tool_plan": "Let me look."}
    assert output.output == ToolCalls((ToolCall("t1", "look", '{"at": "Köln"}'),), "Let me look.", (turn,))
    assert [request.usage for request in output.requests or ()] == [COHERE.usage]


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        ("MAX_TOKENS", "was cut off at its limit of output tokens. Raise max_output_tokens"),
        ("ERROR", "was stopped (ERROR). Retry, or give the step a fallback"),
    ],
)
async def test_an_answer_that_is_of_no_use_is_booked_and_says_why(finish: str, told: str) -> None:
    with pytest.raises(AgentError) as failed:
        await asked(cohere(SAYING, finish=finish))
    assert (str(failed.value), failed.value.usage) == (f"p:m-1 {told}", COHERE.usage)


async def test_what_is_billed_is_paid_and_what_else_was_used_is_kept() -> None:
    usage = {
        "billed_units": {"input_tokens": 1, "output_tokens": 9, "search_units": 2},
        "tokens": {"input_tokens": 496, "output_tokens": 11},
    }
    result = await Flujo(Step("ask", COHERE.make(Wire(answer(cohere(SAYING, usage=usage)))))).run_async("Rain?")
    (entry,) = result.ledger.entries
    assert entry.usage == Usage(input_tokens=1, output_tokens=9)
    assert entry.other_usage == (
        ("billed_units.search_units", Decimal(2)),
        ("tokens.input_tokens", Decimal(496)),
        ("tokens.output_tokens", Decimal(11)),
    )
