"""What is particular to Google: thoughts beside candidates, tools of its own, modalities, an SDK that does more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from google import genai
from google.genai import types
from pydantic import BaseModel

from flujo import AgentError, AgentOutput, Flujo, Step, Usage
from flujo.agents.google import Gemini, ToolCall, ToolCalls
from tests.flujo.agents.providers import CONTENT_USAGE, GOOGLE, HOST, content, http
from tests.flujo.agents.wire import Wire, answer

RAIN = [{"role": "user", "parts": [{"text": "Rain?"}]}]
LOOK = {"functionCall": {"id": "f1", "name": "look", "args": {"at": "Köln"}}, "thoughtSignature": "c2ln"}
PLAIN = {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}


class Forecast(BaseModel):
    rain: bool


async def asked(body: object, **options: Any) -> AgentOutput[Any]:
    output: AgentOutput[Any] = await GOOGLE.make(Wire(answer(body)), **options).run("Rain?")
    return output


async def sent(input: object, **options: Any) -> Any:
    wire = Wire(answer(content({"text": "Grey."})))
    await GOOGLE.make(wire, **options).run(input)
    return wire.bodies[0]


async def test_a_request_goes_out_as_it_is() -> None:
    assert await sent("Rain?") == {"contents": RAIN, "generationConfig": {}}  # which the SDK always sends
    request = {
        "contents": RAIN,
        "tools": [{"functionDeclarations": [{"name": "look", "parameters_json_schema": {"type": "object"}}]}],
        "generationConfig": {"temperature": 0.5, "novelSetting": [{"a_b": 1}]},
        "novel_key": {"camelCase": 1, "snake_case": 2},
    }
    body = await sent(request, instructions="Be brief.", max_output_tokens=9)
    assert body == {
        **request,
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {**request["generationConfig"], "maxOutputTokens": 9},  # type: ignore[dict-item]
    }


async def test_an_output_type_is_asked_for_and_read() -> None:
    body = await sent("Rain?", output_type=Forecast)
    schema = Forecast.model_json_schema()
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert (await asked(content({"text": '{"rain": true}'}), output_type=Forecast)).output == {"rain": True}


@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({"tools": [{"functionDeclarations": []}]}, True),
        ({"tools": [{"googleSearch": {}}]}, False),
        ({"cachedContent": "caches/1"}, False),
        ({"contents": [{"parts": [{"inlineData": {}}]}]}, False),
    ],
)
def test_a_bound_of_the_input_is_known_for_text_only(more: dict[str, Any], known: bool) -> None:
    assert (GOOGLE.make(Wire()).estimate_input({"contents": RAIN, **more}) is not None) == known


async def test_function_calls_come_with_the_turn_that_made_them() -> None:
    thought = {"text": "Hm.", "thought": True}
    output = await asked(content(thought, {"text": "Let me look."}, LOOK, usage=CONTENT_USAGE))
    turn = {"role": "model", "parts": [thought, {"text": "Let me look."}, LOOK]}
    assert output.output == ToolCalls((ToolCall("f1", "look", '{"at": "Köln"}'),), "Let me look.", (turn,))
    assert [request.tool_calls for request in output.requests or ()] == [1]


async def test_a_streamed_turn_is_put_together_and_thoughts_are_not_said() -> None:
    chunks = [
        content({"text": "Hm.", "thought": True}, finish=None, usage={"promptTokenCount": 9, "totalTokenCount": 9}),
        content({"text": "Gr"}, finish=None),
        content({"text": "ey."}, LOOK, finish="STOP", usage=PLAIN),
    ]
    agent = GOOGLE.make(Wire(GOOGLE.sent(chunks)))
    *pieces, output = [item async for item in agent.stream("Rain?")]
    assert (pieces, output.output.text) == (["Gr", "ey."], "Grey.")
    assert output.usage == Usage(input_tokens=3, output_tokens=5)
    assert [call.name for call in output.output.calls] == ["look"]


async def test_several_candidates_are_a_tuple() -> None:
    first = content({"text": "Grey."}, usage=PLAIN)
    second = content({"text": "Wet."})["candidates"][0]
    output = await asked({**first, "candidates": [*first["candidates"], {**second, "index": 1}]})
    assert (output.output, output.usage) == (("Grey.", "Wet."), Usage(input_tokens=3, output_tokens=5))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            content({"text": "Gr"}, finish="MAX_TOKENS"),
            "was cut off at its limit of output tokens. Raise max_output_tokens",
        ),
        (content(finish="SAFETY"), "was stopped (SAFETY). Change what it is asked"),
        (
            {"modelVersion": "m-1", "promptFeedback": {"blockReason": "OTHER"}},
            "refused what it was asked (OTHER). Change what it is asked",
        ),
        ({"modelVersion": "m-1"}, "answered without any candidate. Retry, or give the step a fallback"),
        (content(), "answered nothing. Retry, or give the step a fallback"),
    ],
)
async def test_an_answer_that_is_of_no_use_is_booked_and_says_why(body: dict[str, Any], told: str) -> None:
    for answered, stream in ((answer, False), (lambda body: GOOGLE.sent([body]), True)):
        agent = GOOGLE.make(Wire(answered({**body, "usageMetadata": CONTENT_USAGE})), stream=stream)
        with pytest.raises(AgentError) as failed:
            await agent.run("Rain?")
        expected = (
            told
            if not stream or body.get("promptFeedback") or body.get("candidates")
            else ("broke off its stream before the answer was finished. Retry, or give the step a fallback")
        )
        assert (str(failed.value), failed.value.usage) == (f"p:m-1 {expected}", GOOGLE.usage)


async def test_an_error_within_a_stream_is_told_and_what_was_reported_is_booked() -> None:
    begun = content({"text": "Gr"}, finish=None, usage=PLAIN)
    broken = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "Overloaded"}}
    with pytest.raises(AgentError) as failed:
        await GOOGLE.make(Wire(GOOGLE.sent([begun, broken])), stream=True).run("Rain?")
    again = "Retry, or give the step a fallback"
    assert str(failed.value) == f"p:m broke off its answer (UNAVAILABLE): Overloaded. {again}"
    assert failed.value.usage == Usage(input_tokens=3, output_tokens=5)


# Accounting -------------------------------------------------------------------------------------------------


async def test_modalities_and_the_tools_of_the_provider_are_counted() -> None:
    usage = {
        **CONTENT_USAGE,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 80}, {"modality": "AUDIO", "tokenCount": 16}],
        "toolUsePromptTokensDetails": [{"modality": "IMAGE", "tokenCount": 5}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 13}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
    }
    assert (await asked(content({"text": "Grey."}, usage=usage))).usage == Usage(
        input_tokens=101,
        cache_read_tokens=37,
        input_audio_tokens=16,
        input_image_tokens=5,
        cache_audio_read_tokens=13,
        output_tokens=53,
        output_reasoning_tokens=29,
        output_audio_tokens=7,
    )


@pytest.mark.parametrize(
    ("variant", "context"),
    [
        ({"serviceTier": "standard", "trafficType": "ON_DEMAND"}, None),
        ({"serviceTier": "flex"}, "flex"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
    ],
)
async def test_the_variant_that_was_bought_is_named(variant: dict[str, Any], context: str | None) -> None:
    assert (await asked(content({"text": "Grey."}, usage={**PLAIN, **variant}))).price_context == context


@pytest.mark.parametrize(
    ("more", "stream", "others"),
    [
        ({"novelTokenCount": 2}, False, (("novelTokenCount", Decimal(2)),)),
        ({"totalTokenCount": 11}, False, (("totalTokenCount, of no kind", Decimal(3)),)),
        ({"novelTokenCount": 3, "totalTokenCount": 11}, True, (("totalTokenCount, of no kind", Decimal(3)),)),
    ],
)
async def test_counts_of_unknown_kinds_are_kept(more: dict[str, Any], stream: bool, others: object) -> None:
    """The SDK leaves out of a stream what it does not know; then the total tells."""
    body = content({"text": "Grey."}, usage={**PLAIN, **more})
    agent = GOOGLE.make(Wire(GOOGLE.sent([body]) if stream else answer(body)), stream=stream)
    (entry,) = (await Flujo(Step("ask", agent)).run_async("Rain?")).ledger.entries
    assert (entry.usage, entry.other_usage) == (Usage(input_tokens=3, output_tokens=5), others)


async def test_the_sdk_does_nothing_behind_our_back() -> None:
    """Its continuation of long answers and its retries are on by default, or by the user's options."""
    more = content({"text": "Gr"}, finish="CONTINUATION", usage=PLAIN)
    more["candidates"][0]["continuationToken"] = "dG9rZW4="
    wire = Wire(answer(more), answer({}, 503))
    options = types.HttpOptions(
        base_url=HOST,
        httpx_async_client=http(wire),
        retry_options=types.HttpRetryOptions(attempts=5, initial_delay=0.0),
    )
    agent = Gemini("m", client=genai.Client(api_key="unused", http_options=options), provider="p")
    result = await Flujo(Step("ask", agent, max_retries=1)).run_async("Rain?")
    assert [entry.outcome for entry in result.ledger.entries] == ["error", "error"]
    assert len(wire.requests) == 2


async def test_without_a_key_the_step_fails_and_nothing_is_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    result = await Flujo(Step("ask", Gemini("m"), max_retries=0)).run_async("Rain?")
    # flujo: loose because the rest is said by the SDK
    assert "google:m could not be asked: " in str(result.error)
    assert (result.status, result.ledger.entries) == ("failed", ())


async def test_a_client_is_made_when_first_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "unused")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    for stream in (False, True):
        with pytest.raises(AgentError, match=r"google:m could not be reached: "):
            await Gemini("m", stream=stream).run("Rain?")
