"""An agent over Cohere's chat API: https://docs.cohere.com/v2/reference/chat."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx2

from flujo.agents.cohere.stream import CohereStream
from flujo.agents.cohere.usage import bill_of
from flujo.agents.wire.answers import Bill, Speech, ToolCall, answered
from flujo.agents.wire.asking import Asking
from flujo.agents.wire.http import HTTPCalls
from flujo.agents.wire.reading import Json, rows, table, text
from flujo.agents.wire.requests import Body
from flujo.agents.wire.sse import arriving_events
from flujo.ports import AgentOutput

_PATH = "/v2/chat"
_ENDED_WELL = ("COMPLETE", "STOP_SEQUENCE", "TOOL_CALL")
_TEXT_PARTS = ("text", "thinking")


class CohereChat(Asking):
    """Asks a model of Cohere's.

    The input is a text (one user message), a list of messages, or a mapping with ``messages`` and whatever
    else the request has on the wire (``tools``, ``documents``, ...), which wins over ``settings``; any other
    JSON data is sent as JSON text. Feedback goes behind it as one more message. The output is the model's
    text; the data in it where JSON was asked for; ``ToolCalls`` where it called tools.

    ``client`` has the address and the key: ``httpx2.AsyncClient(base_url="https://api.cohere.com",
    headers={"authorization": f"Bearer {key}"})``. ``instructions`` become a system message, unless the input
    is a mapping with messages of its own. ``output_type`` asks for its JSON schema, and the engine validates
    the answer. ``max_output_tokens`` is sent, and it is what a budget reserves. ``stream`` streams every
    request, also outside ``stream_async``.

    An answer that was stopped or cut off and half a stream are AgentErrors; what they cost is booked. A
    request that the agent's declarations do not cover is one, too, and is not sent.
    """

    gathering = CohereStream
    items = "messages"
    caps = ("max_tokens",)

    def __init__(
        self,
        model: str,
        *,
        client: httpx2.AsyncClient,
        provider: str = "cohere",
        instructions: str | None = None,
        settings: Mapping[str, Any] | None = None,
        output_type: Any = None,
        max_output_tokens: int | None = None,
        stream: bool = False,
    ) -> None:
        super().__init__(
            model,
            provider=provider,
            settings=settings,
            output_type=output_type,
            max_output_tokens=max_output_tokens,
            stream=stream,
        )
        self._instructions = [] if instructions is None else [{"role": "system", "content": instructions}]
        self._calls = HTTPCalls(self.model, client)

    def _opened(self, said: list[Any] | str) -> list[Any]:
        return self._instructions + self._items(said)

    def _ask_for(self, schema: Body, body: Body) -> None:
        body.setdefault("response_format", {"type": "json_object", "json_schema": schema})

    def _only_text(self, body: Body) -> bool:
        parts = [part for message in rows(body["messages"]) for part in rows(message.get("content"))]
        return all(part.get("type") in _TEXT_PARTS for part in parts)

    async def _answer(self, body: Body) -> Json:
        return await self._calls.whole(_PATH, {"stream": False, **body})

    async def _events(self, body: Body) -> AsyncGenerator[Json, None]:
        opened = self._calls.opened(_PATH, body)
        async with opened as response, aclosing(arriving_events(response, self.model)) as events:
            async for event in events:
                yield event

    def _bill(self, answer: Json) -> Bill:
        return bill_of(answer, self.model)

    def _read(self, answer: Json, body: Body) -> AgentOutput[Any]:
        bill = self._bill(answer)
        reason = answer.get("finish_reason")
        if reason == "MAX_TOKENS":
            raise bill.failure("was cut off at its limit of output tokens. Raise max_output_tokens")
        if reason not in _ENDED_WELL:
            raise bill.failure(f"was stopped ({reason}). Retry, or give the step a fallback")
        message = table(answer.get("message"))
        parts = rows(message.get("content"))
        texts = [text(part.get("text")) or "" for part in parts if part.get("type") == "text"]
        calls = [_call(call) for call in rows(message.get("tool_calls"))]
        as_json = table(body.get("response_format")).get("type") == "json_object"
        speech = Speech(as_json, self.output_type is not None)
        said = texts or ([text(message.get("tool_plan")) or ""] if calls else [])
        return answered(said, calls, [message] if message else (), speech, bill)


def _call(call: Json) -> ToolCall:
    asked = table(call.get("function"))
    return ToolCall(
        id=text(call.get("id")) or "",
        name=text(asked.get("name")) or "",
        arguments=text(asked.get("arguments")) or "",
    )
