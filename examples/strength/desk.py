"""A help desk that answers tickets, as a pipeline whose agents are arguments. Nothing here is a test.

A draft is written and judged by two rules, reviewed by two reviewers at once, and sent by the team that it
concerns; a smaller model takes over where the writer gives up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from flujo import (
    AgentOutput,
    BranchFailureStrategy,
    MergeStrategy,
    Pipeline,
    PipelineContext,
    Rejection,
    Step,
    Usage,
    validator,
)
from flujo.pipeline import Part


class Desk(PipelineContext):
    """What the agents write down for each other."""

    ticket: str = ""
    drafts: list[str] = Field(default=[])
    findings: list[str] = Field(default=[])
    notes: dict[str, list[str]] = Field(default={})


@validator(priority=2)
def no_promises(text: str) -> bool | str:
    return "promise" not in text or "do not promise anything"


@validator(priority=1)
def four_words(text: str) -> bool | str:
    words = len(text.split())
    return words <= 4 or f"{words} words, at most 4"


@dataclass(frozen=True)
class Asked:
    """What one call of a clerk was given: input, why earlier drafts were rejected, drafts in the context."""

    input: object
    feedback: tuple[str | None, ...]
    drafts: tuple[str, ...]


@dataclass
class Clerk:
    """An agent that answers from a list, the last answer for ever, writes it down and remembers what it was asked.

    It says which model it is and what a call can use at most, so that a budget can hold something back for it.
    """

    name: str
    answers: Sequence[object]
    usage: Usage
    asked: list[Asked] = field(default_factory=list)

    @property
    def model(self) -> str:
        return f"test:{self.name}"

    @property
    def max_output_tokens(self) -> int:
        return self.usage.output_tokens

    def estimate_input(self, input: object) -> int:
        return self.usage.input_tokens

    async def run(self, input: object, *, context: Desk, feedback: Sequence[Rejection] = ()) -> AgentOutput[object]:
        reasons = tuple(rejection.feedback for rejection in feedback)
        self.asked.append(Asked(input, reasons, tuple(context.drafts)))
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        context.drafts.append(f"{self.name} {len(self.asked)}")
        if isinstance(answer, Exception):
            raise answer
        return AgentOutput(answer, usage=self.usage, model=self.model)


@dataclass
class Reviewer:
    """Says what it finds, and notes it in the context, in a list of all and under its own name."""

    name: str
    finding: str | Exception
    usage: Usage = field(default_factory=lambda: Usage(input_tokens=41, output_tokens=13))

    async def run(self, input: object, *, context: Desk) -> AgentOutput[str]:
        if isinstance(self.finding, Exception):
            raise self.finding
        context.findings.append(f"{self.name}: {self.finding}")
        context.notes[self.name] = [self.finding]
        return AgentOutput(self.finding, usage=self.usage, model="test:critic")


def writer(*answers: object) -> Clerk:
    """120 tokens in, 40 out: 0.00104 USD a call."""
    return Clerk("writer", answers, Usage(input_tokens=120, output_tokens=40))


def senior(*answers: object) -> Clerk:
    """120 tokens in, 41 out: 0.001543 USD a call."""
    return Clerk("senior", answers, Usage(input_tokens=120, output_tokens=41))


def small(*answers: object) -> Clerk:
    """53 tokens in, 19 out: 0.000315 USD a call."""
    return Clerk("small", answers, Usage(input_tokens=53, output_tokens=19))


def drafting(clerk: Clerk, *more: object, fallback: Clerk | None = None, max_retries: int = 2) -> Step:
    """The draft, judged by both rules and by what else is given."""
    instead = None if fallback is None else Step("draft_small", fallback)
    plugins = [no_promises, four_words, *more]
    return Step("draft", clerk, plugins=plugins, max_retries=max_retries, fallback=instead)


def reviewing(
    legal: str | Exception = "fine",
    tone: str | Exception = "kind",
    *,
    merge_strategy: MergeStrategy = MergeStrategy.CONTEXT_UPDATE,
    on_branch_failure: BranchFailureStrategy = BranchFailureStrategy.PROPAGATE,
) -> Part[Any, Any]:
    """Both reviewers at once, and what they noted joined."""
    reviewers = (Reviewer("legal", legal), Reviewer("tone", tone))
    branches = {one.name: Step("read", one, max_retries=0) for one in reviewers}
    return Step.parallel("review", branches, merge_strategy=merge_strategy, on_branch_failure=on_branch_failure)


def desk(clerk: Clerk, fallback: Clerk | None = None) -> Pipeline:
    """The whole pipeline: draft, review."""
    return drafting(clerk, fallback=fallback) >> reviewing()
