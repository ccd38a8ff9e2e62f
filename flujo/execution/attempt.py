"""One attempt of a step: what it is given, and the private context that its agents and plugins share."""

from __future__ import annotations

from typing import Any

from flujo.binding import BoundAgent
from flujo.events import Asked, Carried, Log, Scope, StepStarted
from flujo.execution.frame import Place
from flujo.isolation import State
from flujo.ports import Rejection

Changes = tuple[tuple[str, object, object], ...]


class Attempt(Place):
    """The place of the attempt's present ask, and what is handed in there.

    ``input`` is that of the attempt; ``told`` and ``feedback`` are what the log says that the present agent is given.
    ``context`` is None until somebody in the attempt takes it; ``kept`` is the context as it was before the plugin that
    is asked now, if that plugin takes it. ``started_at`` is None once the start of the step has been written down.
    """

    __slots__ = (
        "base", "changes", "context", "feedback", "input", "is_told", "kept", "rejected", "rejections", "started_at",
        "told",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, name: str, input: object, told: object, base: State[Any], started_at: float | None
    ) -> None:
        self.scope = scope
        self.name = name
        self.attempt = 1
        self.hop = 0
        self.plugin = None
        self.asked = False
        self.asked_before = 0
        self.input = input
        self.told = told
        self.base = base
        self.started_at = started_at
        self.is_told = False
        self.feedback: tuple[Rejection, ...] = ()
        self.rejections: tuple[Rejection, ...] = ()
        self.context: Any = None
        self.changes: Changes | Carried | None = None
        self.kept: State[Any] | None = None
        self.rejected: Rejection | None = None

    def next(self, input: object, base: State[Any]) -> Attempt:
        """The attempt after this one, of the same step."""
        after = Attempt(self.scope, self.name, input, self.told, base, None)
        after.attempt = self.attempt + 1
        after.rejections = self.rejections if self.rejected is None else (*self.rejections, self.rejected)
        return after

    def start(self, log: Log) -> None:
        """Write down that the step has started, once."""
        if (at := self.started_at) is not None:
            self.started_at = None
            log.extend((StepStarted, at, self.scope, self.name, "step", self.told))

    def tell(self, log: Log, callee: BoundAgent) -> None:
        if not self.is_told:
            self.start(log)  # from here on the step is told record by record
            self.is_told = True
            log.extend((
                Asked, self.at, self.scope, self.name, self.attempt, self.hop, callee.name, self.told, self.feedback
            ))  # fmt: skip

    @property
    def made(self) -> int:
        """How many attempts of the step have been made: this one counts once somebody was asked."""
        return self.attempt if self.asked or self.hop else self.attempt - 1

    def redirected(self) -> None:
        """Go on to another agent: from the attempt's base, with the same input (law P4)."""
        self.hop += 1
        self.asked = False
        self.is_told = False
        self.context = None
        self.kept = None
