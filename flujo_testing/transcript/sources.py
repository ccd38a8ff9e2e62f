"""Where a value came from: the run's input, or the output of an earlier step. Values count, not objects."""

from __future__ import annotations

from operator import is_
from typing import Final

from flujo.structure import MISSING
from flujo_testing.transcript.plain import plain, same

RUN: Final = "run"
STEP: Final = "step"


class Sources:
    """The values known so far, each with the name of where it first came from; read when first asked for."""

    __slots__ = ("_names", "_unread")

    def __init__(self) -> None:
        self._unread: list[tuple[str, object]] = []
        self._names: dict[str, str] = {}

    def add(self, name: str, value: object) -> None:
        self._unread.append((name, value))

    def name_of(self, value: object) -> str | None:
        """The name of the earliest source of this very value; None if there is none."""
        for name, known in self._unread:
            self._names.setdefault(repr(plain(known)), name)
        self._unread.clear()
        return self._names.get(repr(plain(value)))


def source_name(path: str) -> str:
    """How a step is called where the run (``run``) and the step at hand (``step``) can stand as well."""
    return f"steps/{path}" if path in (RUN, STEP) else path


def same_value(left: object, right: object) -> bool:
    """Whether two values are told in the same way; cheap for one object and tables of the same ones."""
    if left is right:
        return True
    if left is MISSING or right is MISSING:
        return False
    if type(left) is str and type(right) is str:
        return left == right
    if type(left) is dict and type(right) is dict and list(left) == list(right):
        values = zip(left.values(), right.values(), strict=True)
        if all(type(key) is str for key in left) and all(is_(was, now) for was, now in values):
            return True
    return same(plain(left), plain(right))
