"""Amounts, spans and values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from flujo.cli.drawing import change_shown
from flujo.cli.facts import data_of
from flujo.cli.tree import Change
from flujo.cli.wording import column, one_line, short_id, span, usd_shown, value_shown
from flujo.entries import LedgerEntry
from flujo.execution.ledger import Ledger
from flujo.structure import MISSING
from flujo.usage import Usage


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185.2, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (7629, "2 h 07 min"),
    ],
)
def test_a_span_of_time_has_the_unit_that_fits(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_amounts_of_a_column_have_their_points_below_each_other() -> None:
    amounts = [Decimal("0.00104"), Decimal("12"), Decimal("1.5"), Decimal("0")]
    assert column(amounts) == {
        Decimal("0.00104"): "0.00104",
        Decimal("12"): "12.00000",
        Decimal("1.5"): "1.50000",
        Decimal("0"): "0.00000",
    }
    assert column([Decimal("12"), Decimal("0")]) == {Decimal("12"): "12", Decimal("0"): "0"}
    assert column([]) == {}


def entry(number: int, cost: str | None, possible: str | None) -> LedgerEntry:
    return LedgerEntry(
        entry_id=f"r1/write/attempt:1/request:{number}",
        path="write/attempt:1",
        branch=None,
        attempt=1,
        provider="test",
        model="test:writer",
        requested_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        usage=Usage(input_tokens=7, output_tokens=3),
        usage_source="provider",
        table_id=None,
        line_items=(),
        cost_usd=None if cost is None else Decimal(cost),
        cost_source="unpriced" if cost is None else "table",
        provider_cost_usd=None,
        possible_usd=None if possible is None else Decimal(possible),
        outcome="ok",
    )


@pytest.mark.parametrize(
    ("entries", "shown"),
    [
        ([], "0 USD"),
        ([("0.0020", None)], "0.002 USD"),
        ([("0.002", None), (None, "0.005")], "0.002 to 0.007 USD"),
        ([("0.002", None), (None, None)], "at least 0.002 USD"),
    ],
)
def test_what_is_not_known_for_certain_says_so(entries: list[tuple[str | None, str | None]], shown: str) -> None:
    assert usd_shown(Ledger(tuple(entry(number, *told) for number, told in enumerate(entries, 1)))) == shown


def test_an_id_that_was_made_up_is_shown_by_its_beginning() -> None:
    assert [short_id("0123456789abcdef" * 2), short_id("monday"), short_id("a\x1bb")] == [
        "01234567",
        "monday",
        r"a\x1bb",
    ]


def test_text_is_on_one_line_and_inert() -> None:
    assert one_line("a\n  b\t\x1b[31mc\u202e") == r"a b \x1b[31mc\u202e"
    assert value_shown("a\n\x1b[31m[red]\u202e") == r'"a\n\u001b[31m[red]\u202e"'
    assert value_shown(MISSING) == "nothing"


def test_values_are_strict_json_whatever_they_are() -> None:
    strange = object
    assert data_of(
        {"nan": float("nan"), "usd": Decimal("1.50"), "at": datetime(2026, 3, 1, tzinfo=UTC), "t": (1, None)}
    ) == {
        "nan": {"$float": "nan"},
        "usd": "1.5",
        "at": "2026-03-01T00:00:00+00:00",
        "t": [1, None],
    }
    assert data_of(strange) == {"$shown": "<class 'object'>"}


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (["a"], ["a", "b"], '+ ["b"]'),
        (["a"], ["b"], '["a"] → ["b"]'),
        ({"a": 1}, {"a": 1, "b": 2}, '+ {"b": 2}'),
        ({"a": 1}, {"a": 2}, '{"a": 1} → {"a": 2}'),
        (MISSING, 3, "→ 3"),
        (3, MISSING, "3 → nothing"),
    ],
)
def test_a_change_tells_what_was_added_or_what_it_became(before: object, after: object, shown: str) -> None:
    assert change_shown(Change(before, after)) == shown
