"""Compiles a pipeline: each step becomes a node that knows how to run, once for all runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, assert_never, cast

from flujo.execution.parallel import ParallelNode
from flujo.execution.step import AgentNode
from flujo.pipeline import Part, steps_of
from flujo.steps import ParallelStep, Step, StepKind

if TYPE_CHECKING:
    from flujo.execution.frame import Frame


class Node(Protocol):
    """A compiled step. ``run`` writes its events, keeps its context changes in the frame, and returns its output."""

    async def run(self, frame: Frame, value: object) -> object: ...


def compiled(steps: Sequence[Part]) -> tuple[Node, ...]:
    """The nodes of a sequence."""
    return tuple(node_of(step, step.name) for step in steps)


def node_of(part: Part, name: str) -> Node:
    """The node of one step, which paths call ``name``."""
    step = cast(StepKind, part)  # the union is closed: nothing else is a Part
    match step:
        case Step():
            fallback = step.fallback
            inner = None if fallback is None else node_of(fallback, f"fallback:{fallback.name}")
            return AgentNode(step, name, inner)
        case ParallelStep():
            return ParallelNode(step, name, [(key, compiled(steps_of(part))) for key, part in step.branches.items()])
        case _:
            assert_never(step)
