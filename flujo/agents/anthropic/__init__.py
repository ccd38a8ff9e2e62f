"""Agents over the Anthropic SDK: ``AnthropicMessages`` asks a model, ``AnthropicTokenCount`` has a request counted.

They bring a step's input into a request, and the answer, its price data and its failures back. They do not
run tools, keep no history and never retry: an attempt that the engine does not see is not counted.
"""

from __future__ import annotations

try:
    import anthropic as _sdk  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo.agents.anthropic needs the Anthropic SDK: pip install 'flujo-pipelines[anthropic]'", name=missing.name
    ) from missing

from flujo.agents.anthropic.messages import AnthropicMessages
from flujo.agents.anthropic.token_count import AnthropicTokenCount
from flujo.agents.wire.answers import ToolCall, ToolCalls

__all__ = ["AnthropicMessages", "AnthropicTokenCount", "ToolCall", "ToolCalls"]
