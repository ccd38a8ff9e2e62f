"""The pipeline: classify a ticket, draft an answer, have it reviewed three times at once, decide.

``build`` is all that production would call, with a client of its own. Where answers come from is not said
here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openai import AsyncOpenAI

from examples.support_triage.prompts import Prompts, about_case, about_ticket
from examples.support_triage.tickets import Case, Desk, Reply, Review, Triage
from flujo import (
    Backoff,
    Flujo,
    MergeStrategy,
    Pipeline,
    Price,
    PriceTable,
    Step,
    UsageLimits,
    step,
    validator,
)
from flujo.agents.openai import OpenAIChat
from flujo.ports import Listener

LARGE = "gpt-4.1-2025-04-14"
SMALL = "gpt-4.1-mini-2025-04-14"

# Example prices in USD per million tokens, as of 2025-04-14. They are pinned so that this example always
# costs the same, and nobody keeps them up to date: in production, pin a snapshot of your provider's list.
PRICES = PriceTable(
    {
        f"openai:{LARGE}": Price(input="2.00", cache_read="0.50", output="8.00"),
        f"openai:{SMALL}": Price(input="0.40", cache_read="0.10", output="1.60"),
    }
)
BUDGET = UsageLimits(total_cost_usd_limit="0.05")
PROMISES = re.compile(r"\b(?:guarantee[sd]?|promise[sd]?|(?:full|will) refund)\b", re.IGNORECASE)
MAX_WORDS = 80
# Providers ask for about a second; a demonstration need not be that patient.
PATIENCE = Backoff(initial_s=0.25)


@validator
def no_promises(draft: str) -> bool | str:
    """Rejects what only the billing team may say."""
    found = ", ".join(f"'{words}'" for words in PROMISES.findall(draft))
    return f"promises {found}: say what we check, billing decides about money" if found else True


@validator
def max_words(draft: str) -> bool | str:
    """Rejects what customers do not read to the end."""
    words = len(draft.split())
    return words <= MAX_WORDS or f"{words} words, at most {MAX_WORDS}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a company tunes: prompts, the rules for drafts, prices, the budget of one ticket."""

    prompts: Prompts = field(default_factory=Prompts)
    rules: Sequence[object] = (no_promises, max_words)
    prices: PriceTable = PRICES
    budget: UsageLimits = BUDGET


def build(client: AsyncOpenAI, setup: Setup, listeners: Sequence[Listener] = ()) -> Flujo:
    """A runner for tickets: ``run(ticket, context_data={"ticket": ticket})``, whose output is a Reply."""
    return Flujo(
        pipeline(client, setup),
        context_model=Desk,
        usage_limits=setup.budget,
        cost_model=setup.prices,
        listeners=listeners,
    )


def pipeline(client: AsyncOpenAI, setup: Setup) -> Pipeline:
    prompts = setup.prompts
    sorter = OpenAIChat(SMALL, client=client, output_type=Triage, max_output_tokens=150)
    classify = Step(
        "classify",
        sorter,
        input_processors=[about_ticket(prompts.classify)],
        updates_context=True,
        backoff=PATIENCE,
        timeout_s=20,
    )
    reviewers = {"tone": prompts.tone, "facts": prompts.facts, "policy": prompts.policy}
    review = Step.parallel("review", branches(client, reviewers), merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    steps = classify >> brief >> draft(client, setup) >> hand_in >> review >> decide
    return steps.named("support_triage")


def draft(client: AsyncOpenAI, setup: Setup) -> Step:
    """Up to three drafts of the large model, then those of a small one that costs a fifth of it."""
    large, small = (OpenAIChat(model, client=client, max_output_tokens=300) for model in (LARGE, SMALL))
    prompt = about_case(setup.prompts.draft)
    fallback = Step(
        "draft_small", small, input_processors=[prompt], plugins=setup.rules, backoff=PATIENCE, timeout_s=20
    )
    return Step(
        "draft",
        large,
        input_processors=[prompt],
        plugins=setup.rules,
        max_retries=2,
        backoff=PATIENCE,
        timeout_s=40,
        fallback=fallback,
    )


def branches(client: AsyncOpenAI, reviewers: Mapping[str, str]) -> dict[str, Pipeline]:
    """Each reviewer reads the case and files what it thinks under its name."""
    agent = OpenAIChat(SMALL, client=client, output_type=Review, max_output_tokens=120)
    return {
        name: Step("read", agent, input_processors=[about_case(prompt)], backoff=PATIENCE, timeout_s=20)
        >> file_under(name)
        for name, prompt in reviewers.items()
    }


@step(max_retries=0)
def brief(triage: Triage, *, context: Desk) -> Case:
    """What whoever drafts has to know."""
    return Case(ticket=context.ticket, summary=triage.summary)


@step(max_retries=0)
def hand_in(draft: str, *, context: Desk) -> Case:
    """The accepted draft, on its way to the reviewers."""
    context.draft = draft
    return Case(ticket=context.ticket, summary=context.summary, draft=draft)


def file_under(name: str) -> Step:
    def file(review: Review, *, context: Desk) -> Review:
        context.reviews[name] = review
        return review

    return Step("file", file, max_retries=0)


@step(max_retries=0)
def decide(reviews: Mapping[str, object], *, context: Desk) -> Reply:
    """Sent if nobody objects."""
    return Reply(
        queue=context.category,
        send=all(review.passed for review in context.reviews.values()),
        text=context.draft,
        notes={name: review.note for name, review in context.reviews.items()},
    )
