"""Agents over the OpenAI SDK: ``OpenAIChat`` (chat completions), ``OpenAIResponses`` and
``OpenAICompaction``.

They bring a step's input into a request, and the answer, its price data and its failures back. They do not
run tools, keep no history and never retry: an attempt that the engine does not see is not counted.
"""

from __future__ import annotations

try:
    import openai as _sdk  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo.agents.openai needs the OpenAI SDK: pip install 'flujo-pipelines[openai]'", name=missing.name
    ) from missing

from flujo.agents.openai.chat import OpenAIChat
from flujo.agents.openai.compaction import OpenAICompaction
from flujo.agents.openai.responses import BackgroundResponse, OpenAIResponses
from flujo.agents.wire.answers import ToolCall, ToolCalls

__all__ = [
    "BackgroundResponse",
    "OpenAIChat",
    "OpenAICompaction",
    "OpenAIResponses",
    "ToolCall",
    "ToolCalls",
]
