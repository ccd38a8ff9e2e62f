"""Anthropic's messages on the wire: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from flujo import Usage
from flujo_testing.server.answers import Answer, CalledTool
from flujo_testing.server.failures import StatusError
from flujo_testing.server.requests import WireRequest
from flujo_testing.server.sse import Event, Json

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def whole(answer: Answer, request: WireRequest) -> Json:
    said = [{"type": "text", "text": answer.text}] if answer.text or not answer.tools else []
    used = [_block(tool) | {"input": _data(tool)} for tool in answer.tools]
    paid = {} if answer.usage is None else {"usage": usage_on_wire(answer.usage) | _tier(answer)}
    return _message(answer) | {"content": said + used, "stop_reason": _reason(answer)} | paid


def opening(answer: Answer, request: WireRequest) -> Iterator[Event]:
    paid = {} if answer.usage is None else {"usage": _begun(answer.usage) | _tier(answer)}
    yield _event("message_start", message=_message(answer) | paid)
    if _speaks(answer):
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("ping")


def delta(answer: Answer, index: int) -> Event:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": answer.texts[index]})


def closing(answer: Answer, request: WireRequest) -> Iterator[Event | bytes]:
    first = 0
    if _speaks(answer):
        yield _event("content_block_stop", index=0)
        first = 1
    for index, tool in enumerate(answer.tools, start=first):
        yield _event("content_block_start", index=index, content_block=_block(tool) | {"input": {}})
        written = {"type": "input_json_delta", "partial_json": tool.arguments}
        yield _event("content_block_delta", index=index, delta=written)
        yield _event("content_block_stop", index=index)
    ended = {"stop_reason": _reason(answer), "stop_sequence": None}
    paid = {} if answer.usage is None else {"usage": _cumulative(answer.usage)}
    yield _event("message_delta", delta=ended, **paid)
    yield _event("message_stop")


def broken(answer: Answer, error: StatusError) -> Event:
    return Event("error", refused(error))


def refused(error: StatusError) -> Json:
    """https://docs.anthropic.com/en/api/errors."""
    kind = error.code or KINDS.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    body: Json = {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": "req_scripted"}
    return body if error.usage is None else body | {"usage": usage_on_wire(error.usage)}


def usage_on_wire(usage: Usage) -> Json:
    """Input tokens leave out those read from and written to the cache; writes are told apart by their life."""
    return {
        "input_tokens": usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.output_reasoning_tokens},
    }


def _begun(usage: Usage) -> Json:
    """The first event counts all of the input, and of the output no more than one token."""
    return usage_on_wire(replace(usage, output_tokens=min(1, usage.output_tokens), output_reasoning_tokens=0))


def _cumulative(usage: Usage) -> Json:
    """The last event counts everything once more, but does not tell writes to the cache apart."""
    return {kind: count for kind, count in usage_on_wire(usage).items() if kind != "cache_creation"}


def _tier(answer: Answer) -> Json:
    return {"service_tier": answer.service_tier or "standard"}


def _message(answer: Answer) -> Json:
    return {
        "id": f"msg_{answer.key}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _event(kind: str, **data: object) -> Event:
    return Event(kind, {"type": kind, **data})


def _speaks(answer: Answer) -> bool:
    return bool(answer.texts) or not answer.tools


def _block(tool: CalledTool) -> Json:
    return {"type": "tool_use", "id": tool.id, "name": tool.name}


def _data(tool: CalledTool) -> object:
    """Only here arguments are data; text that is no JSON stands as text, which no real model sends."""
    try:
        return json.loads(tool.arguments)
    except ValueError:
        return tool.arguments


def _reason(answer: Answer) -> str:
    return "tool_use" if answer.tools else "end_turn"
