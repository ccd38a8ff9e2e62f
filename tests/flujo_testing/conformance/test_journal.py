"""The contract of journals: ours keeps it, and journals that break a sentence of it are found out."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from flujo.stores.memory import MemoryJournal
from flujo.stores.sqlite import SQLiteStore
from flujo_testing import JournalConformance, VirtualClock
from tests.flujo_testing.conformance import bad_journals as bad
from tests.flujo_testing.conformance.found import breaches, sentences_of

pytestmark = pytest.mark.anyio


class TestMemoryJournal(JournalConformance):
    def make_journal(self) -> MemoryJournal:
        return MemoryJournal()

    def in_doubt(self, journal: MemoryJournal) -> Collection[tuple[str, str]]:
        return journal.in_doubt


class TestSQLiteStore(JournalConformance):
    """On a disk; a later process opens the file anew."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.opened: list[SQLiteStore] = []

    def make_journal(self) -> SQLiteStore:
        return self.kept(SQLiteStore(self.folder / f"runs-{len(self.opened)}.db"))

    async def in_doubt(self, journal: SQLiteStore) -> Collection[tuple[str, str]]:
        return await journal.in_doubt()

    def reopen(self, journal: SQLiteStore) -> SQLiteStore:
        return self.kept(SQLiteStore(journal.file))

    def close_journal(self, journal: SQLiteStore) -> None:
        for store in self.opened:
            store.close()

    def kept(self, store: SQLiteStore) -> SQLiteStore:
        self.opened.append(store)
        return store


