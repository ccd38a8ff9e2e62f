"""The one place where the outside changes what runs use: agents, clock, laws, prices, listeners, doors and gates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType

from flujo.binding import BoundAgent
from flujo.laws import Laws
from flujo.ports import Clock, Gate, Listener, OutgoingRequest
from flujo.prices import CostModel

Door = Callable[[BoundAgent, str], BoundAgent]
"""Whom to ask instead of an agent or plugin, at the path of this ask: the same with another ``call`` and ``stream``."""
Sentry = Callable[[OutgoingRequest], None]
"""Told of every request before an adapter sends it; what it raises keeps the request from being sent."""


@dataclass(frozen=True, slots=True, eq=False)
class Overrides:
    """What a block says, or what is in force. ``used`` collects the paths of ``agents`` that a run has found."""

    agents: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    clock: Clock | None = None
    laws: Laws | None = None
    listeners: tuple[Listener, ...] = ()
    cost_model: CostModel | None = None
    door: Door | None = None
    sentry: Sentry | None = None
    gate: Gate | None = None
    used: set[str] = field(default_factory=set)


_lock = threading.Lock()
_blocks: list[Overrides] = []  # those that are open, the latest last
_current = Overrides()


def current() -> Overrides:
    """Read once, when a run starts; ``sentry`` at each request of an adapter."""
    return _current


@contextmanager
def override(
    *,
    agents: Mapping[str, object] | None = None,
    clock: Clock | None = None,
    laws: Laws | None = None,
    listeners: Sequence[Listener] = (),
    cost_model: CostModel | None = None,
    door: Door | None = None,
    sentry: Sentry | None = None,
    gate: Gate | None = None,
) -> Iterator[Overrides]:
    """Use these in every run that starts within the block, in any thread of the process.

    ``agents`` replaces agents by path and applies wherever a pipeline has such a path; ``listeners`` come before the
    runners' own. ``door`` is asked at each ask of an agent or a plugin whom to call, within its deadline and its
    accounting; several of them stand around each other, the latest outermost. ``gate`` stands around them all and
    decides when each ask goes on. ``sentry`` is told of a request before an adapter sends it, within a run or not,
    and raises to keep it back. Blocks may nest and overlap: a later one adds to the earlier ones and wins where both
    speak. ``used`` of the block says which of its paths a run has found.
    """
    replaced = MappingProxyType(dict(agents or {}))
    block = Overrides(replaced, clock, laws, tuple(listeners), cost_model, door, sentry, gate)
    _change(_blocks.append, block)
    try:
        yield block
    finally:
        _change(_blocks.remove, block)


def _change(change: Callable[[Overrides], None], block: Overrides) -> None:
    global _current
    with _lock:
        change(block)
        _current = reduce(_over, _blocks, Overrides())


def _over(outer: Overrides, inner: Overrides) -> Overrides:
    return Overrides(
        agents=MappingProxyType({**outer.agents, **inner.agents}),
        clock=inner.clock or outer.clock,
        laws=inner.laws or outer.laws,
        listeners=(*outer.listeners, *inner.listeners),
        cost_model=inner.cost_model or outer.cost_model,
        door=_around(outer.door, inner.door),
        sentry=inner.sentry or outer.sentry,
        gate=inner.gate or outer.gate,
    )


def _around(inside: Door | None, outside: Door | None) -> Door | None:
    if inside is None or outside is None:
        return inside or outside
    return lambda callee, path: outside(inside(callee, path), path)


def note_used(paths: Iterable[str]) -> None:
    """A run has found agents at these paths."""
    found = set(paths)
    with _lock:
        for block in _blocks:
            block.used.update(found & block.agents.keys())
