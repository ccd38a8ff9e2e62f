"""What a journal must keep to, as tests to inherit: subclass ``JournalConformance``.

Each test says in its failure what the contract is.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import anyio
import anyio.lowlevel
import pytest

from flujo import AgentOutput, Flujo, PluginOutcome, Step, Usage
from flujo.ports import Intent, Journal, RecordedAnswer
from flujo.structure import Same
from flujo_testing.conformance.answers import (
    ANSWER,
    CHANGES,
    ENTRIES,
    ERRORS,
    INTENT,
    NAMES_ALIKE,
    VALUES,
    failure_of,
)
from flujo_testing.conformance.contract import broken, shown

RUN, PATH = "run-1", "review/branch:legal/check/attempt:1"
KEPT: Final = "what was committed is recalled as it was"
FIRST_STANDS: Final = "an answer stands: the same again changes nothing, another one is an error"
DOUBT: Final = "an ask is in doubt from its intention to its answer, and at no other time"
APART: Final = "answers belong to one run and one path, told apart to the last character"
LISTED: Final = "the paths of a run's answers are listed in the order in which they were first committed"
BOOKED: Final = "calls in doubt are listed with all that is booked of each, in the order in which they were intended"
OWN: Final = "values cross a journal: what is changed outside later changes nothing in it"


class JournalConformance:
    """The contract of journals. Subclass it as ``class TestMyJournal(JournalConformance)`` and define the makers.

    Any of them may be async. A journal is closed by ``close_journal`` at the end of each test.
    """

    pytestmark = pytest.mark.anyio

    def make_journal(self) -> Any:
        """A new journal that holds nothing."""
        raise NotImplementedError(f"{type(self).__name__} must define make_journal(self)")

    def in_doubt(self, journal: Any) -> Any:
        """Run and path of every ask that was intended and not answered; the port itself has no way to ask."""
        raise NotImplementedError(f"{type(self).__name__} must define in_doubt(self, journal)")

    def reopen(self, journal: Any) -> Any:
        """The journal as a later process finds it; one that lives in memory is the same."""
        return journal

    def close_journal(self, journal: Any) -> Any:
        """Give back what the journal holds open."""

    async def test_what_was_never_committed_is_absent(self) -> None:
        async with self._opened() as journal:
            if (found := await journal.recall(RUN, PATH)) is not None:
                raise broken(journal, "an ask without an answer is None", f"it is {shown(found)}")

    async def test_a_value_is_recalled_as_it_was(self) -> None:
        async with self._opened() as journal:
            for number, value in enumerate(VALUES):
                await self._kept(journal, f"{PATH}{number}", replace(ANSWER, value=copy.deepcopy(value)), "value", KEPT)

    async def test_none_is_a_value(self) -> None:
        contract = "None is a value: an answer of None is an answer, and a new solution of None a new solution"
        async with self._opened() as journal:
            for number, value in enumerate((None, PluginOutcome(True, new_solution=None), PluginOutcome(True))):
                await self._kept(journal, f"{PATH}{number}", RecordedAnswer(value), "value", contract)

    async def test_entries_are_recalled_as_they_were(self) -> None:
        async with self._opened() as journal:
            contract = "the ledger's entries are kept to the last digit and in their order: totals are made of them"
            await self._kept(journal, PATH, replace(ANSWER, entries=ENTRIES), "entries", contract)

    async def test_an_error_is_recalled_as_an_error(self) -> None:
        contract = "an error is kept as the error it was: replayed as a value, a failed ask would have succeeded"
        async with self._opened() as journal:
            for number, error in enumerate(ERRORS):
                path = f"{PATH}{number}"
                await self._commit(journal, RUN, path, RecordedAnswer(None, ENTRIES, error))
                found = await (await self._reopened(journal)).recall(RUN, path)
                before, after = failure_of(error), None if found is None else failure_of(found.error)
                if before != after:
                    raise broken(journal, contract, f"{before} became {after}")

    async def test_changes_of_the_context_are_kept_with_deletions(self) -> None:
        contract = "changes of the context are kept in order, a deletion (MISSING) apart from None"
        async with self._opened() as journal:
            answer = replace(ANSWER, context_change=copy.deepcopy(CHANGES))
            await self._kept(journal, PATH, answer, "context_change", contract)

    async def test_metadata_is_recalled_as_it_was(self) -> None:
        async with self._opened() as journal:
            answer = replace(ANSWER, metadata={"cache_hit": True, "note": None})
            await self._kept(journal, PATH, answer, "metadata", KEPT)

    async def test_recalling_takes_nothing_away(self) -> None:
        async with self._opened() as journal:
            await self._commit(journal, RUN, PATH, ANSWER)
            contract = "an answer can be recalled any number of times"
            for time in ("first", "second"):
                if await journal.recall(RUN, PATH) is None:
                    raise broken(journal, contract, f"the {time} time it is None")

    async def test_answers_outlive_the_process(self) -> None:
        async with self._opened() as journal:
            await self._commit(journal, RUN, PATH, ANSWER)
            await journal.intend(RUN, f"{PATH}/plugin:tone", INTENT)
            again = await self._reopened(journal)
            contract = "what was committed or intended is there when the journal is opened again"
            if await again.recall(RUN, PATH) is None:
                raise broken(journal, contract, "the answer is gone")
            if (doubt := await self._doubts(again)) != [(RUN, f"{PATH}/plugin:tone")]:
                raise broken(journal, contract, f"one ask was intended, and in doubt are {doubt}")

    async def test_another_run_or_path_has_answers_of_its_own(self) -> None:
        async with self._opened() as journal:
            for run_id, path in NAMES_ALIKE:
                if (found := await journal.recall(run_id, path)) is not None:
                    has = f"has the answer of {shown(found.value)}"
                    raise broken(journal, APART, f"run {run_id!r} at {shown(path)} {has}")
                await self._commit(journal, run_id, path, RecordedAnswer([run_id, path]))
            for run_id, path in NAMES_ALIKE:
                found = await journal.recall(run_id, path)
                if found is None or found.value != [run_id, path]:
                    kept = "none" if found is None else f"that of {shown(found.value)}"
                    raise broken(journal, APART, f"run {run_id!r} at {shown(path)} has not its own answer, but {kept}")

    async def test_what_is_intended_and_not_answered_is_in_doubt(self) -> None:
        async with self._opened() as journal:
            steps: list[tuple[str, Any, list[tuple[str, str]]]] = [
                ("before anything", anyio.lowlevel.checkpoint, []),
                ("intended", lambda: journal.intend(RUN, PATH, INTENT), [(RUN, PATH)]),
                ("intended again", lambda: journal.intend(RUN, PATH, INTENT), [(RUN, PATH)]),
                ("intended by two runs", lambda: journal.intend("run-2", PATH, INTENT), [(RUN, PATH), ("run-2", PATH)]),
                ("answered in one", lambda: self._commit(journal, RUN, PATH, ANSWER), [("run-2", PATH)]),
                ("intended after its answer", lambda: journal.intend(RUN, PATH, INTENT), [("run-2", PATH)]),
                ("answered in both", lambda: self._commit(journal, "run-2", PATH, RecordedAnswer(None)), []),
                ("answered unintended", lambda: self._commit(journal, RUN, f"{PATH}/decision:0", ANSWER), []),
            ]
            for when, act, expected in steps:
                await act()
                if (doubt := await self._doubts(journal)) != expected:
                    raise broken(journal, DOUBT, f"{when}, in doubt are {doubt}, not {expected}")

    async def test_an_intention_is_no_answer(self) -> None:
        async with self._opened() as journal:
            await journal.intend(RUN, PATH, INTENT)
            if (found := await journal.recall(RUN, PATH)) is not None:
                raise broken(journal, "an intention is no answer", f"it is recalled as {shown(found)}")

    async def test_paths_are_listed_in_the_order_of_commits(self) -> None:
        async with self._opened() as journal:
            paths = ["write/attempt:2", "write/attempt:10", "ask/human:1", "write/attempt:1", "end/attempt:1"]
            await journal.intend(RUN, "late/attempt:1", INTENT)
            for path in paths:
                await self._commit(journal, RUN, path, RecordedAnswer(path))
                await self._commit(journal, "run-2", f"{path}/plugin:tone", RecordedAnswer(path))
            await self._commit(journal, RUN, paths[0], RecordedAnswer(paths[0]))
            if (found := list(await (await self._reopened(journal)).paths(RUN))) != paths:
                raise broken(journal, LISTED, f"{paths} are listed as {found}")

    async def test_intents_are_listed_with_what_is_booked_of_them(self) -> None:
        later = replace(INTENT, entry=replace(INTENT.entry, entry_id=f"{INTENT.entry.entry_id}0"))
        async with self._opened() as journal:
            acts: list[tuple[str, Any, dict[str, tuple[Intent, ...]]]] = [
                ("before anything", anyio.lowlevel.checkpoint, {}),
                ("intended", lambda: journal.intend(RUN, PATH, later), {PATH: (later,)}),
                ("intended again", lambda: journal.intend(RUN, PATH, later), {PATH: (later,)}),
                ("made again after a crash", lambda: journal.intend(RUN, PATH, INTENT), {PATH: (later, INTENT)}),
                ("and by another run", lambda: journal.intend("run-2", PATH, INTENT), {PATH: (later, INTENT)}),
                ("answered by that", lambda: self._commit(journal, "run-2", PATH, ANSWER), {PATH: (later, INTENT)}),
                ("answered", lambda: self._commit(journal, RUN, PATH, ANSWER), {}),
            ]
            for when, act, expected in acts:
                await act()
                found = dict(await (await self._reopened(journal)).intents(RUN))
                if not _same_intents(expected, found):
                    raise broken(journal, BOOKED, f"{when}, {_bounds(expected)} are listed as {_bounds(found)}")

    async def test_an_answer_stands(self) -> None:
        async with self._opened() as journal:
            for number, answer in enumerate((ANSWER, RecordedAnswer(None), RecordedAnswer(None, (), ERRORS[0]))):
                path = f"{PATH}{number}"
                await self._commit(journal, RUN, path, copy.deepcopy(answer))
                try:
                    await journal.commit(RUN, path, copy.deepcopy(answer))
                except Exception as error:  # whatever a journal raises
                    text = f"the same answer again raises {type(error).__name__}: {error}"
                    raise broken(journal, FIRST_STANDS, text) from error
                await self._refuses(journal, path, replace(answer, value=["another"], error=None))
                await self._refuses(journal, path, replace(answer, entries=()) if answer.entries else ANSWER)
                found = await journal.recall(RUN, path)
                if found is None or not Same()(answer.value, found.value):
                    raise broken(journal, FIRST_STANDS, f"it became {shown(found)}")

    async def test_values_cross_without_being_shared(self) -> None:
        async with self._opened() as journal:
            for number, makes in enumerate((_poem, _mended)):
                path, given = f"{PATH}{number}", makes()
                await self._commit(journal, RUN, path, given)
                _changed(given)
                for who in ("after its commit", "after a recall"):
                    found = await journal.recall(RUN, path)
                    if not Same()(makes(), found):
                        became = shown(found and _held(found))
                        raise broken(journal, OWN, f"an answer that was changed {who} became {became}")
                    _changed(found)

    async def test_concurrent_commits_are_all_kept(self) -> None:
        paths = [f"fan/branch:b{number}/s/attempt:1" for number in range(20)]

        async def branch(path: str) -> None:
            await journal.intend(RUN, path, INTENT)
            await anyio.lowlevel.checkpoint()
            await self._commit(journal, RUN, path, RecordedAnswer(path))

        async with self._opened() as journal:
            async with anyio.create_task_group() as tasks:
                for path in paths:
                    tasks.start_soon(branch, path)
            found = [await journal.recall(RUN, path) for path in paths]
            kept = [answer.value for answer in found if answer is not None]
            if lost := [path for path in paths if path not in kept]:
                contract = "branches commit at the same time, and all of their answers are kept"
                raise broken(journal, contract, f"{len(lost)} of {len(paths)} are lost, {lost[0]!r} for one")
            if doubt := await self._doubts(journal):
                raise broken(journal, DOUBT, f"all were answered, and in doubt are {doubt}")

    async def test_a_run_that_is_run_again_asks_nobody(self) -> None:
        async with self._opened() as journal:
            agent, plugin = _Counted(), _Once()
            runner = Flujo(Step("write", agent, plugins=[plugin]) >> Step("end", agent), store=journal)
            first = await runner.run_async("rain", run_id=RUN)
            again = await Flujo(runner.pipeline, store=await self._reopened(journal)).run_async("rain", run_id=RUN)
            contract = "a run with the id of an earlier one is that run: nobody is asked or paid again"
            if (agent.calls, plugin.calls) != (3, 2):
                text = f"after 3 calls and 2 verdicts there are {agent.calls} and {plugin.calls}"
                raise broken(journal, contract, text)
            if (first.output, first.ledger) != (again.output, again.ledger):
                before, after = (f"{run.output} paid by {len(run.ledger.entries)} entries" for run in (first, again))
                raise broken(journal, contract, f"{before} became {after}")

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Journal]:
        journal = await _awaited(self.make_journal())
        try:
            yield journal
        finally:
            await _awaited(self.close_journal(journal))

    async def _reopened(self, journal: Journal) -> Journal:
        again: Journal = await _awaited(self.reopen(journal))
        return again

    async def _doubts(self, journal: Journal) -> list[tuple[str, str]]:
        found: Collection[tuple[str, str]] = await _awaited(self.in_doubt(journal))
        return sorted(found)

    async def _kept(self, journal: Journal, path: str, answer: RecordedAnswer, part: str, contract: str) -> None:
        """Commit an answer and see that this part of it comes back; ``answer`` must be nobody else's."""
        before = copy.deepcopy(getattr(answer, part))
        await self._commit(journal, RUN, path, answer)
        found = await (await self._reopened(journal)).recall(RUN, path)
        if not isinstance(found, RecordedAnswer):
            raise broken(journal, contract, f"{shown(before)} became no answer, but {shown(found)}")
        if not Same()(before, after := getattr(found, part)):
            raise broken(journal, contract, f"{shown(before)} became {shown(after)}")

    async def _commit(self, journal: Journal, run_id: str, path: str, answer: RecordedAnswer) -> None:
        try:
            await journal.commit(run_id, path, answer)
        except Exception as error:  # whatever a journal raises
            how = f"run {run_id!r} at {shown(path)}: {type(error).__name__}: {error}"
            raise broken(journal, "the first answer of an ask is taken", how) from error

    async def _refuses(self, journal: Journal, path: str, answer: RecordedAnswer) -> None:
        try:
            await journal.commit(RUN, path, answer)
        except Exception:  # whichever error a journal has for it
            return
        raise broken(journal, FIRST_STANDS, f"it takes another answer, {shown(answer)}, and says nothing")


