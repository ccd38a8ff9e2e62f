"""How a loop runs: its body again and again, each iteration on the context that the one before left (law C5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flujo.errors import MaxLoopsError, StepFailedError
from flujo.events import Scope
from flujo.execution.composite import CompositeNode
from flujo.execution.deciding import decide, truth
from flujo.execution.sequence import run_part
from flujo.functions import bind_function
from flujo.steps.looping import LOOP_EXTRAS, LoopStep

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node


class LoopNode(CompositeNode):
    """A loop, compiled."""

    __slots__ = ("exit_condition", "initial", "max_loops", "nodes", "on_each", "on_output")

    def __init__(self, step: LoopStep[Any, Any], name: str, nodes: Sequence[Node]) -> None:
        super().__init__(step, name)
        self.nodes = nodes
        self.max_loops = step.max_loops
        bound = {
            what: None if function is None else bind_function(what, function, LOOP_EXTRAS)
            for what, function in step.functions().items()
        }
        self.exit_condition = bind_function("exit_condition", step.exit_condition, LOOP_EXTRAS)
        self.initial = bound["initial_input_mapper"]
        self.on_each = bound["iteration_input_mapper"]
        self.on_output = bound["loop_output_mapper"]

    async def inside(self, frame: Frame, value: object) -> object:
        given = value
        if self.initial is not None:
            given = await decide(frame, self.name, self.initial, value, 0, {"iteration": 1, "input": value})
        inner = frame.child(frame.scope, frame.log, frame.state)
        number = 0
        while True:
            number += 1
            inner.scope = Scope(frame.scope, f"{self.name}/iteration:{number}", frame.scope.order)
            output = await run_part(self.nodes, frame, inner, given)
            extras = {"iteration": number, "input": value}
            if await decide(frame, self.name, self.exit_condition, output, number, extras, truth):
                break
            if number >= self.max_loops:
                path = frame.scope.path_of(self.name)
                raise StepFailedError(path, None, MaxLoopsError(path, self.max_loops))
            given = output
            if self.on_each is not None:
                extras = {"iteration": number + 1, "input": value}
                given = await decide(frame, self.name, self.on_each, output, number + 1, extras)
        if self.on_output is None:
            return output
        return await decide(frame, self.name, self.on_output, output, 0, extras)
