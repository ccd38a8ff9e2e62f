"""An agent over Amazon Bedrock's Converse API: ``BedrockConverse``, which asks without an SDK.

It brings a step's input into a request, and the answer, its price data and its failures back. It does not
run tools, keeps no history and never retries.
"""

from __future__ import annotations

try:
    import httpx2 as _http  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo.agents.bedrock needs httpx2: pip install 'flujo-pipelines[http]'", name=missing.name
    ) from missing

from flujo.agents.bedrock.converse import BedrockConverse
from flujo.agents.wire.answers import ToolCall, ToolCalls

__all__ = ["BedrockConverse", "ToolCall", "ToolCalls"]
