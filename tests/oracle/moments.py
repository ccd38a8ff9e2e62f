"""The oracle's time: tasks that go on at moments of their own, one after the other. No law of Flujo is here.

A task is a generator that yields for how many seconds it waits; infinity is until somebody wakes it.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from math import inf
from typing import Any

Turns = Generator[float, None, Any]


class Ended(Exception):
    """A step did not complete: ``status`` is how, ``cause`` why. Thrown into a task, it stops it."""

    status = "cancelled"

    def __init__(self, cause: Any = "cancelled") -> None:
        self.cause = cause


class Task:
    """``acted`` is when it last went on, itself or a task within it."""

    def __init__(self, turns: Turns, within: Task | None) -> None:
        self.turns = turns
        self.within = within
        self.wake = inf
        self.turn = 0
        self.acted = -inf
        self.is_over = False

    def is_in(self, other: Task) -> bool:
        return self is other or (self.within is not None and self.within.is_in(other))


class Time:
    """``now`` in seconds, and the ``current`` task. At one moment it is first come, first served."""

    def __init__(self) -> None:
        self.now = 0.0
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self._turns = count()

    def start(self, turns: Turns) -> Task:
        task = Task(turns, self.current)
        self.tasks.append(task)
        self.wake(task)
        return task

    def wake(self, task: Task, after: float = 0.0) -> None:
        task.wake, task.turn = self.now + after, next(self._turns)

    def run(self, turns: Turns) -> None:
        task = self.start(turns)
        while self.tasks:
            task = min(self.tasks, key=lambda task: (task.wake, task.turn))
            assert task.wake < inf, "everybody waits for somebody else"
            self.now = task.wake
            self.go_on(task)

    def stop(self, task: Task) -> None:
        if not task.is_over:
            self.go_on(task, Ended())

    def go_on(self, task: Task, stop: Ended | None = None) -> None:
        self.current, before = task, self.current
        above: Task | None = task
        while above is not None:
            above.acted, above = self.now, above.within
        try:
            self.wake(task, next(task.turns) if stop is None else task.turns.throw(stop))
        except (StopIteration, Ended):
            task.is_over = True
            self.tasks.remove(task)
            if task.within is not None:
                self.wake(task.within)
        finally:
            self.current = before

    def acts_now(self, task: Task) -> bool:
        """Whether a task does anything at this very moment, itself or one within it."""
        return task.acted == self.now or any(each.wake == self.now and each.is_in(task) for each in self.tasks)
