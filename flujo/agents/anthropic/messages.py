"""An agent over the messages API: https://platform.claude.com/docs/en/api/messages."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from anthropic import transform_schema
from anthropic.resources.beta.messages import AsyncMessages as AsyncBetaMessages
from anthropic.resources.messages import AsyncMessages

from flujo.agents.anthropic.connection import ERRORS, Connection
from flujo.agents.anthropic.stream import MessageStream
from flujo.agents.anthropic.usage import bill_of, message_usage
from flujo.agents.wire.answers import Bill, Speech, ToolCall, answered
from flujo.agents.wire.asking import Asking
from flujo.agents.wire.reading import Json, excerpt, rows, table, text
from flujo.agents.wire.requests import Body, arguments
from flujo.agents.wire.stainless import Calls
from flujo.ports import AgentOutput

_KNOWN = frozenset(inspect.signature(AsyncMessages.create).parameters) - {"self"}
_KNOWN_IN_BETA = frozenset(inspect.signature(AsyncBetaMessages.create).parameters) - {"self"}
_MAX_TOKENS = 4096
_TEXT_BLOCKS = ("text", "thinking", "redacted_thinking", "tool_use", "tool_result")
_ELSEWHERE = ("container", "mcp_servers", "context_management")


class AnthropicMessages(Asking):
    """Asks a model through the messages API.

    The input is a text (one user message), a list of messages, or a mapping with ``messages`` and whatever
    else the request has on the wire (tools, thinking, ...), which wins over ``settings``; any other JSON data
    is sent as JSON text. ``betas``, a list that may be empty, sends the request to the API in beta. Feedback
    goes behind it as one more message. The output is the model's text; the data in it where JSON was asked
    for; ``ToolCalls`` where it called tools; a list of its turn, to be sent back, where there is neither
    or where the turn has been paused.

    ``instructions`` are the system prompt, unless the input has one. ``output_type`` asks for its JSON
    schema, and the engine validates the answer. ``max_output_tokens`` is sent, and it is what a budget
    reserves; without it a request that sets no ``max_tokens`` is sent with 4096. ``stream`` streams every
    request, also outside ``stream_async``. ``provider`` names who is charged, if ``client`` is not
    Anthropic's. ``client`` is used without its retries; without one, ``AsyncAnthropic()`` is made when first
    needed.

    A refusal, an answer cut off at a limit and half a stream are AgentErrors; what they cost is booked. A
    request that the agent's declarations do not cover is one, too, and is not sent.
    """

    gathering = MessageStream
    items = "messages"
    keyed = True
    caps = ("max_tokens",)
    unseen = 1_000  # the prompt for tools, at most: https://platform.claude.com/docs/en/about-claude/pricing

    def __init__(
        self,
        model: str,
        *,
        client: Any = None,
        provider: str = "anthropic",
        instructions: str | None = None,
        settings: Mapping[str, Any] | None = None,
        output_type: Any = None,
        max_output_tokens: int | None = None,
        stream: bool = False,
    ) -> None:
        instructed = {} if instructions is None else {"system": instructions}
        super().__init__(
            model,
            provider=provider,
            settings={**instructed, **(settings or {})},
            output_type=output_type,
            max_output_tokens=max_output_tokens,
            stream=stream,
        )
        self._connection = Connection(self.model, client)
        self._calls = Calls(self.model, ERRORS, message_usage)

    def _ask_for(self, schema: Body, body: Body) -> None:
        wanted = {"type": "json_schema", "schema": transform_schema(schema)}
        body["output_config"] = {"format": wanted, **(body.get("output_config") or {})}

    def _only_text(self, body: Body) -> bool:
        own = all(table(tool).get("type", "custom") == "custom" for tool in body.get("tools") or ())
        return own and not any(body.get(key) for key in _ELSEWHERE) and _are_text(body["messages"])

    async def _answer(self, body: Body) -> Json:
        return await self._calls.whole(self._connection.messages(body).create, _arguments(body))

    def _events(self, body: Body) -> AsyncGenerator[Json, None]:
        return self._calls.events(self._connection.messages(body).create, _arguments(body))

    def _bill(self, answer: Json) -> Bill:
        return bill_of(answer, self.model)

    def _read(self, answer: Json, body: Body) -> AgentOutput[Any]:
        bill = self._bill(answer)
        _check_stop(answer, bill)
        blocks = rows(answer.get("content"))
        turn = [{"role": "assistant", "content": list(blocks)}] if blocks else []
        if answer.get("stop_reason") == "pause_turn":
            return bill.output(turn)
        texts = [text(block.get("text")) or "" for block in blocks if block.get("type") == "text"]
        calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
        form = table(table(body.get("output_config")).get("format")) or table(body.get("output_format"))
        speech = Speech(form.get("type") == "json_schema", self.output_type is not None)
        return answered(texts, calls, turn, speech, bill)


def _arguments(body: Body) -> Body:
    known = _KNOWN_IN_BETA if "betas" in body else _KNOWN
    return arguments({"max_tokens": _MAX_TOKENS, **body}, known)


def _call(block: Json) -> ToolCall:
    return ToolCall(
        id=text(block.get("id")) or "",
        name=text(block.get("name")) or "",
        arguments=json.dumps(block.get("input"), ensure_ascii=False),
    )


def _check_stop(answer: Json, bill: Bill) -> None:
    match answer.get("stop_reason"):
        case "refusal":
            why = text(table(answer.get("stop_details")).get("explanation"))
            raise bill.failure(f"refused{f': {excerpt(why)}' if why else ''}. Change what it is asked")
        case "max_tokens":
            raise bill.failure("was cut off at its limit of output tokens. Raise max_output_tokens")
        case "model_context_window_exceeded":
            raise bill.failure("was cut off where its context window ended. Send less")


def _are_text(items: Any) -> bool:
    if not isinstance(items, list):
        return True
    return all(
        isinstance(item, Mapping)
        and ("role" in item or item.get("type") in _TEXT_BLOCKS)
        and _are_text(item.get("content"))
        for item in items
    )
