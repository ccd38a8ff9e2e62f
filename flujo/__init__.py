"""Flujo: pipelines of LLM agents that can be tested.

The engine: typed steps, exact accounting, isolated contexts, a complete and deterministic transcript of every run.
"""

from flujo.context import PipelineContext
from flujo.errors import (
    AgentError,
    ContextMergeConflict,
    FlujoError,
    InfiniteRedirectError,
    MisuseError,
    PipelineAbort,
    PipelineDefinitionError,
    StepFailedError,
    UnknownModelPrice,
    UsageLimitExceededError,
)
from flujo.laws import Laws
from flujo.overrides import override
from flujo.pipeline import Pipeline
from flujo.ports import Agent, AgentOutput, Draft, PluginOutcome, Rejection, ValidationPlugin
from flujo.prices import CostModel, Price, PriceTable
from flujo.results import PipelineResult, StepResult
from flujo.runner import Flujo
from flujo.steps import Backoff, BranchFailureStrategy, MergeStrategy, Step, step, validator
from flujo.transcript import Transcript
from flujo.usage import RequestUsage, Usage, UsageLimits

__all__ = [
    "Agent",
    "AgentError",
    "AgentOutput",
    "Backoff",
    "BranchFailureStrategy",
    "ContextMergeConflict",
    "CostModel",
    "Draft",
    "Flujo",
    "FlujoError",
    "InfiniteRedirectError",
    "Laws",
    "MergeStrategy",
    "MisuseError",
    "Pipeline",
    "PipelineAbort",
    "PipelineContext",
    "PipelineDefinitionError",
    "PipelineResult",
    "PluginOutcome",
    "Price",
    "PriceTable",
    "Rejection",
    "RequestUsage",
    "Step",
    "StepFailedError",
    "StepResult",
    "Transcript",
    "UnknownModelPrice",
    "Usage",
    "UsageLimitExceededError",
    "UsageLimits",
    "ValidationPlugin",
    "override",
    "step",
    "validator",
]
