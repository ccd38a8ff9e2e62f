"""What a run already knows when it goes on: read from the log of the run that ended, asked by path like a journal.

A run is resumed by running it again from its start. Whatever was asked, decided or answered before is taken from here;
only what comes after is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flujo.binding import OUTPUT_TYPE
from flujo.entries import Draw, LedgerEntry, structural
from flujo.errors import FlujoError
from flujo.events import (
    Answered,
    Asked,
    AskFailed,
    BackedOff,
    CacheHit,
    CacheMissed,
    Carried,
    ContextChanged,
    Decided,
    Drawn,
    Judged,
    Kept,
    Log,
    Merged,
    Paid,
    Remembered,
    Replied,
    RunResumed,
    Scope,
    Uneventful,
    rows,
    spelt_out,
)
from flujo.execution.frame import Place
from flujo.execution.signals import AskFailure
from flujo.isolation import Delta, State
from flujo.ports import Intent, Journal, PluginOutcome, RecordedAnswer
from flujo.structure import MISSING
from flujo.usage import UsageLimits

NO_DELTA: Delta = ()


class Beginning(NamedTuple):
    """What a run begins with; a resumed run begins with it again."""

    input: object
    state: State[Any]
    limits: UsageLimits | None


class Replayed(FlujoError):
    """An error of which the text is all that is left, and, out of a store, the names of its classes (``kinds``)."""

    def __init__(self, text: str, kinds: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.kinds = kinds

    def was(self, kinds: type[Exception] | tuple[type[Exception], ...]) -> bool:
        """Whether it was one of these, as far as is known; an error without ``kinds`` may have been any."""
        wanted = kinds if isinstance(kinds, tuple) else (kinds,)
        return not self.kinds or any(f"{kind.__module__}:{kind.__qualname__}" in self.kinds for kind in wanted)


class Grant(NamedTuple):
    """Further attempts of a step: how many it had made when they were granted, and how many had been broken off."""

    step: str
    made: int
    interrupted: int


@dataclass(slots=True)
class Past:
    """``granted`` is the path of the step that failed and gets further attempts; ``resumed`` tells the former resumes.

    ``entries`` is the ledger of the run as it ended. The past is the journal of the resumed run, in front of the
    ``store`` if there is one. ``doubtful`` are those of the ``unfinished`` asks of which nobody knows whether they were
    made, because the run's process died; ``policies`` say what is done about it, by path of the step as declared.
    """

    granted: str | None = None
    store: Journal | None = None
    entries: tuple[LedgerEntry, ...] = ()
    resumed: list[tuple[Carried, tuple[tuple[str, object], ...]]] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    answers: dict[str, RecordedAnswer] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    interrupted: dict[str, int] = field(default_factory=dict)
    backed_off: set[tuple[str, int]] = field(default_factory=set)
    unfinished: dict[str, RecordedAnswer] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    policies: Mapping[str, str] = field(default_factory=dict)

    def attempts_allowed(self, step: str, allowed: int) -> int:
        """How many attempts the step at this path may make in all. Those that were broken off don't count."""
        made, interrupted = self.attempts.get(step, 0), self.interrupted.get(step, 0)
        grant = self.grants.get(step)
        if grant is None:
            return max(made, allowed + interrupted)
        return max(made, grant.made + allowed + interrupted - grant.interrupted)

    def grants_again(self, step: str, attempt: int) -> bool:
        """Whether the step went on after this attempt, or is to go on, though it had ended it."""
        grant = self.grants.get(step)
        return grant is not None and attempt <= grant.made

    def resume(self, status: str, answers: tuple[tuple[str, object], ...]) -> None:
        """Go on with the run, which had ended with ``status``: the step that failed gets further attempts."""
        grant = None
        if (step := self.granted) is not None:
            grant = self.grants[step] = Grant(step, self.attempts.get(step, 0), self.interrupted.get(step, 0))
        self.resumed.append((Carried(status, grant), answers))

    def remember(self, former: Past) -> None:
        """Know also what was known before the run went on the last time: it may have ended before it got that far."""
        self.answers = {**former.answers, **self.answers}
        unfinished = {**former.unfinished, **self.unfinished}
        self.unfinished = {path: asked for path, asked in unfinished.items() if path not in self.answers}
        self.doubtful |= former.doubtful & self.unfinished.keys()
        self.backed_off |= former.backed_off
        for mine, theirs in ((self.attempts, former.attempts), (self.interrupted, former.interrupted)):
            mine.update({step: max(number, mine.get(step, 0)) for step, number in theirs.items()})

    def policy_at(self, step: str) -> str:
        """What the step at this path says is done about its calls in doubt."""
        return self.policies.get(structural(step), "retry")

    @property
    def paid(self) -> dict[str, RecordedAnswer]:
        """What asks have used, by their paths."""
        told = {**self.unfinished, **self.answers}
        return {path: recorded for path, recorded in told.items() if recorded.entries or recorded.draws}

    def not_reached(self, log: Log) -> list[LedgerEntry]:
        """What was paid before and is not in the log of the run that went on: it has ended before it got there."""
        told = {row[-1].entry_id for row in rows(log) if row[0] is Paid}
        return [entry for entry in self.entries if entry.entry_id not in told]

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        known = self.answers.get(path)
        return known if known is not None or self.store is None else await self.store.recall(run_id, path)

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        if self.store is not None:
            await self.store.intend(run_id, path, intent)

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        if self.store is not None:
            await self.store.commit(run_id, path, answer)

    async def paths(self, run_id: str) -> Sequence[str]:
        return [*self.answers, *(() if self.store is None else await self.store.paths(run_id))]

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        return {} if self.store is None else await self.store.intents(run_id)


