"""Journals that break the contract, one sentence each, and one that keeps it."""

from __future__ import annotations

import copy
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio.lowlevel

from flujo import AgentError, PluginOutcome
from flujo.entries import LedgerEntry
from flujo.ports import Intent, RecordedAnswer
from flujo.structure import MISSING

Key = tuple[str, str]


class Fine:
    """A journal of deep copies."""

    def __init__(self) -> None:
        self.answers: dict[Any, RecordedAnswer] = {}
        self.intended: set[Key] = set()
        self.committed: dict[Key, None] = {}
        self.booked: dict[Key, dict[str, Intent]] = {}

    def __repr__(self) -> str:
        return type(self).__name__

    def key(self, run_id: str, path: str) -> Any:
        return run_id, path

    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        return copy.deepcopy(answer)

    def same(self, known: RecordedAnswer, answer: RecordedAnswer) -> bool:
        return repr(known) == repr(answer)

    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        return copy.deepcopy(self.answers.get(self.key(run_id, path)))

    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        if self.key(run_id, path) not in self.answers:
            self.intended.add((run_id, path))
            self.book(self.booked.setdefault((run_id, path), {}), intent)

    def book(self, booked: dict[str, Intent], intent: Intent) -> None:
        booked[intent.entry.entry_id] = intent

    async def paths(self, run_id: str) -> Sequence[str]:
        return [path for run, path in self.committed if run == run_id]

    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        return {path: tuple(each.values()) for (run, path), each in self.booked.items() if run == run_id}

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        key, kept = self.key(run_id, path), self.kept(answer)
        if key in self.answers and not self.same(self.answers[key], kept):
            raise RuntimeError("there is another answer")
        self.answers[key] = kept
        self.committed.setdefault((run_id, path))
        self.intended.discard((run_id, path))
        self.booked.pop((run_id, path), None)


class OfJson(Fine):
    """It keeps values as JSON does, with ``dumps`` and ``loads`` of its own."""

    def dumps(self, value: Any) -> str:
        return json.dumps(value)

    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        if isinstance(answer.value, PluginOutcome):
            return super().kept(answer)
        return replace(super().kept(answer), value=json.loads(self.dumps(answer.value)))


class GivesEmptyAnswers(Fine):
    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        return await super().recall(run_id, path) or RecordedAnswer(None)


class SortsKeys(OfJson):
    def dumps(self, value: Any) -> str:
        return json.dumps(value, sort_keys=True)


