"""How a pipeline within a pipeline runs: as if its steps stood there themselves, with a budget of its own if asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flujo.errors import StepFailedError
from flujo.events import Scope
from flujo.execution.composite import CompositeNode
from flujo.execution.sequence import run_sequence
from flujo.execution.signals import Breached
from flujo.pipeline import PipelineStep

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node


class NestedNode(CompositeNode):
    """A pipeline as a step, compiled."""

    __slots__ = ("limits", "nodes")

    def __init__(self, step: PipelineStep[Any, Any], name: str, nodes: Sequence[Node]) -> None:
        super().__init__(step, name)
        self.nodes = nodes
        self.limits = step.usage_limits

    async def inside(self, frame: Frame, value: object) -> object:
        inner = frame.child(Scope(frame.scope, self.name, frame.scope.order), frame.log, frame.state)
        if self.limits is not None:
            inner.purse = frame.purse.inner(self.limits, frame.scope.path_of(self.name))
        try:
            output = await run_sequence(self.nodes, inner, value)
            frame.told = inner.told
            return output
        except Breached as breach:
            if self.limits is None or breach.budget is not inner.purse.budget:
                raise
            raise StepFailedError(frame.scope.path_of(self.name), None, breach.error) from breach.error
        finally:
            frame.state = inner.state