def _same_intents(expected: Mapping[str, tuple[Intent, ...]], found: Mapping[str, tuple[Intent, ...]]) -> bool:
    pairs = [(expected[path], found.get(path, ())) for path in expected]
    return expected.keys() == found.keys() and all(
        len(before) == len(after) and all(Same()(a, b) for a, b in zip(before, after, strict=True))
        for before, after in pairs
    )


def _bounds(listed: Mapping[str, tuple[Intent, ...]]) -> list[str]:
    """Of each call its number, the most that it may have cost, and how many limits count it."""
    intents = (intent for made in listed.values() for intent in made)
    return [
        f"{intent.entry.entry_id.rpartition(':')[2]} for {intent.entry.possible_usd} USD, {len(intent.draws)} draws"
        for intent in intents
    ]


def _poem() -> RecordedAnswer:
    return RecordedAnswer({"lines": ["grey"]}, (), None, (("drafts", ["grey"]),), metadata={"notes": ["grey"]})


def _mended() -> RecordedAnswer:
    return replace(_poem(), value=PluginOutcome(True, new_solution={"lines": ["grey"]}))


def _changed(answer: Any) -> None:
    """Change all in an answer that can be changed in place."""
    value, change, metadata = _held(answer)
    for lines in (value["lines"], change[0][1], metadata["notes"]):
        lines.append("rain")


def _held(answer: Any) -> tuple[Any, Any, Any]:
    value = answer.value.new_solution if isinstance(answer.value, PluginOutcome) else answer.value
    return value, answer.context_change, answer.metadata


async def _awaited(made: Any) -> Any:
    return await made if inspect.isawaitable(made) else made


class _Counted:
    """An agent that is paid for every call, and answers differently each time."""

    model = "test:writer"

    def __init__(self) -> None:
        self.calls = 0

    async def run(self, text: str) -> AgentOutput[str]:
        self.calls += 1
        return AgentOutput(f"answer {self.calls}", usage=Usage(input_tokens=11, output_tokens=self.calls))


class _Once:
    """A plugin that rejects the first draft."""

    name, priority = "once", 0

    def __init__(self) -> None:
        self.calls = 0

    async def validate(self, draft: Any) -> PluginOutcome:
        self.calls += 1
        return PluginOutcome(self.calls > 1, "again")
