"""Server-sent events, as far as model providers use them: the data of each event, in order.

Comments, names and ids of events are passed over, because the data says itself what it is.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio

from flujo.agents.wire.failures import broken_off, unreadable
from flujo.agents.wire.reading import Json, json_or_none

_DRAIN_S = 0.1
"""How long the end of a stream is waited for after its last event: then its connection can be used again."""


async def arriving_events(response: Any, model: str) -> AsyncGenerator[Json, None]:
    """The JSON objects in a streamed response of httpx or httpx2, up to ``[DONE]`` or the end; then it is closed."""
    try:
        async with aclosing(response.aiter_bytes()) as chunks, aclosing(data_of(chunks)) as arriving:
            while (data := await next_of(arriving, model)) not in (None, b"[DONE]"):
                yield object_of(data or b"", model)
            with anyio.move_on_after(_DRAIN_S):
                while await next_of(arriving, model) is not None:
                    continue
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


async def read_whole(response: Any, model: str) -> bytes:
    """All of a response of httpx or httpx2."""
    try:
        content: bytes = await response.aread()
    except Exception as error:  # the HTTP client and its transport are the user's
        raise broken_off(model, error) from error
    return content


async def next_of(arriving: AsyncGenerator[bytes, None], model: str) -> bytes | None:
    """The next part of a streamed answer; None at its end."""
    try:
        return await anext(arriving, None)
    except Exception as error:  # the HTTP client and its transport are the user's
        raise broken_off(model, error) from error


def object_of(content: bytes, model: str) -> Json:
    answer = json_or_none(content)
    if not isinstance(answer, dict):
        raise unreadable(model, content.decode(errors="replace"))
    return answer


async def data_of(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The data of each event; what is left at the end counts as one: its reader sees whether it is half."""
    pending: list[bytes] = []
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                pending.append(line[5:].removeprefix(b" "))
            elif not line and pending:
                yield b"\n".join(pending)
                pending = []
    if rest.startswith(b"data:"):
        pending.append(rest[5:].removeprefix(b" "))
    if pending:
        yield b"\n".join(pending)
