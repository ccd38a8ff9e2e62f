"""The section on money: what all runs have paid by step, by model and by outcome, each as a plot beside its table."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from flujo_testing.report.html.element import Element, element
from flujo_testing.report.html.plots import Bar, Numbers, bars
from flujo_testing.report.html.spending import Spent, largest, payments_of, spending, spent
from flujo_testing.report.html.tables import Column, Row, Value, empty, section, table
from flujo_testing.report.html.texts import NOTHING, aligned, counted, cut, dollars
from flujo_testing.report.record import Payment, SuiteRecord
from flujo_testing.review.signs import of_any_number

MOST_BARS: Final = 12
UNKNOWN: Final = "unknown"
NO_MODEL: Final = "no model told"
_TONES: Final = {"ok": "good", "error": "bad", "timeout": "warn", "cancelled": "off", "in_doubt": "wait"}


def costs(record: SuiteRecord, numbers: Numbers) -> Element:
    payments = payments_of(record.cases)
    if not payments:
        return section("costs", "Costs", empty("No run of this suite has paid for anything."))
    whole = spent("all", payments)
    by: tuple[tuple[str, Callable[[Payment], str], dict[str, str]], ...] = (
        ("step", lambda payment: of_any_number(payment.step) or "no step", {}),
        ("model", lambda payment: payment.model or NO_MODEL, {}),
        ("outcome", lambda payment: payment.outcome, _TONES),
    )
    figures = [_figure(numbers, what, spending(payments, of), whole, tones) for what, of, tones in by]
    told = f"{dollars(whole.usd)}, {counted(whole.requests, 'request')}"
    unpriced = f", {whole.unpriced:,} of them unpriced" if whole.unpriced else ""
    return section("costs", "Costs", *figures, told=told + unpriced)


def _figure(numbers: Numbers, what: str, sums: tuple[Spent, ...], whole: Spent, tones: dict[str, str]) -> Element:
    shown = largest(sums, MOST_BARS)
    most = max((one.usd for one in shown), default=Decimal(0)) or Decimal(1)
    amounts = [
        UNKNOWN if amount == NOTHING else amount for amount in aligned([one.known_usd for one in (*shown, whole)])
    ]
    title = f"Cost by {what}"
    first = shown[0]
    description = (
        f"{counted(len(shown), 'bar')}, the most expensive first: {cut(first.name, 80)} with {dollars(first.usd)} "
        f"of {dollars(whole.usd)}. The table beside it holds all numbers."
    )
    drawn = [Bar(one.name, _dollars(one.known_usd), one.usd / most, tones.get(one.name, "accent")) for one in shown]
    rows = [_row(one, amount, whole) for one, amount in zip(shown, amounts, strict=False)]
    return element(
        "figure",
        element("figcaption", title),
        element(
            "div",
            bars(numbers, title, description, drawn),
            table(title, _columns(what, whole.unpriced), rows, _row(whole, amounts[-1], whole)),
            class_="beside",
        ),
    )


def _dollars(amount: Decimal | None) -> str:
    return UNKNOWN if amount is None else dollars(amount)


def _columns(what: str, unpriced: int) -> list[Column]:
    numbers = (Column("USD", True, "descending"), *(Column(name, True) for name in ("share", "requests")))
    tokens = (Column("tokens in", True), Column("tokens out", True))
    unknown = [Column("unpriced", True)] if unpriced else []
    return [Column(what), *numbers, *unknown, *tokens]


def _row(one: Spent, amount: str, whole: Spent) -> Row:
    share = one.usd / whole.usd * 100 if whole.usd else Decimal(0)
    unknown = [_count(one.unpriced)] if whole.unpriced else []
    return Row(
        (
            Value(element("code", cut(one.name, 160))),
            Value(amount, str(one.usd)),
            Value(f"{share:.1f} %", str(share)),
            _count(one.requests),
            *unknown,
            _count(one.input_tokens),
            _count(one.output_tokens),
        )
    )


def _count(number: int) -> Value:
    return Value(f"{number:,}", str(number), None if number else "zero")
