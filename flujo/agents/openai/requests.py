"""From what a step is given to the arguments of an SDK call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from flujo.canonical import NotRepresentable, to_data
from flujo.errors import AgentError, MisuseError
from flujo.ports import Rejection

Body = dict[str, Any]

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


def not_asked(message: str) -> AgentError:
    """For a request that was never sent: nothing is booked."""
    return AgentError(message, requests=())


def conversation(value: object) -> list[Any] | str:
    """A list of the wire's items as it is; a text as it is; anything else as JSON text."""
    if isinstance(value, str):
        return value
    data = plain(value)
    if isinstance(data, list) and data and all(_is_item(item) for item in data):
        return data
    return json.dumps(data, ensure_ascii=False)


def plain(value: object) -> Any:
    """JSON data; an AgentError naming the place if it is none."""
    try:
        return to_data(value)
    except NotRepresentable as error:
        raise not_asked(f"the input of a model must be text or JSON data: {error}") from error


def _is_item(item: object) -> bool:
    return isinstance(item, dict) and ("role" in item or "type" in item)


def as_items(said: Any) -> list[Any]:
    """A conversation as a list: a text is one message of the user's."""
    return [user_message(said)] if isinstance(said, str) else said


def user_message(content: str) -> Body:
    return {"role": "user", "content": content}


def told_again(feedback: Iterable[Rejection]) -> list[Body]:
    """What was wrong with earlier answers, as one more message."""
    reasons = "\n".join(f"- {rejection.plugin}: {rejection.feedback}" for rejection in feedback)
    return [user_message(f"Earlier answers were rejected:\n{reasons}\nAnswer again.")] if reasons else []


def arguments(body: Mapping[str, Any], known: frozenset[str]) -> Body:
    """Keyword arguments for an SDK method; what it does not know travels in ``extra_body``."""
    named = {key: value for key, value in body.items() if key in known}
    unknown = {key: value for key, value in body.items() if key not in known}
    if unknown:
        named["extra_body"] = {**(named.get("extra_body") or {}), **unknown}
    return named


def check_model(body: Mapping[str, Any], name: str) -> None:
    """A request is metered by the model that its agent declares, so it cannot name another."""
    if body.get("model") != name:
        raise not_asked(
            f"the request asks for model {body.get('model')!r}, but its agent is declared as {name!r}: "
            "make an agent for that model"
        )


def check_output(body: Mapping[str, Any], caps: Sequence[str], declared: int | None) -> None:
    """A request may not ask for more than its agent declares: that is what a budget reserves."""
    if declared is None:
        return
    asked = largest_output(body, caps)
    if asked is None or asked > declared:
        raise not_asked(
            f"the request allows {'any number of' if asked is None else asked} output tokens, but its agent "
            f"declares max_output_tokens={declared}: ask for less or declare more"
        )


def largest_output(body: Mapping[str, Any], caps: Sequence[str]) -> int | None:
    """Output tokens that a request allows, over all its choices; None if it sets no limit."""
    limits = [body[cap] for cap in caps if isinstance(body.get(cap), int)]
    choices = body.get("n")
    return min(limits) * (choices if isinstance(choices, int) else 1) if limits else None


def bound_of_input(body: Mapping[str, Any], items: object) -> int | None:
    """Input tokens that a request can have at most; None if it brings more than its own text.

    A token of text is at least one byte, so the bytes of the JSON are a bound without a tokenizer, some four
    times what English text comes to. Images, files, hosted tools and history kept by the provider have none.
    """
    if _ELSEWHERE & {key for key, value in body.items() if value is not None}:
        return None
    tools = body.get("tools") or ()
    if any(not isinstance(tool, Mapping) or tool.get("type") not in _TEXT_TOOLS for tool in tools):
        return None
    if not _only_text(items):
        return None
    return len(json.dumps(body, ensure_ascii=False, default=str).encode(errors="surrogatepass"))


def _only_text(items: object) -> bool:
    if not isinstance(items, list):
        return True
    return all(
        isinstance(item, Mapping)
        and item.get("type", "message") in _TEXT_ITEMS
        and _only_text(item.get("content"))
        and _only_text(item.get("output"))
        for item in items
    )


def schema_of(output_type: Any) -> Body | None:
    """The JSON schema to ask for an output type with; None for text.

    Structured outputs need an object at the top: https://platform.openai.com/docs/guides/structured-outputs
    """
    if output_type is None or output_type is str:
        return None
    schema = TypeAdapter(output_type).json_schema()
    if schema.get("type") != "object":
        raise MisuseError(f"output_type {output_type!r} is no object in JSON: put it into a field of a model")
    return {"name": _schema_name(output_type), "schema": schema, "strict": False}


def _schema_name(output_type: Any) -> str:
    name = output_type.__name__ if isinstance(output_type, type) else "output"
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)[:64]
