"""An agent over the Google Gen AI SDK: ``Gemini`` asks a model of the Gemini API, or of Vertex AI.

It brings a step's input into a request, and the answer, its price data and its failures back. It does not
run tools, keeps no history and never retries: an attempt that the engine does not see is not counted.
"""

from __future__ import annotations

try:
    from google import genai as _sdk  # noqa: F401
except ImportError as missing:  # 'google' may be there, shared with other packages
    raise ModuleNotFoundError(
        "flujo.agents.google needs the Google Gen AI SDK: pip install 'flujo-pipelines[google]'", name=missing.name
    ) from missing

from flujo.agents.google.gemini import Gemini
from flujo.agents.wire.answers import ToolCall, ToolCalls

__all__ = ["Gemini", "ToolCall", "ToolCalls"]
