"""What a store tells about the runs that it keeps: plain data, for people and for the runner. Reads nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flujo.ports import Intent, RecordedAnswer
from flujo.usage import UsageLimits

if TYPE_CHECKING:
    from flujo.events import Event

Shape = tuple[tuple[str, str], ...]
"""The path of every step of a pipeline in declared order, each with what decides on it as canonical JSON."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in a list. ``status`` is that of its last end; without one it is ``running`` while a process holds the
    run, and ``interrupted`` otherwise.

    ``pipeline`` is the name of the runner, ``reference`` the ``module:attribute`` it was found at, if it was. Times are
    UTC. ``cost_usd`` is what is known to have been spent so far, ``asks`` how many answers are kept, ``in_doubt`` how
    many calls may have been paid of which nobody knows: none as long as it is running, when they are on their way.
    """

    run_id: str
    pipeline: str
    reference: str | None
    status: str
    started_at: datetime
    ended_at: datetime | None
    cost_usd: Decimal | None
    asks: int
    in_doubt: int


@dataclass(frozen=True, slots=True)
class StoredAsk:
    """An answer that is kept: of an agent, a plugin, a person or a user's function. ``number`` is its place in the
    order of commits, from 1."""

    path: str
    number: int
    at: datetime
    answer: RecordedAnswer


@dataclass(frozen=True, slots=True)
class Doubt:
    """A call that was about to be made when the run was interrupted: nobody knows whether it was, or was paid.

    ``possible_usd`` is the most that it may have cost; None where nobody knows.
    """

    path: str
    at: datetime
    possible_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class StoredResume:
    """The run went on after it had ended with ``status``, or was ``interrupted``; ``answers`` are people's, by path."""

    status: str
    at: datetime
    answers: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """All that is kept of a run.

    ``events`` is the transcript as the last end left it, None as long as the run has never ended; ``output`` and
    ``error`` are that end's. A value whose class cannot be found here is a ``flujo.stores.codec.Foreign``.
    """

    summary: RunSummary
    fingerprint: str
    input: object
    context_data: dict[str, object]
    limits: UsageLimits | None
    asks: tuple[StoredAsk, ...]
    doubts: tuple[Doubt, ...]
    resumes: tuple[StoredResume, ...]
    output: object
    error: str | None
    events: tuple[Event, ...] | None


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run begins with, as its runner hands it over; ``context`` is the first one."""

    pipeline: str
    reference: str | None
    fingerprint: str
    shape: Shape
    at: datetime
    input: object
    context_data: dict[str, object]
    context: Any
    limits: UsageLimits | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: ``log`` is its flat log, ``context`` the last one.

    ``is_whole`` tells that the log holds all events, and not only what was paid; ``error`` is the run's own error.
    """

    status: str
    at: datetime
    output: object
    error: BaseException | None
    log: list[Any]
    context: Any
    is_whole: bool
    cost_usd: Decimal
    in_doubt: int


@dataclass(frozen=True, slots=True)
class History:
    """All that a runner needs to go on with a run: its beginning, every answer by path in the order of commits, the
    calls in doubt by path, the last end, and all resumes, of which the log of that end tells the first
    ``resumes_told``. ``is_ended`` is False while the run has gone on since that end, or has none."""

    begun: Begun
    answers: dict[str, RecordedAnswer]
    doubts: dict[str, tuple[Intent, ...]]
    end: Ended | None
    resumes: tuple[StoredResume, ...]
    resumes_told: int
    is_ended: bool
