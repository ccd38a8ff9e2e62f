"""What all steps with steps inside have in common: their start and end are told, whatever happens in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from flujo.errors import StepFailedError, told
from flujo.events import StepEnded, StepStarted, StepStatus
from flujo.execution.signals import Breached, Paused

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.pipeline import AnyPart


class CompositeNode(ABC):
    """A step of another kind than the plain one, compiled."""

    __slots__ = ("kind", "name")

    def __init__(self, step: AnyPart, name: str) -> None:
        self.kind = step.kind
        self.name = name

    async def run(self, frame: Frame, value: object) -> object:
        """The step's output. Raises StepFailedError, or a Halt when the run is ending."""
        log, scope, now = frame.log, frame.scope, frame.run.now
        try:
            log.extend((StepStarted, now(), scope, self.name, self.kind, frame.as_told(value)))
            output = await self.inside(frame, value)
        except BaseException as error:
            log.extend((StepEnded, now(), scope, self.name, ended_by(error), None, why_ended(error)))
            raise
        log.extend((StepEnded, now(), scope, self.name, "completed", frame.as_told(output), None))
        return output

    @abstractmethod
    async def inside(self, frame: Frame, value: object) -> object:
        """What the step does between its start and its end."""


def ended_by(error: BaseException) -> StepStatus:
    """The status of a step that this error ended."""
    if isinstance(error, Breached):
        return "limited"
    if isinstance(error, Paused):
        return "paused"
    return "failed" if isinstance(error, StepFailedError) else "cancelled"


def why_ended(error: BaseException) -> str | None:
    """How transcripts tell the error that ended a step; a pause is none."""
    return None if isinstance(error, Paused) else told(error)
