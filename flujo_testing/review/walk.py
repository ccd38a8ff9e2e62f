"""Where somebody stands in a review, and what a key does there. Knows no terminal and changes no file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from flujo_testing.review.acting import ACCEPT, REJECT
from flujo_testing.review.deciding import Choice
from flujo_testing.review.groups import Case, Group, Instance
from flujo_testing.review.proposals import Waiting

KEYS: Final = {
    "a": "accept",
    "r": "reject",
    "s": "skip",
    "d": "next example",
    "g": "goldens",
    "u": "back",
    "q": "quit",
    "?": "help",
}
SINGLE_KEYS: Final = {"a": "accept", "r": "reject", "d": "next golden", "u": "back", "q": "quit", "?": "help"}
_PAGES: Final = {" ": 1, "down": 1, "b": -1, "up": -1}


@dataclass(frozen=True, slots=True)
class Settle:
    """Accept or reject this; ``what`` says what it is."""

    verb: str
    choice: Choice
    what: str


@dataclass(slots=True)
class Walk:
    """Stands before a group, and there before one of its goldens; or, with ``single``, before a golden as a whole.

    ``page`` counts how far somebody has read on. ``is_over``: there is nothing more to look at, or somebody quit.
    """

    waiting: Waiting
    group: int = 0
    example: int = 0
    single: bool = False
    page: int = 0
    helping: bool = False
    is_over: bool = False
    skipped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.is_over = not self.waiting.sorting.groups

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.waiting.sorting.groups

    @property
    def here(self) -> Group:
        return self.groups[self.group]

    @property
    def instance(self) -> Instance:
        return self.here.instances[self.example]

    @property
    def case(self) -> Case:
        """The golden that is shown, with all that has changed in it."""
        return next(case for case in self.waiting.sorting.cases if case.changed.golden == self.instance.golden)

    def press(self, key: str) -> Settle | None:
        """What is to be done because of a key; None if only the place has changed, or nothing."""
        if self.helping:
            self.helping = False
        elif key in _PAGES:
            self.page = max(0, self.page + _PAGES[key])
        elif key == "?":
            self.helping = True
        elif key == "q":
            self.is_over = True
        elif key == "a":
            return self._settle(ACCEPT)
        elif key == "r":
            return self._settle(REJECT)
        else:
            self._move(key)
        return None

    def settled(self, waiting: Waiting) -> None:
        """Go on with what is left: the next golden of the same group, or the next group."""
        key, single, example = self.here.key, self.single, self.example
        self.waiting = waiting
        self.page = 0
        self.example, self.single = 0, False
        keys = [group.key for group in self.groups]
        if single and key in keys:
            self.group = keys.index(key)
            self.single = True
            self.example = min(example, len(self.here.instances) - 1)
        elif not keys:
            self.is_over = True
        else:
            left = [at for at, each in enumerate(keys) if each not in self.skipped]
            self.is_over = not left
            self.group = next((at for at in left if at >= self.group), left[0] if left else 0)

    def _settle(self, verb: str) -> Settle:
        if self.single:
            golden = self.instance.golden
            return Settle(verb, Choice(goldens=frozenset({golden})), self.waiting.folder.shown(golden))
        return Settle(verb, Choice(causes=frozenset({self.here.key})), self.here.title)

    def _move(self, key: str) -> None:
        self.page = 0
        if key == "s" and not self.single:
            self._skip()
        elif key in ("d", "enter") or (key == "s" and self.single):
            self.example = (self.example + 1) % len(self.here.instances)
        elif key == "g":
            self.single = True
        elif key == "u" and self.single:
            self.single = False
        elif key == "u":
            self.group, self.example = max(0, self.group - 1), 0
            self.skipped.discard(self.here.key)

    def _skip(self) -> None:
        self.skipped.add(self.here.key)
        self.example = 0
        if self.group + 1 < len(self.groups):
            self.group += 1
        else:
            self.is_over = True
