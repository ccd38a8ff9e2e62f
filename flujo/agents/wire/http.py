"""One request over HTTP, for providers that are asked without an SDK: whole, or as a stream. Needs httpx2.

What fails is an ``AgentError``. The client is the user's: it knows the address and holds the key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx2

from flujo.agents.outgoing import about_to_send
from flujo.agents.wire.failures import refused, timed_out, unreachable
from flujo.agents.wire.reading import Json, json_or_none
from flujo.agents.wire.requests import Body
from flujo.agents.wire.sse import object_of, read_whole


@dataclass(frozen=True, slots=True)
class HTTPCalls:
    """The requests of one agent; ``model`` is the ``provider:model`` that its errors name."""

    model: str
    client: httpx2.AsyncClient

    async def whole(self, path: str, body: Body) -> Json:
        async with self.opened(path, body) as response:
            return object_of(await read_whole(response, self.model), self.model)

    @asynccontextmanager
    async def opened(self, path: str, body: Body) -> AsyncIterator[httpx2.Response]:
        """A response with status 2xx, which is still to be read; it is closed in the end."""
        request = self.client.build_request("POST", path, json=body)
        about_to_send(self.model, request.url, self.client)
        try:
            response = await self.client.send(request, stream=True)
        except Exception as error:  # the transport is the user's
            late = isinstance(error, httpx2.TimeoutException)
            raise (timed_out if late else unreachable)(self.model, error) from error
        try:
            if not response.is_success:
                raise await self._refusal(response)
            yield response
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    async def _refusal(self, response: httpx2.Response) -> Exception:
        content = await read_whole(response, self.model)
        said = content.decode(errors="replace")
        return refused(
            self.model,
            response.status_code,
            json_or_none(content) or said,
            otherwise=said or "no body",
            retry_after=response.headers.get("retry-after"),
        )
