"""An agent over ``generateContent``: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from google import genai

from flujo.agents.google.calls import Calls
from flujo.agents.google.stream import ContentStream
from flujo.agents.google.usage import bill_of
from flujo.agents.wire.answers import Bill, Speech, ToolCall, ToolCalls, answered
from flujo.agents.wire.asking import Asking
from flujo.agents.wire.failures import AGAIN
from flujo.agents.wire.reading import Json, rows, table, text
from flujo.agents.wire.requests import Body, put, says, without_our_keys
from flujo.ports import AgentOutput

_TEXT_PARTS = frozenset({"text", "functionCall", "functionResponse", "thought", "thoughtSignature"})
_ENDED_WELL = (None, "STOP", "FINISH_REASON_UNSPECIFIED")


class Gemini(Asking):
    """Asks a model through ``generateContent``.

    The input is a text (one turn of the user's), a list of turns, or a mapping with ``contents`` and whatever
    else the request has on the wire (``tools``, ``generationConfig``, ...), which wins over ``settings``; any
    other JSON data is sent as JSON text. Feedback goes behind it as one more turn. The output is the model's
    text; the data in it where JSON was asked for; ``ToolCalls`` where it called functions; its turn where
    there is neither (images); a tuple of these for several candidates.

    ``instructions`` are the system instruction, unless the input has one. ``output_type`` asks for its JSON
    schema, and the engine validates the answer. ``max_output_tokens`` is sent, and it is what a budget
    reserves. ``stream`` streams every request, also outside ``stream_async``. ``provider`` names who is
    charged. ``client`` is used without its retries; without one, ``genai.Client()`` is made when first
    needed, and reads GEMINI_API_KEY.

    On trio a stream that is left early is closed when the SDK's generators are collected as garbage.

    A blocked prompt, an answer that was stopped or cut off and half a stream are AgentErrors; what they cost
    is booked. A request that the agent's declarations do not cover is one, too, and is not sent.
    """

    gathering = ContentStream
    items = "contents"
    caps = ("generationConfig.maxOutputTokens",)

    def __init__(
        self,
        model: str,
        *,
        client: genai.Client | None = None,
        provider: str = "google",
        instructions: str | None = None,
        settings: Mapping[str, Any] | None = None,
        output_type: Any = None,
        max_output_tokens: int | None = None,
        stream: bool = False,
    ) -> None:
        instructed = {} if instructions is None else {"systemInstruction": {"parts": [{"text": instructions}]}}
        super().__init__(
            model,
            provider=provider,
            settings={**instructed, **(settings or {})},
            output_type=output_type,
            max_output_tokens=max_output_tokens,
            stream=stream,
        )
        self._calls = Calls(self.model, model, client)

    def _message(self, content: str) -> Body:
        return {"role": "user", "parts": [{"text": content}]}

    def _ask_for(self, schema: Body, body: Body) -> None:
        if not says(body, "generationConfig.responseMimeType"):
            put(body, "generationConfig.responseMimeType", "application/json")
            put(body, "generationConfig.responseJsonSchema", schema)

    def _only_text(self, body: Body) -> bool:
        own = all(table(tool).keys() <= {"functionDeclarations"} for tool in body.get("tools") or ())
        turns = [*rows(body["contents"]), table(body.get("systemInstruction"))]
        parts = [part for turn in turns for part in rows(turn.get("parts"))]
        return own and not body.get("cachedContent") and all(part.keys() <= _TEXT_PARTS for part in parts)

    async def _answer(self, body: Body) -> Json:
        return await self._calls.whole(without_our_keys(body))

    def _events(self, body: Body) -> AsyncGenerator[Json, None]:
        return self._calls.chunks(without_our_keys(body))

    def _bill(self, answer: Json) -> Bill:
        return bill_of(answer, self.model)

    def _read(self, answer: Json, body: Body) -> AgentOutput[Any]:
        bill = self._bill(answer)
        if blocked := text(table(answer.get("promptFeedback")).get("blockReason")):
            raise bill.failure(f"refused what it was asked ({blocked}). Change what it is asked")
        form = table(body.get("generationConfig")).get("responseMimeType")
        speech = Speech(form == "application/json", self.output_type is not None)
        outputs = [_turn(candidate, bill, speech) for candidate in rows(answer.get("candidates"))]
        if not outputs:
            raise bill.failure(f"answered without any candidate. {AGAIN}")
        if len(outputs) == 1:
            return outputs[0]
        values = [output.output for output in outputs]
        called = sum(len(value.calls) for value in values if isinstance(value, ToolCalls))
        return bill.output(tuple(values), called)


def _turn(candidate: Json, bill: Bill, speech: Speech) -> AgentOutput[object]:
    reason = candidate.get("finishReason")
    if reason == "MAX_TOKENS":
        raise bill.failure("was cut off at its limit of output tokens. Raise max_output_tokens")
    if reason not in _ENDED_WELL:
        raise bill.failure(f"was stopped ({reason}). Change what it is asked")
    content = table(candidate.get("content"))
    parts = rows(content.get("parts"))
    texts = [text(part["text"]) or "" for part in parts if "text" in part and not part.get("thought")]
    calls = [_call(table(part["functionCall"])) for part in parts if "functionCall" in part]
    return answered(texts, calls, [content] if parts else (), speech, bill)


def _call(call: Json) -> ToolCall:
    return ToolCall(
        id=text(call.get("id")) or "",
        name=text(call.get("name")) or "",
        arguments=json.dumps(call.get("args") or {}, ensure_ascii=False),
    )
