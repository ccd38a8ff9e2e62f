"""The SDK client that an agent asks through: the one it was given, or one per event loop."""

from __future__ import annotations

from anyio.lowlevel import RunVar
from openai import AsyncOpenAI, OpenAIError

from flujo.agents.openai.failures import failure_of

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
        if self._given is not None:
            return self._given
        made = _clients.get(None)
        if made is None:
            try:
                made = AsyncOpenAI(max_retries=0)
            except OpenAIError as error:
                raise failure_of(error, self._model) from error
            _clients.set(made)
        return made
