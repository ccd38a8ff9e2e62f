"""Faults of the engine: one lie each, to see whether a test suite would notice.

A fault enters at a named seam through ``flujo.override``; the engine knows nothing. ``FAULTS`` has them all by name,
those of your own (``register``) included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from flujo_testing.faults.accounting import ACCOUNTING
from flujo_testing.faults.fault import Fault, Lie, Reach
from flujo_testing.faults.isolation import ISOLATION
from flujo_testing.faults.propagation import PROPAGATION
from flujo_testing.faults.seams import answering, calling, is_agent, is_plugin, lying, noting
from flujo_testing.faults.transcript import TRANSCRIPT

__all__ = [
    "FAULTS",
    "Fault",
    "Lie",
    "Reach",
    "answering",
    "calling",
    "is_agent",
    "is_plugin",
    "lying",
    "noting",
    "register",
    "registering",
]

_CATALOGUE = {fault.name: fault for fault in (*ACCOUNTING, *PROPAGATION, *ISOLATION, *TRANSCRIPT)}
_faults = dict(_CATALOGUE)
FAULTS: Mapping[str, Fault] = MappingProxyType(_faults)


def register(fault: Fault) -> Fault:
    """Add a fault of your own to ``FAULTS``: ``conftest.py`` is the place. The same name again replaces it.

    Raises ValueError for the name of a fault of the catalogue.
    """
    if fault.name in _CATALOGUE:
        raise ValueError(f"the catalogue has a fault '{fault.name}': {_CATALOGUE[fault.name].wrong}")
    _faults[fault.name] = fault
    return fault


@contextmanager
def registering() -> Iterator[None]:
    """What is registered within the block is forgotten at its end: for tests of faults of your own."""
    before = dict(_faults)
    try:
        yield
    finally:
        _faults.clear()
        _faults.update(before)
