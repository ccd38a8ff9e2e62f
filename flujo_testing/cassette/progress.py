"""Tells, while a test records, how many answers it has and what they cost so far."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flujo.events import Event, Paid
from flujo.money import show_usd
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.golden.inert import inert


class Ticker:
    """One line per recorded answer in pytest's terminal, past its capture, and a last one with the whole cost."""

    def __init__(self, config: pytest.Config, shown: str) -> None:
        self._reporter = config.pluginmanager.get_plugin("terminalreporter")
        self._shown = shown
        self._answers = 0
        self._known = Decimal(0)
        self._unpriced = 0

    def listen(self, event: Event) -> None:
        """A listener of the test's runs: what they paid."""
        if isinstance(event, Paid):
            if event.entry.cost_usd is None:
                self._unpriced += 1
            else:
                self._known += event.entry.cost_usd

    def tell(self, exchange: Exchange) -> None:
        """One more answer is recorded; what it cost is booked after this."""
        self._answers += 1
        self._write(f"{self._told()}; now {exchange.at}")

    def close(self) -> None:
        if self._answers:
            self._write(f"\n{self._told()}; done")

    def _told(self) -> str:
        answers = "1 answer" if self._answers == 1 else f"{self._answers} answers"
        unpriced = f" and {self._unpriced} requests without a price" if self._unpriced else ""
        return f"recording {self._shown}: {answers}, {show_usd(self._known)} USD so far{unpriced}"

    def _write(self, text: str) -> None:
        if self._reporter is not None:
            self._reporter.ensure_newline()
            self._reporter.write_line(inert(text))
