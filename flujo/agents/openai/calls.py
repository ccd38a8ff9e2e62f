"""One request through the SDK, read as JSON: whole, or event by event. What fails is an ``AgentError``.

Answers are read from their bytes and not through the SDK's models, which take anything for anything.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from openai import APIStatusError, OpenAIError

from flujo.agents.openai.failures import UNREADABLE, failure_of, reported_usage, unreadable
from flujo.agents.openai.requests import Body
from flujo.agents.openai.wire import Json, event_of
from flujo.usage import Usage

Method = Callable[..., Awaitable[Any]]
ReadUsage = Callable[[object], Usage | None]


async def whole(method: Method, arguments: Body, model: str, read: ReadUsage) -> Json:
    """The answer to one request; ``method`` is one of the SDK's ``with_raw_response``."""
    raw = await _sent(method, arguments, model, read)
    content: bytes = raw.content
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise unreadable(model, content.decode(errors="replace")) from error
    if not isinstance(answer, dict):
        raise unreadable(model, content.decode(errors="replace"))
    return answer


async def events(method: Method, arguments: Body, model: str, read: ReadUsage) -> AsyncGenerator[Json, None]:
    """The events of a streamed answer; it is closed when the caller closes this iterator."""
    raw = await _sent(method, {**arguments, "stream": True}, model, read)
    async with raw.parse() as stream:
        while True:
            try:
                event = event_of(await anext(stream))
            except StopAsyncIteration:
                return
            except (OpenAIError, *UNREADABLE) as error:
                raise failure_of(error, model) from error
            yield event


async def _sent(method: Method, arguments: Body, model: str, read: ReadUsage) -> Any:
    try:
        return await method(**arguments)
    except APIStatusError as error:
        raise failure_of(error, model, read(reported_usage(error))) from error
    except OpenAIError as error:
        raise failure_of(error, model) from error
