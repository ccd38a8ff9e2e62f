"""One request through an SDK that Stainless generated (OpenAI's, Anthropic's), read as JSON: whole, or event by event.

The SDK sends; answers are read from its raw responses, because its models take anything for anything. What
fails is an ``AgentError``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from flujo.agents.wire.failures import failed, in_stream, not_asked, refused, timed_out, unreachable
from flujo.agents.wire.reading import Json, json_or_none, table
from flujo.agents.wire.requests import Body
from flujo.agents.wire.sse import arriving_events, object_of, read_whole
from flujo.errors import AgentError
from flujo.usage import Usage

Method = Callable[..., Awaitable[Any]]
ReadUsage = Callable[[object], Usage | None]


@dataclass(frozen=True, slots=True)
class Errors:
    """The exceptions of an SDK; the later ones are kinds of the earlier ones."""

    anything: type[Exception]
    api: type[Exception]
    connection: type[Exception]
    timeout: type[Exception]
    status: type[Exception]


@dataclass(frozen=True, slots=True)
class Calls:
    """The requests of one agent; ``model`` is the ``provider:model`` that its errors name.

    ``read`` finds the usage in the body of an HTTP error, where there is one.
    """

    model: str
    errors: Errors
    read: ReadUsage

    async def whole(self, method: Method, arguments: Body) -> Json:
        """The answer to one request; ``method`` is one of the SDK's ``with_raw_response``."""
        raw = await self._sent(method, arguments)
        return object_of(await read_whole(raw.http_response, self.model), self.model)

    async def events(self, method: Method, arguments: Body) -> AsyncGenerator[Json, None]:
        """The events of a streamed answer, up to ``[DONE]`` or the end; they are to be closed by the caller."""
        raw = await self._sent(method, arguments)
        async with aclosing(arriving_events(raw.http_response, self.model)) as arriving:
            async for event in arriving:
                if isinstance(event.get("error"), dict):
                    raise in_stream(self.model, event["error"])
                yield event

    async def _sent(self, method: Method, arguments: Body) -> Any:
        try:
            return await method(**arguments)
        except self.errors.anything as error:
            raise failure_of(error, self.errors, self.model, self.read) from error
        except (TypeError, ValueError, Warning) as error:  # the SDK's own checks of what is to be sent
            raise not_asked(f"{self.model} could not be asked: {error}") from error


def failure_of(error: Exception, errors: Errors, model: str, read: ReadUsage) -> AgentError:
    """What the SDK raised, with the usage that a failed request reported all the same."""
    if isinstance(error, errors.status):
        return _refusal(error, model, read)
    if isinstance(error, errors.timeout):
        return timed_out(model, error)
    if isinstance(error, errors.connection):
        return unreachable(model, error)
    if isinstance(error, errors.api):
        return failed(model, error)
    return not_asked(f"{model} could not be asked: {error}")  # no key, for one: nothing was sent


def _refusal(error: Any, model: str, read: ReadUsage) -> AgentError:
    usage = read(_reported_usage(error))
    after = error.response.headers.get("retry-after")
    return refused(model, error.status_code, error.body, otherwise=error.message, retry_after=after, usage=usage)


def _reported_usage(error: Any) -> object:
    """The ``usage`` in the whole error body; an SDK may keep only the part under ``error``."""
    if error.response.is_closed and not error.response.is_stream_consumed:
        return None  # closed before it was read, by a hook of the user's client
    return table(json_or_none(error.response.content)).get("usage")
