"""What can happen in a run: one frozen record per kind of fact, and the log they are written to.

The transcript of a run is a tuple of these records. A running engine writes them *flat* (class, time, scope, name,
fields) into one list, which costs a third of the time and memory of objects; ``read`` turns a log into records.
Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple

from flujo.entries import Draw, LedgerEntry
from flujo.isolation import private_copy
from flujo.ports import Rejection

StepStatus = Literal["completed", "failed", "stopped", "limited", "paused", "cancelled"]
RunStatus = Literal["completed", "failed", "paused", "limited", "aborted", "cancelled"]


class Scope:
    """Where steps run: the path that stands before their names. ``order`` is its position among declared branches."""

    __slots__ = ("order", "parent", "segment")

    def __init__(self, parent: Scope | None, segment: str, order: tuple[int, ...] = ()) -> None:
        self.parent = parent
        self.segment = segment
        self.order = order

    @property
    def path(self) -> str:
        """The segments from the run down to here, joined by ``/``; empty for the run itself."""
        segments = []
        scope: Scope | None = self
        while scope is not None:
            if scope.segment:
                segments.append(scope.segment)
            scope = scope.parent
        return "/".join(reversed(segments))

    @property
    def branch(self) -> str | None:
        """The path of the innermost branch around here; None outside of all."""
        scope: Scope | None = self
        while scope is not None and not scope.is_branch:
            scope = scope.parent
        return None if scope is None else scope.path

    @property
    def is_branch(self) -> bool:
        return self.segment.rpartition("/")[2].startswith("branch:")

    def path_of(self, name: str) -> str:
        """The path of a step of this name here; of the scope itself for an empty name."""
        path = self.path
        return f"{path}/{name}" if path and name else path or name


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. ``step`` is the path of the step it belongs to (empty: the run), ``at`` the clock's seconds."""

    step: str
    at: float = field(compare=False)

    WIDTH: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    pipeline: str
    input: object
    context: object


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    status: RunStatus
    output: object
    error: str | None


@dataclass(frozen=True, slots=True)
class RunResumed(Event):
    """The run goes on after it had ended with ``status``, or lost its process; ``answers`` are to its questions."""

    status: RunStatus | Literal["interrupted"]
    answers: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """``kind`` is the kind of step as users write it (``step``, ``parallel``, ...)."""

    kind: str
    input: object


@dataclass(frozen=True, slots=True)
class StepEnded(Event):
    """``output`` is None unless the step completed; ``error`` says why it did not."""

    status: StepStatus
    output: object
    error: str | None


@dataclass(frozen=True, slots=True)
class AskEvent(Event):
    """Something about one ask of an agent: its ``attempt`` counts from 1, ``hop`` counts redirects from 0."""

    attempt: int
    hop: int

    @property
    def path(self) -> str:
        path = f"{self.step}/attempt:{self.attempt}"
        return f"{path}/redirect:{self.hop}" if self.hop else path


@dataclass(frozen=True, slots=True)
class Asked(AskEvent):
    """An agent was asked. ``agent`` names it; ``feedback`` is what it was told of the drafts so far."""

    agent: str
    input: object
    feedback: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Answered(AskEvent):
    output: object


@dataclass(frozen=True, slots=True)
class AskFailed(AskEvent):
    """No usable answer came. ``outcome``: error, timeout, overrun, invalid, refused or cancelled."""

    outcome: str
    error: str


@dataclass(frozen=True, slots=True)
class FeedbackLost(AskEvent):
    """The step's input can carry no feedback and its agent takes none: this attempt does not know why."""


@dataclass(frozen=True, slots=True)
class Judged(AskEvent):
    """A plugin's verdict on a draft. ``crashed`` tells a plugin that raised, hung or gave no outcome."""

    plugin: str
    accepted: bool
    feedback: str | None
    redirect_to: str | None
    replaced: bool
    new_solution: object
    crashed: bool


@dataclass(frozen=True, slots=True)
class BackedOff(Event):
    """The step waited before its next attempt."""

    attempt: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class FellBack(Event):
    """The step failed after so many attempts, and its fallback takes over; ``error`` says why."""

    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class Paid(Event):
    """A request was paid, or may have been: one entry of the ledger."""

    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class PaidBefore(Paid):
    """Paid before the run went on, which has ended now before it got to that ask: the run tells it, and no step."""


@dataclass(frozen=True, slots=True)
class NotAdmitted(AskEvent):
    """A limit did not admit a call. ``bound`` is the most it may take, ``left`` what the limit still had."""

    dimension: str
    bound: Decimal | int | None
    left: Decimal | int
    limit: Decimal | int


@dataclass(frozen=True, slots=True)
class LimitPassed(Event):
    """What was spent passed a limit."""

    dimension: str
    spent: Decimal | int
    limit: Decimal | int


@dataclass(frozen=True, slots=True)
class ContextChanged(Event):
    """The changes that an accepted step made, as ``(field, before, after)``."""

    changes: tuple[tuple[str, object, object], ...]


@dataclass(frozen=True, slots=True)
class BranchEnded(Event):
    """``branch`` finished in the parallel step; ``ignored`` tells a failure that the step tolerates."""

    branch: str
    status: StepStatus
    output: object
    error: str | None
    ignored: bool


@dataclass(frozen=True, slots=True)
class ItemEnded(Event):
    """One item of a map step, counted from 1."""

    item: int
    status: StepStatus
    output: object
    error: str | None


@dataclass(frozen=True, slots=True)
class Decided(Event):
    """What a user's function returned. ``what`` is the parameter it was given for, ``number`` the iteration or 0."""

    what: str
    number: int
    value: object


