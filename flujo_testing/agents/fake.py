"""What all fakes share: a name, a state that belongs to the pass of a test, a record of their calls."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flujo_testing.agents.errors import FakeError
from flujo_testing.agents.passes import Call, FakeState, pass_here
from flujo_testing.agents.places import here
from flujo_testing.agents.scripts import Scripts, copied, left_over, take

RECORDED = frozenset({"context", "feedback", "settings"})


class Fake:
    """A name, a script that may be empty, and a state that belongs to the pass of a test.

    Outside of every pass it has a state of its own, which lasts as long as the object.
    """

    def __init__(self, name: str | None, scripts: Scripts | None = None) -> None:
        self.name = name
        self.scripts = scripts or Scripts("order", ())
        self._own = FakeState()

    @property
    def calls(self) -> tuple[Call, ...]:
        """What it was asked in this pass of the test, in the order of asking."""
        now = pass_here()
        return tuple((self._own if now is None else now.seen_of(self)).calls)

    @property
    def who(self) -> str:
        """How errors call it."""
        kind = type(self).__name__
        return kind if self.name is None else f"{kind} '{self.name}'"

    def left_over(self, state: FakeState) -> FakeError | None:
        """What is wrong if the test ends now."""
        return left_over(self.scripts, state, self.who)

    def _state(self) -> FakeState:
        now = pass_here()
        return self._own if now is None else now.state_of(self)

    def _path(self) -> str | None:
        place = here()
        return None if place is None else place.path

    def _record(self, input: object, offered: Mapping[str, Any], path: str | None) -> int:
        """Keep what it was asked; the number of this call, from 1."""
        given = {name: copy.deepcopy(value) for name, value in offered.items() if name in RECORDED}
        calls = self._state().calls
        calls.append(Call(copy.deepcopy(input), path=path, **given))
        return len(calls)

    @contextmanager
    def _taken(self, given: object, path: str | None) -> Iterator[Any]:
        """The answer of the script that is this call's, a copy of its own, while the call lasts."""
        state = self._state()
        try:
            item, progress = take(self.scripts, state, given, path, here(), self.who)
        except FakeError as misuse:
            state.misused = True
            if (now := pass_here()) is not None:
                now.remember(misuse)
            raise
        try:
            yield copied(item, "an answer")
        finally:
            progress.in_flight -= 1
