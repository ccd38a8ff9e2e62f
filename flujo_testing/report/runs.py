"""The runs that a test made, as its record keeps them: read off their events."""

from __future__ import annotations

from collections.abc import Iterable

from flujo.entries import LedgerEntry
from flujo.events import Paid, PaidBefore, RunEnded, RunResumed, RunStarted
from flujo.money import show_usd
from flujo_testing.agents.places import FollowedRun
from flujo_testing.golden.inert import inert
from flujo_testing.report.record import Payment, RunRecord, sum_usd

NOT_ENDED = "not ended"


def records_of(runs: Iterable[FollowedRun]) -> tuple[RunRecord, ...]:
    """In the order in which they started. What a resumed run restores was paid by the run that it goes on with."""
    paid: set[str] = set()
    return tuple(_record(run, paid) for run in list(runs))


def _record(run: FollowedRun, paid: set[str]) -> RunRecord:
    pipeline, status, resumed = "", NOT_ENDED, False
    entries: list[LedgerEntry] = []
    for event in list(run.events):
        match event:
            case RunStarted():
                pipeline = event.pipeline
            case RunResumed():
                resumed = True
            case RunEnded():
                status = event.status
            case Paid() if not isinstance(event, PaidBefore):
                entries.append(event.entry)
    payments = [_payment(entry) for entry in entries if not (resumed and entry.entry_id in paid)]
    paid.update(entry.entry_id for entry in entries)
    return RunRecord(inert(pipeline), status, sum_usd(payment.usd for payment in payments), tuple(payments))


def _payment(entry: LedgerEntry) -> Payment:
    return Payment(
        step=inert(entry.step),
        model=None if entry.model is None else inert(entry.model),
        outcome=entry.outcome,
        usd=None if entry.cost_usd is None else show_usd(entry.cost_usd),
        input_tokens=0 if entry.usage is None else entry.usage.input_tokens,
        output_tokens=0 if entry.usage is None else entry.usage.output_tokens,
    )
