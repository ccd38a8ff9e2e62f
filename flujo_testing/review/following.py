"""Which earlier edit of a golden an edit can follow from, found without looking at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flujo_testing.review.edits import Edit, Where

_APART: Final = ("branch ", "item ")


class Earlier:
    """The edits of one golden so far, by the section that they are made in.

    Edits are *apart* where their places first differ by the branch, or item, that they are in: those know nothing of
    each other.
    """

    def __init__(self) -> None:
        self._root = _Section()

    def add(self, edit: Edit, at: int) -> None:
        """``at`` is greater than that of all before."""
        section = self._root
        for name in edit.where:
            section.below.add(name, at)
            section = section.parts.setdefault(name, _Section())
        name = _first(edit)
        section.below.add(name, at)
        section.own.add(name, at)

    def nearest(self, edit: Edit) -> int | None:
        """In the closest section, and there the last one that is not apart."""
        sections = list(self._along(edit.where))
        found = sections.pop().below.beside(_first(edit)) if len(sections) > len(edit.where) else None
        while found is None and sections:
            section = sections.pop()
            found = section.below.without(edit.where[len(sections)])
        return found

    def last_in_section(self, edit: Edit) -> int | None:
        """The last one in the very section of this edit that is not apart."""
        sections = list(self._along(edit.where))
        return sections[-1].own.beside(_first(edit)) if len(sections) > len(edit.where) else None

    def _along(self, where: Where) -> Iterator[_Section]:
        """The sections on the way, as far as there are edits in them: one more than names if all have some."""
        section = self._root
        yield section
        for name in where:
            if name not in section.parts:
                return
            section = section.parts[name]
            yield section


def _first(edit: Edit) -> str:
    """Empty for another order of the section, which is apart from nothing."""
    return edit.keys[0] if edit.keys else ""


@dataclass(slots=True)
class _Lasts:
    """The last edit, the last one below another name than that one, and those in branches and items by name."""

    last: tuple[str, int] | None = None
    last_elsewhere: tuple[str, int] | None = None
    shared: int | None = None
    apart: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, at: int) -> None:
        if self.last is not None and self.last[0] != name:
            self.last_elsewhere = self.last
        self.last = name, at
        if name.startswith(_APART):
            self.apart[name] = at
        else:
            self.shared = at

    def beside(self, name: str) -> int | None:
        """The last one that is not apart from ``name``."""
        if not name.startswith(_APART):
            return None if self.last is None else self.last[1]
        return max((at for at in (self.shared, self.apart.get(name)) if at is not None), default=None)

    def without(self, name: str) -> int | None:
        """The last one below another name, and not apart from it."""
        if name.startswith(_APART):
            return self.shared
        last = self.last if self.last is None or self.last[0] != name else self.last_elsewhere
        return None if last is None else last[1]


@dataclass(slots=True)
class _Section:
    """``own`` edits are made here, ``below`` are those of its parts, too."""

    own: _Lasts = field(default_factory=_Lasts)
    below: _Lasts = field(default_factory=_Lasts)
    parts: dict[str, _Section] = field(default_factory=dict)
