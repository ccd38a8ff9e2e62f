"""An agent of Pydantic AI as the agent of a step: ``PydanticAgent``.

It runs the agent with its tools, retries and output types, and books each of its model requests. What the
client behind its model retries by itself is not seen here: make that client with ``max_retries=0``.
"""

from __future__ import annotations

try:
    import pydantic_ai as _framework  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo.agents.pydantic_ai needs Pydantic AI: pip install 'flujo-pipelines[pydantic-ai]'", name=missing.name
    ) from missing

from flujo.agents.pydantic_ai.agent import PydanticAgent

__all__ = ["PydanticAgent"]
