"""Paid requests of models without a name, and what requests used that has no price."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from flujo.entries import LedgerEntry
from flujo.execution.ledger import Ledger, price_entry
from flujo.prices import CostModel, Price, PriceTable, Quote
from flujo.usage import RequestUsage, Usage

TABLE = PriceTable({"test:writer": Price(input="3", output="17")})
USED = Usage(input_tokens=120, output_tokens=40)


def paid(request: RequestUsage, cost_model: CostModel = TABLE) -> LedgerEntry:
    return price_entry(
        request,
        run_id="run",
        path="write/attempt:1",
        number=1,
        attempt=1,
        requested_at=datetime(2026, 5, 17, 12, tzinfo=UTC),
        cost_model=cost_model,
    )


class Unnamed(PriceTable):
    """Prices of what has no name."""

    def __init__(self) -> None:
        super().__init__({"test:unnamed": Price(input="5", output="29")})

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        return super().quote(f"test:unnamed{model}", usage, at, context)


def test_a_request_without_a_model_is_priced_and_told_under_no_name() -> None:
    entry = paid(RequestUsage(usage=USED), Unnamed())
    assert (entry.model, entry.provider, entry.cost_usd) == (None, None, Decimal("0.00176"))
    assert Ledger((entry,)).cost_by("model") == {"": Decimal("0.00176")}


def test_what_else_a_request_used_is_kept_and_not_priced() -> None:
    searches = (("web_searches", Decimal(3)),)
    entry = paid(RequestUsage(usage=USED, model="test:writer", other_usage=searches))
    assert (entry.other_usage, entry.cost_usd) == (searches, Decimal("0.00104"))
