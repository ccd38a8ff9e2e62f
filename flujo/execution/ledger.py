"""The ledger: sums over records of paid requests, and the pricing of one. A view over a tuple, no state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from flujo.entries import CostSource, LedgerEntry, entry_id
from flujo.errors import PriceError
from flujo.laws import quote
from flujo.money import ZERO, add, total
from flujo.prices import CostModel, LineItem, Quote
from flujo.usage import RequestUsage, Usage, added

Grouping = Literal["step", "model", "outcome", "branch"]
_SILENT = Usage()
"""Of a request that reports no usage."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every paid request of a run, in the order of the transcript. Sums are exact in any order."""

    entries: tuple[LedgerEntry, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[LedgerEntry]) -> Ledger:
        """A ledger without repeats: the same entry twice counts once; ValueError if the two differ."""
        known: dict[str, LedgerEntry] = {}
        for entry in entries:
            earlier = known.setdefault(entry.entry_id, entry)
            if earlier != entry:
                raise ValueError(f"two ledger entries share the id '{entry.entry_id}': {earlier} and {entry}")
        return cls(tuple(known.values()))

    @property
    def total_cost_usd(self) -> Decimal | None:
        """The cost of the run in USD; None as soon as one entry is unpriced or in doubt."""
        return None if self.unpriced_requests else self.known_cost_usd

    @property
    def known_cost_usd(self) -> Decimal:
        """The lower bound: what is known to have been spent."""
        return total(entry.cost_usd for entry in self.entries if entry.cost_usd is not None)

    @property
    def possible_cost_usd(self) -> Decimal | None:
        """The upper bound; None if a request with an unknown cost has no bound either."""
        uppers = [entry.upper_usd for entry in self.entries]
        known = [upper for upper in uppers if upper is not None]
        return total(known) if len(known) == len(uppers) else None

    @property
    def unpriced_requests(self) -> int:
        """How many entries are unpriced or in doubt."""
        return sum(entry.uncertain for entry in self.entries)

    @property
    def usage(self) -> Usage:
        """All reported counts added up; a request without usage adds itself and no tokens."""
        return added(entry.usage or _SILENT for entry in self.entries)

    @property
    def total_tokens(self) -> int:
        """Reported input and output tokens."""
        return self.usage.total_tokens

    def cost_by(self, grouping: Grouping, verdicts: Mapping[str, str] | None = None) -> dict[str, Decimal]:
        """Known cost in USD by step path, model, branch or outcome; the values add up to ``known_cost_usd``.

        ``verdicts`` says by path of the ask what became of its answer (``accepted``, ``rejected``,
        ``invalid``) and replaces the outcome ``ok``. What has no model or no branch is under ``""``.
        """
        sums: dict[str, Decimal] = {}
        for entry in self.entries:
            key = _group(entry, grouping, verdicts or {})
            sums[key] = add(sums.get(key, ZERO), entry.cost_usd or ZERO)
        return sums


def price_entry(
    request: RequestUsage,
    *,
    run_id: str,
    path: str,
    number: int,
    attempt: int,
    requested_at: datetime,
    branch: str | None = None,
    cost_model: CostModel | None = None,
    context: str | None = None,
    possible_usd: Decimal | None = None,
    strict: bool = False,
    quoted: Callable[[CostModel, str, Usage, datetime, str | None], Quote] = quote,
) -> LedgerEntry:
    """The entry of the ``number``-th request (from 1) that the ask at ``path`` reported.

    Our own price comes first, then the provider's; a request with neither is unpriced, which is not 0. With
    ``strict`` it raises its PriceError instead; nothing is booked then, so ask for it before the call, not
    after. ``possible_usd`` is what was reserved for the request, for the case that its cost remains
    unknown.
    """
    quote = _quote(request, requested_at, cost_model, context, strict, quoted)
    cost, source, items = _cost(request, quote)
    return LedgerEntry(
        entry_id=entry_id(run_id, path, number),
        path=path,
        branch=branch,
        attempt=attempt,
        provider=_provider(request.model),
        model=request.model,
        requested_at=requested_at,
        usage=request.usage,
        usage_source=request.usage_source,
        table_id=None if cost_model is None else cost_model.table_id,
        line_items=items,
        cost_usd=cost,
        cost_source=source,
        provider_cost_usd=request.cost_usd,
        possible_usd=possible_usd,
        outcome=request.outcome,
        other_usage=request.other_usage,
    )


def _quote(
    request: RequestUsage,
    at: datetime,
    cost_model: CostModel | None,
    context: str | None,
    strict: bool,
    quoted: Callable[[CostModel, str, Usage, datetime, str | None], Quote],
) -> Quote | None:
    if cost_model is None or request.usage is None:
        return None
    try:
        return quoted(cost_model, request.model or "", request.usage, at, context)
    except PriceError:
        if strict and request.cost_usd is None:
            raise
        return None


def _cost(request: RequestUsage, quote: Quote | None) -> tuple[Decimal | None, CostSource, tuple[LineItem, ...]]:
    if quote is not None:
        return quote.cost, "estimate" if request.usage_source == "estimate" else "table", quote.line_items
    if request.cost_usd is not None:
        return request.cost_usd, "provider", ()
    return None, "unpriced", ()


def _provider(model: str | None) -> str | None:
    provider, colon, _ = (model or "").partition(":")
    return provider if colon else None


def _group(entry: LedgerEntry, grouping: Grouping, verdicts: Mapping[str, str]) -> str:
    match grouping:
        case "step":
            return entry.step
        case "model":
            return entry.model or ""
        case "branch":
            return entry.branch or ""
        case "outcome":
            return verdicts.get(entry.path, "ok") if entry.outcome == "ok" else entry.outcome
        case _:
            raise ValueError(f"costs are grouped by step, model, outcome or branch, not by '{grouping}'")
