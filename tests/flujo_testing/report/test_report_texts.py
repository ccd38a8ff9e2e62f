"""How a report says numbers, money, durations, differences of texts, and sums of payments."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flujo_testing.report.html.element import text_of
from flujo_testing.report.html.spending import Spent, largest, spending
from flujo_testing.report.html.textdiff import textdiff
from flujo_testing.report.html.texts import aligned, counted, cut, duration, signed_dollars
from tests.flujo_testing.report.records import paid

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.000 s"),
        (0.0123, "0.012 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (125.4, "2 min 5 s"),
        (12000.0, "3 h 20 min"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_money_is_exact_and_signed() -> None:
    amounts = [Decimal("0.0312"), Decimal("-0.00104"), Decimal(0), Decimal("1E-9")]
    assert [signed_dollars(amount) for amount in amounts] == [
        "+0.0312 USD",
        f"{MINUS}0.00104 USD",
        "0 USD",
        "+0.000000001 USD",
    ]


def test_amounts_of_a_column_have_as_many_decimals() -> None:
    amounts = [Decimal("0.00104"), Decimal(12), None, Decimal("0.5")]
    assert aligned(amounts) == ["0.00104", "12.00000", "\N{EN DASH}", "0.50000"]
    assert aligned([Decimal(12), None]) == ["12", "\N{EN DASH}"]
    assert aligned([]) == []


def test_counts_and_cuts() -> None:
    assert [counted(1, "golden"), counted(1200, "golden"), counted(2, "entry", "entries")] == [
        "1 golden",
        "1,200 goldens",
        "2 entries",
    ]
    assert [cut("abc", 3), cut("abcd", 3)] == ["abc", "abc\N{HORIZONTAL ELLIPSIS} (1 more character)"]


def test_lines_of_a_difference_stand_with_those_around_them() -> None:
    before = "".join(f"{number}\n" for number in range(20))
    after = before.replace("10\n", "ten\n")
    assert text_of(textdiff(before, after)) == "  7\n  8\n  9\n- 10\n+ ten\n  11\n  12\n  13\n"


def test_a_difference_of_two_places_has_a_gap() -> None:
    before = "".join(f"{number}\n" for number in range(20))
    after = before.replace("2\n", "two\n", 1).replace("17\n", "seventeen\n")
    assert "\N{VERTICAL ELLIPSIS} \n" in text_of(textdiff(before, after))


def test_a_long_difference_is_cut_and_says_so() -> None:
    told = text_of(textdiff(None, "".join(f"{number}\n" for number in range(5000))))
    assert told.startswith("+ 0\n+ 1\n")
    assert told.endswith("+ 159\n3,840 more lines of the difference; 1,000 lines not compared.")


def test_only_a_line_feed_makes_a_line() -> None:
    assert text_of(textdiff(None, "a\x0bb\u2028c\n")) == "+ a\x0bb\u2028c\n"


def test_payments_are_summed_up_by_name_the_most_expensive_first() -> None:
    payments = [paid("a", "m", "0.5"), paid("b", "m", "0.75"), paid("a", "m", None), paid("a", "m", "0.5")]
    assert spending(payments, lambda payment: payment.step) == (
        Spent("a", 3, 360, 120, Decimal("1.0"), 1),
        Spent("b", 1, 120, 40, Decimal("0.75"), 0),
    )


def test_small_sums_are_one_row() -> None:
    sums = tuple(Spent(str(number), 1, 2, 3, Decimal(10 - number), number) for number in range(5))
    assert largest(sums, 5) == sums
    assert largest(sums, 3) == (*sums[:2], Spent("3 others", 3, 6, 9, Decimal(21), 9))
