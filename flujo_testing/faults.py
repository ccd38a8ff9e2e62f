"""Faults of the engine: laws with one lie in them, to see whether a test suite would notice.

A fault enters at a named seam, one policy of ``flujo.laws``, through ``flujo.override``; the engine knows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from flujo import Laws, PipelineContext, override
from flujo.entries import LedgerEntry
from flujo.isolation import State


@dataclass(frozen=True, slots=True)
class Fault:
    """``name`` is what an engine with these ``laws`` does wrong, ``law`` the promise that it breaks."""

    name: str
    law: str
    laws: Laws

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Every run that starts within the block has this fault."""
        with override(laws=self.laws):
            yield


def _without_failures(entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
    return tuple(entry for entry in entries if entry.outcome == "ok")


def _the_very_context(state: State[Any]) -> PipelineContext:
    context: PipelineContext = state.view()
    return context


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("drop_failed_attempt_cost", "A1", replace(Laws(), entries_to_book=_without_failures)),
        Fault("share_context", "C1", replace(Laws(), context_for_attempt=_the_very_context)),
    )
}
