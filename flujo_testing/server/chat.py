"""OpenAI's chat completions on the wire: https://platform.openai.com/docs/api-reference/chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flujo import Usage
from flujo_testing.server.answers import CREATED_AT, Answer
from flujo_testing.server.failures import StatusError
from flujo_testing.server.requests import WireRequest
from flujo_testing.server.sse import Event, Json

DONE = b"data: [DONE]\n\n"


def whole(answer: Answer, request: WireRequest) -> Json:
    calls = [_call(answer, index) for index in range(len(answer.tools))]
    message: Json = {"role": "assistant", "content": answer.text or None, "refusal": None, "annotations": []}
    choice = {
        "index": 0,
        "message": message | ({"tool_calls": calls} if calls else {}),
        "logprobs": None,
        "finish_reason": _finish(answer),
    }
    return _object(answer, "chat.completion") | {"choices": [choice]} | _paid(answer)


def opening(answer: Answer, request: WireRequest) -> Iterator[Event]:
    yield _chunk(answer, {"role": "assistant", "content": "", "refusal": None})


def delta(answer: Answer, index: int) -> Event:
    return _chunk(answer, {"content": answer.texts[index]})


def closing(answer: Answer, request: WireRequest) -> Iterator[Event | bytes]:
    for index, tool in enumerate(answer.tools):
        named = _call(answer, index) | {"index": index, "function": {"name": tool.name, "arguments": ""}}
        yield _chunk(answer, {"tool_calls": [named]})
        yield _chunk(answer, {"tool_calls": [{"index": index, "function": {"arguments": tool.arguments}}]})
    yield _chunk(answer, {}, _finish(answer))
    if (request.body.get("stream_options") or {}).get("include_usage"):
        yield Event(None, _object(answer, "chat.completion.chunk") | {"choices": []} | _paid(answer))
    yield DONE


def broken(answer: Answer, error: StatusError) -> Event:
    return Event(None, refused(error))


def refused(error: StatusError) -> Json:
    """OpenAI's format of errors, of both its APIs: https://platform.openai.com/docs/guides/error-codes."""
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "requests"}
    kind = "server_error" if error.status >= 500 else kinds.get(error.status, "invalid_request_error")
    code = error.code or ("rate_limit_exceeded" if error.status == 429 else None)
    body: Json = {"error": {"message": error.message, "type": kind, "param": None, "code": code}}
    return body if error.usage is None else body | {"usage": usage_on_wire(error.usage)}


def usage_on_wire(usage: Usage) -> Json:
    """Prompt and completion include what their details tell apart."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.input_audio_tokens,
            "image_tokens": usage.input_image_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.output_reasoning_tokens,
            "audio_tokens": usage.output_audio_tokens,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _paid(answer: Answer) -> Json:
    """Nothing where the script reports nothing; ``cost`` as OpenRouter writes it."""
    if answer.usage is None:
        return {}
    cost = {} if answer.cost_usd is None else {"cost": float(answer.cost_usd)}
    return {"usage": usage_on_wire(answer.usage) | cost}


def _object(answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{answer.key}",
        "object": kind,
        "created": CREATED_AT,
        "model": answer.model,
        "service_tier": answer.service_tier or "default",
        "system_fingerprint": "fp_scripted",
    }


def _chunk(answer: Answer, change: Json, finish: str | None = None) -> Event:
    choice = {"index": 0, "delta": change, "logprobs": None, "finish_reason": finish}
    return Event(None, _object(answer, "chat.completion.chunk") | {"choices": [choice]})


def _call(answer: Answer, index: int) -> dict[str, Any]:
    tool = answer.tools[index]
    return {"id": tool.id, "type": "function", "function": {"name": tool.name, "arguments": tool.arguments}}


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.tools else "stop"
