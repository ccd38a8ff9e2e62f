"""Explores the orders in which parallel branches can finish, at the engine's one door.

``gate.py`` lets one ask go on at a time, ``exploring.py`` chooses which orders to try, ``comparing.py`` holds each
against the first, ``shrinking.py`` makes what fails small. ``plugin.py`` is what pytest calls.
"""

from __future__ import annotations

from flujo_testing.schedules.errors import NotRepeatable, ScheduleError, ScheduleFailure, ScheduleNotReplayable
from flujo_testing.schedules.exploration import Explored
from flujo_testing.schedules.functions import explore, replay
from flujo_testing.schedules.schedule import Schedule

__all__ = [
    "Explored",
    "NotRepeatable",
    "Schedule",
    "ScheduleError",
    "ScheduleFailure",
    "ScheduleNotReplayable",
    "explore",
    "replay",
]
