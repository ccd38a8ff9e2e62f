"""Server-sent events, as far as model providers use them: the data of each event, in order.

Comments, names and ids of events are passed over, because the data says itself what it is.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator


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
