"""What both APIs have in common: the SDK's client and exceptions, and what of a request is only text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError

from flujo.agents.outgoing import about_to_send
from flujo.agents.wire.connection import Clients
from flujo.agents.wire.failures import not_asked
from flujo.agents.wire.requests import Body
from flujo.agents.wire.stainless import Errors

ERRORS = Errors(OpenAIError, APIError, APIConnectionError, APITimeoutError, APIStatusError)

_TEXT_ITEMS = (
    "message",
    "text",
    "input_text",
    "output_text",
    "refusal",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
)
_TEXT_TOOLS = ("function", "custom")
# Each brings tokens that are not in the request: history, prompts and search results on the provider's side.
_ELSEWHERE = frozenset({"previous_response_id", "conversation", "prompt", "web_search_options"})


def _made() -> AsyncOpenAI:
    return AsyncOpenAI(max_retries=0)


_clients = Clients("openai", _made)


class Connection:
    """Gives clients that never retry by themselves: the user's, or ``AsyncOpenAI()``, which reads OPENAI_API_KEY."""

    def __init__(self, model: str, client: AsyncOpenAI | None) -> None:
        self._model = model
        self._given = None if client is None else client.with_options(max_retries=0)

    def client(self) -> AsyncOpenAI:
        """The client for one request that is about to be sent."""
        client = self._given or self._made()
        about_to_send(self._model, client.base_url, client._client)
        return client

    def _made(self) -> AsyncOpenAI:
        try:
            return _clients.of_this_loop()
        except OpenAIError as error:
            about_to_send(self._model)  # who must not send needs no key
            raise not_asked(f"{self._model} could not be asked: {error}") from error


def brings_only_text(body: Body, items: object) -> bool:
    """Whether a request brings no more than its own text: no images, files, hosted tools or kept history."""
    if _ELSEWHERE & {key for key, value in body.items() if value is not None}:
        return False
    tools = body.get("tools") or ()
    if any(not isinstance(tool, Mapping) or tool.get("type") not in _TEXT_TOOLS for tool in tools):
        return False
    return _are_text(items)


def _are_text(items: Any) -> bool:
    if not isinstance(items, list):
        return True
    return all(
        isinstance(item, Mapping)
        and item.get("type", "message") in _TEXT_ITEMS
        and _are_text(item.get("content"))
        and _are_text(item.get("output"))
        for item in items
    )


def schema_name(output_type: Any) -> str:
    """What a JSON schema is called; the APIs allow letters, digits, dashes and underscores."""
    name = output_type.__name__ if isinstance(output_type, type) else "output"
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)[:64]


def asks_for_json(form: object) -> bool:
    """Whether ``response_format``, or ``text.format``, asks for JSON."""
    return isinstance(form, Mapping) and form.get("type") in ("json_schema", "json_object")