@dataclass(frozen=True, slots=True)
class CacheHit(Event):
    """A result was taken from the cache: nobody was asked and nothing was paid."""

    key: str


@dataclass(frozen=True, slots=True)
class CacheMissed(Event):
    """The cache has no result for this; what the step completes with is kept."""

    key: str


@dataclass(frozen=True, slots=True)
class Questioned(Event):
    """A person is asked; the run pauses until there is an answer."""

    message: str


@dataclass(frozen=True, slots=True)
class Replied(Event):
    """A person's answer, as the step's schema reads it."""

    answer: object


@dataclass(frozen=True, slots=True)
class Merged(Event):
    """Branches joined: what changed in the parent's context, and which branches each field came from."""

    strategy: str
    changes: tuple[tuple[str, object, object], ...]
    sources: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Chunk(AskEvent):
    """A piece of an answer on its way: told to streams and listeners, not kept, for the answer holds it."""

    text: str


@dataclass(frozen=True, slots=True)
class Kept(AskEvent):
    """For resuming only, never told: what an ask (of a plugin, if named) brought before its attempt was broken off."""

    plugin: str | None
    answer: object  # MISSING where another record tells it, and this one what became of the context only
    context_delta: object


@dataclass(frozen=True, slots=True)
class Drawn(AskEvent):
    """For resuming only, never told: what limits count of an ask (of a plugin, if named) beside its entries."""

    plugin: str | None
    draws: tuple[Draw, ...]


@dataclass(frozen=True, slots=True)
class Remembered(Event):
    """For resuming only, never told: what was known when the run went on, for it may end before it gets that far."""

    past: object


class Uneventful:
    """In the log only: a step of one attempt that nobody judged, and that paid nothing.

    Written as (at, scope, name, agent, input, output, changes or None, ended_at), it stands for the records that tell
    the same one by one, in a third of the space.
    """

    WIDTH: ClassVar[int] = 9


class Carried(NamedTuple):
    """A field of a record in the log: what is ``told``, and what it stands for, which a resumed run needs."""

    told: Any
    meant: Any


Log = list[Any]
RECORDS: tuple[type[Event], ...] = (
    RunStarted, RunEnded, StepStarted, StepEnded, Asked, Answered, AskFailed, FeedbackLost, Judged, BackedOff, FellBack,
    Paid, NotAdmitted, LimitPassed, ContextChanged, BranchEnded, Merged, Chunk, RunResumed, ItemEnded, Decided,
    CacheHit, CacheMissed, Questioned, Replied, Kept, Drawn, Remembered, PaidBefore,
)  # fmt: skip
UNTOLD: frozenset[Callable[..., Event]] = frozenset({Kept, Drawn, Remembered})
HOLDING_VALUES: frozenset[Callable[..., Event]] = frozenset({ContextChanged, Merged})
CARRYING: frozenset[Callable[..., Event]] = frozenset({AskFailed, Judged, CacheHit, RunResumed})
AS_WRITTEN: frozenset[Callable[..., Event]] = frozenset(RECORDS) - HOLDING_VALUES - CARRYING - UNTOLD - {RunStarted}
"""The records whose fields stand in the log as they are."""
for _record in RECORDS:
    # class, at, scope and name stand for the two fields ``step`` and ``at``
    _record.WIDTH = len(fields(_record)) + 2


def read(log: Log) -> Iterator[Event]:
    """The records of a flat log, in the order in which they were written."""
    start, end = 0, len(log)
    scope: Scope | None = None
    name, path = "", ""
    while start < end:
        kind = log[start]
        width = kind.WIDTH
        if kind in AS_WRITTEN:
            if log[start + 2] is not scope or log[start + 3] is not name:
                scope, name = log[start + 2 : start + 4]
                path = scope.path_of(name)
            yield kind(path, log[start + 1], *log[start + 4 : start + width])
        elif kind is Uneventful:
            for told in spelt_out(*log[start + 1 : start + width]):
                yield record(*told)
        elif kind not in UNTOLD:
            yield record(*log[start : start + width])
        start += width


def rows(log: Log) -> Iterator[list[Any]]:
    """The records of a flat log as they stand in it: class, time, scope, name, fields."""
    start, end = 0, len(log)
    while start < end:
        width = log[start].WIDTH
        yield log[start : start + width]
        start += width


def spelt_out(
    at: float, scope: Scope, name: str, agent: str, input: object, output: object, changes: object, ended_at: float
) -> Iterator[tuple[Any, ...]]:
    """The records, flat, that an uneventful step stands for."""
    yield StepStarted, at, scope, name, "step", input
    yield Asked, at, scope, name, 1, 0, agent, input, ()
    yield Answered, ended_at, scope, name, 1, 0, output
    if changes is not None:
        yield ContextChanged, ended_at, scope, name, changes
    yield StepEnded, ended_at, scope, name, "completed", output, None


def record(kind: Callable[..., Event], at: float, scope: Scope, name: str, *rest: Any) -> Event:
    if kind in HOLDING_VALUES:  # what a context holds is the engine's own: nobody gets hold of it
        own: Any = private_copy([value.told if value.__class__ is Carried else value for value in rest])
        rest = tuple(own)
    elif kind is RunStarted:  # its context is made when somebody looks
        pipeline, given, state = rest
        rest = (pipeline, given, state.fork())
    elif kind in CARRYING:
        rest = tuple(value.told if value.__class__ is Carried else value for value in rest)
    return kind(scope.path_of(name), at, *rest)
