"""What a model says to one request, whichever API it is asked through: read off the item of a script.

No HTTP and no API in here: ``chat.py``, ``responses.py`` and ``messages.py`` put it into their words.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from flujo import AgentOutput, Usage
from flujo_testing.agents.errors import FakeError
from flujo_testing.agents.scripts import Chunks, shown
from flujo_testing.server.requests import WireRequest
from flujo_testing.server.tools import ToolUse, Turn

CREATED_AT = 1767225600
"""Midnight of 1 January 2026 UTC, where virtual time begins."""

_ANY: TypeAdapter[Any] = TypeAdapter(Any)


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool that the model calls; ``arguments`` is the text that it wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The texts are one text in pieces, ``pause_s`` before each; ``error`` is how it breaks off behind them.

    ``key`` is the same for the same request: ids are made of it.
    """

    key: str
    model: str
    texts: tuple[str, ...]
    tools: tuple[CalledTool, ...] = ()
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    service_tier: str | None = None
    pause_s: float = 0.0
    error: Exception | None = None

    @property
    def text(self) -> str:
        return "".join(self.texts)


def answer_of(item: object, request: WireRequest, usage: Usage | None) -> Answer:
    """The answer that a value, an AgentOutput, Chunks, a ToolUse or a Turn stands for.

    ``usage`` counts where the item brings none. Raises FakeError for what no model can say.
    """
    said = item if isinstance(item, AgentOutput) else AgentOutput(item)
    if said.requests is not None:
        text = "an AgentOutput with requests stands for several answers, and one request has one"
        raise FakeError(f"{text}: give each of them as an item of the script")
    value = said.output
    key = hashlib.sha256(json.dumps(request.body, sort_keys=True).encode()).hexdigest()[:24]
    parts = value.parts if isinstance(value, Turn) else (value,)
    uses = [part for part in parts if isinstance(part, ToolUse)]
    pieces = [piece for part in parts if not isinstance(part, ToolUse) for piece in _pieces(part)]
    return Answer(
        key=key,
        model=(said.model or request.model).rpartition(":")[2],
        texts=tuple(pieces),
        tools=tuple(_called(use, number, key) for number, use in enumerate(uses, start=1)),
        usage=usage if said.usage is None else said.usage,
        cost_usd=said.cost_usd,
        service_tier=said.price_context,
        pause_s=value.pause_s if isinstance(value, Chunks) else 0.0,
        error=value.error if isinstance(value, Chunks) else None,
    )


def _pieces(value: object) -> tuple[str, ...]:
    """Text as it is; anything else as the JSON that a model would write."""
    if isinstance(value, Chunks):
        return value.texts
    if isinstance(value, str):
        return (value,)
    try:
        return (_ANY.dump_json(value).decode(),)
    except PydanticSerializationError as error:
        raise FakeError(f"a model cannot write {shown(value)}, which is no JSON: {error}") from error


def _called(use: ToolUse, number: int, key: str) -> CalledTool:
    written = use.arguments if isinstance(use.arguments, str) else json.dumps(use.arguments)
    return CalledTool(use.id or f"call_{key[:16]}_{number}", use.name, written)
