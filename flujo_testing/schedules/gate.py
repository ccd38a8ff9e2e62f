"""The gate that explores orders: asks queue before it, and one at a time goes on, whichever a schedule says.

When nothing in the loop can go on by itself, the schedule is asked which of the asks that wait goes on; then the next
one, and so on. Time passes when nobody waits at the gate. An ask that waited itself, for a second or for a thread,
queues again with its answer. The queue is by arrival; of those that came in one go, by run and declared order.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel

from flujo.execution.calling import being_cancelled
from flujo_testing.schedules.asyncio_idleness import AsyncioIdleness
from flujo_testing.schedules.idleness import Idleness
from flujo_testing.schedules.recording import run_here
from flujo_testing.schedules.schedule import Decision, Schedule

Tail = Callable[[int], int]
"""Chooses where a schedule has ended: the position of who goes on, of so many."""


def first(_: int) -> int:
    return 0


class Gate:
    """The gate of one pass of a test. ``decisions`` are those that were made, over all loops."""

    def __init__(self, schedule: Schedule, tail: Tail = first) -> None:
        self.schedule = schedule
        self.decisions: list[Decision] = []
        self.impossible: str | None = None
        """Why the schedule could not be followed, if it could not."""
        self._tail = tail
        self._queues: dict[object, _Queue] = {}
        self._lock = threading.Lock()

    async def let_through(self, path: str, order: tuple[int, ...], call: Callable[[], Awaitable[object]]) -> object:
        """As the engine's port ``Gate`` has it. Runs that nobody records pass at once."""
        run = run_here()
        if run is None:
            return await call()
        queue = self._queue_here()
        ask = _Ask(path, run.number, order)
        try:
            await queue.turn(ask)
            try:
                answer = await call()
            except Exception:
                await queue.turn_for_answer(ask)
                raise
            await queue.turn_for_answer(ask)
            return answer
        finally:
            queue.leave(ask)

    def choose(self, waiting: Sequence[str]) -> int:
        """The position of who goes on. A single one is no decision."""
        if len(waiting) == 1:
            return 0
        with self._lock:
            number, choices = len(self.decisions), self.schedule.choices
            chosen = choices[number] if number < len(choices) else self._tail(len(waiting))
            if chosen >= len(waiting):
                told = ", ".join(map(repr, waiting))
                self.impossible = self.impossible or (
                    f"at decision {number + 1} it takes number {chosen} (from 0), but {len(waiting)} wait: {told}"
                )
                chosen = 0
            self.decisions.append(Decision(tuple(waiting), chosen))
            return chosen

    def _queue_here(self) -> _Queue:
        loop = anyio.lowlevel.current_token()
        if loop not in self._queues:
            self._queues[loop] = _Queue(self.choose)
        return self._queues[loop]


@dataclass(slots=True, eq=False)
class _Ask:
    path: str
    run: int
    order: tuple[int, ...]
    arrived: tuple[int, int] = (0, 0)
    waited: bool = False
    may_go: anyio.Event = field(default_factory=anyio.Event)

    @property
    def rank(self) -> tuple[int, int, tuple[int, ...], int]:
        round_, number = self.arrived
        return round_, self.run, self.order, number

    @property
    def name(self) -> str:
        return f"{self.path} (its answer)" if self.waited else self.path


class _Queue:
    """Those who wait in one loop."""

    def __init__(self, choose: Callable[[Sequence[str]], int]) -> None:
        self._choose = choose
        self._waiting: list[_Ask] = []
        self._under_way: set[_Ask] = set()
        self._round = 0
        self._arrivals = 0
        self._idleness = _idleness_here(self.settle)

    async def turn(self, ask: _Ask) -> None:
        self._arrivals += 1
        ask.arrived = self._round, self._arrivals
        self._waiting.append(ask)
        self._idleness.watch()
        await ask.may_go.wait()

    async def turn_for_answer(self, ask: _Ask) -> None:
        """Queue again if others could go on meanwhile; to the agent, ask and answer are one act otherwise.

        Who answers although it was told to stop does not wait: that would take the answer from it.
        """
        self._under_way.discard(ask)
        if ask.waited and not being_cancelled():
            ask.may_go = anyio.Event()
            await self.turn(ask)

    def leave(self, ask: _Ask) -> None:
        self._under_way.discard(ask)
        if ask in self._waiting:  # it was cancelled
            self._waiting.remove(ask)

    def settle(self) -> bool:
        """Nothing in the loop can go on by itself: let one of those who wait do so. Says whether one did."""
        for ask in self._under_way:
            ask.waited = True
        self._round += 1
        if not self._waiting:
            return False
        self._waiting.sort(key=lambda ask: ask.rank)
        ask = self._waiting.pop(self._choose([ask.name for ask in self._waiting]))
        self._under_way.add(ask)
        ask.may_go.set()
        return True


def _idleness_here(settle: Callable[[], bool]) -> Idleness:
    """That of the running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # no asyncio runs here
        from flujo_testing.schedules.trio_idleness import TrioIdleness  # trio is not installed everywhere

        return TrioIdleness(settle)
    return AsyncioIdleness(settle)
