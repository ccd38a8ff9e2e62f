"""An agent over the responses API: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
from openai import AsyncOpenAI
from openai.resources.responses import AsyncResponses

from flujo.agents.openai.connection import ERRORS, Connection
from flujo.agents.openai.requests import asks_for_json, brings_only_text, schema_name
from flujo.agents.openai.usage import bill_of, response_report, response_usage
from flujo.agents.wire.answers import Bill, Speech, ToolCall, answered
from flujo.agents.wire.asking import Asking, Said, Settings
from flujo.agents.wire.failures import AGAIN, in_stream
from flujo.agents.wire.reading import Json, excerpt, rows, table, text
from flujo.agents.wire.requests import Body, arguments
from flujo.agents.wire.stainless import Calls
from flujo.ports import AgentOutput, Rejection

_KNOWN = frozenset(inspect.signature(AsyncResponses.create).parameters)
_RUNNING = ("queued", "in_progress")
_LAST_EVENTS = ("response.completed", "response.failed", "response.incomplete")
_CALLS = ("function_call", "custom_tool_call")


@dataclass(frozen=True, slots=True)
class BackgroundResponse:
    """An input that asks nothing new: the response with this id, asked in the background, is awaited."""

    id: str


class ResponseStream:
    """The events of a streamed response: the last one holds all of it."""

    def __init__(self) -> None:
        self._latest: Json = {}
        self.finished = False

    def add(self, event: Json) -> str:
        self._latest = table(event.get("response")) or self._latest
        self.finished = self.finished or event.get("type") in _LAST_EVENTS
        return text(event.get("delta")) or "" if event.get("type") == "response.output_text.delta" else ""

    def answer(self) -> Json:
        return self._latest


class OpenAIResponses(Asking):
    """Asks a model through the responses API.

    The input is a text, a list of input items, a mapping with ``input`` and whatever else the request has on
    the wire (tools, text, reasoning, ...), which wins over ``settings``, or a ``BackgroundResponse``; any
    other JSON data is sent as JSON text. The output is the model's text; the data in it where JSON was asked
    for; ``ToolCalls`` where it called functions; the output items where there is neither (images, approvals).

    A request with ``background: true`` is asked for every ``poll_s`` seconds until it has ended.
    ``instructions`` give way to those of the input. The other arguments and the errors are those of
    ``OpenAIChat``; a response that failed or is incomplete is an AgentError, and what it cost is booked.
    """

    gathering = ResponseStream
    items = "input"
    keyed = True
    caps = ("max_output_tokens",)
    forms = (list, str)

    def __init__(
        self,
        model: str,
        *,
        client: AsyncOpenAI | None = None,
        provider: str = "openai",
        instructions: str | None = None,
        settings: Mapping[str, Any] | None = None,
        output_type: Any = None,
        max_output_tokens: int | None = None,
        stream: bool = False,
        poll_s: float = 2.0,
    ) -> None:
        instructed = {} if instructions is None else {"instructions": instructions}
        super().__init__(
            model,
            provider=provider,
            settings={**instructed, **(settings or {})},
            output_type=output_type,
            max_output_tokens=max_output_tokens,
            stream=stream,
        )
        self._poll_s = poll_s
        self._connection = Connection(self.model, client)
        self._calls = Calls(self.model, ERRORS, response_usage)

    async def run(
        self,
        input: Any,
        *,
        settings: Settings | None = None,
        feedback: Sequence[Rejection] = (),
        idempotency_key: str | None = None,
    ) -> AgentOutput[Any]:
        if isinstance(input, BackgroundResponse):
            return self._read(await self._ended(input.id), self._settings | dict(settings or {}))
        return await super().run(input, settings=settings, feedback=feedback, idempotency_key=idempotency_key)

    async def stream(
        self,
        input: Any,
        *,
        settings: Settings | None = None,
        feedback: Sequence[Rejection] = (),
        idempotency_key: str | None = None,
    ) -> Said:
        """Chunks of text, then the AgentOutput; only the latter if nothing is streamed."""
        if isinstance(input, BackgroundResponse):
            yield await self.run(input, settings=settings)
            return
        told = super().stream(input, settings=settings, feedback=feedback, idempotency_key=idempotency_key)
        async with aclosing(told) as said:
            async for item in said:
                yield item

    def estimate_input(
        self, input: Any, *, settings: Settings | None = None, feedback: Sequence[Rejection] = ()
    ) -> int | None:
        """As that of ``OpenAIChat``; nobody can tell it of a response that was asked before."""
        if isinstance(input, BackgroundResponse):
            return None
        return super().estimate_input(input, settings=settings, feedback=feedback)

    def _opened(self, said: list[Any] | str) -> list[Any] | str:
        return said

    def _ask_for(self, schema: Body, body: Body) -> None:
        wanted = {"name": schema_name(self.output_type), "schema": schema, "strict": False}
        body.setdefault("text", {"format": {"type": "json_schema", **wanted}})

    def _only_text(self, body: Body) -> bool:
        return brings_only_text(body, body["input"])

    async def _answer(self, body: Body) -> Json:
        create = self._connection.client().responses.with_raw_response.create
        answer = await self._calls.whole(create, arguments(body, _KNOWN))
        response_id = text(answer.get("id"))
        if body.get("background") and answer.get("status") in _RUNNING and response_id:
            return await self._ended(response_id)
        return answer

    async def _ended(self, response_id: str) -> Json:
        retrieve = self._connection.client().responses.with_raw_response.retrieve
        by_id: Body = {"response_id": response_id, "stream": False}
        while True:
            answer = await self._calls.whole(retrieve, by_id)
            if answer.get("status") not in _RUNNING:
                return answer
            await anyio.sleep(self._poll_s)

    async def _events(self, body: Body) -> AsyncGenerator[Json, None]:
        create = self._connection.client().responses.with_raw_response.create
        async with aclosing(self._calls.events(create, arguments(body, _KNOWN))) as arriving:
            async for event in arriving:
                if event.get("type") == "error":
                    raise in_stream(self.model, event)
                yield event

    def _bill(self, answer: Json) -> Bill:
        return bill_of(answer, self.model, response_report(answer.get("usage")))

    def _read(self, answer: Json, body: Mapping[str, Any]) -> AgentOutput[Any]:
        bill = self._bill(answer)
        _check_status(answer, bill)
        items = rows(answer.get("output"))
        parts = [p for item in items if item.get("type") == "message" for p in rows(item.get("content"))]
        for part in parts:
            if part.get("type") == "refusal":
                raise bill.failure(f"refused: {excerpt(str(part.get('refusal')))}. Change what it is asked")
        texts = [text(part.get("text")) or "" for part in parts if part.get("type") == "output_text"]
        calls = [_call(item) for item in items if item.get("type") in _CALLS]
        as_json = asks_for_json(table(body.get("text")).get("format"))
        return answered(texts, calls, items, Speech(as_json, self.output_type is not None), bill)


def _call(item: Json) -> ToolCall:
    return ToolCall(
        id=text(item.get("call_id")) or "",
        name=text(item.get("name")) or "",
        arguments=text(item.get("arguments")) or text(item.get("input")) or "",
    )


def _check_status(answer: Json, bill: Bill) -> None:
    status = answer.get("status")
    if status == "incomplete":
        reason = table(answer.get("incomplete_details")).get("reason")
        remedy = "Raise max_output_tokens" if reason == "max_output_tokens" else "Change what it is asked"
        raise bill.failure(f"gave an incomplete answer: {reason}. {remedy}")
    if status in _RUNNING:
        raise bill.failure(f"has not finished ({status}), and was not asked in background mode. Retry")
    if status in ("failed", "cancelled") or table(answer.get("error")):
        error = table(answer.get("error"))
        code, message = text(error.get("code")), text(error.get("message")) or "no reason given"
        raise bill.failure(f"ended as {status}{f' ({code})' if code else ''}: {excerpt(message)}. {AGAIN}")
