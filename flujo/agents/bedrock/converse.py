"""An agent over Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import httpx2

from flujo.agents.bedrock.event_stream import Message, messages_of
from flujo.agents.bedrock.stream import ConverseStream
from flujo.agents.bedrock.usage import bill_of
from flujo.agents.wire.answers import Bill, Speech, ToolCall, answered
from flujo.agents.wire.asking import Asking
from flujo.agents.wire.failures import broken_off, in_stream
from flujo.agents.wire.http import HTTPCalls
from flujo.agents.wire.reading import Json, rows, table, text
from flujo.agents.wire.requests import Body, without_our_keys
from flujo.agents.wire.sse import object_of
from flujo.ports import AgentOutput

_TEXT_BLOCKS = frozenset({"text", "toolUse", "toolResult", "reasoningContent", "cachePoint"})
_ENDED_WELL = ("end_turn", "tool_use", "stop_sequence")


class BedrockConverse(Asking):
    """Asks a model of Amazon Bedrock through Converse.

    The input is a text (one user message), a list of messages, or a mapping with ``messages`` and whatever
    else the request has on the wire (``toolConfig``, ``inferenceConfig``, ...), which wins over ``settings``;
    any other JSON data is sent as JSON text. Feedback goes behind it as one more message. The output is the
    model's text; ``ToolCalls`` where it called tools; its message where there is neither.

    ``client`` has the address of the region and signs requests or sends an API key of Bedrock's::

        httpx2.AsyncClient(base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
                           headers={"authorization": f"Bearer {key}"})

    ``instructions`` are the system prompt, unless the input has one. ``output_type`` tells the model the JSON
    schema in one more line of it, and the engine validates the answer. ``max_output_tokens`` is sent, and it
    is what a budget reserves. ``stream`` streams every request, also outside ``stream_async``.

    An answer that was stopped or cut off and half a stream are AgentErrors; what they cost is booked. A
    request that the agent's declarations do not cover is one, too, and is not sent.
    """

    gathering = ConverseStream
    items = "messages"
    caps = ("inferenceConfig.maxTokens",)
    unseen = 1_000  # a model's own prompt for tools

    def __init__(
        self,
        model: str,
        *,
        client: httpx2.AsyncClient,
        provider: str = "bedrock",
        instructions: str | None = None,
        settings: Mapping[str, Any] | None = None,
        output_type: Any = None,
        max_output_tokens: int | None = None,
        stream: bool = False,
    ) -> None:
        instructed = {} if instructions is None else {"system": [{"text": instructions}]}
        super().__init__(
            model,
            provider=provider,
            settings={**instructed, **(settings or {})},
            output_type=output_type,
            max_output_tokens=max_output_tokens,
            stream=stream,
        )
        self._calls = HTTPCalls(self.model, client)
        self._path = f"/model/{quote(model, safe='')}"

    def _message(self, content: str) -> Body:
        return {"role": "user", "content": [{"text": content}]}

    def _ask_for(self, schema: Body, body: Body) -> None:
        told = f"Answer with JSON of this schema, and with nothing else: {json.dumps(schema)}"
        body["system"] = [*(body.get("system") or []), {"text": told}]

    def _only_text(self, body: Body) -> bool:
        blocks = [block for message in rows(body["messages"]) for block in rows(message.get("content"))]
        results = [part for block in blocks for part in rows(table(block.get("toolResult")).get("content"))]
        own = all(block.keys() <= _TEXT_BLOCKS for block in blocks)
        return own and all(part.keys() <= {"text", "json"} for part in results)

    async def _answer(self, body: Body) -> Json:
        return await self._calls.whole(f"{self._path}/converse", without_our_keys(body))

    async def _events(self, body: Body) -> AsyncGenerator[Json, None]:
        """Each as ``{kind: event}``."""
        opened = self._calls.opened(f"{self._path}/converse-stream", without_our_keys(body))
        async with (
            opened as response,
            aclosing(response.aiter_bytes()) as chunks,
            aclosing(messages_of(chunks)) as arriving,
        ):
            while True:
                try:
                    message = await anext(arriving, None)
                except Exception as error:  # lost, damaged, or no event stream
                    raise broken_off(self.model, error) from error
                if message is None:
                    return
                yield {message.headers.get(":event-type", ""): self._event(message)}

    def _event(self, message: Message) -> Json:
        event = object_of(message.payload, self.model)
        if message.headers.get(":message-type", "event") != "event":
            code = message.headers.get(":exception-type") or message.headers.get(":error-code")
            said = text(event.get("message")) or message.headers.get(":error-message")
            raise in_stream(self.model, {"code": code, "message": said})
        return event

    def _bill(self, answer: Json) -> Bill:
        return bill_of(answer, self.model)

    def _read(self, answer: Json, body: Body) -> AgentOutput[Any]:
        bill = self._bill(answer)
        reason = answer.get("stopReason")
        if reason == "max_tokens":
            raise bill.failure("was cut off at its limit of output tokens. Raise max_output_tokens")
        if reason not in _ENDED_WELL:
            raise bill.failure(f"was stopped ({reason}). Change what it is asked")
        message = table(table(answer.get("output")).get("message"))
        blocks = rows(message.get("content"))
        texts = [text(block["text"]) or "" for block in blocks if "text" in block]
        calls = [_call(table(block["toolUse"])) for block in blocks if "toolUse" in block]
        typed = self._schema is not None
        return answered(texts, calls, [message] if blocks else (), Speech(typed, typed), bill)


def _call(call: Json) -> ToolCall:
    return ToolCall(
        id=text(call.get("toolUseId")) or "",
        name=text(call.get("name")) or "",
        arguments=json.dumps(call.get("input"), ensure_ascii=False),
    )
