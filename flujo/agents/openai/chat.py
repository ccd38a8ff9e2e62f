"""An agent over chat completions: https://platform.openai.com/docs/api-reference/chat."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from openai import AsyncOpenAI
from openai.resources.chat.completions import AsyncCompletions

from flujo.agents.openai.chat_stream import ChatStream, said_in
from flujo.agents.openai.connection import ERRORS, Connection
from flujo.agents.openai.requests import asks_for_json, brings_only_text, schema_name
from flujo.agents.openai.usage import bill_of, chat_report, chat_usage
from flujo.agents.wire.answers import Bill, Speech, ToolCall, ToolCalls
from flujo.agents.wire.asking import Asking
from flujo.agents.wire.failures import AGAIN
from flujo.agents.wire.reading import Json, excerpt, rows, table, text
from flujo.agents.wire.requests import Body, arguments
from flujo.agents.wire.stainless import Calls
from flujo.ports import AgentOutput

_KNOWN = frozenset(inspect.signature(AsyncCompletions.create).parameters)


class OpenAIChat(Asking):
    """Asks a model through chat completions.

    The input is a text (one user message), a list of messages, or a mapping with ``messages`` and whatever
    else the request has on the wire (tools, response_format, ...), which wins over ``settings``; any other
    JSON data is sent as JSON text. Feedback goes behind it as one more message. The output is the model's
    text; the data in it where JSON was asked for; ``ToolCalls`` where it called tools; a tuple of these for
    several choices.

    ``instructions`` become a system message, unless the input is a mapping with messages of its own.
    ``output_type`` asks for its JSON schema, and the engine validates the answer. ``max_output_tokens``
    bounds all choices together; it is sent, and it is what a budget reserves. ``stream`` streams every
    request, also outside ``stream_async``; ``include_usage`` asks for the usage of streamed ones.
    ``provider`` names who is charged, if the client's base_url is not OpenAI's. ``client`` is used without
    its retries; without one, ``AsyncOpenAI()`` is made when first needed.

    A refusal, a stop by a content filter, an answer cut off at its token limit and half a stream are
    AgentErrors; what they cost is booked. A request that the agent's declarations do not cover is one, too,
    and is not sent.
    """

    gathering = ChatStream
    items = "messages"
    keyed = True
    caps = ("max_completion_tokens", "max_tokens")

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
        include_usage: bool = True,
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
        self._include_usage = include_usage
        self._connection = Connection(self.model, client)
        self._calls = Calls(self.model, ERRORS, chat_usage)

    def _opened(self, said: list[Any] | str) -> list[Any]:
        return self._instructions + self._items(said)

    def _ask_for(self, schema: Body, body: Body) -> None:
        wanted = {"name": schema_name(self.output_type), "schema": schema, "strict": False}
        body.setdefault("response_format", {"type": "json_schema", "json_schema": wanted})

    def _only_text(self, body: Body) -> bool:
        return brings_only_text(body, body["messages"])

    def _when_streamed(self, body: Body) -> None:
        if self._include_usage:
            body["stream_options"] = {"include_usage": True, **(body.get("stream_options") or {})}

    async def _answer(self, body: Body) -> Json:
        return await self._calls.whole(self._create(), arguments(body, _KNOWN))

    def _events(self, body: Body) -> AsyncGenerator[Json, None]:
        return self._calls.events(self._create(), arguments(body, _KNOWN))

    def _create(self) -> Any:
        return self._connection.client().chat.completions.with_raw_response.create

    def _bill(self, answer: Json) -> Bill:
        return bill_of(answer, self.model, chat_report(answer.get("usage")))

    def _read(self, answer: Json, body: Body) -> AgentOutput[Any]:
        bill = self._bill(answer)
        if error := table(answer.get("error")):  # with status 200, from some who speak this API
            raise bill.failure(f"failed ({error.get('code')}): {excerpt(str(error.get('message')))}. {AGAIN}")
        speech = Speech(asks_for_json(body.get("response_format")), self.output_type is not None)
        outputs = [_choice(choice, bill, speech) for choice in rows(answer.get("choices"))]
        if not outputs:
            raise bill.failure(f"answered without any choice. {AGAIN}")
        called = sum(len(output.calls) for output in outputs if isinstance(output, ToolCalls))
        return bill.output(outputs[0] if len(outputs) == 1 else tuple(outputs), called)


def _choice(choice: Json, bill: Bill, speech: Speech) -> object:
    message = table(choice.get("message"))
    if refusal := text(message.get("refusal")):
        raise bill.failure(f"refused: {excerpt(refusal)}. Change what it is asked")
    match choice.get("finish_reason"):
        case "content_filter":
            raise bill.failure("was stopped by the provider's content filter. Change what it is asked")
        case "length" | "model_length":  # the latter is Mistral's, at the end of its context window
            raise bill.failure("was cut off at its limit of output tokens. Raise max_output_tokens")
        case "error":  # OpenRouter's, for one that its own provider has failed
            error = table(choice.get("error"))
            raise bill.failure(f"failed ({error.get('code')}): {excerpt(str(error.get('message')))}. {AGAIN}")
    said = said_in(message.get("content"))
    if calls := tuple(_call(call) for call in rows(message.get("tool_calls"))):
        return ToolCalls(calls, said or "", (message,))
    if said is not None:
        return speech.read(said, bill)
    if audio := table(message.get("audio")):
        return audio
    raise bill.failure(f"answered neither text nor tool calls. {AGAIN}")


def _call(call: Json) -> ToolCall:
    custom = table(call.get("custom"))
    asked = custom or table(call.get("function"))
    return ToolCall(
        id=text(call.get("id")) or "",
        name=text(asked.get("name")) or "",
        arguments=text(asked.get("input" if custom else "arguments")) or "",
    )
