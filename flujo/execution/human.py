"""How a step asks a person: it takes the answer that the run was resumed with, or pauses the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flujo.events import Questioned, Replied
from flujo.execution.composite import CompositeNode
from flujo.execution.deciding import decide, unusable
from flujo.execution.signals import Paused
from flujo.functions import bind_function
from flujo.isolation import private_copy
from flujo.steps.human import HumanStep
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.execution.frame import Frame


class HumanNode(CompositeNode):
    """A human step, compiled."""

    __slots__ = ("asks", "message", "schema")

    def __init__(self, step: HumanStep[Any, Any], name: str) -> None:
        super().__init__(step, name)
        self.message = step.message
        self.asks = None if isinstance(step.message, str) else bind_function("message", step.message)
        self.schema = step.schema

    async def inside(self, frame: Frame, value: object) -> object:
        message = self.message
        if self.asks is not None:
            message = await decide(frame, self.name, self.asks, value, read=_text)
        frame.log.extend((Questioned, frame.run.now(), frame.scope, self.name, message))
        answer = await frame.human_answer(self.name)
        if answer is MISSING:
            frame.run.schemas[frame.scope.path_of(self.name)] = self.schema
            raise Paused(f"the run waits for an answer to '{frame.scope.path_of(self.name)}'")
        frame.log.extend((Replied, frame.run.now(), frame.scope, self.name, private_copy(answer)))
        return answer


def _text(message: object) -> object:
    if not isinstance(message, str):
        raise unusable(message, "text")
    return message
