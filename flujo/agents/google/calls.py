"""One request through the SDK, read as JSON: whole, or chunk by chunk. What fails is an ``AgentError``.

The SDK sends the request as it is, once: without its retries, its own calls of functions and its
continuation of answers, each of which would be paid and not counted.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx2
from google import genai
from google.genai import types
from google.genai.errors import APIError

from flujo.agents.outgoing import about_to_send
from flujo.agents.wire.connection import Clients
from flujo.agents.wire.failures import broken_off, in_stream, not_asked, refused, timed_out, unreachable
from flujo.agents.wire.reading import Json, table
from flujo.agents.wire.requests import Body
from flujo.agents.wire.sse import object_of
from flujo.errors import AgentError

_SENT_INSTEAD = "."
"""The SDK wants contents of its own types; those of the request replace them."""


def _made() -> genai.Client:
    """Its HTTP client is given to it, because one that the SDK makes works on asyncio only."""
    http_client = httpx2.AsyncClient(follow_redirects=True, timeout=None)
    return genai.Client(http_options=types.HttpOptions(httpx_async_client=http_client))


_clients = Clients("google", _made)


@dataclass(frozen=True, slots=True)
class Calls:
    """The requests of one agent.

    ``model`` is the ``provider:model`` that its errors name, ``given`` the client of the user's.
    """

    model: str
    wire_model: str
    given: genai.Client | None

    async def whole(self, body: Body) -> Json:
        models, config = self._models(), _config(body)
        config.should_return_http_response = True
        try:
            answer = await models.generate_content(model=self.wire_model, contents=_SENT_INSTEAD, config=config)
        except Exception as error:  # of the HTTP client, too, which may be the user's
            raise _failure(error, self.model) from error
        raw = answer.sdk_http_response
        return object_of(((raw.body if raw else None) or "").encode(), self.model)

    async def chunks(self, body: Body) -> AsyncGenerator[Json, None]:
        """The chunks of a streamed answer; they are to be closed by the caller."""
        models = self._models()
        begun = False
        try:
            arriving: Any = await models.generate_content_stream(
                model=self.wire_model, contents=_SENT_INSTEAD, config=_config(body)
            )
            async with aclosing(arriving):
                async for chunk in arriving:
                    begun = True
                    yield chunk.model_dump(mode="json", by_alias=True, exclude_none=True)
        except APIError as error:
            raise (_in_stream if begun else _failure)(error, self.model) from error
        except Exception as error:  # of the HTTP client, or of the SDK that cannot read an answer
            raise (broken_off(self.model, error) if begun else _failure(error, self.model)) from error

    def _models(self) -> Any:
        """The SDK's models, for one request that is about to be sent."""
        client = self.given or self._made()
        sending: Any = client._api_client
        about_to_send(self.model, httpx2.URL(sending._http_options.base_url), sending._async_httpx_client)
        return client.aio.models

    def _made(self) -> genai.Client:
        try:
            return _clients.of_this_loop()
        except ValueError as error:  # no key
            about_to_send(self.model)  # who must not send needs none
            raise not_asked(f"{self.model} could not be asked: {error}") from error


def _config(body: Body) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        http_options=types.HttpOptions(extra_body=body, retry_options=types.HttpRetryOptions(attempts=1)),
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _failure(error: Exception, model: str) -> AgentError:
    if isinstance(error, APIError):
        headers = error.response.headers if isinstance(error.response, httpx2.Response) else {}
        after = headers.get("retry-after")
        details = table(error.details)
        body = details if "error" in details or error.message is None else error.message
        return refused(model, error.code or 0, body, otherwise=str(error), retry_after=after)
    if isinstance(error, httpx2.TimeoutException):
        return timed_out(model, error)
    if isinstance(error, ValueError):
        return broken_off(model, error)
    return unreachable(model, error)


def _in_stream(error: APIError, model: str) -> AgentError:
    return in_stream(model, {"code": error.status, "message": error.message})
