"""The step that asks a person: the run pauses there until it is resumed with an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from pydantic import TypeAdapter

from flujo.errors import Problem
from flujo.functions import function_problems
from flujo.pipeline import AnyPart, In, Out, Part


@dataclass(frozen=True, eq=False, repr=False)
class HumanStep(Part[In, Out]):
    """Asks ``message`` and returns the answer; see ``Step.human_in_the_loop``."""

    message: str | Callable[..., str]
    input_schema: Any = field(default=None, kw_only=True)

    def faults(self) -> Iterator[Problem]:
        path = str(self.name)
        if self.message is None or (isinstance(self.message, str) and not self.message.strip()):
            yield Problem("message-empty", path, f"the message is {self.message!r}", "Say what the person is asked.")
        elif not isinstance(self.message, str):
            yield from function_problems(path, {"message": self.message})
        try:
            _ = self.schema
        except Exception as error:  # pydantic says in many ways that it cannot validate a type
            text = f"input_schema {self.input_schema!r} cannot be validated ({error})"
            yield Problem("schema-invalid", path, text, "Give a type that pydantic can validate.")

    @cached_property
    def schema(self) -> TypeAdapter[Any] | None:
        """What answers are read by; None takes them as they are."""
        return None if self.input_schema is None else TypeAdapter(self.input_schema)

    @property
    def kind(self) -> str:
        return "human"

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        return iter(())

    def written(self) -> Iterator[object]:
        if not isinstance(self.message, str):
            yield self.message

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        return self

    def shape(self) -> list[object]:
        return ["human", self.message if isinstance(self.message, str) else None]

    def returns(self) -> object | None:
        returned: object | None = self.input_schema
        return returned
