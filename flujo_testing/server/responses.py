"""OpenAI's responses on the wire: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flujo import Usage
from flujo_testing.server import chat
from flujo_testing.server.answers import CREATED_AT, Answer, CalledTool
from flujo_testing.server.failures import StatusError
from flujo_testing.server.requests import WireRequest
from flujo_testing.server.sse import Event, Json

_SETTINGS: Json = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}


def whole(answer: Answer, request: WireRequest) -> Json:
    spoken = [_message(answer, answer.text)] if _speaks(answer) else []
    called = [_call(tool, tool.arguments) for tool in answer.tools]
    return _response(answer, request, "completed", spoken + called)


def opening(answer: Answer, request: WireRequest) -> Iterator[Event]:
    for number, kind in enumerate(("response.created", "response.in_progress")):
        yield _event(number, kind, response=_response(answer, request, "in_progress", []))
    if _speaks(answer):
        yield _event(2, "response.output_item.added", output_index=0, item=_message(answer, None))
        yield _event(3, "response.content_part.added", **_place(answer), part=_part(""))


def delta(answer: Answer, index: int) -> Event:
    said = answer.texts[index]
    return _event(_first(answer) + index, "response.output_text.delta", **_place(answer), delta=said, logprobs=[])


def closing(answer: Answer, request: WireRequest) -> Iterator[Event | bytes]:
    for number, (kind, data) in enumerate(_endings(answer, request), start=_first(answer) + len(answer.texts)):
        yield _event(number, kind, **data)


def broken(answer: Answer, error: StatusError) -> Event:
    told = refused(error)["error"]
    code, number = told["code"] or told["type"], _first(answer) + len(answer.texts)
    return _event(number, "error", code=code, message=told["message"], param=None)


def refused(error: StatusError) -> Json:
    body = chat.refused(error)
    return body if error.usage is None else body | {"usage": usage_on_wire(error.usage)}


def usage_on_wire(usage: Usage) -> Json:
    """Input and output include what their details tell apart."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.output_reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _endings(answer: Answer, request: WireRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    if _speaks(answer):
        yield "response.output_text.done", {**_place(answer), "text": answer.text, "logprobs": []}
        yield "response.content_part.done", {**_place(answer), "part": _part(answer.text)}
        yield "response.output_item.done", {"output_index": 0, "item": _message(answer, answer.text)}
    for index, tool in enumerate(answer.tools, start=1 if _speaks(answer) else 0):
        place = {"item_id": _id(tool), "output_index": index}
        yield "response.output_item.added", {"output_index": index, "item": _call(tool, "")}
        yield "response.function_call_arguments.delta", {**place, "delta": tool.arguments}
        yield "response.function_call_arguments.done", {**place, "name": tool.name, "arguments": tool.arguments}
        yield "response.output_item.done", {"output_index": index, "item": _call(tool, tool.arguments)}
    yield "response.completed", {"response": whole(answer, request)}


def _response(answer: Answer, request: WireRequest, status: str, output: list[Json]) -> Json:
    ended = status == "completed"
    paid = usage_on_wire(answer.usage) if ended and answer.usage is not None else None
    cost = {} if paid is None or answer.cost_usd is None else {"cost": float(answer.cost_usd)}
    echoed = {name: request.body[name] for name in _SETTINGS if name in request.body}
    return {
        "id": f"resp_{answer.key}",
        "object": "response",
        "created_at": CREATED_AT,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": request.body.get("instructions"),
        "model": answer.model,
        "output": output,
        "metadata": {},
        "service_tier": (answer.service_tier or "default") if ended else "auto",
        "usage": None if paid is None else paid | cost,
        **_SETTINGS,
        **echoed,
    }


def _message(answer: Answer, text: str | None) -> Json:
    """Whole with its text; without one while it begins."""
    status, content = ("in_progress", []) if text is None else ("completed", [_part(text)])
    return {"type": "message", "id": f"msg_{answer.key}", "status": status, "role": "assistant", "content": content}


def _call(tool: CalledTool, arguments: str) -> Json:
    status = "completed" if arguments else "in_progress"
    called = {"call_id": tool.id, "name": tool.name, "arguments": arguments}
    return {"type": "function_call", "id": _id(tool), "status": status, **called}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _place(answer: Answer) -> Json:
    return {"item_id": f"msg_{answer.key}", "output_index": 0, "content_index": 0}


def _id(tool: CalledTool) -> str:
    return f"fc_{tool.id}"


def _speaks(answer: Answer) -> bool:
    return bool(answer.texts) or not answer.tools


def _first(answer: Answer) -> int:
    """The number of the first event after those of the opening."""
    return 4 if _speaks(answer) else 2


def _event(number: int, kind: str, **data: object) -> Event:
    return Event(kind, {"type": kind, "sequence_number": number, **data})
