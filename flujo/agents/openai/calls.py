"""One request through the SDK, read as JSON: whole, or event by event. What fails is an ``AgentError``.

The SDK sends; answers are read from its raw responses, because its models take anything for anything.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
from openai import APIStatusError, OpenAIError

from flujo.agents.openai.failures import broken_off, failure_of, in_stream, reported_usage, unreadable
from flujo.agents.openai.requests import Body
from flujo.agents.openai.sse import data_of
from flujo.agents.openai.wire import Json, json_or_none
from flujo.usage import Usage

Method = Callable[..., Awaitable[Any]]
ReadUsage = Callable[[object], Usage | None]

_DRAIN_S = 0.1
"""How long the end of a stream is waited for after its last event: then its connection can be used again."""


async def whole(method: Method, arguments: Body, model: str, read: ReadUsage) -> Json:
    """The answer to one request; ``method`` is one of the SDK's ``with_raw_response``."""
    raw = await _sent(method, arguments, model, read)
    return _object(raw.content, model)


async def events(method: Method, arguments: Body, model: str, read: ReadUsage) -> AsyncGenerator[Json, None]:
    """The events of a streamed answer, up to ``[DONE]`` or the end; they are to be closed by the caller."""
    raw = await _sent(method, arguments, model, read)
    response = raw.http_response
    try:
        async with aclosing(response.aiter_bytes()) as chunks, aclosing(data_of(chunks)) as arriving:
            while (data := await _next(arriving, model)) not in (None, b"[DONE]"):
                event = _object(data or b"", model)
                if isinstance(event.get("error"), dict):
                    raise in_stream(model, event["error"])
                yield event
            with anyio.move_on_after(_DRAIN_S):
                while await _next(arriving, model) is not None:
                    continue
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


async def _next(arriving: AsyncGenerator[bytes, None], model: str) -> bytes | None:
    try:
        return await anext(arriving, None)
    except Exception as error:  # the HTTP client and its transport are the user's
        raise broken_off(model, error) from error


def _object(content: bytes, model: str) -> Json:
    answer = json_or_none(content)
    if not isinstance(answer, dict):
        raise unreadable(model, content.decode(errors="replace"))
    return answer


async def _sent(method: Method, arguments: Body, model: str, read: ReadUsage) -> Any:
    try:
        return await method(**arguments)
    except APIStatusError as error:
        raise failure_of(error, model, read(reported_usage(error))) from error
    except OpenAIError as error:
        raise failure_of(error, model) from error
