"""Exact amounts of USD: parsing, adding, multiplying and showing. Not a currency library and no rounding.

All arithmetic runs in a decimal context of our own, which refuses every inexact result; the context of the
calling thread changes nothing. Rounding, where somebody wants it, belongs to the display.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import (
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Underflow,
)

# 100 digits leave room for any price list times any count; the exponents keep "1E-999999" from becoming a
# megabyte of zeros when it is shown.
EXACT = Context(
    prec=100,
    Emin=-50,
    Emax=50,
    traps=[Inexact, InvalidOperation, FloatOperation, Overflow, Underflow, DivisionByZero],
)

ZERO = Decimal(0)
_MILLIONTH = Decimal("0.000001")


def usd(value: Decimal | str | int, what: str = "an amount of USD") -> Decimal:
    """The exact decimal of a text, an int or a Decimal; ``what`` names the value in the error.

    TypeError for a float or a bool (0.1 as a float is not 0.1), ValueError for what is no finite number or
    has more digits than we compute with.
    """
    if isinstance(value, bool) or not isinstance(value, (Decimal, str, int)):
        raise TypeError(
            f"{what} must be a Decimal, a text or an int, not {type(value).__name__} {value!r}:"
            f" write Decimal('{value}') or '{value}'"
        )
    try:
        amount = EXACT.create_decimal(value)
    except (DecimalException, ValueError) as problem:
        raise ValueError(f"{what} is no amount that can be kept exactly: {_short(value)}") from problem
    if not amount.is_finite():
        raise ValueError(f"{what} must be a finite number, not {value}")
    return amount if amount else ZERO


def add(left: Decimal | int, right: Decimal | int) -> Decimal:
    """The exact sum."""
    return EXACT.add(left, right)


def subtract(left: Decimal | int, right: Decimal | int) -> Decimal:
    """The exact difference."""
    return EXACT.subtract(left, right)


def multiply(left: Decimal | int, right: Decimal | int) -> Decimal:
    """The exact product."""
    return EXACT.multiply(left, right)


def total(amounts: Iterable[Decimal | int]) -> Decimal:
    """The exact sum of any number of amounts; 0 for none."""
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def per_million(quantity: int, unit_price: Decimal) -> Decimal:
    """What ``quantity`` tokens cost at ``unit_price`` USD per million."""
    return EXACT.multiply(EXACT.multiply(quantity, unit_price), _MILLIONTH)


def show_usd(value: Decimal) -> str:
    """The amount in plain digits without an exponent or trailing zeros: ``0.00208``, ``0``, ``12``."""
    digits = format(value, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def _short(value: Decimal | str | int) -> str:
    # repr() of an int with thousands of digits is itself an error in Python.
    if isinstance(value, int):
        return f"an int of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
