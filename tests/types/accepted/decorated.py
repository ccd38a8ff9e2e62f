"""``@step`` makes the same of a function as ``Step`` does, with options and without."""

from __future__ import annotations

from typing import Any, assert_type

from flujo import AgentOutput, Step, step
from tests.types import cast


@step
async def bare(text: str) -> int:
    return len(text)


@step
async def bare_in_context(text: str, *, context: cast.Notes) -> AgentOutput[int]:
    return AgentOutput(len(text + context.topic))


@step
def bare_plain(text: str) -> int:
    return len(text)


@step(name="other", max_retries=3, timeout_s=5)
async def told(text: str) -> int:
    return len(text)


@step()
async def told_in_context(text: str, *, context: cast.Notes) -> AgentOutput[int]:
    return AgentOutput(len(text + context.topic))


@step(settings={"temperature": 0})
def told_plain(text: str) -> int:
    return len(text)


@step(output_processors=[str])
async def shaped(text: str) -> int:
    return len(text)


assert_type(bare, Step[str, int])
assert_type(bare_in_context, Step[str, int])
assert_type(bare_plain, Step[str, int])
assert_type(told, Step[str, int])
assert_type(told_in_context, Step[str, int])
assert_type(told_plain, Step[str, int])
assert_type(shaped, Step[Any, Any])
