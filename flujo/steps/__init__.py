"""The language: the kinds of steps that a pipeline is written in.

Frozen data, checked when it is built; nothing here runs a step. ``StepKind`` is the closed union of all kinds.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from flujo.pipeline import PipelineStep
from flujo.steps.branching import BranchStep
from flujo.steps.cached import CachedStep
from flujo.steps.decorators import FunctionPlugin, step, validator
from flujo.steps.human import HumanStep
from flujo.steps.looping import LoopStep, MapStep
from flujo.steps.parallel import BranchFailureStrategy, MergeStrategy, ParallelStep
from flujo.steps.plain import Backoff, Step
from flujo.steps.refining import RefinementCheck

StepKind: TypeAlias = (
    Step[Any, Any]
    | ParallelStep[Any, Any]
    | BranchStep[Any, Any]
    | LoopStep[Any, Any]
    | MapStep[Any, Any]
    | CachedStep[Any, Any]
    | HumanStep[Any, Any]
    | PipelineStep[Any, Any]
)
"""The closed union of all kinds of steps."""

__all__ = [
    "Backoff",
    "BranchFailureStrategy",
    "BranchStep",
    "CachedStep",
    "FunctionPlugin",
    "HumanStep",
    "LoopStep",
    "MapStep",
    "MergeStrategy",
    "ParallelStep",
    "PipelineStep",
    "RefinementCheck",
    "Step",
    "StepKind",
    "step",
    "validator",
]
