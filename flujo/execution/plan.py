"""Compiles a pipeline: each step becomes a node that knows how to run, once for all runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, assert_never, cast

from flujo.execution.branching import BranchNode
from flujo.execution.caching import CachedNode
from flujo.execution.human import HumanNode
from flujo.execution.looping import LoopNode
from flujo.execution.mapping import MapNode
from flujo.execution.nested import NestedNode
from flujo.execution.parallel import ParallelNode
from flujo.execution.step import AgentNode
from flujo.pipeline import AnyPart, Part, PipelineStep, steps_of
from flujo.steps import (
    BranchStep,
    CachedStep,
    HumanStep,
    LoopStep,
    MapStep,
    ParallelStep,
    Step,
    StepKind,
)

if TYPE_CHECKING:
    from flujo.execution.frame import Frame


class Node(Protocol):
    """A compiled step. ``run`` writes its events, keeps its context changes in the frame, and returns its output."""

    async def run(self, frame: Frame, value: object) -> object: ...


def compiled(steps: Sequence[AnyPart]) -> tuple[Node, ...]:
    """The nodes of a sequence."""
    return tuple(node_of(step, step.name) for step in steps)


def node_of(part: AnyPart, name: str) -> Node:
    """The node of one step, which paths call ``name``."""
    step = cast(StepKind, part)  # the union is closed: nothing else is a Part
    match step:
        case Step():
            fallback = step.fallback
            inner = None if fallback is None else node_of(fallback, f"fallback:{fallback.name}")
            return AgentNode(step, name, inner)
        case ParallelStep():
            branches = [(key, compiled(steps_of(branch))) for key, branch in step.branches.items()]
            select = step.select
            return ParallelNode(
                step, name, branches, node_of(select, select.name) if isinstance(select, Part) else None
            )
        case BranchStep():
            return BranchNode(step, name, {label: compiled(steps_of(branch)) for label, branch in step.labelled()})
        case LoopStep():
            return LoopNode(step, name, compiled(steps_of(step.body)))
        case MapStep():
            return MapNode(step, name, compiled(steps_of(step.body)))
        case CachedStep():
            return CachedNode(step, name, node_of(step.step, step.step.name))
        case HumanStep():
            return HumanNode(step, name)
        case PipelineStep():
            return NestedNode(step, name, compiled(step.pipeline.steps))
        case _:
            assert_never(step)
