"""What requests to both APIs have in common: what of them is only text, and how they ask for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flujo.agents.wire.requests import Body

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
