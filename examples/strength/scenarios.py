"""What happens at the desk: one function per scenario, which runs it and gives the result with who was asked what.

Both suites, exact and loosened, test these same runs. The functions claim nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from examples.strength.desk import Clerk, Desk, desk, drafting, reviewing, senior, small, writer
from flujo import (
    AgentError,
    AgentOutput,
    BranchFailureStrategy,
    Draft,
    Flujo,
    MergeStrategy,
    PipelineResult,
    PluginOutcome,
    RequestUsage,
    Step,
    Usage,
    UsageLimits,
)
from flujo.stores.memory import MemoryCache
from flujo_testing import FlujoRun, default_cost_model

TICKET = "My invoice is wrong"
PAID = AgentError("overloaded", usage=Usage(input_tokens=120, output_tokens=0), model="test:writer")


@dataclass
class Verdict:
    """A plugin that gives its outcomes in order, the last one for ever, and remembers the drafts."""

    outcomes: tuple[PluginOutcome | Exception, ...]
    name: str = "lead"
    priority: int = 0
    seen: list[object] = field(default_factory=list)

    async def validate(self, draft: Draft) -> PluginOutcome:
        self.seen.append(draft["output"])
        outcome = self.outcomes[min(len(self.seen), len(self.outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class Observed:
    """A run, and the clerk whose questions matter."""

    result: PipelineResult
    clerk: Clerk
    lead: Verdict = field(default_factory=lambda: Verdict(()))


async def at_the_desk(flujo_run: FlujoRun, part: Any, **options: Any) -> PipelineResult:
    return await flujo_run(part, TICKET, context_model=Desk, context_data={"ticket": TICKET}, **options)


# Drafts -------------------------------------------------------------------------------------------------


async def first_draft_accepted(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We will look")
    return Observed(await at_the_desk(flujo_run, desk(clerk)), clerk)


async def two_drafts_rejected(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We promise", "We will look into this", "We will look")
    return Observed(await at_the_desk(flujo_run, desk(clerk)), clerk)


async def provider_overloaded_and_paid(flujo_run: FlujoRun) -> Observed:
    clerk = writer(PAID, "We will look")
    return Observed(await at_the_desk(flujo_run, drafting(clerk)), clerk)


async def provider_unreachable(flujo_run: FlujoRun) -> Observed:
    clerk = writer(AgentError("offline", requests=()), "We will look")
    return Observed(await at_the_desk(flujo_run, drafting(clerk)), clerk)


async def every_draft_rejected(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We promise")
    return Observed(await at_the_desk(flujo_run, desk(clerk)), clerk)


async def smaller_model_takes_over(flujo_run: FlujoRun) -> Observed:
    clerk = small("Please wait")
    part = drafting(writer("We promise"), fallback=clerk, max_retries=1) >> reviewing()
    return Observed(await at_the_desk(flujo_run, part), clerk)


async def smaller_model_gives_up_too(flujo_run: FlujoRun) -> Observed:
    clerk = small(ValueError("no idea"))
    return Observed(await at_the_desk(flujo_run, drafting(writer("We promise"), fallback=clerk, max_retries=0)), clerk)


# Judges -------------------------------------------------------------------------------------------------


async def sent_to_the_senior(flujo_run: FlujoRun) -> Observed:
    clerk = senior("We are sorry")
    lead = Verdict((PluginOutcome(False, "ask the senior", redirect_to=clerk), PluginOutcome(True)))
    return Observed(await at_the_desk(flujo_run, drafting(writer("We will look"), lead)), clerk, lead)


async def sent_round_in_a_circle(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We will look")
    lead = Verdict((PluginOutcome(False, "ask again", redirect_to=clerk),))
    return Observed(await at_the_desk(flujo_run, drafting(clerk, lead)), clerk, lead)


async def draft_improved_by_the_lead(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We will look")
    lead = Verdict((PluginOutcome(True, new_solution="We will look today"),))
    return Observed(await at_the_desk(flujo_run, drafting(clerk, lead)), clerk, lead)


async def lead_falls_ill(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We will look")
    lead = Verdict((RuntimeError("ill"), PluginOutcome(True)))
    return Observed(await at_the_desk(flujo_run, drafting(clerk, lead)), clerk, lead)


# Reviews ------------------------------------------------------------------------------------------------


async def both_review(flujo_run: FlujoRun) -> PipelineResult:
    return await at_the_desk(flujo_run, reviewing())


async def one_reviewer_fails_and_is_ignored(flujo_run: FlujoRun) -> PipelineResult:
    part = reviewing(tone=ValueError("asleep"), on_branch_failure=BranchFailureStrategy.IGNORE)
    return await at_the_desk(flujo_run, part)


async def one_reviewer_fails(flujo_run: FlujoRun) -> PipelineResult:
    return await at_the_desk(flujo_run, reviewing(tone=ValueError("asleep")))


async def reviews_are_not_joined(flujo_run: FlujoRun) -> PipelineResult:
    return await at_the_desk(flujo_run, reviewing(merge_strategy=MergeStrategy.NO_MERGE))


async def reviewers_disagree(flujo_run: FlujoRun) -> PipelineResult:
    async def titled(title: str, context: Desk) -> str:
        context.ticket = title
        return title

    async def legal(x: str, *, context: Desk) -> str:
        return await titled("a claim", context)

    async def tone(x: str, *, context: Desk) -> str:
        return await titled("a complaint", context)

    branches = {"legal": Step("read", legal), "tone": Step("read", tone)}
    return await at_the_desk(flujo_run, Step.parallel("review", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE))


# Money --------------------------------------------------------------------------------------------------


async def budget_ends_before_the_third_draft(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We promise")
    limits = UsageLimits(total_cost_usd_limit="0.003")
    return Observed(await at_the_desk(flujo_run, desk(clerk), usage_limits=limits), clerk)


async def budget_is_just_enough(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We promise", "We will look")
    limits = UsageLimits(total_cost_usd_limit="0.00208")
    return Observed(await at_the_desk(flujo_run, drafting(clerk), usage_limits=limits), clerk)


async def budget_of_the_step_ends(flujo_run: FlujoRun) -> Observed:
    clerk = small("Please wait")
    limits = UsageLimits(request_limit=1)
    step = Step("draft", writer(PAID), max_retries=2, usage_limits=limits, fallback=Step("draft_small", clerk))
    return Observed(await at_the_desk(flujo_run, step), clerk)


async def cached_tokens_are_cheaper(flujo_run: FlujoRun) -> PipelineResult:
    usage = Usage(input_tokens=1000, cache_read_tokens=900, output_tokens=100)
    return await at_the_desk(flujo_run, Step("draft", Clerk("writer", ("We will look",), usage)))


async def three_requests_in_one_call(flujo_run: FlujoRun) -> PipelineResult:
    async def agent(x: str) -> AgentOutput[str]:
        usages = [Usage(input_tokens=tokens, output_tokens=3) for tokens in (11, 13, 17)]
        requests = tuple(RequestUsage(usage=usage, model="test:critic") for usage in usages)
        return AgentOutput("We will look", requests=requests)

    return await at_the_desk(flujo_run, Step("draft", agent))


async def model_without_a_price(flujo_run: FlujoRun) -> PipelineResult:
    async def agent(x: str) -> AgentOutput[str]:
        return AgentOutput("We will look", usage=Usage(input_tokens=11, output_tokens=3), model="test:unknown")

    return await at_the_desk(flujo_run, Step("draft", agent))


async def asked_twice_with_a_cache(flujo_run: FlujoRun) -> tuple[PipelineResult, PipelineResult]:
    cached = Step.cached(Step("draft", answered), MemoryCache())
    return await at_the_desk(flujo_run, cached), await at_the_desk(flujo_run, cached)


async def answered(text: str) -> AgentOutput[str]:
    return AgentOutput(f"Re: {text}", usage=Usage(input_tokens=7, output_tokens=5), model="test:writer")


async def refined_three_times(flujo_run: FlujoRun) -> Observed:
    clerk = writer("We", "We will", "We will look")
    loop = Step.loop_until("refine", Step("draft", clerk), lambda text: len(text.split()) == 3)
    return Observed(await at_the_desk(flujo_run, loop), clerk)


async def every_line_answered(flujo_run: FlujoRun) -> Observed:
    clerk = small("noted")
    part = Step.map_over("lines", Step("answer", clerk), lambda ticket: ticket.split())
    return Observed(await at_the_desk(flujo_run, part), clerk)


# The caller ---------------------------------------------------------------------------------------------


@dataclass
class Owned:
    """What a caller handed in, and the result."""

    result: PipelineResult
    given: dict[str, Any]


async def caller_keeps_its_data(flujo_run: FlujoRun) -> Owned:
    async def spoil(lines: list[str], *, context: Desk) -> list[str]:
        lines.append("spoiled")
        context.drafts.append("spoiled")
        return lines

    given: dict[str, Any] = {"lines": ["one"], "drafts": ["old"]}
    result = await flujo_run(
        Step("spoil", spoil), given["lines"], context_model=Desk, context_data={"drafts": given["drafts"]}
    )
    return Owned(result, given)


QUESTION = Step.human_in_the_loop("approve", "Send it?", input_schema=str)


async def question_answered(flujo_run: FlujoRun) -> tuple[PipelineResult, PipelineResult]:
    """The paused run, and the same one with an answer."""
    clerk = writer("We will look")
    runner = Flujo(drafting(clerk) >> QUESTION, context_model=Desk, cost_model=default_cost_model())
    paused = await flujo_run(runner, TICKET)
    return paused, await runner.resume_async(paused, answers={"approve": "yes"})