class KeepsTexts(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        kept = super().kept(answer)
        return replace(kept, value=str(kept.value)) if type(kept.value) is int else kept


class CutsLongTexts(OfJson):
    def dumps(self, value: Any) -> str:
        text = json.dumps(value)
        return text if len(text) < 65_536 else json.dumps(text[:65_536])


class TakesNoneForAbsence(Fine):
    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        found = await super().recall(run_id, path)
        return None if found is None or found.value is None else found


class LosesNewSolutionsOfNone(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        kept = super().kept(answer)
        if isinstance(kept.value, PluginOutcome) and kept.value.new_solution is None:
            return replace(kept, value=replace(kept.value, new_solution=MISSING))
        return kept


class KeepsMoneyAsFloats(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        kept = super().kept(answer)
        return replace(kept, entries=tuple(map(rounded, kept.entries)))


def rounded(entry: LedgerEntry) -> LedgerEntry:
    amount = entry.possible_usd
    return entry if amount is None else replace(entry, possible_usd=Decimal(float(amount)))


class SortsEntries(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        kept = super().kept(answer)
        return replace(kept, entries=tuple(sorted(kept.entries, key=lambda entry: entry.entry_id)))


class DropsErrors(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        return replace(super().kept(answer), error=None)


class TellsErrorsOnly(Fine):
    """The text of an error is left, and not that it was a timeout that is not retried."""

    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        kept = super().kept(answer)
        return kept if kept.error is None else replace(kept, error=AgentError(str(kept.error)))


class DropsDeletions(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        kept = super().kept(answer)
        return replace(kept, context_change=tuple(row for row in kept.context_change if row[1] is not MISSING))


class TakesNoneForADeletion(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        kept = super().kept(answer)
        change = tuple((name, MISSING if value is None else value) for name, value in kept.context_change)
        return replace(kept, context_change=change)


class DropsMetadata(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        return replace(super().kept(answer), metadata={})


class GivesOnce(Fine):
    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        return self.answers.pop(self.key(run_id, path), None)


class ForgetsAtTheEnd(Fine):
    def reopened(self) -> Fine:
        return type(self)()


class ForgetsIntentionsAtTheEnd(Fine):
    def reopened(self) -> Fine:
        again = type(self)()
        again.answers = self.answers
        return again


class MixesRuns(Fine):
    def key(self, run_id: str, path: str) -> Any:
        return path


class JoinsRunAndPath(Fine):
    def key(self, run_id: str, path: str) -> Any:
        return f"{run_id}/{path}"


class IgnoresCase(Fine):
    def key(self, run_id: str, path: str) -> Any:
        return run_id.lower(), path.lower()


class NormalisesPaths(Fine):
    def key(self, run_id: str, path: str) -> Any:
        return run_id, unicodedata.normalize("NFC", path)


class CutsLongPaths(Fine):
    def key(self, run_id: str, path: str) -> Any:
        return run_id, path[:255]


class StripsPaths(Fine):
    def key(self, run_id: str, path: str) -> Any:
        return run_id, path.strip()


class RefusesOddPaths(Fine):
    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        if "_" in path:
            raise ValueError("a path of letters, please")
        await super().commit(run_id, path, answer)


class NeverDoubts(Fine):
    async def intend(self, run_id: str, path: str, intent: Intent) -> None: ...


class DoubtsForEver(Fine):
    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        doubts = set(self.intended)
        await super().commit(run_id, path, answer)
        self.intended = doubts


class DoubtsWhatWasAnswered(Fine):
    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        await super().intend(run_id, path, intent)
        self.intended.add((run_id, path))


class DoubtsOneRunOnly(Fine):
    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        if all(intended[1] != path for intended in self.intended):
            await super().intend(run_id, path, intent)


class AnswersIntentions(Fine):
    async def intend(self, run_id: str, path: str, intent: Intent) -> None:
        await super().intend(run_id, path, intent)
        self.answers.setdefault(self.key(run_id, path), RecordedAnswer("pending"))

    def same(self, known: RecordedAnswer, answer: RecordedAnswer) -> bool:
        return known.value == "pending" or super().same(known, answer)


class TakesTheLastAnswer(Fine):
    def same(self, known: RecordedAnswer, answer: RecordedAnswer) -> bool:
        return True


class KeepsTheFirstSilently(Fine):
    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        if self.key(run_id, path) not in self.answers:
            await super().commit(run_id, path, answer)


class ComparesValuesOnly(Fine):
    def same(self, known: RecordedAnswer, answer: RecordedAnswer) -> bool:
        return bool(known.value == answer.value)


class TakesAnAnswerOnce(Fine):
    def same(self, known: RecordedAnswer, answer: RecordedAnswer) -> bool:
        return False


class KeepsWhatItIsGiven(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        return answer


class GivesWhatItKeeps(Fine):
    async def recall(self, run_id: str, path: str) -> RecordedAnswer | None:
        return self.answers.get(self.key(run_id, path))


class SharesTheContext(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        return replace(super().kept(answer), context_change=answer.context_change)


class ReadsThenWrites(Fine):
    """Two who commit at the same time each write back the answers that they had read."""

    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        known = dict(self.answers)
        await anyio.lowlevel.checkpoint()
        self.answers = known
        await super().commit(run_id, path, answer)


class LosesVerdicts(Fine):
    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        if "/plugin:once" not in path:
            await super().commit(run_id, path, answer)


class LosesEntries(Fine):
    def kept(self, answer: RecordedAnswer) -> RecordedAnswer:
        return replace(super().kept(answer), entries=())


class ListsByName(Fine):
    async def paths(self, run_id: str) -> Sequence[str]:
        return sorted(await super().paths(run_id))


class ListsAllRuns(Fine):
    async def paths(self, run_id: str) -> Sequence[str]:
        return [path for _, path in self.committed]


class ListsIntentions(Fine):
    async def paths(self, run_id: str) -> Sequence[str]:
        return [*(path for _, path in self.booked), *await super().paths(run_id)]


class MovesWhatIsCommittedAgain(Fine):
    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        self.committed.pop((run_id, path), None)
        await super().commit(run_id, path, answer)


class LosesBounds(Fine):
    def book(self, booked: dict[str, Intent], intent: Intent) -> None:
        super().book(booked, replace(intent, entry=replace(intent.entry, possible_usd=None)))


class LosesDraws(Fine):
    def book(self, booked: dict[str, Intent], intent: Intent) -> None:
        super().book(booked, replace(intent, draws=()))


class KeepsTheLastIntentOnly(Fine):
    def book(self, booked: dict[str, Intent], intent: Intent) -> None:
        booked.clear()
        super().book(booked, intent)


class SortsIntents(Fine):
    async def intents(self, run_id: str) -> Mapping[str, tuple[Intent, ...]]:
        listed = await super().intents(run_id)
        return {path: tuple(sorted(made, key=lambda each: each.entry.entry_id)) for path, made in listed.items()}


class ListsIntentsOfAnswers(Fine):
    async def commit(self, run_id: str, path: str, answer: RecordedAnswer) -> None:
        booked = dict(self.booked)
        await super().commit(run_id, path, answer)
        self.booked = booked
