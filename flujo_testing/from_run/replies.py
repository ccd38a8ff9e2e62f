"""The door through which a run asks a store instead of agents: what each ask brought, made to happen again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import anyio

from flujo import AgentError, AgentOutput, PipelineContext, PluginOutcome
from flujo.binding import BoundAgent
from flujo.errors import told
from flujo.execution.signals import AskFailure
from flujo.ports import RecordedAnswer
from flujo.structure import MISSING
from flujo.usage import RequestUsage
from flujo_testing.from_run.errors import NotATest


class StoredReplies:
    """Whom to ask instead, by path. ``live`` are patterns of the paths of steps whose own functions are called.

    Plugins that were not paid for are the pipeline's own code, and are called, too.
    """

    def __init__(self, answers: Mapping[str, RecordedAnswer], live: Sequence[str] = ()) -> None:
        self._answers = answers
        self._live = tuple(live)

    def __call__(self, callee: BoundAgent, path: str) -> BoundAgent:
        known = self._answers.get(path)
        if "/plugin:" in path.rpartition("/attempt:")[2]:
            if known is None or not known.entries:
                return callee
            if callee.meter is None:
                raise NotATest(
                    f"{path} was paid for, but the plugin declares no model: no cassette can hold its verdict"
                )
        elif is_live(path, self._live):
            return callee

        async def call(value: object, /, **offered: Any) -> object:
            if known is None:
                raise NotATest(f"{path} is asked now, and was not then: 'flujo replay' tells where the two part")
            return await reply(known, offered)

        async def stream(value: object, /, **offered: Any) -> AsyncIterator[object]:
            answer = await call(value, **offered)
            yield answer if isinstance(answer, AgentOutput) else AgentOutput(answer)

        return replace(callee, call=call, stream=None if callee.stream is None else stream)


def is_live(path: str, patterns: Sequence[str]) -> bool:
    places = (path, path.rpartition("/attempt:")[0])
    return any(fnmatchcase(place, pattern) for pattern in patterns for place in places)


async def reply(known: RecordedAnswer, offered: Mapping[str, Any]) -> object:
    """What the ask brought, with what it cost; its error is raised, and no answer is none for ever."""
    if isinstance(known.error, AskFailure) and known.error.outcome in ("timeout", "overrun"):
        await anyio.sleep_forever()
    requests = tuple(entry.request for entry in known.entries)
    if known.error is not None:
        raise _error(known.error, requests)
    if isinstance(context := offered.get("context"), PipelineContext):
        for name, value in known.context_change:
            if value is MISSING:
                delattr(context, name)
            else:
                setattr(context, name, value)
    if not requests or isinstance(known.value, PluginOutcome):  # a verdict tells itself what it cost
        return known.value
    return AgentOutput(known.value, requests=requests)


def _error(error: BaseException, requests: tuple[RequestUsage, ...]) -> Exception:
    cause = error.error if isinstance(error, AskFailure) else error
    if requests:
        return AgentError(told(cause), requests=requests)
    return cause if isinstance(cause, Exception) else RuntimeError(told(cause))
