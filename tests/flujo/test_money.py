"""Exact amounts: what is refused, what is kept, and that the thread's decimal context changes nothing."""

from __future__ import annotations

import random
from decimal import Decimal, Inexact, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flujo.money import add, multiply, per_million, show_usd, subtract, total, usd

AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=12)


@pytest.mark.parametrize("value", ["2.50", Decimal("2.50"), "0002.5"])
def test_text_and_decimals_are_kept_exactly(value: Decimal | str) -> None:
    assert usd(value) == Decimal("2.5")


def test_an_int_is_an_amount() -> None:
    assert usd(3) == Decimal(3)


@pytest.mark.parametrize("value", [0.1, True, None, b"1"])
def test_what_is_no_exact_number_is_refused_with_its_name_and_value(value: object) -> None:
    with pytest.raises(TypeError, match=rf"the price must be a Decimal, .* not {type(value).__name__} "):
        usd(value, "the price")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "", "one", "1e", "1E-200", "1E+99"])
def test_what_is_no_finite_amount_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"^the price "):
        usd(value, "the price")


def test_more_digits_than_are_computed_with_are_refused_and_shown_short() -> None:
    with pytest.raises(ValueError, match=r"kept exactly: '0\.1{74}\.\.\.$"):
        usd("0." + "1" * 200)


def test_an_int_too_long_to_be_printed_is_refused_by_its_size() -> None:
    with pytest.raises(ValueError, match=r"kept exactly: an int of 33220 bits$"):
        usd(10**10_000)


def test_three_times_a_dime_is_thirty_cents() -> None:
    assert total([usd("0.1")] * 3) == usd("0.3")


def test_nothing_adds_up_to_zero() -> None:
    assert total([]) == Decimal(0)


def test_a_sum_that_cannot_be_exact_is_an_error_and_never_rounded() -> None:
    with pytest.raises(Inexact):
        add(usd("1E+50"), usd("1E-100"))


def test_charges_below_a_microdollar_are_not_lost() -> None:
    assert total([per_million(1, usd("0.0101"))] * 1000) == usd("0.0000101")


@given(AMOUNTS, AMOUNTS)
def test_the_context_of_the_thread_changes_no_result(left: Decimal, right: Decimal) -> None:
    plain = (add(left, right), subtract(left, right), multiply(left, right), show_usd(left), usd(str(left)))
    with localcontext() as context:
        context.prec = 3
        ambient = (
            add(left, right),
            subtract(left, right),
            multiply(left, right),
            show_usd(left),
            usd(str(left)),
        )
    assert ambient == plain


@given(st.lists(AMOUNTS, max_size=50), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_sum(amounts: list[Decimal], order: random.Random) -> None:
    shuffled = list(amounts)
    order.shuffle(shuffled)
    assert total(shuffled) == total(amounts)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.00208", "0.00208"),
        ("0.002080", "0.00208"),
        ("1E+3", "1000"),
        ("1E-9", "0.000000001"),
        ("100", "100"),
        ("10.0", "10"),
        ("0", "0"),
        ("0E-9", "0"),
        ("-0.0", "0"),
        ("-0.50", "-0.5"),
    ],
)
def test_an_amount_is_shown_in_plain_digits(value: str, shown: str) -> None:
    assert show_usd(Decimal(value)) == shown


@given(AMOUNTS)
def test_what_is_shown_reads_back_as_the_same_amount(amount: Decimal) -> None:
    assert usd(show_usd(amount)) == amount
