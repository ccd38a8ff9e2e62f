"""An agent that has a request counted: https://platform.claude.com/docs/en/build-with-claude/token-counting."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from anthropic.resources.beta.messages import AsyncMessages as AsyncBetaMessages
from anthropic.resources.messages import AsyncMessages

from flujo.agents.anthropic.connection import ERRORS, Connection
from flujo.agents.anthropic.usage import message_usage
from flujo.agents.wire.failures import AGAIN, NOT_CHARGED
from flujo.agents.wire.requests import arguments, check_model, conversation, plain
from flujo.agents.wire.stainless import Calls
from flujo.errors import AgentError
from flujo.ports import AgentOutput

_KNOWN = frozenset(inspect.signature(AsyncMessages.count_tokens).parameters)
_KNOWN_IN_BETA = frozenset(inspect.signature(AsyncBetaMessages.count_tokens).parameters)


class AnthropicTokenCount:
    """Has the input tokens of a request counted; the output is their number. Counting is free, also where it fails.

    The input and the other arguments are those of ``AnthropicMessages``.
    """

    def __init__(
        self,
        model: str,
        *,
        client: Any = None,
        provider: str = "anthropic",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = f"{provider}:{model} token count"
        self._counts_for = f"{provider}:{model}"
        self._wire_model = model
        self._connection = Connection(self._counts_for, client)
        self._calls = Calls(self._counts_for, ERRORS, message_usage)
        self._settings = dict(settings or {})

    async def run(self, input: Any, *, settings: Mapping[str, Any] | None = None) -> AgentOutput[int]:
        body = {"model": self._wire_model, **self._settings, **(settings or {})}
        if isinstance(input, Mapping) and "messages" in input:
            body |= plain(input)
        else:
            said = conversation(input)
            body["messages"] = [{"role": "user", "content": said}] if isinstance(said, str) else said
        check_model(body, self._wire_model)
        count_tokens = self._connection.messages(body).count_tokens
        known = _KNOWN_IN_BETA if "betas" in body else _KNOWN
        try:
            answer = await self._calls.whole(count_tokens, arguments(body, known))
        except AgentError as error:
            raise error if error.requests == () else self._failure(str(error)) from error.__cause__
        tokens = answer.get("input_tokens")
        if isinstance(tokens, bool) or not isinstance(tokens, int):
            raise self._failure(f"{self._counts_for} counted no tokens. {AGAIN}")
        return AgentOutput(tokens, model=self._counts_for, cost_usd=NOT_CHARGED)

    def _failure(self, message: str) -> AgentError:
        return AgentError(message, model=self._counts_for, cost_usd=NOT_CHARGED)
