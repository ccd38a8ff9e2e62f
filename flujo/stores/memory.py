"""A journal and a cache in memory: for tests, notebooks, and runs that need not survive their process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flujo.errors import JournalConflict
from flujo.execution.journal import own
from flujo.isolation import private_copy
from flujo.ports import CachedResult, Intent, RecordedAnswer
from flujo.structure import Same


class MemoryJournal:
    """Answers by run and path, as copies. ``in_doubt`` holds the asks that were intended and never answered."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], RecordedAnswer] = {}
        self._intended: dict[tuple[str, str], dict[str, Intent]] = {}

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        known = self._answers.get((run_id, path))
        return None if known is None else _copied(known)

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        if (run_id, path) not in self._answers:
            self._intended.setdefault((run_id, path), {})[intent.entry.entry_id] = intent

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        """Keep an answer. Raises JournalConflict if there is another; the same again changes nothing."""
        known = self._answers.setdefault((run_id, path), kept := _copied(answer))
        if known is not kept and not Same()(known, answer):
            raise JournalConflict(run_id, path)
        self._intended.pop((run_id, path), None)

    async def paths(self, run_id: str) -> Sequence[str]:
        return [path for run, path in self._answers if run == run_id]

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        return {path: tuple(made.values()) for (run, path), made in self._intended.items() if run == run_id}

    @property
    def in_doubt(self) -> tuple[tuple[str, str], ...]:
        """Run and path of every ask that may have been paid though no answer was kept."""
        return tuple(self._intended)


def _copied(answer: RecordedAnswer) -> RecordedAnswer:
    """An answer whose values nobody else holds; entries are frozen, and an error is who it is."""
    change: Any = private_copy(answer.context_change)
    metadata: Any = private_copy(dict(answer.metadata))
    return replace(answer, value=own(answer.value), context_change=change, metadata=metadata)


class MemoryCache:
    """Results by key, as long as the process lives; runs on any number of runners may share it."""

    def __init__(self) -> None:
        self._results: dict[str, list[CachedResult]] = {}

    async def find(self, key: str) -> Sequence[CachedResult]:
        return tuple(self._results.get(key, ()))

    async def keep(self, key: str, result: CachedResult) -> None:
        results = self._results.setdefault(key, [])
        results[:] = [*(known for known in results if known.reads != result.reads), result]
