"""The one place where the outside changes what runs use: agents, clock, laws, listeners, cost model."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from flujo.laws import Laws
from flujo.ports import Clock, Listener
from flujo.prices import CostModel


@dataclass(frozen=True, slots=True, eq=False)
class Overrides:
    """What is in force. ``used`` collects the paths of ``agents`` that a run has found."""

    agents: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    clock: Clock | None = None
    laws: Laws | None = None
    listeners: tuple[Listener, ...] = ()
    cost_model: CostModel | None = None
    used: set[str] = field(default_factory=set)


_lock = threading.Lock()
_current = Overrides()


def current() -> Overrides:
    """Read once, when a run starts."""
    return _current


@contextmanager
def override(
    *,
    agents: Mapping[str, object] | None = None,
    clock: Clock | None = None,
    laws: Laws | None = None,
    listeners: Sequence[Listener] = (),
    cost_model: CostModel | None = None,
) -> Iterator[Overrides]:
    """Use these in every run that starts within the block, in any thread of the process.

    ``agents`` replaces agents by path and applies wherever a pipeline has such a path; ``listeners`` come before the
    runners' own. Blocks nest: an inner one adds to the outer one and wins where both speak. Leaves by what it found.
    """
    global _current
    with _lock:
        outer = _current
        _current = inner = Overrides(
            agents=MappingProxyType({**outer.agents, **(agents or {})}),
            clock=clock or outer.clock,
            laws=laws or outer.laws,
            listeners=(*outer.listeners, *listeners),
            cost_model=cost_model or outer.cost_model,
            used=outer.used if outer.agents else set(),
        )
    try:
        yield inner
    finally:
        with _lock:
            _current = outer
