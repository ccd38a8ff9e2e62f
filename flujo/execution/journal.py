"""The door of a run that has a journal: what was answered before is not asked again, what is answered is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import TypeAdapter

from flujo.binding import BoundAgent
from flujo.errors import InDoubtError, NotStorable, StepFailedError, StoreError, told
from flujo.events import Drawn, Paid, Questioned, Replied, rows
from flujo.execution.account import Purse
from flujo.execution.crossing import check_crossing
from flujo.execution.frame import Frame, Place
from flujo.execution.past import Replayed, decision_path, doubt_path, human_path
from flujo.execution.signals import AskFailure, Breached, Paused, Unkept
from flujo.isolation import Delta, delta, private_copy
from flujo.loading import all_names
from flujo.ports import Intent, Journal, PluginOutcome, RecordedAnswer
from flujo.structure import MISSING

RETRY_OR_FAIL: TypeAdapter[Any] = TypeAdapter(Literal["retry", "fail"])
"""What a person may answer who is asked about a call in doubt."""


class Keeping:
    """The journal of a run that this process has taken from a store: what was kept before has been read at once.

    A store that fails ends the run.
    """

    __slots__ = ("_store",)

    def __init__(self, store: Journal) -> None:
        self._store = store

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        return None

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        try:
            await self._store.intend(run_id, path, intent)
        except StoreError as error:
            raise _unkept(error, path) from error

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        try:
            await self._store.commit(run_id, path, answer)
        except StoreError as error:
            raise _unkept(error, path) from error

    async def paths(self, run_id: str) -> Sequence[str]:
        return await self._store.paths(run_id)

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        return await self._store.intents(run_id)


def _unkept(error: StoreError, path: str) -> Unkept:
    error.path = path
    return Unkept(error)


class JournaledFrame(Frame):
    """A frame whose asks go through the run's journal, by their paths."""

    __slots__ = ()

    async def ask(
        self,
        callee: BoundAgent,
        place: Place,
        value: object,
        offered: Mapping[str, Any],
        timeout_s: float | None,
        purse: Purse,
    ) -> object:
        journal = self.run.journal
        assert journal is not None
        run_id, path = purse.account.run_id, place.path
        recorded = await journal.recall(run_id, path)
        if recorded is not None:
            return self._replayed(recorded, callee, place, offered, purse)
        start = len(self.log)
        if self.run.past is not None and path in self.run.past.unfinished:
            unfinished = self.run.past.unfinished[path]
            place.asked_before = len(unfinished.entries)
            if path in self.run.past.doubtful:  # it may have been made: it is told before what may have been paid
                place.at = self.run.now()
                place.tell(self.log, callee)
            purse.rebook(self.log, place, unfinished)
            if path in self.run.past.doubtful:
                await self._decide_doubt(place, start, purse)
        try:
            answer = await super().ask(callee, place, value, offered, timeout_s, purse)
        except AskFailure as failure:
            if place.asked:
                await self._commit(None, place, purse, self._record(None, start, offered, failure))
            raise
        except Breached as breach:
            if place.asked:  # it was answered and paid; what it passed is judged again from the entries
                by: BoundAgent | None = callee
                answer, failed = breach.answer, None
                if answer is MISSING:  # it raised, and what it had spent passed the limit
                    by, answer, failed = None, None, AskFailure("limited", Replayed(told(breach)))
                try:
                    await self._commit(by, place, purse, self._record(answer, start, offered, failed))
                except AskFailure:  # it cannot be kept, which is kept; the limit has been passed all the same
                    raise breach from None
            raise
        await self._commit(callee, place, purse, self._record(answer, start, offered, None))
        return answer

    async def _commit(self, by: BoundAgent | None, place: Place, purse: Purse, answer: RecordedAnswer) -> None:
        """Keep what an ask brought, ``by`` whom if it answered.

        Raises AskFailure for an answer that cannot be kept: it was paid all the same.
        """
        journal, run_id = self.run.journal, purse.account.run_id
        assert journal is not None
        try:
            if self.run.is_stored and place.plugin is None and by is not None:
                check_crossing(by, answer.value, place.path)
            await journal.commit(run_id, place.path, answer)
        except NotStorable as refused:
            failed = AskFailure("invalid", refused, retryable=False)
            await journal.commit(run_id, place.path, replace(answer, value=None, error=failed, context_change=()))
            raise failed from refused

    async def _decide_doubt(self, place: Place, start: int, purse: Purse) -> None:
        """What the step says is done about a call that may have been made before the run's process died.

        Returns to have it made again; raises AskFailure, or Paused where a person is to say.
        """
        past, path, number = self.run.past, place.path, place.asked_before
        assert past is not None
        policy: object = past.policy_at(place.step)
        if policy == "ask":
            policy = await self._asked_about(place, doubt_path(path, number))
        if policy != "fail":
            return
        place.asked = True
        error = InDoubtError(
            f"the call at {path} was interrupted: nobody knows whether it was made and paid", path=path
        )
        failure = AskFailure("refused", error, retryable=False)
        await self._commit(None, place, purse, self._record(None, start, {}, failure))
        raise failure

    async def _asked_about(self, place: Place, at: str) -> object:
        self._tell_question(place)
        known = await self._recall(at)
        if known is None:
            self.run.schemas[place.step] = RETRY_OR_FAIL
            raise Paused(f"the run waits for an answer to '{place.step}'")
        self.log.extend((Replied, self.run.now(), place.scope, place.name, known.value))
        return known.value

    async def decision(self, name: str, what: str, number: int) -> object:
        known = await self._recall(decision_path(self.scope.path_of(name), what, number))
        if known is None:
            return MISSING
        self._look_at_all()
        return known.value

    async def keep_decision(self, name: str, what: str, number: int, decision: object) -> None:
        journal, account = self.run.journal, self.purse.account
        assert journal is not None
        path = decision_path(self.scope.path_of(name), what, number)
        try:
            await journal.commit(account.run_id, path, RecordedAnswer(private_copy(decision)))
        except NotStorable as refused:
            raise StepFailedError(self.scope.path_of(name), None, refused) from refused

    async def human_answer(self, name: str) -> object:
        known = await self._recall(human_path(self.scope.path_of(name)))
        return MISSING if known is None else known.value

    def _asked_before(self, recorded: RecordedAnswer, place: Place, purse: Purse) -> RecordedAnswer:
        """Tell again what a person has been asked about calls in doubt, and what was in doubt until then; the rest."""
        past, path = self.run.past, place.path
        assert past is not None
        for number in range(len(recorded.entries), 0, -1):
            if (answer := past.answers.get(doubt_path(path, number))) is not None:
                until, rest = recorded.entries[:number], recorded.entries[number:]
                purse.rebook(self.log, place, replace(recorded, entries=until, draws=()))
                self._tell_question(place)
                self.log.extend((Replied, self.run.now(), place.scope, place.name, answer.value))
                return replace(recorded, entries=rest)
        return recorded

    def _tell_question(self, place: Place) -> None:
        message = f"The call at {place.path} was interrupted, and may have been made and paid: retry or fail?"
        self.log.extend((Questioned, self.run.now(), place.scope, place.name, message))

    async def _recall(self, path: str) -> RecordedAnswer | None:
        assert self.run.journal is not None
        return await self.run.journal.recall(self.purse.account.run_id, path)

    def _look_at_all(self) -> None:
        """Nobody knows any more what was read of the context by whoever is not asked again; a cache has to (law C9)."""
        self.state.note(all_names(self.state))

    def _record(
        self, answer: object, start: int, offered: Mapping[str, Any], failure: AskFailure | None
    ) -> RecordedAnswer:
        told = list(rows(self.log[start:]))
        entries = tuple(row[-1] for row in told if row[0] is Paid)
        draws = tuple(draw for row in told if row[0] is Drawn for draw in row[-1])
        change: Delta = ()
        if "context" in offered and failure is None:
            try:
                change = delta(self.state, self.state.commit(offered["context"]))
            except Exception:  # it holds what cannot be copied: the end of the attempt says so
                change = ()
        return RecordedAnswer(own(answer), entries, failure, change, draws)

    def _replayed(
        self,
        recorded: RecordedAnswer,
        callee: BoundAgent,
        place: Place,
        offered: Mapping[str, Any],
        purse: Purse,
    ) -> object:
        """Books and changes what the answer did, without reserving: it was paid before."""
        place.at = self.run.now()
        place.tell(self.log, callee)
        place.asked = True
        if "context" in offered:
            self._look_at_all()
            self.state.replay(offered["context"], recorded.context_change)
        known = recorded.error
        if self.run.past is not None and recorded.entries:
            recorded = self._asked_before(recorded, place, purse)
        try:
            purse.rebook(self.log, place, recorded)
        except Breached as breach:
            if known is None:  # as when it was booked first
                breach.answer = own(recorded.value)
            raise
        if isinstance(known, AskFailure):
            raise AskFailure(known.outcome, known.error, retryable=known.retryable)
        return own(recorded.value)


def own(answer: object) -> object:
    """A copy of an answer; the agent that a plugin redirects to stays who it is."""
    if answer.__class__ is not PluginOutcome:
        return private_copy(answer)
    assert isinstance(answer, PluginOutcome)
    return replace(answer, new_solution=private_copy(answer.new_solution))
