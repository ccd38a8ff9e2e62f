"""What is written down before a call that is paid: what would be booked if nobody ever heard of it again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flujo.binding import Meter
from flujo.entries import Draw
from flujo.execution.amount import Amount, known
from flujo.execution.ledger import price_entry
from flujo.execution.signals import AskFailure
from flujo.money import ZERO, subtract
from flujo.ports import Intent
from flujo.usage import RequestUsage

if TYPE_CHECKING:
    from flujo.execution.account import Purse
    from flujo.execution.budget import Hold
    from flujo.execution.frame import Place


def intent_of(
    purse: Purse, meter: Meter, place: Place, value: object, offered: Mapping[str, Any], hold: Hold | None
) -> Intent:
    """What to book of this call if it is lost: one request of unknown usage, and what limits count beside it."""
    account = purse.account
    entry = price_entry(
        RequestUsage(usage=None, model=meter.model, outcome="in_doubt"),
        run_id=account.run_id,
        path=place.path,
        number=1 + place.asked_before,
        attempt=place.attempt,
        requested_at=account.clock.utc(),
        branch=place.scope.branch,
        cost_model=account.cost_model,
        possible_usd=hold.bound.cost_usd if hold is not None else _bound(purse, meter, place, value, offered),
    )
    lost = () if hold is None else _if_lost(hold, Amount.of(entry.usage, entry.cost_usd))
    return Intent(entry, lost)


def _bound(purse: Purse, meter: Meter, place: Place, value: object, offered: Mapping[str, Any]) -> Decimal | None:
    """The most that a call may cost which no limit holds back: to be told, so that an estimate that breaks is none."""
    try:
        return purse.bound(meter, value, offered, place).cost_usd
    except AskFailure:
        return None


def _if_lost(hold: Hold, booked: Amount) -> tuple[Draw, ...]:
    """What a hold keeps counted beside what is booked, as when it is settled in doubt."""
    spent, _ = known([booked])
    wanted = hold.bound.quantities()
    draws: dict[Draw, None] = {}
    for budget in hold.budget.chain:
        for dimension, held in hold.held_on(budget).items():
            if doubtful := max(subtract(held, spent[dimension]), ZERO):
                draws[Draw(dimension, ZERO, doubtful, budget.name if wanted[dimension] is None else None)] = None
    return tuple(draws)
