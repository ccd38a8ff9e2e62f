"""One value on its way into JSON data or out of it: what has been met, where it is, and the tables of forms.

``forms`` fills the tables; ``codec`` is what others use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from flujo.canonical import MAX_DEPTH, path_segment
from flujo.errors import MisuseError
from flujo.structure import class_of

Unfold = Callable[["Writing", Any], object]
Build = Callable[["Reading", Any], object]

WRITERS: Final[dict[type, Unfold]] = {}
"""How values of exactly these classes are written."""
FAMILIES: Final[list[tuple[Callable[[type], bool], Unfold]]] = []
"""How values of all other classes are written: the first family that a class belongs to."""
READERS: Final[dict[str, Build]] = {}
"""By tag."""


class Unreadable(MisuseError):
    """What is stored cannot be read by this program: a class is not there, or does not take it any more."""


class Names:
    """What names in a store stand for: classes (the ``types`` of a pipeline first), and agents.

    ``agents`` gives the agent that a reference names, ``names_agent`` the reference of one that the ask at a path
    redirects to. ``shows_foreign`` has values of unknown classes read as ``Foreign``.
    """

    __slots__ = ("agents", "names_agent", "shows_foreign", "types")

    def __init__(
        self,
        types: Iterable[type] = (),
        agents: Callable[[str], object] | None = None,
        names_agent: Callable[[object, str], str | None] | None = None,
        *,
        shows_foreign: bool = False,
    ) -> None:
        self.types: Mapping[str, type] = {name_of(kind): kind for kind in types}
        self.agents = agents
        self.names_agent = names_agent
        self.shows_foreign = shows_foreign

    def class_named(self, name: str) -> type:
        """The class called ``module:qualname``. Raises Unreadable."""
        found: object = self.types.get(name)
        if found is None:
            module, _, attributes = name.partition(":")
            found = sys.modules.get(module)
            for attribute in attributes.split("."):
                found = None if found is None else vars(found).get(attribute)
        if not isinstance(found, type):
            raise Unreadable(
                f"a stored value is of class {name}, which is neither declared by the pipeline nor in a module that is "
                "imported: import that module first"
            )
        return found


class Unfit(Exception):
    """On its way up from the value that cannot be written; every container it passes adds to the ``trail``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.trail: list[str] = []

    @property
    def path(self) -> str:
        return "".join(("$", *reversed(self.trail)))


class Writing:
    """One value being written. ``met`` counts the things that can be changed, so that one met again is named only."""

    __slots__ = ("depth", "met", "names", "names_classes", "path", "tagged")

    def __init__(self, names: Names, path: str) -> None:
        self.names = names
        self.path = path
        self.met: dict[int, int] = {}
        self.depth = 0
        self.tagged = False
        self.names_classes = False

    def data(self, value: Any) -> Any:
        """What JSON writes for a value."""
        cls = class_of(value)
        unfold = WRITERS.get(cls) or _family_of(cls)
        return unfold(self, value)

    def tag(self, name: str, data: object) -> dict[str, object]:
        self.tagged = True
        return {name: data}

    def again(self, value: object) -> dict[str, object] | None:
        """The name of something that can be changed and has been written already; what is new is counted."""
        if (number := self.met.get(id(value))) is not None:
            return self.tag("$same", number)
        self.met[id(value)] = len(self.met)
        return None

    def row(self, items: Iterable[object]) -> list[Any]:
        self._deeper()
        row: list[Any] = []
        try:
            for item in items:
                row.append(self.data(item))
        except Unfit as unfit:
            unfit.trail.append(f"[{len(row)}]")
            raise
        self.depth -= 1
        return row

    def table(self, items: Iterable[tuple[str, object]]) -> dict[str, Any]:
        self._deeper()
        table: dict[str, Any] = {}
        key: str = ""
        try:
            for key, item in items:
                table[key] = self.data(item)
        except Unfit as unfit:
            unfit.trail.append(path_segment(key))
            raise
        self.depth -= 1
        return table

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unfit(f"it is nested deeper than {MAX_DEPTH} levels")

    def class_name(self, cls: type) -> str:
        """The name that the class is found by. Raises Unfit if it is found by none."""
        name = name_of(cls)
        self.names_classes = True
        try:
            found: object = self.names.class_named(name)
        except Unreadable:
            found = None
        if found is not cls:
            raise Unfit(f"its class {name} is not found by that name: define it in a module, or declare it as a type")
        return name


class Reading:
    """One value being read; ``made`` holds what can be changed, in the order in which it was written."""

    __slots__ = ("made", "names")

    def __init__(self, names: Names) -> None:
        self.names = names
        self.made: list[Any] = []

    def value(self, data: Any) -> Any:
        if type(data) is list:
            return self.fill_row(self.keep([]), data)
        if type(data) is not dict:
            return data
        if len(data) == 1:
            (tag,) = data
            if tag[:1] == "$":
                if (build := READERS.get(tag)) is None:
                    raise Unreadable(f"a stored value is tagged {tag!r}, which this version does not know")
                return build(self, data[tag])
        return self.fill_table(self.keep({}), data)

    def keep(self, made: Any) -> Any:
        """Something that can be changed, which ``$same`` may name from here on."""
        self.made.append(made)
        return made

    def later(self) -> int:
        """The number of something that can be changed, and that is made of what is read next."""
        self.made.append(None)
        return len(self.made) - 1

    def fill_row(self, row: list[Any], data: list[Any]) -> list[Any]:
        for item in data:
            row.append(self.value(item) if type(item) in _HOLDING else item)
        return row

    def fill_table(self, table: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        for key, item in data.items():
            table[key] = self.value(item) if type(item) in _HOLDING else item
        return table

    def values(self, data: list[Any]) -> list[Any]:
        """The values in a row that is part of a tag, and no list of the user's."""
        return self.fill_row([], data)

    def named(self, data: dict[str, Any]) -> dict[str, Any]:
        return self.fill_table({}, data)


_HOLDING: Final = frozenset({list, dict})


@lru_cache(1024)
def _family_of(cls: type) -> Unfold:
    for belongs, unfold in FAMILIES:
        if belongs(cls):
            return unfold
    return _refused


def _refused(writing: Writing, value: object) -> object:
    name = name_of(type(value)).removeprefix("builtins:")
    raise Unfit(f"it is of type {name}, which has no form that could be read back")


def name_of(cls: type) -> str:
    """What a class is called in a store."""
    return f"{cls.__module__}:{cls.__qualname__}"