def decision_path(step: str, what: str, number: int) -> str:
    """Where a journal keeps what a user's function decided."""
    return f"{step}/decision:{what}:{number}"


MERGE = "merge_strategy"
MERGED = decision_path("", MERGE, 0)
"""The end of the path at which a journal keeps all that a user's function made of the contexts of lanes."""


def human_path(step: str) -> str:
    """Where a journal keeps a person's answer."""
    return f"{step}/human:1"


def doubt_path(ask: str, number: int) -> str:
    """Where a journal keeps what a person says of the ``number``-th call in doubt (from 1) of one ask."""
    return f"{ask}/doubt:{number}"


def past_of(log: Log, entries: tuple[LedgerEntry, ...], granted: str | None, store: Journal | None) -> Past:
    """What the log and the ledger of a run tell about it. ``granted`` is the step that gets further attempts."""
    past = Past(granted, store, entries)
    _Reader(past).read(log)
    return past


Changes = tuple[tuple[str, object, object], ...]


class _Reader:
    """Reads a log once, in its order; asks become answers when everything about them is known."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self.brought: dict[str, object] = {}
        self.failed: dict[str, tuple[str, bool, str]] = {}
        self.entries: dict[str, list[LedgerEntry]] = {}
        self.draws: dict[str, list[Draw]] = {}
        self.deltas: dict[str, Delta] = {}
        self.former: Past | None = None

    def read(self, log: Log) -> None:
        for told in rows(log):
            for each in spelt_out(*told[1:]) if told[0] is Uneventful else (told,):
                _, _, scope, name, *rest = each
                if (note := _NOTES.get(each[0])) is not None:
                    note(self, scope, name, *rest)
        for path, answer in self._asks():
            self.past.answers[path] = answer
        if self.former is not None:
            self.past.remember(self.former)

    def _asks(self) -> Iterator[tuple[str, RecordedAnswer]]:
        for path, value in self.brought.items():
            attempt = path.partition("/plugin:")[0].partition("/redirect:")[0]
            if isinstance(value, AskFailure):
                yield path, self._recorded(path, None, value)
            else:
                yield path, self._recorded(path, value, None, self.deltas.get(attempt, NO_DELTA))
        for path, (outcome, may_retry, error) in self.failed.items():
            if path in self.brought:
                continue
            failure = AskFailure(outcome, Replayed(error), retryable=may_retry)
            yield path, self._recorded(path, None, failure)
        for path in [*self.entries, *(path for path in self.draws if path not in self.entries)]:
            self.past.unfinished[path] = self._recorded(path)

    def _recorded(
        self, path: str, value: object = None, error: AskFailure | None = None, delta: Delta = NO_DELTA
    ) -> RecordedAnswer:
        entries, draws = self.entries.pop(path, ()), self.draws.pop(path, ())
        return RecordedAnswer(value, tuple(entries), error, delta, tuple(draws))

    def remembered(self, scope: Scope, name: str, past: Past) -> None:
        self.former = past

    def asked(self, scope: Scope, name: str, attempt: int, *_: object) -> None:
        self.past.attempts[scope.path_of(name)] = attempt

    def answered(self, scope: Scope, name: str, attempt: int, hop: int, output: object) -> None:
        self.brought[_path(scope, name, attempt, hop)] = output

    def ask_failed(self, scope: Scope, name: str, attempt: int, hop: int, outcome: str | Carried, error: str) -> None:
        path, step = _path(scope, name, attempt, hop), scope.path_of(name)
        how, may_retry = outcome if isinstance(outcome, Carried) else (outcome, True)
        self.failed[path] = (how, may_retry, error)
        if how in ("cancelled", "limited") and path not in self.brought:
            self.past.interrupted[step] = self.past.interrupted.get(step, 0) + 1

    def judged(
        self, scope: Scope, name: str, attempt: int, hop: int, plugin: str, accepted: bool, feedback: str | None,
        redirect: object, replaced: bool, solution: object, crashed: object,
    ) -> None:  # fmt: skip
        if plugin == OUTPUT_TYPE:
            return
        answer: object = crashed.meant if isinstance(crashed, Carried) else MISSING
        if answer is MISSING:
            answer = PluginOutcome(
                accepted,
                feedback,
                redirect.meant if isinstance(redirect, Carried) else None,
                solution if replaced else MISSING,
            )
        self.brought[f"{_path(scope, name, attempt, hop)}/plugin:{plugin}"] = answer

    def paid(self, scope: Scope, name: str, entry: LedgerEntry) -> None:
        self.entries.setdefault(entry.path, []).append(entry)

    def drawn(
        self, scope: Scope, name: str, attempt: int, hop: int, plugin: str | None, draws: tuple[Draw, ...]
    ) -> None:
        path = _path(scope, name, attempt, hop)
        self.draws.setdefault(f"{path}/plugin:{plugin}" if plugin else path, []).extend(draws)

    def context_changed(self, scope: Scope, name: str, changes: Changes | Carried | str) -> None:
        step = scope.path_of(name)
        if step in self.past.attempts and not isinstance(changes, str):  # text is what no store could hold
            self.deltas[f"{step}/attempt:{self.past.attempts[step]}"] = _all_of(changes)

    def merged(
        self,
        scope: Scope,
        name: str,
        strategy: str,
        changes: Changes | Carried,
        sources: tuple[tuple[str, tuple[str, ...]], ...],
    ) -> None:
        if strategy == "function":
            self.past.answers[f"{scope.path_of(name)}{MERGED}"] = RecordedAnswer((_all_of(changes), sources))

    def kept(
        self, scope: Scope, name: str, attempt: int, hop: int, plugin: str | None, answer: object, delta: Delta
    ) -> None:
        path = _path(scope, name, attempt, hop)
        if answer is not MISSING:
            self.brought[f"{path}/plugin:{plugin}" if plugin else path] = answer
        self.deltas[f"{scope.path_of(name)}/attempt:{attempt}"] = delta

    def decided(self, scope: Scope, name: str, what: str, number: int, value: object) -> None:
        self.past.answers[decision_path(scope.path_of(name), what, number)] = RecordedAnswer(value)

    def cache_hit(self, scope: Scope, name: str, key: Carried) -> None:
        self.past.answers[decision_path(scope.path_of(name), "cache", 0)] = RecordedAnswer(key.meant)

    def cache_missed(self, scope: Scope, name: str, key: str) -> None:
        self.past.answers[decision_path(scope.path_of(name), "cache", 0)] = RecordedAnswer(None)

    def replied(self, scope: Scope, name: str, answer: object) -> None:
        self.past.answers[human_path(scope.path_of(name))] = RecordedAnswer(answer)

    def backed_off(self, scope: Scope, name: str, attempt: int, delay_s: float) -> None:
        self.past.backed_off.add((scope.path_of(name), attempt))

    def run_resumed(self, scope: Scope, name: str, status: Carried, answers: tuple[tuple[str, object], ...]) -> None:
        self.past.resumed.append((status, answers))
        if isinstance(status.meant, Grant):
            self.past.grants[status.meant.step] = status.meant


def _all_of(changes: Changes | Carried) -> Delta:
    return changes.meant if isinstance(changes, Carried) else tuple((row[0], row[2]) for row in changes)


def _path(scope: Scope, name: str, attempt: int, hop: int) -> str:
    return Place(scope, name, attempt, hop).path


_NOTES: dict[type, Callable[..., None]] = {
    Asked: _Reader.asked,
    Answered: _Reader.answered,
    AskFailed: _Reader.ask_failed,
    Judged: _Reader.judged,
    Paid: _Reader.paid,
    ContextChanged: _Reader.context_changed,
    Kept: _Reader.kept,
    Drawn: _Reader.drawn,
    Merged: _Reader.merged,
    Decided: _Reader.decided,
    CacheHit: _Reader.cache_hit,
    CacheMissed: _Reader.cache_missed,
    Replied: _Reader.replied,
    BackedOff: _Reader.backed_off,
    RunResumed: _Reader.run_resumed,
    Remembered: _Reader.remembered,
}
