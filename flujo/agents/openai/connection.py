"""The SDK's client and exceptions."""

from __future__ import annotations

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError

from flujo.agents.outgoing import about_to_send
from flujo.agents.wire.connection import Clients
from flujo.agents.wire.failures import not_asked
from flujo.agents.wire.stainless import Errors

ERRORS = Errors(OpenAIError, APIError, APIConnectionError, APITimeoutError, APIStatusError)


def _made() -> AsyncOpenAI:
    return AsyncOpenAI(max_retries=0)


_clients = Clients("openai", _made)


class Connection:
    """Gives clients that never retry by themselves: the user's, or ``AsyncOpenAI()``, which reads OPENAI_API_KEY."""

    def __init__(self, model: str, client: AsyncOpenAI | None) -> None:
        self._model = model
        self._given = None if client is None else client.with_options(max_retries=0)

    def client(self) -> AsyncOpenAI:
        """The client for one request that is about to be sent."""
        client = self._given or self._made()
        about_to_send(self._model, client.base_url, client._client)
        return client

    def _made(self) -> AsyncOpenAI:
        try:
            return _clients.of_this_loop()
        except OpenAIError as error:
            about_to_send(self._model)  # who must not send needs no key
            raise not_asked(f"{self._model} could not be asked: {error}") from error
