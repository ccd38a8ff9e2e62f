"""The sections on tests: all of them in a table that can be filtered and sorted, and the slowest ones."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from flujo_testing.report.html.element import Element, element
from flujo_testing.report.html.plots import Bar, Numbers, bars
from flujo_testing.report.html.spending import Spent, cost_of
from flujo_testing.report.html.tables import Column, Row, Value, empty, section, table
from flujo_testing.report.html.texts import aligned, counted, cut, duration
from flujo_testing.report.record import CaseRecord, SuiteRecord

OUTCOMES: Final = ("failed", "error", "xpassed", "passed", "xfailed", "skipped")
"""In the order in which a reader wants to see them."""
TONES: Final = {
    "failed": "bad", "error": "bad", "xpassed": "warn", "passed": "good", "xfailed": "off", "skipped": "off",
}  # fmt: skip
SLOWEST: Final = 10
MOST_CASES: Final = 2000
MOST_OF_A_TEST: Final = 300
FIRST_LINES: Final = 2
MOST_OF_A_MESSAGE: Final = 300


def cases(record: SuiteRecord) -> Element:
    """All tests: red ones first, then in the order of their ids."""
    if not record.cases:
        return section("tests", "Tests", empty("No test was run."))
    ranked = sorted(record.cases, key=lambda case: (OUTCOMES.index(case.outcome), case.test))
    shown = ranked[:MOST_CASES]
    costs = [cost_of(case) for case in shown]
    columns = [Column("outcome"), Column("test"), Column("seconds", True), Column("USD", True), Column("runs", True)]
    rows = [_row(case, cost, amount) for case, cost, amount in zip(shown, costs, _shown(costs), strict=True)]
    left_out = len(ranked) - len(shown)
    note = element("p", f"{counted(left_out, 'more test')} not shown.", class_="note") if left_out else None
    return section("tests", "Tests", _filters(record), table("Tests", columns, rows), note, told=f"{len(ranked):,}")


def _shown(costs: Sequence[Spent | None]) -> list[str]:
    """The costs as a column; what nobody knows is no 0."""
    known = [None if cost is None else cost.known_usd for cost in costs]
    return [
        amount if cost is None or not cost.unpriced else "unknown" if usd is None else f"{amount} + unknown"
        for cost, usd, amount in zip(costs, known, aligned(known), strict=True)
    ]


def outcomes(cases: Sequence[CaseRecord]) -> list[tuple[str, int]]:
    """How many tests had which outcome; those that none had are left out."""
    counts = [(outcome, sum(case.outcome == outcome for case in cases)) for outcome in OUTCOMES]
    return [(outcome, count) for outcome, count in counts if count]


def _filters(record: SuiteRecord) -> Element:
    buttons = [
        element(
            "button", f"{outcome} ", element("b", f"{count:,}"),
            type="button", class_=f"filter {TONES[outcome]}", data_show=outcome, aria_pressed="true",
        )
        for outcome, count in outcomes(record.cases)
    ]  # fmt: skip
    return element("div", *buttons, class_="filters", role="group", aria_label="Outcomes shown", hidden=True)


def _row(case: CaseRecord, cost: Spent | None, amount: str) -> Row:
    outcome = element("span", case.outcome, class_=f"badge {TONES[case.outcome]}")
    message = element("p", _beginning(case.message), class_="message") if case.message else None
    return Row(
        (
            Value(outcome, str(OUTCOMES.index(case.outcome))),
            Value(element("div", _name(case.test), message)),
            Value(f"{case.seconds:.3f}", f"{case.seconds:.6f}"),
            Value(amount, "-1" if cost is None else str(cost.usd), "zero" if cost is None else None),
            Value(str(len(case.runs)), str(len(case.runs)), None if case.runs else "zero"),
        ),
        found=True,
        outcome=case.outcome,
    )


def _beginning(message: str) -> str:
    """The first lines of a message; the whole of it stands with the cause."""
    lines = [line for line in message.split("\n") if line.strip()]
    more = f" ({counted(len(lines) - FIRST_LINES, 'more line')})" if len(lines) > FIRST_LINES else ""
    return cut("\n".join(lines[:FIRST_LINES]), MOST_OF_A_MESSAGE) + more


def _name(test: str) -> Element:
    """The name of a test, and its file as the quieter half."""
    file, _, name = test.partition("::")
    return element(
        "code",
        element("span", cut(file, MOST_OF_A_TEST) + ("::" if name else ""), class_="file"),
        element("span", cut(name, MOST_OF_A_TEST), class_="name"),
        class_="test",
    )


def slowest(record: SuiteRecord, numbers: Numbers) -> Element:
    """The tests that took the most time, and what part of the whole that is."""
    ranked = sorted(record.cases, key=lambda case: (-case.seconds, case.test))[:SLOWEST]
    if not ranked:
        return section("slowest", "Slowest tests", empty("No test was run."))
    whole = sum(case.seconds for case in record.cases)
    most = ranked[0].seconds or 1
    took = sum(case.seconds for case in ranked)
    description = f"{counted(len(ranked), 'test')}, the slowest first, {duration(took)} of {duration(whole)} in all."
    drawn = [
        Bar(case.test.rpartition("::")[2], duration(case.seconds), Decimal(str(round(case.seconds / most, 4))))
        for case in ranked
    ]
    rows = [
        Row(
            (
                Value(_name(case.test)),
                Value(f"{case.seconds:.3f}", f"{case.seconds:.6f}"),
                Value(f"{case.seconds / whole * 100 if whole else 0:.1f} %", f"{case.seconds:.6f}"),
            )
        )
        for case in ranked
    ]
    columns = [Column("test"), Column("seconds", True, "descending"), Column("share", True)]
    plot = bars(numbers, "Slowest tests", description, drawn)
    beside = element("div", plot, table("Slowest tests", columns, rows), class_="beside")
    return section(
        "slowest", "Slowest tests", element("figure", beside), told=f"{len(ranked)} of {len(record.cases):,}"
    )
