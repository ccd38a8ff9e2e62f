"""Amounts, spans of time and values as people read them, each on one line and inert."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from flujo.cli.facts import data_of
from flujo.cli.inert import inert
from flujo.money import show_usd
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.execution.ledger import Ledger
    from flujo.usage import Usage

_MADE_UP = re.compile(r"[0-9a-f]{32}")


def one_line(text: str) -> str:
    """Text of a model or a user on one line, harmless for a terminal."""
    return " ".join(inert(text).split())


def value_shown(value: object) -> str:
    """A value as JSON on one line: a text stands in quotes, its line ends as escapes."""
    if value is MISSING:
        return "nothing"
    return inert(json.dumps(data_of(value), ensure_ascii=False))


def usd_shown(ledger: Ledger) -> str:
    """``0.00104 USD``; what is not known for certain says so: ``0.00104 to 0.003 USD``, ``at least 0.00104 USD``."""
    known = show_usd(ledger.known_cost_usd)
    if not ledger.unpriced_requests:
        return f"{known} USD"
    most = ledger.possible_cost_usd
    return f"at least {known} USD" if most is None else f"{known} to {show_usd(most)} USD"


def tokens_shown(usage: Usage) -> str:
    """``120 in, 40 out``, with what was cached, where it was."""
    cached = f" ({usage.cache_read_tokens:,} cached)" if usage.cache_read_tokens else ""
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out"


def short_id(run_id: str) -> str:
    """The beginning of an id that was made up; a name that somebody gave stays whole."""
    return run_id[:8] if _MADE_UP.fullmatch(run_id) else one_line(run_id)


def span(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def moment(at: datetime) -> str:
    """``2026-03-01 14:05:09`` in UTC, as the stores keep it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def column(amounts: list[Decimal]) -> dict[Decimal, str]:
    """Amounts with equally many decimals, so that their points stand below each other."""
    exact = {amount: show_usd(amount) for amount in amounts}
    decimals = max((len(text.partition(".")[2]) for text in exact.values()), default=0)
    return {
        amount: f"{text}{'' if '.' in text or not decimals else '.'}".ljust(_width(text, decimals), "0")
        for amount, text in exact.items()
    }


def _width(text: str, decimals: int) -> int:
    return len(text.partition(".")[0]) + (1 + decimals if decimals else 0)
