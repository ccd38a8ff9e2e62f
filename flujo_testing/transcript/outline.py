"""The sections of a story while it is written: which step is open, and where what happens in it is told.

The paths of the events say it all. What does not fit together (a step that never started or never ended, a
second one at the same path) gets a section and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from flujo.ports import Rejection
from flujo.structure import MISSING
from flujo_testing.transcript.sections import Section, put
from flujo_testing.transcript.sources import RUN, STEP

FELL_BACK: Final = "fell_back"
"""Why a step fell back: it stands there until its fallback begins, and in that one's section from then on."""


@dataclass(slots=True)
class Ask:
    """One ask of an agent. ``ended``: its answer is known; what is booked from then on is booked too late."""

    section: Section
    ended: bool = False


@dataclass(slots=True)
class OpenStep:
    """A step whose end has not been read yet.

    ``input`` came from ``source``; ``handed``, which came from ``handed_from``, is what the next sequence inside
    should be given. ``output`` is what the step should end with and ``error`` the one it should end with, as far as
    is known; ``why_failed`` says why its last draft was none. ``inner`` are the sequences inside by their segments,
    ``last`` is the one that may hand on its context; ``at_once``: none of them does.
    """

    path: str
    section: Section
    kind: str = "step"
    input: object = MISSING
    source: str = STEP
    handed: object = MISSING
    handed_from: str = STEP
    items: list[object] = field(default_factory=list)
    output: object = MISSING
    error: str | None = None
    why_failed: str | None = None
    redirected_to: str | None = None
    attempts: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    asks: dict[tuple[int, int], Ask] = field(default_factory=dict)
    last_ask: Ask | None = None
    at_once: bool = False
    inner: dict[str, Sequence] = field(default_factory=dict)
    last: Sequence | None = None

    def given(self, value: object, source: str) -> None:
        self.input = self.handed = value
        self.source = self.handed_from = source

    def hands(self, segment: str) -> tuple[str, object]:
        """Where the first step of a sequence inside gets its input from, and that input."""
        kind, _, number = segment.partition(":")
        if kind == "item" and number.isdecimal() and 0 < int(number) <= len(self.items):
            return f"{self.path}/{segment}", self.items[int(number) - 1]
        return self.handed_from, self.handed

    def ask(self, attempt: int, hop: int) -> Ask:
        """An attempt's ask, or that of a redirect, which is told within the attempt."""
        ask = self.asks.get((attempt, hop))
        if ask is None:
            ask = self.asks[attempt, hop] = Ask({})
            if hop:
                put(self.ask(attempt, 0).section, f"redirect {hop} to {self.redirected_to}", ask.section)
            else:
                put(self.section, f"attempt {attempt}", ask.section)
        self.last_ask = ask
        return ask

    def failure(self, status: str) -> str | None:
        """The error of a step that failed for what its last attempt tells; None where that tells nothing."""
        if status != "failed" or self.why_failed is None:
            return None
        times = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"step '{self.path}' failed after {times}: {self.why_failed}"


@dataclass(slots=True)
class Sequence:
    """Steps in a row: where they are told, what the next one should be given, and how the last one ended.

    ``context`` holds the fields of the context that the next step should see.
    """

    section: Section
    source: str
    value: object
    context: Section
    status: str = "completed"
    error: str | None = None
    ended: bool = False


class Outline:
    """The open steps of one run, the innermost last, and its sequences by the path that they stand below."""

    def __init__(self) -> None:
        self.steps: Section = {}
        self.open: list[OpenStep] = []
        self.sequences: dict[str, Sequence] = {"": Sequence(self.steps, RUN, MISSING, {})}

    def step(self, path: str) -> OpenStep:
        """The open step at a path; one that has not been started is opened and told so."""
        if not self.open or self.open[-1].path != path:
            self._leave_all_but(path)
            if not self.open or self.open[-1].path != path:
                put(self.start(path).section, "not_started", True)
        return self.open[-1]

    def start(self, path: str) -> OpenStep:
        """Open a step. One at the same path that is open still has not been ended."""
        self._leave_all_but(path)
        if self.open and self.open[-1].path == path:
            self._leave_unfinished()
        outer, _, name = path.rpartition("/")
        section: Section = {}
        if name.startswith("fallback:"):
            if self.open:
                section = self.open[-1].section.pop(FELL_BACK, section)
            key = _title(name)
        else:
            key = f"step {name}" if outer else name
        put(self.sequence(outer).section, key, section)
        step = OpenStep(path, section)
        self.open.append(step)
        return step

    def end(self) -> None:
        """Close the innermost step."""
        self.open.pop()

    def finish(self) -> None:
        """Close what is open although there are no more events."""
        while self.open:
            self._leave_unfinished()

    def sequence_of(self, path: str) -> Sequence:
        """The sequence that a step stands in. A fallback stands in one of its own, below its step."""
        return self.sequence(path.rpartition("/")[0])

    def sequence(self, place: str) -> Sequence:
        """The sequence at a place: its first step is given what the step around it hands on."""
        sequence = self.sequences.get(place)
        if sequence is None:
            around = self.open[-1] if self.open else OpenStep("", self.steps)
            section = around.section
            segments = [segment for segment in place.removeprefix(around.path).split("/") if segment]
            for segment in segments:
                section = section.setdefault(_title(segment), {})
            context = self.sequence_of(around.path).context
            inside = "/".join(segments)
            sequence = self.sequences[place] = Sequence(section, *around.hands(inside), context)
            around.inner[inside] = sequence
            if inside:
                around.last = sequence
        return sequence

    def hand_on(self, step: OpenStep) -> None:
        """Let the context go on from the sequence that has run in a step: one that failed leaves it as it was."""
        inner, step.last = step.last, None
        if inner is not None and not step.at_once and inner.status in ("completed", "paused"):
            self.sequence_of(step.path).context = inner.context

    def _leave_all_but(self, path: str) -> None:
        """Leave the steps that ``path`` does not lie in: they have not been ended."""
        while self.open and not f"{path}/".startswith(f"{self.open[-1].path}/"):
            self._leave_unfinished()

    def _leave_unfinished(self) -> None:
        put(self.open.pop().section, "unfinished", True)


def _title(segment: str) -> str:
    return segment.replace(":", " ", 1)
