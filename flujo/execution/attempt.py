"""One attempt of a step: what it is given, and the private context that its agents and plugins share."""

from __future__ import annotations

from typing import Any

from flujo.events import Scope
from flujo.execution.frame import Place
from flujo.isolation import State
from flujo.ports import Rejection


class Attempt(Place):
    """The place of the attempt's present ask, and what is handed in there.

    ``context`` is None until somebody in the attempt takes it; ``feedback`` is what the present agent is told. ``kept``
    is the context as it was before the plugin that is asked now, if that plugin takes it.
    """

    __slots__ = ("base", "context", "feedback", "input", "kept", "rejected", "rejections")

    def __init__(
        self,
        scope: Scope,
        name: str,
        attempt: int,
        input: object,
        rejections: tuple[Rejection, ...],
        base: State[Any],
    ) -> None:
        self.scope = scope
        self.name = name
        self.attempt = attempt
        self.hop = 0
        self.plugin = None
        self.asked = False
        self.input = input
        self.rejections = rejections
        self.feedback: tuple[Rejection, ...] = ()
        self.base = base
        self.context: Any = None
        self.kept: State[Any] | None = None
        self.rejected: Rejection | None = None

    @property
    def made(self) -> int:
        """How many attempts of the step have been made: this one counts once somebody was asked."""
        return self.attempt if self.asked or self.hop else self.attempt - 1

    def redirected(self) -> None:
        """Go on to another agent: from the attempt's base, with the same input (law P4)."""
        self.hop += 1
        self.asked = False
        self.context = None
        self.kept = None
