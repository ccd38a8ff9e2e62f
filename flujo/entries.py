"""The record of one paid request, and what limits count beside it. Plain data: sums are in ``execution/ledger.py``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from flujo.prices import LineItem
from flujo.usage import Dimension, OtherUsage, RequestOutcome, RequestUsage, Usage, UsageSource, not_negative

CostSource = Literal["table", "provider", "estimate", "unpriced"]

_WITHIN_A_STEP = frozenset({"attempt", "redirect", "plugin", "request"})
NUMBERED = re.compile(r"(?:iteration|item):(\d+)")
"""A segment of a path that is counted while a pipeline runs."""
OF_A_STEP = re.compile(r"(?:decision|human|doubt):.*")
"""A segment behind the path of a step, at which a journal keeps what is no ask of its agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What one request to a model used and cost, as it ended; verdicts on the answer are no part of it.

    ``path`` is that of the ask, ``branch`` the branch it ran in. ``model`` is the full name,
    ``provider:model``, ``table_id`` that of the cost model in force. ``cost_usd`` is None where the cost is
    unknown, never 0 for that reason; ``possible_usd`` is then the most it may have cost, where a bound is
    known. ``provider_cost_usd`` is what the provider says.
    ``other_usage`` is what the request used besides the kinds of ``usage`` (web searches, for one): no price
    table knows it, so ``cost_usd`` does not hold it, unless it comes from the provider.
    """

    entry_id: str
    path: str
    branch: str | None
    attempt: int
    provider: str | None
    model: str | None
    requested_at: datetime
    usage: Usage | None
    usage_source: UsageSource
    table_id: str | None
    line_items: tuple[LineItem, ...]
    cost_usd: Decimal | None
    cost_source: CostSource
    provider_cost_usd: Decimal | None
    possible_usd: Decimal | None
    outcome: RequestOutcome
    other_usage: OtherUsage = ()

    def __post_init__(self) -> None:
        if (self.cost_usd is None) != (self.cost_source == "unpriced"):
            raise ValueError(f"{self.entry_id}: cost {self.cost_usd} cannot come from '{self.cost_source}'")
        if (self.usage is None) != (self.usage_source == "absent"):
            raise ValueError(f"{self.entry_id}: usage {self.usage} cannot come from '{self.usage_source}'")
        amounts = (self.cost_usd, self.provider_cost_usd, self.possible_usd)
        for name, amount in zip(("cost_usd", "provider_cost_usd", "possible_usd"), amounts, strict=True):
            if amount is not None:
                not_negative(f"{self.entry_id}: {name}", amount)

    @property
    def step(self) -> str:
        """The path of the step that paid; a fallback is a step of its own."""
        return step_path(self.path)

    @property
    def request(self) -> RequestUsage:
        """What the provider reported, as an agent tells it."""
        return RequestUsage(
            usage=self.usage,
            model=self.model,
            cost_usd=self.provider_cost_usd,
            usage_source=self.usage_source,
            outcome=self.outcome,
            other_usage=self.other_usage,
        )

    @property
    def uncertain(self) -> bool:
        """The cost is unknown, or known only as far as the request reported before it was lost."""
        return self.cost_usd is None or self.outcome == "in_doubt"

    @property
    def upper_usd(self) -> Decimal | None:
        """The most that the request may have cost; None where nobody knows."""
        if not self.uncertain:
            return self.cost_usd
        if self.possible_usd is None or self.cost_usd is None:
            return self.possible_usd
        return max(self.possible_usd, self.cost_usd)


class Draw(NamedTuple):
    """What an ask has drawn from limits beside its entries: calls of tools, runs inside it, and what is in doubt.

    ``budget`` is the name of the only budget that counts it; None: all of them do.
    """

    dimension: Dimension
    spent: Decimal
    in_doubt: Decimal
    budget: str | None = None


def entry_id(run_id: str, path: str, request: int) -> str:
    """The identity of the ``request``-th request (from 1) of the ask at ``path``."""
    return f"{run_id}/{path}/request:{request}"


def idempotency_key(run_id: str, path: str) -> str:
    """What tells a provider that a request of the ask at ``path`` is one it may have had before: 32 hex digits."""
    return hashlib.sha256(f"{run_id}\n{path}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def step_path(path: str) -> str:
    """``path`` without the segments that tell the asks of one step apart.

    >>> step_path("reviews/branch:legal/check/attempt:2/plugin:no_promises")
    'reviews/branch:legal/check'
    """
    return "/".join(segment for segment in path.split("/") if not _is_within_a_step(segment))


def structural(path: str) -> str:
    """The path of the step that a path belongs to, without iterations and items: as a pipeline's steps are called.

    >>> structural("loop/iteration:2/draft/attempt:1/plugin:tone")
    'loop/draft'
    """
    segments = step_path(path).split("/")
    return "/".join(each for each in segments if not NUMBERED.fullmatch(each) and not OF_A_STEP.fullmatch(each))


def _is_within_a_step(segment: str) -> bool:
    kind, colon, _ = segment.partition(":")
    return bool(colon) and kind in _WITHIN_A_STEP
