"""Who appears in the tests and goldens of the laws: metered agents, plugins, a context. No tests."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flujo import Flujo, PipelineContext, PipelineResult, Usage, UsageLimits, validator
from flujo.events import Asked
from flujo_testing import FunctionAgent, ScriptedAgent, check_conservation, default_cost_model

DRAFT = Usage(input_tokens=120, output_tokens=40)
PRICES = default_cost_model()


class Notes(PipelineContext):
    drafts: list[str] = Field(default=[])
    notes: dict[str, Any] = Field(default={})
    mood: str = ""


def writer(*script: Any, **options: Any) -> ScriptedAgent:
    """Answers from its script; each answer costs 0.00104 USD."""
    return ScriptedAgent(*script, **{"name": "writer", "model": "test:writer", "usage": DRAFT, **options})


def bounded(*script: Any, **options: Any) -> ScriptedAgent:
    """The same, and says before that a call may cost 0.00104 USD."""
    return writer(*script, **{"max_output_tokens": 40, "estimate_input": 120, **options})


def small(*script: Any, **options: Any) -> ScriptedAgent:
    """Another model: each answer costs 0.00068 USD."""
    return ScriptedAgent(*script, **{"name": "small", "model": "test:small", "usage": DRAFT, **options})


def noting(name: str) -> FunctionAgent:
    """Writes its input among the drafts, and answers it with its name behind it."""

    async def note(x: object, *, context: Notes) -> str:
        context.drafts.append(f"{name} of {x}")
        return f"{x}, {name}"

    return FunctionAgent(note, name=name)


@validator
def never(output: object) -> str:
    return "not good enough"


@validator
def max_words(text: str) -> bool | str:
    words = len(text.split())
    return words <= 3 or f"{words} words, at most 3"


def usd(amount: str) -> UsageLimits:
    return UsageLimits(total_cost_usd_limit=amount)


def runner(part: Any, *, context: bool = False, limits: UsageLimits | None = None) -> Flujo:
    return Flujo(part, cost_model=PRICES, context_model=Notes if context else None, usage_limits=limits)


async def resumed(flow: Flujo, result: PipelineResult, *args: Any, **options: Any) -> PipelineResult:
    """The run goes on, and still adds up."""
    after = await flow.resume_async(result, *args, **options)
    check_conservation(after)
    return after


def asked(result: PipelineResult) -> list[str]:
    """The paths of all asks, in order."""
    return [event.path for event in result.transcript.of(Asked)]
