"""What was asked over the wire, parsed: which API, which model, the conversation, the rest as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flujo_testing.agents.passes import Call
from flujo_testing.recordings.vcr import body_of
from flujo_testing.server.connection import Received

Api = Literal["chat", "responses", "messages"]
ENDPOINTS: Mapping[str, Api] = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/messages": "messages",
}
CONVERSATIONS: Mapping[Api | None, str] = {"chat": "messages", "responses": "input", "messages": "messages"}
SECRETS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest(Call):
    """One request. ``input`` is the first text of a user in it; ``path`` that of the step that asks, if known.

    ``messages`` are roles and texts in order, instructions first; ``body`` is all that was sent, as JSON data
    where it is that. ``api`` is None for what only a recording may answer. Keys are not kept in ``headers``.
    """

    api: Api | None
    model: str
    streamed: bool
    messages: tuple[tuple[str, str], ...]
    method: str
    url: str
    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def request_of(received: Received, path: str | None) -> WireRequest:
    """What a request says; nothing is refused here."""
    body = body_of(received.content)
    data = body if isinstance(body, dict) else {}
    model = data.get("model")
    address = received.url.partition("?")[0].removeprefix("/v1")
    api = ENDPOINTS.get(address) if received.method == "POST" and isinstance(model, str) else None
    messages = tuple(_messages(data, data.get(CONVERSATIONS.get(api, ""))))
    return WireRequest(
        input=next((text for role, text in messages if role == "user" and text), ""),
        path=path,
        api=api,
        model=model if isinstance(model, str) else "",
        streamed=data.get("stream") is True,
        messages=messages,
        method=received.method,
        url=received.url,
        body=body,
        headers={name: value for name, value in received.headers.items() if name not in SECRETS},
    )


def _messages(body: Mapping[str, Any], said: object) -> Iterator[tuple[str, str]]:
    for name in ("system", "instructions"):
        if body.get(name):
            yield "system", text_in(body[name])
    for message in [said] if isinstance(said, str) else said if isinstance(said, list) else ():
        if isinstance(message, dict):
            role = message.get("role") or message.get("type")
            yield str(role), text_in(message.get("content", message.get("output", "")))
        else:
            yield "user", str(message)


def text_in(content: object) -> str:
    """The text of a message: as it is, or in its parts, or in the parts of a tool's result."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(text_in(part) for part in content)
    if isinstance(content, dict):
        return text_in(content.get("text") or content.get("content") or "")
    return ""
