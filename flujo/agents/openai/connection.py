"""The SDK client that an agent asks through: the one it was given, or one per event loop."""

from __future__ import annotations

from anyio.lowlevel import RunVar
from openai import AsyncOpenAI, OpenAIError

from flujo.agents.openai.failures import failure_of
from flujo.agents.outgoing import about_to_send

_clients: RunVar[AsyncOpenAI] = RunVar("flujo.agents.openai.client")


class Connection:
    """Gives clients that never retry by themselves.

    Without a client of the user's it makes ``AsyncOpenAI()``, which reads OPENAI_API_KEY; not before the
    first request, so that a pipeline can be imported and tested without a key. An open connection belongs to
    the event loop it was opened in, so each loop has its own.
    """

    def __init__(self, model: str, client: AsyncOpenAI | None) -> None:
        self._model = model
        self._given = None if client is None else client.with_options(max_retries=0)

    def client(self) -> AsyncOpenAI:
        """The client for one request that is about to be sent."""
        client = self._given or self._made()
        about_to_send(self._model, client.base_url, client._client)
        return client

    def _made(self) -> AsyncOpenAI:
        made = _clients.get(None)
        if made is None:
            try:
                made = AsyncOpenAI(max_retries=0)
            except OpenAIError as error:
                about_to_send(self._model, None)  # who must not send needs no key
                raise failure_of(error, self._model) from error
            _clients.set(made)
        return made
