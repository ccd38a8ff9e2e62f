"""The agents and functions of the programs: each one takes and returns something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from flujo import AgentOutput, PipelineContext, RefinementCheck, Rejection


class Draft(BaseModel):
    text: str


class Letter(Draft):
    to: str


class Notes(PipelineContext):
    topic: str = ""


async def length(text: str) -> int:
    return len(text)


async def double(number: int) -> int:
    return 2 * number


async def spell(number: int) -> str:
    return str(number)


async def either(value: int | str) -> str:
    return str(value)


async def maybe(text: str | None) -> str | None:
    return text


async def untyped(value: Any) -> Any:
    return value


async def write(text: str) -> Draft:
    return Draft(text=text)


async def address(text: str) -> Letter:
    return Letter(text=text, to="you")


async def publish(draft: Draft) -> str:
    return draft.text


async def post(letter: Letter) -> str:
    return letter.to


async def review(draft: Draft) -> RefinementCheck:
    return RefinementCheck(is_complete=bool(draft.text))


async def review_as_mapping(draft: Draft) -> dict[str, Any]:
    return {"is_complete": bool(draft.text)}


async def redraft(draft: Draft) -> Draft:
    return draft


async def metered(text: str) -> AgentOutput[int]:
    return AgentOutput(len(text))


async def names(text: str) -> list[str]:
    return text.split()


def plain(text: str) -> int:
    return len(text)


def plain_metered(text: str) -> AgentOutput[int]:
    return AgentOutput(len(text))


async def in_context(text: str, *, context: Notes) -> int:
    return len(text + context.topic)


async def offered_all(
    text: str,
    *,
    context: Notes,
    resources: object,
    feedback: Sequence[Rejection] = (),
    settings: Mapping[str, object],
) -> AgentOutput[int]:
    return AgentOutput(len(text))


async def offered_any(text: str, *, settings: Mapping[str, Any]) -> int:
    return len(text)


class Counter:
    """An agent that is an object."""

    model = "test:counter"

    async def run(self, input: str) -> int:
        return len(input)


class MeteredCounter:
    """The same, that says what it cost, and takes what it is offered."""

    async def run(self, input: str, *, context: Notes, feedback: Sequence[Rejection] = ()) -> AgentOutput[int]:
        return AgentOutput(len(input))


class PlainCounter:
    """An object whose ``run`` is a plain function."""

    def run(self, input: str) -> int:
        return len(input)


def words(text: str) -> list[str]:
    return text.split()


def words_in_context(text: str, context: Notes) -> list[str]:
    return [*text.split(), context.topic]


def words_by_name(text: str, *, context: Notes) -> list[str]:
    return words_in_context(text, context)


def size(text: str) -> str:
    return "long" if len(text) > 100 else "short"


def size_in_context(text: str, context: Notes) -> str:
    return size(text + context.topic)


def size_by_name(text: str, *, context: Notes) -> str:
    return size_in_context(text, context)


def is_large(number: int) -> bool:
    return number > 100


def is_large_by_name(number: int, *, iteration: int, context: Notes) -> bool:
    return number > iteration


def is_long(text: str) -> bool:
    return len(text) > 100


def with_feedback(draft: Draft, feedback: str) -> Draft:
    return Draft(text=draft.text + feedback)
