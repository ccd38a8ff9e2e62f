"""The SDK's client and exceptions."""

from __future__ import annotations

from typing import Any

from anthropic import (
    AnthropicError,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncAnthropic,
)

from flujo.agents.outgoing import about_to_send
from flujo.agents.wire.connection import Clients
from flujo.agents.wire.requests import Body
from flujo.agents.wire.stainless import Errors

ERRORS = Errors(AnthropicError, APIError, APIConnectionError, APITimeoutError, APIStatusError)


def _made() -> AsyncAnthropic:
    return AsyncAnthropic(max_retries=0)


_clients = Clients("anthropic", _made)


class Connection:
    """Gives clients that never retry by themselves: the user's, or ``AsyncAnthropic()``, which reads ANTHROPIC_API_KEY.

    ``client`` may be any of the SDK's asynchronous ones: those of Bedrock and Vertex, too.
    """

    def __init__(self, model: str, client: Any) -> None:
        self._model = model
        self._given = None if client is None else client.with_options(max_retries=0)

    def messages(self, body: Body) -> Any:
        """The SDK's ``messages`` with raw responses, for one request that is about to be sent.

        Those in beta for a request that names ``betas``.
        """
        client = self._given or _clients.of_this_loop()
        about_to_send(self._model, client.base_url, client._client)
        api = client.beta.messages if "betas" in body else client.messages
        return api.with_raw_response
