"""How a conditional step runs: the branch that its condition chooses, and no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any

from flujo.errors import StepFailedError, UnknownBranchError
from flujo.events import Scope
from flujo.execution.composite import CompositeNode
from flujo.execution.deciding import decide, unusable
from flujo.execution.sequence import run_part
from flujo.functions import bind_function
from flujo.steps.branching import DEFAULT, BranchStep, label_of

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node


KEYS = frozenset({str, int, bool, NoneType})


class BranchNode(CompositeNode):
    """A conditional step, compiled. ``by_key`` holds the segment of its path and the nodes of every branch, ``default``
    those for the other keys."""

    __slots__ = ("by_key", "condition", "declared", "default", "on_input", "on_output")

    def __init__(self, step: BranchStep[Any, Any], name: str, nodes: Mapping[str, Sequence[Node]]) -> None:
        super().__init__(step, name)
        parts = {label: (f"{name}/branch:{label}", part) for label, part in nodes.items()}
        self.by_key = {key: parts[label_of(key)] for key in step.branches}
        self.declared = {key: key for key in step.branches}
        self.default = parts[DEFAULT] if step.default is not None else None
        self.condition = bind_function("condition", step.condition)
        functions = step.functions()
        self.on_input, self.on_output = (
            None if functions[what] is None else bind_function(what, functions[what])  # type: ignore[arg-type]
            for what in ("branch_input_mapper", "branch_output_mapper")
        )

    async def inside(self, frame: Frame, value: object) -> object:
        key = await decide(frame, self.name, self.condition, value, read=self._key)
        segment, nodes = self._chosen(frame, key)
        given = value if self.on_input is None else await decide(frame, self.name, self.on_input, value)
        scope = Scope(frame.scope, segment, frame.scope.order)
        inner = frame.child(scope, frame.log, frame.state)
        output = await run_part(nodes, frame, inner, given)
        return output if self.on_output is None else await decide(frame, self.name, self.on_output, output)

    def _key(self, key: Any) -> object:
        """The key as the branches have it: True and 1 are equal, and one branch is meant by both."""
        if key.__class__ in KEYS or isinstance(key, Enum):
            return self.declared.get(key, key)
        raise unusable(key, "the key of a branch: text, a number, True or False, or a member of an Enum")

    def _chosen(self, frame: Frame, key: Any) -> tuple[str, Sequence[Node]]:
        chosen = self.by_key.get(key)
        if chosen is not None:
            return chosen
        if self.default is not None:
            return self.default
        path = frame.scope.path_of(self.name)
        raise StepFailedError(path, None, UnknownBranchError(path, "condition", [key], list(self.by_key)))
