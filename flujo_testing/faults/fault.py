"""A fault of the engine, and what tells whether a run came to the place where it lies. Nothing here knows a seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Reach:
    """How often runs came to the seam of a fault while it was in force."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        self.count += 1

    def counting(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function; each of its calls is noted."""

        def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            self.note()
            return function(*args, **kwargs)

        return counted


Lie = Callable[[Reach], AbstractContextManager[object]]
"""Makes the block in which the engine lies, and notes each time that the engine asks at the seam."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that the engine may do wrong: an engine with this fault breaks ``law``.

    ``name`` is in snake_case and stable, ``group`` is accounting, propagation, isolation, transcript or one of your
    own. ``wrong`` says in a sentence what the engine does wrong, ``seam`` where it enters (``laws.admits``, ``door``),
    ``assertion`` which assertion of a test would notice. ``lie`` puts it in force.
    """

    name: str
    group: str
    law: str
    wrong: str
    seam: str
    assertion: str
    lie: Lie

    @contextmanager
    def in_force(self) -> Iterator[Reach]:
        """Every run that starts within the block has this fault: ``with fault.in_force() as reach: ...``."""
        reach = Reach()
        with self.lie(reach):
            yield reach
