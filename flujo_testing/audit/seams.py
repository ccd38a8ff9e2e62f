"""Which seams of the engine a test reaches: its laws, each of which notes that it was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any

from flujo import Laws
from flujo.laws import DEFAULT
from flujo_testing.faults import Fault

SEAMS = tuple(field.name for field in fields(Laws))


def noting(reached: set[str]) -> Laws:
    """The laws as they are; ``reached`` collects the names of those that are asked, as faults call them."""
    return Laws(**{name: _noting(attrgetter(name)(DEFAULT), f"laws.{name}", reached) for name in SEAMS})


def may_reach(fault: Fault, reached: set[str]) -> bool:
    """Whether a test that asked these laws comes to the seam of a fault; at other seams only a pass can tell."""
    seams = {seam.strip() for seam in fault.seam.split(",")}
    return not all(seam.startswith("laws.") for seam in seams) or not seams.isdisjoint(reached)


def _noting(law: Callable[..., Any], name: str, reached: set[str]) -> Callable[..., Any]:
    def noted(*given: Any, **named: Any) -> Any:
        reached.add(name)
        return law(*given, **named)

    return noted