class Candidate(JournalConformance):
    """Its makers are async, as those of a journal on a disk may be."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind
        self.closed = 0

    async def make_journal(self) -> Any:
        return self.kind()

    async def in_doubt(self, journal: bad.Fine) -> Collection[tuple[str, str]]:
        return journal.intended

    async def reopen(self, journal: Any) -> Any:
        return journal.reopened() if hasattr(journal, "reopened") else journal

    async def close_journal(self, journal: Any) -> None:
        self.closed += 1


ABSENT = "test_what_was_never_committed_is_absent"
VALUE = "test_a_value_is_recalled_as_it_was"
NONE = "test_none_is_a_value"
ENTRIES = "test_entries_are_recalled_as_they_were"
ERROR = "test_an_error_is_recalled_as_an_error"
CHANGES = "test_changes_of_the_context_are_kept_with_deletions"
METADATA = "test_metadata_is_recalled_as_it_was"
AGAIN = "test_recalling_takes_nothing_away"
OUTLIVES = "test_answers_outlive_the_process"
APART = "test_another_run_or_path_has_answers_of_its_own"
DOUBT = "test_what_is_intended_and_not_answered_is_in_doubt"
INTENTION = "test_an_intention_is_no_answer"
STANDS = "test_an_answer_stands"
OWN = "test_values_cross_without_being_shared"
LISTED = "test_paths_are_listed_in_the_order_of_commits"
BOOKED = "test_intents_are_listed_with_what_is_booked_of_them"
CONCURRENT = "test_concurrent_commits_are_all_kept"
RUN = "test_a_run_that_is_run_again_asks_nobody"

KEPT = "what was committed is recalled as it was"
NO_ABSENCE = "None is a value: an answer of None is an answer, and a new solution of None a new solution"
TO_THE_DIGIT = "the ledger's entries are kept to the last digit and in their order: totals are made of them"
AS_ERROR = "an error is kept as the error it was: replayed as a value, a failed ask would have succeeded"
DELETED = "changes of the context are kept in order, a deletion (MISSING) apart from None"
THERE_AGAIN = "what was committed or intended is there when the journal is opened again"
TOLD_APART = "answers belong to one run and one path, told apart to the last character"
IN_DOUBT = "an ask is in doubt from its intention to its answer, and at no other time"
FIRST_STANDS = "an answer stands: the same again changes nothing, another one is an error"
CROSSES = "values cross a journal: what is changed outside later changes nothing in it"
SAME_RUN = "a run with the id of an earlier one is that run: nobody is asked or paid again"
IN_ORDER = "the paths of a run's answers are listed in the order in which they were first committed"
WITH_BOUNDS = "calls in doubt are listed with all that is booked of each, in the order in which they were intended"
COMMITTED = "['write/attempt:2', 'write/attempt:10', 'ask/human:1', 'write/attempt:1', 'end/attempt:1']"
FOR_SO_MUCH = "for 0.0031870000000000000001 USD"
ASK = "review/branch:legal/check/attempt:1"
FIRST = "['run-1', 'write/attempt:1']"
ENTRY = "(LedgerEntry(entry_id='run-1/review/branch:legal/check/attempt:1/request:{}', ..."
CHANGED = "(('note', None), ('drafts', ['grey', {'lines': []}]), ('secret', <absent>), (... became "

BROKEN: list[tuple[type[Any], set[str], str, str]] = [
    (
        bad.GivesEmptyAnswers,
        {ABSENT, INTENTION, APART, RUN},
        "an ask without an answer is None",
        "it is RecordedAnswer(value=None, entries=(), error=None, context_change=(), draws=(...",
    ),
    (
        bad.SortsKeys,
        {VALUE},
        KEPT,
        "{'b': 1, 'a': [1, 1.0, True, '1', None]} became {'a': [1, 1.0, True, '1', None], 'b': 1}",
    ),
    (bad.KeepsTexts, {VALUE}, KEPT, "0 became '0'"),
    (bad.CutsLongTexts, {VALUE}, KEPT, f"{{'text': '{'x' * 67}... became '{{\"text\": \"{'x' * 66}..."),
    (bad.TakesNoneForAbsence, {NONE, ERROR, STANDS}, NO_ABSENCE, "None became no answer, but None"),
    (
        bad.LosesNewSolutionsOfNone,
        {NONE},
        NO_ABSENCE,
        "PluginOutcome(success=True, feedback=None, redirect_to=None, new_solution=Non... became "
        "PluginOutcome(success=True, feedback=None, redirect_to=None, new_solution=<ab...",
    ),
    (bad.KeepsMoneyAsFloats, {ENTRIES}, TO_THE_DIGIT, f"{ENTRY.format(2)} became {ENTRY.format(2)}"),
    (bad.SortsEntries, {ENTRIES}, TO_THE_DIGIT, f"{ENTRY.format(2)} became {ENTRY.format(1)}"),
    (bad.DropsErrors, {ERROR}, AS_ERROR, "('error', True, 'overloaded') became None"),
    (
        bad.TellsErrorsOnly,
        {ERROR},
        AS_ERROR,
        "('error', True, 'overloaded') became (\"('error', AgentError('overloaded'))\",)",
    ),
    (
        bad.DropsDeletions,
        {CHANGES},
        DELETED,
        f"{CHANGED}(('note', None), ('drafts', ['grey', {{'lines': []}}]), ('count', 0), ('about',...",
    ),
    (
        bad.TakesNoneForADeletion,
        {CHANGES},
        DELETED,
        f"{CHANGED}(('note', <absent>), ('drafts', ['grey', {{'lines': []}}]), ('secret', <absent>...",
    ),
    (bad.DropsMetadata, {METADATA, OWN}, KEPT, "{'cache_hit': True, 'note': None} became {}"),
    (bad.GivesOnce, {AGAIN, OWN}, "an answer can be recalled any number of times", "the second time it is None"),
    (
        bad.ForgetsAtTheEnd,
        {OUTLIVES, VALUE, NONE, ENTRIES, ERROR, CHANGES, METADATA, RUN, LISTED, BOOKED},
        THERE_AGAIN,
        "the answer is gone",
    ),
    (
        bad.ForgetsIntentionsAtTheEnd,
        {OUTLIVES, LISTED, BOOKED},
        THERE_AGAIN,
        "one ask was intended, and in doubt are []",
    ),
    (bad.MixesRuns, {APART, DOUBT}, TOLD_APART, f"run 'run-2' at 'write/attempt:1' has the answer of {FIRST}"),
    (bad.JoinsRunAndPath, {APART}, TOLD_APART, f"run 'run-1/write' at 'attempt:1' has the answer of {FIRST}"),
    (bad.IgnoresCase, {APART}, TOLD_APART, f"run 'Run-1' at 'write/attempt:1' has the answer of {FIRST}"),
    (
        bad.NormalisesPaths,
        {APART},
        TOLD_APART,
        "run 'run-1' at 'e\u0301cris/attempt:1' has the answer of ['run-1', '\u00e9cris/attempt:1']",
    ),
    (
        bad.CutsLongPaths,
        {APART},
        TOLD_APART,
        f"run 'run-1' at '{'x' * 76}... has the answer of ['run-1', '{'x' * 66}...",
    ),
    (bad.StripsPaths, {APART}, TOLD_APART, f"run 'run-1' at ' write/attempt:1' has the answer of {FIRST}"),
    (
        bad.RefusesOddPaths,
        {APART},
        "the first answer of an ask is taken",
        "run 'run-1' at 'wr_te/attempt:1': ValueError: a path of letters, please",
    ),
    (bad.NeverDoubts, {DOUBT, OUTLIVES, BOOKED}, IN_DOUBT, f"intended, in doubt are [], not [('run-1', '{ASK}')]"),
    (
        bad.DoubtsForEver,
        {DOUBT, CONCURRENT},
        IN_DOUBT,
        f"answered in one, in doubt are [('run-1', '{ASK}'), ('run-2', '{ASK}')], not [('run-2', '{ASK}')]",
    ),
    (
        bad.DoubtsWhatWasAnswered,
        {DOUBT},
        IN_DOUBT,
        f"intended after its answer, in doubt are [('run-1', '{ASK}'), ('run-2', '{ASK}')], not [('run-2', '{ASK}')]",
    ),
    (
        bad.DoubtsOneRunOnly,
        {DOUBT, BOOKED},
        IN_DOUBT,
        f"intended by two runs, in doubt are [('run-1', '{ASK}')], not [('run-1', '{ASK}'), ('run-2', '{ASK}')]",
    ),
    (
        bad.AnswersIntentions,
        {INTENTION, BOOKED},
        "an intention is no answer",
        "it is recalled as RecordedAnswer(value='pending', entries=(), error=None, context_change=(), dr...",
    ),
    (
        bad.TakesTheLastAnswer,
        {STANDS},
        FIRST_STANDS,
        "it takes another answer, RecordedAnswer(value=['another'], "
        "entries=(LedgerEntry(entry_id='run-1/review..., and says nothing",
    ),
    (
        bad.KeepsTheFirstSilently,
        {STANDS},
        FIRST_STANDS,
        "it takes another answer, RecordedAnswer(value=['another'], "
        "entries=(LedgerEntry(entry_id='run-1/review..., and says nothing",
    ),
    (
        bad.ComparesValuesOnly,
        {STANDS},
        FIRST_STANDS,
        "it takes another answer, RecordedAnswer(value={'lines': ['grey']}, "
        "entries=(), error=None, context_cha..., and says nothing",
    ),
    (
        bad.TakesAnAnswerOnce,
        {STANDS, LISTED},
        FIRST_STANDS,
        "the same answer again raises RuntimeError: there is another answer",
    ),
    (
        bad.KeepsWhatItIsGiven,
        {OWN},
        CROSSES,
        "an answer that was changed after its commit became "
        "({'lines': ['grey', 'rain']}, (('drafts', ['grey', 'rain']),), {'notes': ['gr...",
    ),
    (
        bad.GivesWhatItKeeps,
        {OWN},
        CROSSES,
        "an answer that was changed after a recall became "
        "({'lines': ['grey', 'rain']}, (('drafts', ['grey', 'rain']),), {'notes': ['gr...",
    ),
    (
        bad.SharesTheContext,
        {OWN},
        CROSSES,
        "an answer that was changed after its commit became "
        "({'lines': ['grey']}, (('drafts', ['grey', 'rain']),), {'notes': ['grey']})",
    ),
    (
        bad.ReadsThenWrites,
        {CONCURRENT},
        "branches commit at the same time, and all of their answers are kept",
        "19 of 20 are lost, 'fan/branch:b0/s/attempt:1' for one",
    ),
    (bad.LosesVerdicts, {RUN}, SAME_RUN, "after 3 calls and 2 verdicts there are 3 and 3"),
    (
        bad.LosesEntries,
        {RUN, ENTRIES, STANDS},
        SAME_RUN,
        "answer 3 paid by 3 entries became answer 3 paid by 0 entries",
    ),
    (
        bad.ListsByName,
        {LISTED},
        IN_ORDER,
        f"{COMMITTED} are listed as "
        "['ask/human:1', 'end/attempt:1', 'write/attempt:1', 'write/attempt:10', 'write/attempt:2']",
    ),
    (
        bad.ListsAllRuns,
        {LISTED},
        IN_ORDER,
        f"{COMMITTED} are listed as ['write/attempt:2', 'write/attempt:2/plugin:tone', 'write/attempt:10', "
        "'write/attempt:10/plugin:tone', 'ask/human:1', 'ask/human:1/plugin:tone', 'write/attempt:1', "
        "'write/attempt:1/plugin:tone', 'end/attempt:1', 'end/attempt:1/plugin:tone']",
    ),
    (
        bad.ListsIntentions,
        {LISTED},
        IN_ORDER,
        f"{COMMITTED} are listed as ['late/attempt:1', {COMMITTED[1:]}",
    ),
    (
        bad.MovesWhatIsCommittedAgain,
        {LISTED},
        IN_ORDER,
        f"{COMMITTED} are listed as "
        "['write/attempt:10', 'ask/human:1', 'write/attempt:1', 'end/attempt:1', 'write/attempt:2']",
    ),
    (
        bad.LosesBounds,
        {BOOKED},
        WITH_BOUNDS,
        f"intended, ['30 {FOR_SO_MUCH}, 2 draws'] are listed as ['30 for None USD, 2 draws']",
    ),
    (
        bad.LosesDraws,
        {BOOKED},
        WITH_BOUNDS,
        f"intended, ['30 {FOR_SO_MUCH}, 2 draws'] are listed as ['30 {FOR_SO_MUCH}, 0 draws']",
    ),
    (
        bad.KeepsTheLastIntentOnly,
        {BOOKED},
        WITH_BOUNDS,
        f"made again after a crash, ['30 {FOR_SO_MUCH}, 2 draws', '3 {FOR_SO_MUCH}, 2 draws'] are listed as "
        f"['3 {FOR_SO_MUCH}, 2 draws']",
    ),
    (
        bad.SortsIntents,
        {BOOKED},
        WITH_BOUNDS,
        f"made again after a crash, ['30 {FOR_SO_MUCH}, 2 draws', '3 {FOR_SO_MUCH}, 2 draws'] are listed as "
        f"['3 {FOR_SO_MUCH}, 2 draws', '30 {FOR_SO_MUCH}, 2 draws']",
    ),
    (
        bad.ListsIntentsOfAnswers,
        {BOOKED},
        WITH_BOUNDS,
        f"answered, [] are listed as ['30 {FOR_SO_MUCH}, 2 draws', '3 {FOR_SO_MUCH}, 2 draws']",
    ),
]


@pytest.mark.parametrize(("kind", "failed", "contract", "how"), BROKEN, ids=[kind.__name__ for kind, *_ in BROKEN])
async def test_a_journal_that_breaks_a_sentence_of_the_contract_is_told_which_and_how(
    kind: type[Any], failed: set[str], contract: str, how: str, virtual_clock: VirtualClock
) -> None:
    found = await breaches(JournalConformance, Candidate(kind))
    assert set(found) == failed
    assert f"{contract}; but with {kind.__name__}: {how}" in found.values()


@pytest.mark.parametrize("kind", [bad.Fine, bad.OfJson])
async def test_a_journal_that_keeps_the_contract_is_not_blamed_and_closed_after_every_test(kind: type[Any]) -> None:
    candidate = Candidate(kind)
    assert await breaches(JournalConformance, candidate) == {}
    assert candidate.closed == len(sentences_of(JournalConformance))


def test_every_test_of_the_contract_turns_red_for_some_journal() -> None:
    assert {name for _, failed, _, _ in BROKEN for name in failed} == set(sentences_of(JournalConformance))


async def test_who_defines_nothing_is_told_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"JournalConformance must define make_journal\(self\)"):
        await JournalConformance().test_an_intention_is_no_answer()

    class Half(JournalConformance):
        def make_journal(self) -> MemoryJournal:
            return MemoryJournal()

    with pytest.raises(NotImplementedError, match=r"Half must define in_doubt\(self, journal\)"):
        await Half().test_what_is_intended_and_not_answered_is_in_doubt()
