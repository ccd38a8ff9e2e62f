"""An agent over Cohere's chat API: ``CohereChat``, which asks without an SDK.

It brings a step's input into a request, and the answer, its price data and its failures back. It does not
run tools, keeps no history and never retries.
"""

from __future__ import annotations

try:
    import httpx2 as _http  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo.agents.cohere needs httpx2: pip install 'flujo-pipelines[http]'", name=missing.name
    ) from missing

from flujo.agents.cohere.chat import CohereChat
from flujo.agents.wire.answers import ToolCall, ToolCalls

__all__ = ["CohereChat", "ToolCall", "ToolCalls"]
