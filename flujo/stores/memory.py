"""A journal and a cache in memory: for tests, notebooks, and runs that need not survive their process."""

from __future__ import annotations

from collections.abc import Sequence

from flujo.ports import CachedResult, RecordedAnswer


class MemoryJournal:
    """Answers by run and path. ``in_doubt`` holds the asks that were intended and never answered."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], RecordedAnswer] = {}
        self._intended: dict[tuple[str, str], None] = {}

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        return self._answers.get((run_id, path))

    async def intend(self, run_id: str, path: str) -> None:
        self._intended[run_id, path] = None

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        self._answers[run_id, path] = answer
        self._intended.pop((run_id, path), None)

    @property
    def in_doubt(self) -> tuple[tuple[str, str], ...]:
        """Run and path of every ask that may have been paid though no answer was kept."""
        return tuple(self._intended)


class MemoryCache:
    """Results by key, as long as the process lives; runs on any number of runners may share it."""

    def __init__(self) -> None:
        self._results: dict[str, list[CachedResult]] = {}

    async def find(self, key: str) -> Sequence[CachedResult]:
        return tuple(self._results.get(key, ()))

    async def keep(self, key: str, result: CachedResult) -> None:
        results = self._results.setdefault(key, [])
        results[:] = [*(known for known in results if known.reads != result.reads), result]
