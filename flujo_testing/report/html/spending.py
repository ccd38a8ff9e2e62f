"""What the runs of a suite have paid, added up by step, model or outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from flujo.money import total, usd
from flujo_testing.report.record import CaseRecord, Payment


@dataclass(frozen=True, slots=True)
class Spent:
    """The sum over payments. ``unpriced``: how many of the requests have a cost that nobody knows."""

    name: str
    requests: int
    input_tokens: int
    output_tokens: int
    usd: Decimal
    unpriced: int

    @property
    def known_usd(self) -> Decimal | None:
        """None where not one of the requests has a known cost: that is no 0."""
        return None if self.requests and self.requests == self.unpriced else self.usd


def payments_of(cases: Iterable[CaseRecord]) -> tuple[Payment, ...]:
    return tuple(payment for case in cases for run in case.runs for payment in run.payments)


def spent(name: str, payments: Iterable[Payment]) -> Spent:
    told = tuple(payments)
    known = [usd(payment.usd) for payment in told if payment.usd is not None]
    return Spent(
        name,
        len(told),
        sum(payment.input_tokens for payment in told),
        sum(payment.output_tokens for payment in told),
        total(known),
        len(told) - len(known),
    )


def spending(payments: Iterable[Payment], of: Callable[[Payment], str]) -> tuple[Spent, ...]:
    """A sum for each name that ``of`` gives, the most expensive first."""
    groups: dict[str, list[Payment]] = {}
    for payment in payments:
        groups.setdefault(of(payment), []).append(payment)
    sums = [spent(name, found) for name, found in groups.items()]
    return tuple(sorted(sums, key=lambda one: (-one.usd, one.name)))


def largest(sums: tuple[Spent, ...], most: int) -> tuple[Spent, ...]:
    """The first ``most``; all others are added up as one, which says how many they are."""
    if len(sums) <= most:
        return sums
    rest = sums[most - 1 :]
    other = Spent(
        f"{len(rest)} others",
        sum(one.requests for one in rest),
        sum(one.input_tokens for one in rest),
        sum(one.output_tokens for one in rest),
        total(one.usd for one in rest),
        sum(one.unpriced for one in rest),
    )
    return (*sums[: most - 1], other)


def cost_of(case: CaseRecord) -> Spent | None:
    """What all runs of a test have paid; None where they made no request that is paid for."""
    paid = payments_of([case])
    return spent(case.test, paid) if paid else None
