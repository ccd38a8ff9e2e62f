"""An agent that has a conversation compacted: https://platform.openai.com/docs/api-reference/responses/compact."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI
from openai.resources.responses import AsyncResponses

from flujo.agents.openai.connection import ERRORS, Connection
from flujo.agents.openai.usage import bill_of, response_report, response_usage
from flujo.agents.wire.reading import rows
from flujo.agents.wire.requests import arguments, check_model, conversation, plain
from flujo.agents.wire.stainless import Calls
from flujo.ports import AgentOutput

_KNOWN = frozenset(inspect.signature(AsyncResponses.compact).parameters)


class OpenAICompaction:
    """Has a model compact a conversation: list of input items in, shorter list of input items out.

    The input may also be a mapping with ``input`` and whatever else the request has on the wire. The answer
    names no model, so the declared one is charged. Errors are those of ``OpenAIChat``.
    """

    def __init__(
        self,
        model: str,
        *,
        client: AsyncOpenAI | None = None,
        provider: str = "openai",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = f"{provider}:{model}"
        self.name = f"{self.model} compaction"
        self._wire_model = model
        self._connection = Connection(self.model, client)
        self._calls = Calls(self.model, ERRORS, response_usage)
        self._settings = dict(settings or {})

    async def run(self, input: Any, *, settings: Mapping[str, Any] | None = None) -> AgentOutput[Any]:
        body = {"model": self._wire_model, **self._settings, **(settings or {})}
        if isinstance(input, Mapping) and "input" in input:
            body |= plain(input)
        else:
            body["input"] = conversation(input)
        check_model(body, self._wire_model)
        compact = self._connection.client().responses.with_raw_response.compact
        answer = await self._calls.whole(compact, arguments(body, _KNOWN))
        bill = bill_of(answer, self.model, response_report(answer.get("usage")))
        items = rows(answer.get("output"))
        if not items:
            raise bill.failure("compacted to nothing. Retry, or go on with the whole conversation")
        return bill.output(list(items))
