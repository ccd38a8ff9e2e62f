"""The queue before a run's budgets: who is looked at next when several calls want to be admitted.

It knows nothing of money: a caller hands in a synchronous attempt that says whether the matter is decided.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import anyio
import anyio.lowlevel

Order = tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Waiter:
    rank: tuple[Order, int]
    attempt: Callable[[], bool]
    ripe: bool = False
    decided: bool = False
    served: anyio.Event = field(default_factory=anyio.Event)


class Admission:
    """Calls in declared order, whatever order their tasks ran in.

    Schedulers run the tasks of one tick in an order of their own (trio shuffles it), so a call queues, lets
    one tick pass for the others of its tick to queue as well, and only then is the queue served, by
    declared order. Nobody overtakes: while the first cannot go on, all wait.
    """

    __slots__ = ("_arrived", "_numbers", "_waiting")

    def __init__(self) -> None:
        self._arrived: list[_Waiter] = []
        self._waiting: list[_Waiter] = []
        self._numbers = count()

    @property
    def idle(self) -> bool:
        """Nobody is in the queue."""
        return not (self._arrived or self._waiting)

    async def turn(self, order: Order, attempt: Callable[[], bool]) -> None:
        """Wait until ``attempt``, tried whenever it is this call's turn, has returned True. Cancellable."""
        await anyio.lowlevel.checkpoint_if_cancelled()
        waiter = _Waiter((order, next(self._numbers)), attempt)
        self._arrived.append(waiter)
        try:
            # Shielded: who is refused in this very tick says so, even if another's refusal cancels it meanwhile.
            await anyio.lowlevel.cancel_shielded_checkpoint()
            if not waiter.ripe:
                self._ripen()
                self.serve()
            if not waiter.decided:
                await waiter.served.wait()
        finally:
            self._leave(waiter)

    def serve(self) -> None:
        """Decide as many as possible, by declared order; to be called whenever a budget changed."""
        while self._waiting and self._waiting[0].attempt():
            waiter = self._waiting.pop(0)
            waiter.decided = True
            waiter.served.set()

    def _ripen(self) -> None:
        for waiter in self._arrived:
            waiter.ripe = True
            insort(self._waiting, waiter, key=_rank)
        self._arrived.clear()

    def _leave(self, waiter: _Waiter) -> None:
        if waiter.decided:
            return
        if waiter.ripe:
            del self._waiting[bisect_left(self._waiting, waiter.rank, key=_rank)]
        else:
            self._arrived.remove(waiter)
        self.serve()


def _rank(waiter: _Waiter) -> tuple[Order, int]:
    return waiter.rank
