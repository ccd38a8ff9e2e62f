"""The exchanges of one cassette while a test runs: which one answers a request, which are left, what was added.

Knows nothing of files, agents or HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from flujo.canonical import digest
from flujo_testing.cassette.errors import CassetteMiss
from flujo_testing.cassette.exchange import ANYWHERE, Data, Exchange
from flujo_testing.recordings.difference import first_difference, weight


class Tape:
    """Hands out each recorded exchange once, to the equal request at the same place.

    ``shown`` is the file as a user finds it, ``mask`` hides secrets in data that a message shows. Runs in several
    threads may ask at once.
    """

    def __init__(
        self, shown: str, recorded: Iterable[Exchange] = (), *, mask: Callable[[Data], Data] = lambda data: data
    ) -> None:
        self.shown = shown
        self._mask = mask
        self.added: list[Exchange] = []
        self.misses: list[CassetteMiss] = []
        self._recorded = list(recorded)
        self._waiting = list(self._recorded)
        self._lock = threading.Lock()

    def find(self, at: str, request: Data) -> Exchange | None:
        """The exchange for this request at this place, taken; None if there is none left."""
        asked = Exchange(at, request, {})
        with self._lock:
            for number, exchange in enumerate(self._waiting):
                if exchange.at in (at, ANYWHERE) and exchange.key == asked.key:
                    return self._waiting.pop(number)
        return None

    def add(self, exchange: Exchange) -> None:
        with self._lock:
            self.added.append(exchange)

    def withdraw(self, exchange: Exchange) -> None:
        """Forget an exchange that was added and cannot be kept."""
        with self._lock:
            self.added = [other for other in self.added if other is not exchange]

    def missed(self, at: str, request: Data, remedy: str) -> CassetteMiss:
        """The error for a request that nothing answers; kept, in case whoever asked swallows it."""
        text, path = self._why_missed(Exchange(at, request, {}))
        miss = CassetteMiss(f"{text}\n{remedy}", at, path)
        with self._lock:
            self.misses.append(miss)
        return miss

    @property
    def used(self) -> list[Exchange]:
        """Recorded exchanges that have answered."""
        return [exchange for exchange in self._recorded if not _is_among(exchange, self._waiting)]

    @property
    def unused(self) -> list[Exchange]:
        """Recorded exchanges that nobody has asked for yet."""
        return list(self._waiting)

    def drop_unused(self) -> int:
        """Forget what nobody has asked for; how much that was."""
        with self._lock:
            unused, self._waiting = self._waiting, []
            self._recorded = [exchange for exchange in self._recorded if not _is_among(exchange, unused)]
            return len(unused)

    @property
    def exchanges(self) -> list[Exchange]:
        """What the file should hold, whoever asks for what is left."""
        return [*self._recorded, *self.added]

    def _why_missed(self, asked: Exchange) -> tuple[str, str | None]:
        head = f"{self.shown} holds no answer for what '{asked.at}' asks"
        if not self._recorded:
            return f"{head}: it holds none at all", None
        if equal := [exchange for exchange in self._recorded if exchange.key == asked.key]:
            return f"{head}: {self._told_equal(asked, equal)}", None
        nearest = min(self._recorded, key=lambda exchange: _distance(exchange, asked))
        recorded_shown, asked_shown = self._mask(nearest.request), self._mask(asked.request)
        if digest(recorded_shown) == digest(asked_shown):
            recorded_shown, asked_shown = {"a secret": "one"}, {"a secret": "another"}
        path, difference = first_difference(recorded_shown, asked_shown)
        where = f"line {nearest.line}, recorded at '{nearest.at}'" if nearest.line else f"recorded at '{nearest.at}'"
        return f"{head}; the nearest is {where}\n  {path}: {difference}", path

    def _told_equal(self, asked: Exchange, equal: Sequence[Exchange]) -> str:
        here = [exchange for exchange in equal if exchange.at in (asked.at, ANYWHERE)]
        if here:
            times = "once" if len(here) == 1 else f"{len(here)} times"
            return f"it was recorded {times} there, and is asked once more"
        places = ", ".join(sorted({f"'{exchange.at}'" for exchange in equal}))
        return f"the same request was recorded at {places}"


def _is_among(exchange: Exchange, exchanges: Sequence[Exchange]) -> bool:
    return any(exchange is other for other in exchanges)


def _distance(recorded: Exchange, asked: Exchange) -> tuple[bool, int]:
    return recorded.at != asked.at, weight(recorded.request, asked.request)
