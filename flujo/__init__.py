"""Flujo: pipelines of LLM agents that can be tested.

The engine: typed steps, exact accounting, isolated contexts, a complete and deterministic transcript of every run.
Importing it loads nothing else: each name brings its own module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flujo.context import PipelineContext
    from flujo.errors import (
        AgentError,
        ContextMergeConflict,
        DecisionError,
        FlujoError,
        InfiniteRedirectError,
        MaxLoopsError,
        MisuseError,
        PipelineAbort,
        PipelineDefinitionError,
        StepFailedError,
        UnknownBranchError,
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
    from flujo.steps import Backoff, BranchFailureStrategy, MergeStrategy, RefinementCheck, Step, step, validator
    from flujo.transcript import Transcript
    from flujo.usage import RequestUsage, Usage, UsageLimits
else:  # unseen by type checkers, which would believe in every name

    def __getattr__(name: str) -> object:
        if name not in MODULES:
            raise AttributeError(f"flujo has no {name!r}", name=name, obj=import_module(__name__))
        found = getattr(import_module(MODULES[name]), name)
        globals()[name] = found
        return found


# Type checkers read the imports above and this list, which has to be a literal; MODULES is what runs.
__all__ = [
    "Agent",
    "AgentError",
    "AgentOutput",
    "Backoff",
    "BranchFailureStrategy",
    "ContextMergeConflict",
    "CostModel",
    "DecisionError",
    "Draft",
    "Flujo",
    "FlujoError",
    "InfiniteRedirectError",
    "Laws",
    "MaxLoopsError",
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
    "RefinementCheck",
    "Rejection",
    "RequestUsage",
    "Step",
    "StepFailedError",
    "StepResult",
    "Transcript",
    "UnknownBranchError",
    "UnknownModelPrice",
    "Usage",
    "UsageLimitExceededError",
    "UsageLimits",
    "ValidationPlugin",
    "override",
    "step",
    "validator",
]
MODULES = {
    "Agent": "flujo.ports",
    "AgentError": "flujo.errors",
    "AgentOutput": "flujo.ports",
    "Backoff": "flujo.steps",
    "BranchFailureStrategy": "flujo.steps",
    "ContextMergeConflict": "flujo.errors",
    "CostModel": "flujo.prices",
    "DecisionError": "flujo.errors",
    "Draft": "flujo.ports",
    "Flujo": "flujo.runner",
    "FlujoError": "flujo.errors",
    "InfiniteRedirectError": "flujo.errors",
    "Laws": "flujo.laws",
    "MaxLoopsError": "flujo.errors",
    "MergeStrategy": "flujo.steps",
    "MisuseError": "flujo.errors",
    "Pipeline": "flujo.pipeline",
    "PipelineAbort": "flujo.errors",
    "PipelineContext": "flujo.context",
    "PipelineDefinitionError": "flujo.errors",
    "PipelineResult": "flujo.results",
    "PluginOutcome": "flujo.ports",
    "Price": "flujo.prices",
    "PriceTable": "flujo.prices",
    "RefinementCheck": "flujo.steps",
    "Rejection": "flujo.ports",
    "RequestUsage": "flujo.usage",
    "Step": "flujo.steps",
    "StepFailedError": "flujo.errors",
    "StepResult": "flujo.results",
    "Transcript": "flujo.transcript",
    "UnknownBranchError": "flujo.errors",
    "UnknownModelPrice": "flujo.errors",
    "Usage": "flujo.usage",
    "UsageLimitExceededError": "flujo.errors",
    "UsageLimits": "flujo.usage",
    "ValidationPlugin": "flujo.ports",
    "override": "flujo.overrides",
    "step": "flujo.steps",
    "validator": "flujo.steps",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
