"""Explores the orders of a plain function, without pytest: ``explore(test)``, and ``replay(test, "0.0.1")``."""

from __future__ import annotations

from collections.abc import Callable

from flujo_testing.agents import Pass
from flujo_testing.schedules.exploration import Exploration, Explored, Tried, check_followed
from flujo_testing.schedules.gate import Tail, first
from flujo_testing.schedules.observing import Observed
from flujo_testing.schedules.schedule import FIRST_IN_FIRST_OUT, Schedule

DEFAULT_ORDERS = 20


def explore(test: Callable[[], object], *, orders: int = DEFAULT_ORDERS, seed: int = 0) -> Explored:
    """Call ``test`` once for each of at most ``orders`` orders in which what it runs in parallel may finish.

    What the first call raises, first in, first out, is raised as it is. Raises ScheduleFailure for an order in which
    the test fails or its runs tell another story, shrunk; ScheduleError if the orders cannot be repeated. Scripts of
    fakes start afresh each time; whatever else the test uses has to be made in it.
    """
    first_pass = _tried(test, FIRST_IN_FIRST_OUT, first)
    if first_pass.error is not None:
        raise first_pass.error
    exploration = Exploration(first_pass.observed, lambda *plan: _tried(test, *plan), _command)
    return exploration.explore(orders, seed)


def replay(test: Callable[[], object], schedule: str) -> None:
    """Call ``test`` in one order, as ``explore`` has told it, and raise what that raised.

    Raises ScheduleNotReplayable if the order does not fit the test.
    """
    asked = Schedule.parse(schedule)
    made = _tried(test, asked, first)
    check_followed(made.observed, asked)
    plain = _tried(test, FIRST_IN_FIRST_OUT, first)
    if plain.error is not None:
        raise plain.error
    Exploration(plain.observed, lambda *plan: _tried(test, *plan), _command).judge(made)


def _tried(test: Callable[[], object], schedule: Schedule, tail: Tail) -> Tried:
    observed = Observed(schedule, tail)
    try:
        with Pass(), observed.in_force():
            test()
    except Exception as error:  # whatever a test raises is how it failed
        return Tried(observed, error)
    return Tried(observed)


def _command(schedule: Schedule) -> str:
    return f'replay(test, "{schedule}")'
