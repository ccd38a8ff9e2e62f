"""How many tests were explored in how many orders: counted from reports, so that processes of xdist add up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flujo_testing.schedules.settings import Settings

PROPERTY = "flujo_schedules"
"""On the report of a call: how many orders were tried, and whether there are no others."""


class Summary:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tests = 0
        self.orders = 0
        self.with_all_orders = 0
        self.with_one_order = 0

    def add(self, report: pytest.TestReport) -> None:
        told = [value for name, value in report.user_properties if name == PROPERTY and report.when == "call"]
        for value in told:
            assert isinstance(value, list)
            self._count(*value)

    def _count(self, orders: int, all_there_are: bool) -> None:
        if orders == 1:
            self.with_one_order += 1
        else:
            self.tests += 1
            self.orders += orders
            self.with_all_orders += all_there_are

    @property
    def problem(self) -> str | None:
        """Why exploring proved nothing, if it was asked for."""
        if self.settings.orders is None or self.tests:
            return None
        return "no test that passed has two orders: nothing was explored"

    def lines(self) -> Iterator[str]:
        if self.settings.schedule is not None:
            yield f"schedules: every test was run in the order {self.settings.schedule}"
            return
        if self.settings.orders is None and not self.tests:
            return
        yield (
            f"schedules: {self.tests} tests in {self.orders} orders, {self.with_all_orders} of them in all orders "
            f"there are; {self.with_one_order} more have one order only (seed {self.settings.seed})"
        )
        if self.problem is not None:
            yield f"schedules: {self.problem}"
