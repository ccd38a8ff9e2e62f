"""Where faults enter the engine: its policies (``flujo.laws``), and the door through which it asks.

Both are public overrides; the engine knows of no fault.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, replace
from typing import Any

from flujo import AgentOutput, Laws, override
from flujo.binding import BoundAgent
from flujo.overrides import current
from flujo_testing.faults.fault import Lie, Reach

Call = Callable[..., Awaitable[object]]


def with_laws(policies: Mapping[str, Callable[..., Any]]) -> AbstractContextManager[object]:
    """A block in which runs ask these policies instead of those of the same names; the others stay in force."""
    return override(laws=replace(current().laws or Laws(), **policies))


@dataclass(frozen=True, slots=True)
class Lying:
    """A lie that is policies instead of laws, each made of a reach by ``makers``."""

    makers: Mapping[str, Callable[[Reach], Callable[..., Any]]]
    notes_itself: bool
    """Whether the policies themselves note where they lie, and say elsewhere what the laws say."""

    def policies(self, reach: Reach) -> dict[str, Callable[..., Any]]:
        return {name: make(reach) for name, make in self.makers.items()}

    def __call__(self, reach: Reach) -> AbstractContextManager[object]:
        return with_laws(self.policies(reach))


def lying(**policies: Callable[..., Any]) -> Lie:
    """A fault that is these policies: ``lying(output_after=lambda output, outcome: output)``.

    They change nothing and remember nothing: an audit asks them beside the laws, too.
    """
    return Lying({name: _counted(policy) for name, policy in policies.items()}, notes_itself=False)


def noting(**makers: Callable[[Reach], Callable[..., Any]]) -> Lie:
    """The same of policies that have a memory and note themselves where they lie: each is made of a reach."""
    return Lying(makers, notes_itself=True)


def _counted(policy: Callable[..., Any]) -> Callable[[Reach], Callable[..., Any]]:
    return lambda reach: reach.counting(policy)


def calling(is_asked_at: Callable[[str], bool], around: Callable[[Call, Reach], Call]) -> Lie:
    """A fault at the door: whoever is asked at such a path (``step/attempt:1/plugin:name``) is called like this.

    ``around`` gets ``call(input, **offered)``, and makes another of it. It notes itself when it was reached.
    """

    def lie(reach: Reach) -> AbstractContextManager[object]:
        def door(callee: BoundAgent, path: str) -> BoundAgent:
            if not is_asked_at(path):
                return callee
            stream = None if callee.stream is None else _streamed(callee.stream, around, reach)
            return replace(callee, call=around(callee.call, reach), stream=stream)

        return override(door=door)

    return lie


def answering(is_asked_at: Callable[[str], bool], instead: Callable[[Any], object]) -> Lie:
    """A fault at the door: of what comes from such a path, ``instead`` makes another answer.

    For an agent that is its output: what it cost stays as it was. For a plugin it is its outcome.
    """

    def around(call: Call, reach: Reach) -> Call:
        async def lied(input: object, **offered: object) -> object:
            answer = await call(input, **offered)
            reach.note()
            return with_output(answer, instead(output_of(answer)))

        return lied

    return calling(is_asked_at, around)


def is_agent(path: str) -> bool:
    return "/plugin:" not in path


def is_plugin(path: str) -> bool:
    return "/plugin:" in path


def output_of(answer: object) -> object:
    return answer.output if isinstance(answer, AgentOutput) else answer


def with_output(answer: object, output: object) -> object:
    return replace(answer, output=output) if isinstance(answer, AgentOutput) else output


def _streamed(
    stream: Callable[..., Any], around: Callable[[Call, Reach], Call], reach: Reach
) -> Callable[..., AsyncIterator[object]]:
    """A stream is called like one answer, which comes whole: its chunks are gathered."""

    async def gathered(input: object, **offered: object) -> object:
        chunks = stream(input, **offered)
        if not isinstance(chunks, AsyncGenerator):
            return await _whole(chunks)
        async with aclosing(chunks):
            return await _whole(chunks)

    async def lied(input: object, **offered: object) -> AsyncIterator[object]:
        answer = await around(gathered, reach)(input, **offered)
        yield answer if isinstance(answer, AgentOutput) else AgentOutput(answer)

    return lied


async def _whole(chunks: AsyncIterable[object]) -> object:
    texts: list[str] = []
    async for item in chunks:
        if isinstance(item, AgentOutput):
            return item
        texts.append(str(item))
    return "".join(texts)
