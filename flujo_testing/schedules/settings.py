"""What a run of pytest was told about schedules: by options for all tests, by a marker for one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from flujo_testing.schedules.errors import ScheduleError
from flujo_testing.schedules.schedule import Schedule

MARKER = "flujo_schedules"
HOW = 'write @pytest.mark.flujo_schedules(20), or flujo_schedules(0, reason="...") for a test with one order'


@dataclass(frozen=True, slots=True)
class Settings:
    """``orders``: how many to try of each test, None if only marked ones are explored; ``schedule``: one to repeat."""

    orders: int | None
    schedule: Schedule | None
    seed: int

    def orders_of(self, item: pytest.Item) -> int:
        """How many orders to try of a test: what its nearest marker says, or the option."""
        marker = item.get_closest_marker(MARKER)
        return (self.orders or 0) if marker is None else _orders_marked(item, marker)


def settings_of(config: pytest.Config) -> Settings:
    """The options. Raises pytest.UsageError for what cannot be meant."""
    orders, text, seed = (config.getoption(f"flujo_{name}") for name in ("schedules", "schedule", "schedules_seed"))
    try:
        schedule = None if text is None else Schedule.parse(text)
    except ScheduleError as error:
        raise pytest.UsageError(f"--flujo-schedule: {error}") from None
    if orders is not None and orders < 1:
        raise pytest.UsageError(f"--flujo-schedules={orders}: give the number of orders to try, such as 20")
    if schedule is not None and config.getoption("flujo_golden") == "update":
        raise pytest.UsageError("--flujo-schedule repeats one order, --golden=update wants the first: use one of them")
    return Settings(orders, schedule, seed)


def marker_problem(item: pytest.Item) -> str | None:
    """What is wrong with the marker of a test, if it has one."""
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return None
    try:
        _orders_marked(item, marker)
    except ScheduleError as error:
        return str(error)
    return None


def _orders_marked(item: pytest.Item, marker: pytest.Mark) -> int:
    orders = marker.args[0] if len(marker.args) == 1 else None
    reason = marker.kwargs.get("reason")
    if type(orders) is not int or orders < 0 or marker.kwargs.keys() - {"reason"}:
        raise ScheduleError(f"{item.nodeid}: the marker {MARKER} takes a number of orders: {HOW}")
    if orders == 0 and not (isinstance(reason, str) and reason.strip()):
        raise ScheduleError(f"{item.nodeid}: flujo_schedules(0) needs a reason: {HOW}")
    return orders
