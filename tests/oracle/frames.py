"""The oracle's ground: what all of a run shares, where a sequence runs, how steps begin, end and decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from inspect import isgenerator
from types import SimpleNamespace
from typing import Any

from tests.oracle import deeds
from tests.oracle.budgets import Budget, Doubts, Paid, Queue, used
from tests.oracle.moments import Ended, Time, Turns
from tests.oracle.pipelines import Cached, Limits, Map, Part, Rule

Event = tuple[Any, ...]
"""Kind, path of the step, and the fields of the engine's record in their order, without the time."""
Kept = dict[str, tuple[Any, SimpleNamespace]]
"""What a cache holds: output and context by key."""


class Paused(Ended):
    status = "paused"


class Failed(Ended):
    """``cause`` is ("failed", path, attempts, why); no attempts for a step that asks nobody itself."""

    status = "failed"

    def __init__(self, path: str, attempts: int | None, why: Any) -> None:
        super().__init__(("failed", path, attempts, why))


class Limited(Ended):
    status = "limited"

    def __init__(self, budget: Budget) -> None:
        super().__init__("limited")
        self.budget = budget


@dataclass
class Past:
    """What a resumed run knows: answers of people, at which attempts steps had failed that got further ones, and what
    was waited for before, by path, True if that was cut off.

    ``paid`` is what asks paid, ``doubts`` are what they left in doubt, ``passed`` the asks that failed and had passed a
    limit of the run. ``entries`` is the ledger of the run.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    failed_at: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    waits: Mapping[str, bool] = field(default_factory=dict)
    paid: Mapping[str, Paid] = field(default_factory=dict)
    doubts: Mapping[str, Doubts] = field(default_factory=dict)
    passed: frozenset[str] = frozenset()
    entries: tuple[Any, ...] = ()


@dataclass
class Run:
    """``uncertain``: two things fell into one moment whose order decides, and no law says which comes first."""

    past: Past
    tempo: int
    cache: Kept
    time: Time = field(default_factory=Time)
    queue: Queue = field(default_factory=Queue)
    waits: dict[str, bool] = field(default_factory=dict)
    paid: dict[str, Paid] = field(default_factory=dict)
    doubts: dict[str, Doubts] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    uncertain: bool = False


@dataclass
class Frame:
    """Where a sequence runs. ``order`` is its declared position among all branches."""

    run: Run
    context: SimpleNamespace
    budgets: tuple[Budget, ...]
    order: tuple[int, ...] = ()
    branch: str | None = None
    log: list[Event] = field(default_factory=list)

    def tell(self, kind: str, path: str, *fields: Any) -> None:
        self.log.append((kind, path, *deepcopy(fields)))


def budgets_of(run: Run, limits: Limits, path: str) -> tuple[Budget, ...]:
    """One for each limit of the run, or of the step or nested pipeline at the path; a fallback is none of its step."""
    budgets = tuple(Budget(dimension, most, path) for dimension, most in limits)
    for ask, paid in run.past.paid.items():
        if not path or (ask.startswith(f"{path}/") and not ask.startswith(f"{path}/fallback:")):
            for each in budgets:
                each.ahead += used(each, paid, run.past.doubts.get(ask, {}))
    return budgets


def waited(run: Run, path: str, seconds: float) -> Turns:
    """Let time pass, unless it has passed before the run was resumed. True if that was cut off."""
    cut_off = run.past.waits.get(path)
    run.waits[path] = cut_off is not False
    if cut_off is None and seconds:
        yield seconds
    run.waits[path] = bool(cut_off)
    return bool(cut_off)


Player = Callable[[Frame, str, Any, Any], Any]
"""Plays a part at its path on a value: gives its output, or turns that end with it, or raises Ended."""
PLAYERS: dict[type, tuple[str, Player]] = {}


def plays(part: type, kind: str) -> Callable[[Player], Player]:
    """Says which function plays a kind of part, and how transcripts call the kind."""

    def note(player: Player) -> Player:
        PLAYERS[part] = kind, player
        return player

    return note


def play(frame: Frame, path: str, part: Part, value: Any, prefix: str = "") -> Turns:
    """One part of any kind at ``path``, from its StepStarted to its StepEnded."""
    here = under(path, prefix + (part.step.name if isinstance(part, Cached) else part.name))
    kind, player = PLAYERS[type(part)]
    kind = "map_at_once" if isinstance(part, Map) and part.max_concurrency != 1 else kind
    frame.tell("StepStarted", here, kind, value)
    try:
        output = player(frame, here, part, value)
        if isgenerator(output):
            output = yield from output
    except Ended as ended:
        frame.tell("StepEnded", here, ended.status, None, ended.cause)
        raise
    frame.tell("StepEnded", here, "completed", output, None)
    return output


def play_all(frame: Frame, path: str, parts: tuple[Part, ...], value: Any) -> Turns:
    for part in parts:
        value = yield from play(frame, path, part, value)
    return value


def under(path: str, segment: str) -> str:
    return f"{path}/{segment}" if path else segment


def decided(
    frame: Frame, here: str, what: str, rule: Rule, value: Any, number: int = 0, *, wants: Any = object, **extras: Any
) -> Any:
    """What a user function decides, on copies of what it is given; one that raises fails its step.

    ``wants`` is the type that it has to return; a list is told as a tuple.
    """
    context = deepcopy(frame.context) if rule.sees_context else None
    try:
        made = deeds.decide(rule, deepcopy(value), context, **deepcopy(extras))
    except ZeroDivisionError:
        raise Failed(here, None, ("decision", what)) from None
    if not isinstance(made, wants):
        raise Failed(here, None, ("decision", what))
    made = tuple(made) if wants is list else made
    if what != "select":  # of which the branches that are meant are told
        frame.tell("Decided", here, what, number, made)
    return made


def mapped(frame: Frame, here: str, what: str, rule: Rule | None, value: Any, number: int = 0, **extras: Any) -> Any:
    """A value as a mapper makes it, where there is one."""
    return value if rule is None else decided(frame, here, what, rule, value, number, **extras)
