"""Where a value came from: the run's input, or the output of an earlier step. Values count, not objects."""

from __future__ import annotations

import re
from operator import is_
from typing import Final

from flujo.structure import MISSING
from flujo_testing.transcript.plain import plain, same

RUN: Final = "run"
STEP: Final = "step"
INPUT_MAPPERS: Final = frozenset({"branch_input_mapper", "initial_input_mapper", "iteration_input_mapper"})
OUTPUT_MAPPERS: Final = frozenset({"branch_output_mapper", "loop_output_mapper"})
MAPPERS: Final = INPUT_MAPPERS | OUTPUT_MAPPERS

_PART: Final = re.compile(r"(?P<step>.*)/(?P<kind>item|iteration|mapper):(?P<name>[^/]*)", re.S)
_FALLBACKS: Final = re.compile(r"(?:/fallback:[^/]*)+$")
_NUMBERED: Final = re.compile(r"(?:item|iteration) [0-9]+")


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
    """How a step is called where other sources (``run``, ``step``, ``item 1``, ...) can stand as well."""
    return f"steps/{path}" if path in (RUN, STEP, *INPUT_MAPPERS) or _NUMBERED.fullmatch(path) else path


def place_of(path: str) -> str:
    """Where a step stands; a fallback stands where its step does."""
    return _FALLBACKS.sub("", path).rpartition("/")[0]


def mapper_name(place: str, what: str) -> str:
    """The source of what a mapper returned; ``place`` is what it was asked for: its step, or an iteration of it."""
    return f"{place}/mapper:{what}"


def seen_from(source: str, place: str) -> str:
    """A source as it is called at a place: the items, iterations and mappers of the step right there by themselves."""
    part = _PART.fullmatch(source)
    if part is None or part["step"] not in (place, place.rpartition("/")[0]):
        return source
    return part["name"] if part["kind"] == "mapper" else f"{part['kind']} {part['name']}"


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
