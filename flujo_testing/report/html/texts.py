"""How a report says numbers, money, durations and long texts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from flujo.money import show_usd

MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = "\N{EN DASH}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 golden``, ``1,200 goldens``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def cut(text: str, most: int) -> str:
    """The text, or its first ``most`` characters and how many more there are."""
    if len(text) <= most:
        return text
    return f"{text[:most]}\N{HORIZONTAL ELLIPSIS} ({counted(len(text) - most, 'more character')})"


def dollars(amount: Decimal) -> str:
    """``0.00104 USD``, exact."""
    return f"{show_usd(amount)} USD"


def signed_dollars(amount: Decimal) -> str:
    """With its sign: ``+0.0312 USD``; ``0 USD`` has none."""
    sign = "+" if amount > 0 else MINUS if amount < 0 else ""
    return f"{sign}{dollars(abs(amount))}"


def aligned(amounts: Sequence[Decimal | None]) -> list[str]:
    """The amounts of a column, exact, all with as many decimals as the one with most; a dash for None."""
    shown = [NOTHING if amount is None else show_usd(amount) for amount in amounts]
    decimals = max((len(one.partition(".")[2]) for one in shown), default=0)
    return [one if one == NOTHING else _padded(one, decimals) for one in shown]


def _padded(number: str, decimals: int) -> str:
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction:0<{decimals}}" if decimals else whole


def duration(seconds: float) -> str:
    """``0.012 s``, ``12.3 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if seconds < 1:
        return f"{seconds:.3f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
