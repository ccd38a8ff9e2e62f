"""Options of steps that cannot be changed once a step is made: mappings and rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from flujo.errors import Problem
from flujo.pipeline import AnyPart

K = TypeVar("K")
V = TypeVar("V", covariant=True)


class FrozenMapping(Mapping[K, V]):
    """A mapping in the order it was written, equal to a dict of the same; it can be copied and pickled."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[K, V]) -> None:
        self._rows = dict(rows)

    def __getitem__(self, key: K) -> V:
        return self._rows[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __hash__(self) -> int:
        return hash(frozenset(self._rows))  # of the keys, as what users write into steps need not be hashable

    def __repr__(self) -> str:
        return repr(self._rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMapping, (self._rows,)


def freeze(step: AnyPart, *options: str) -> None:
    """Keep mappings and rows of a step that is being made; ``shape_problems`` tells what is neither."""
    for option in options:
        value = getattr(step, option)
        if isinstance(value, Mapping):
            object.__setattr__(step, option, FrozenMapping(value))
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            object.__setattr__(step, option, tuple(value))


def shape_problems(step: AnyPart, rows: Iterable[str] = (), mappings: Iterable[str] = ()) -> Iterator[Problem]:
    """Which options of a step are no rows or mappings after all."""
    path = str(step.name)
    for option in rows:
        if not isinstance(value := getattr(step, option), tuple):
            yield Problem(f"{option}-not-a-sequence", path, f"{option} is {value!r}", f"Pass a list: {option}=[...].")
    for option in mappings:
        if not isinstance(value := getattr(step, option), FrozenMapping):
            yield Problem(f"{option}-not-a-mapping", path, f"{option} is {value!r}", f"Pass a dict: {option}={{...}}.")


def flag_problems(path: str, flag: str, value: object) -> Iterator[Problem]:
    """What is wrong with an option that is True or False; a text such as 'no' would be taken for true."""
    if not isinstance(value, bool):
        yield Problem(f"{flag}-not-a-bool", path, f"{flag} is {value!r}", "Pass True or False.")
