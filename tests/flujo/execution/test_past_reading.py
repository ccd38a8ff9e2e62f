"""What a run knows when it goes on is read from the log of the run that ended, record by record."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from flujo.entries import Draw, LedgerEntry
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
)
from flujo.execution.ledger import price_entry
from flujo.execution.past import Grant, Past, past_of
from flujo.execution.signals import AskFailure
from flujo.ports import PluginOutcome, RecordedAnswer
from flujo.stores.memory import MemoryJournal
from flujo.usage import RequestUsage

RUN = Scope(None, "")
BRANCH = Scope(RUN, "fan/branch:a")
ONE, TWO = (Draw("requests", Decimal(number), Decimal(0)) for number in (1, 2))


def entry(path: str, number: int = 1) -> LedgerEntry:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return price_entry(RequestUsage(usage=None), run_id="r", path=path, number=number, attempt=1, requested_at=at)


def known(*records: tuple[Any, ...], scope: Scope = RUN, name: str = "s") -> Past:
    """What is read of these records (their class, then their fields), all of one step."""
    log: Log = []
    for kind, *fields in records:
        log.extend((kind, 0.0, scope, name, *fields))
    return past_of(log, (), None, None)


def asked(attempt: int = 1, hop: int = 0) -> tuple[Any, ...]:
    return Asked, attempt, hop, "writer", "rain", ()


def judged(plugin: str, accepted: bool, feedback: str | None = None, **of: Any) -> tuple[Any, ...]:
    fields = {"redirect": None, "replaced": False, "solution": None, "crashed": False, **of}
    return Judged, 1, 0, plugin, accepted, feedback, *fields.values()


def failure(answer: RecordedAnswer) -> tuple[Any, ...]:
    error: Any = answer.error
    return type(error), error.outcome, str(error.error), error.retryable


def test_the_ledger_the_granted_step_and_the_store_are_those_of_the_run() -> None:
    store = MemoryJournal()
    past = past_of([], (entry("a"),), "s", store)
    assert (past.entries, past.granted, past.store) == ((entry("a"),), "s", store)


# Asks -----------------------------------------------------------------------------------------------------


def test_an_ask_that_was_answered_is_known_with_what_it_paid_drew_and_changed() -> None:
    past = known(
        asked(1), (Answered, 1, 0, "draft"),
        asked(2), (Paid, entry("s/attempt:2")), (Drawn, 2, 0, None, (ONE,)), (Paid, entry("s/attempt:2", 2)),
        (Drawn, 2, 0, None, (TWO,)), (Answered, 2, 0, "Rain"), (ContextChanged, (("title", "old", "new"),)),
    )  # fmt: skip
    assert past.answers == {
        "s/attempt:1": RecordedAnswer("draft"),
        "s/attempt:2": RecordedAnswer(
            "Rain",
            (entry("s/attempt:2"), entry("s/attempt:2", 2)),
            context_change=(("title", "new"),),
            draws=(ONE, TWO),
        ),
    }
    assert (past.attempts, past.unfinished, past.interrupted) == ({"s": 2}, {}, {})


def test_who_was_redirected_to_and_who_judged_share_the_changes_of_their_attempt() -> None:
    past = known(
        asked(1), (Answered, 1, 0, "draft"), asked(1, 1), (Answered, 1, 1, "Rain"),
        (Judged, 1, 1, "tone", True, None, None, False, None, False), (ContextChanged, (("title", "old", "new"),)),
        scope=BRANCH,
    )  # fmt: skip
    change = (("title", "new"),)
    at = "fan/branch:a/s/attempt:1"
    assert past.answers == {
        at: RecordedAnswer("draft", context_change=change),
        f"{at}/redirect:1": RecordedAnswer("Rain", context_change=change),
        f"{at}/redirect:1/plugin:tone": RecordedAnswer(PluginOutcome(True), context_change=change),
    }
    assert past.attempts == {"fan/branch:a/s": 1}


def test_changes_by_a_step_that_asked_nobody_belong_to_no_ask() -> None:
    past = known((ContextChanged, (("title", "old", "new"),)), (Answered, 1, 0, "Rain"))
    assert past.answers == {"s/attempt:1": RecordedAnswer("Rain")}


def test_an_uneventful_step_is_known_like_one_that_was_told_at_length() -> None:
    log: Log = [Uneventful, 0.0, BRANCH, "s", "writer", "rain", "Rain", (("title", "old", "new"),), 1.0]
    past = past_of(log, (), None, None)
    answer = RecordedAnswer("Rain", context_change=(("title", "new"),))
    assert (past.answers, past.attempts) == ({"fan/branch:a/s/attempt:1": answer}, {"fan/branch:a/s": 1})


@pytest.mark.parametrize(
    ("outcome", "retryable"),
    [("error", True), (Carried("error", True), True), (Carried("error", False), False)],
    ids=["as it was told", "for once", "for good"],
)
def test_an_ask_that_failed_is_known_with_its_text(outcome: Any, retryable: bool) -> None:
    past = known(asked(), (Paid, entry("s/attempt:1")), (AskFailed, 1, 0, outcome, "offline"))
    (answer,) = past.answers.values()
    assert failure(answer) == (AskFailure, "error", "offline", retryable)
    assert (answer.value, answer.entries, past.interrupted, past.unfinished) == (
        None, (entry("s/attempt:1"),), {}, {},
    )  # fmt: skip


def test_attempts_that_were_broken_off_are_counted() -> None:
    records = [(AskFailed, number, 0, how, "over") for number, how in enumerate(("cancelled", "limited", "error"), 1)]
    past = known(*records, scope=BRANCH)
    assert past.interrupted == {"fan/branch:a/s": 2}


def test_an_answer_that_passed_a_limit_is_known_and_its_attempt_was_not_broken_off() -> None:
    past = known(
        asked(), (Kept, 1, 0, None, "Rain", (("title", "new"),)), (AskFailed, 1, 0, "limited", "it passed a limit"),
        asked(2), (AskFailed, 2, 1, "error", "offline"),
    )  # fmt: skip
    first, second = past.answers.items()
    assert first == ("s/attempt:1", RecordedAnswer("Rain", context_change=(("title", "new"),)))
    assert (second[0], failure(second[1])) == ("s/attempt:2/redirect:1", (AskFailure, "error", "offline", True))
    assert past.interrupted == {}


def test_a_verdict_of_an_attempt_that_was_broken_off_is_known() -> None:
    change = (("title", "new"),)
    past = known((Kept, 2, 1, "tone", PluginOutcome(True), change), scope=BRANCH)
    at = "fan/branch:a/s/attempt:2/redirect:1/plugin:tone"
    assert past.answers == {at: RecordedAnswer(PluginOutcome(True), context_change=change)}


def test_what_was_paid_and_drawn_by_asks_that_did_not_end_is_known() -> None:
    past = known(
        (Drawn, 1, 0, None, (ONE,)),
        (Drawn, 2, 1, "tone", (TWO,)),
        (Paid, entry("s/attempt:1")),
        (Paid, entry("s/attempt:3")),
    )
    assert list(past.unfinished.items()) == [
        ("s/attempt:1", RecordedAnswer(None, (entry("s/attempt:1"),), draws=(ONE,))),
        ("s/attempt:3", RecordedAnswer(None, (entry("s/attempt:3"),))),
        ("s/attempt:2/redirect:1/plugin:tone", RecordedAnswer(None, draws=(TWO,))),
    ]
    assert past.answers == {}


# Verdicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (judged("tone", True, "well done"), PluginOutcome(True, "well done")),
        (judged("tone", False, "too sad"), PluginOutcome(False, "too sad")),
        (judged("tone", True, replaced=True, solution="Rain"), PluginOutcome(True, new_solution="Rain")),
        (judged("tone", True, replaced=True), PluginOutcome(True, new_solution=None)),
        (judged("tone", False, "no", redirect=Carried("other", len)), PluginOutcome(False, "no", len)),
        (judged("tone", False, "odd", crashed=Carried(True, {"verdict": "good"})), {"verdict": "good"}),
        (judged("tone", False, "odd", crashed=Carried(True, None)), None),
    ],
    ids=["praise", "rejection", "solution", "solution of None", "redirect", "no outcome", "nothing"],
)
def test_what_a_plugin_said_is_known(verdict: Any, outcome: object) -> None:
    assert known(verdict).answers == {"s/attempt:1/plugin:tone": RecordedAnswer(outcome)}


def test_a_plugin_that_failed_is_known_to_have_failed() -> None:
    crash = AskFailure("timeout", TimeoutError("late"))
    at = "s/attempt:1/plugin:tone"
    past = known((Paid, entry(at)), judged("tone", False, "late", crashed=Carried(True, crash)), (ContextChanged, ()))
    assert past.answers == {at: RecordedAnswer(None, (entry(at),), crash)}


def test_the_check_of_an_output_type_is_no_plugin() -> None:
    assert known(judged("output_type", False, "title: Field required")).answers == {}


# Decisions and people -------------------------------------------------------------------------------------


def test_decisions_answers_of_people_and_waits_are_known() -> None:
    past = known(
        (Decided, "items", 2, ["rain"]), (Replied, "yes"), (BackedOff, 2, 0.5), (BackedOff, 3, 1.0), scope=BRANCH
    )
    assert past.answers == {
        "fan/branch:a/s/decision:items:2": RecordedAnswer(["rain"]),
        "fan/branch:a/s/human:1": RecordedAnswer("yes"),
    }
    assert past.backed_off == {("fan/branch:a/s", 2), ("fan/branch:a/s", 3)}


@pytest.mark.parametrize(
    ("record", "found"),
    [((CacheHit, Carried("key", "result")), "result"), ((CacheMissed, "key"), None)],
    ids=["hit", "missed"],
)
def test_whether_a_cache_had_a_result_is_known(record: Any, found: object) -> None:
    assert known(record, scope=BRANCH).answers == {"fan/branch:a/s/decision:cache:0": RecordedAnswer(found)}


@pytest.mark.parametrize("strategy", ["function", "context_update"])
def test_what_a_function_merged_is_known(strategy: str) -> None:
    sources = (("title", ("a",)), ("names", ("a", "b")))
    past = known((Merged, strategy, (("title", "old", "new"), ("names", 1, 2)), sources), scope=BRANCH)
    answer = RecordedAnswer(((("title", "new"), ("names", 2)), sources))
    assert past.answers == ({"fan/branch:a/s/decision:merge_strategy:0": answer} if strategy == "function" else {})


def test_how_a_run_had_gone_on_before_is_known() -> None:
    failed, paused = Carried("failed", Grant("s", 2, 1)), Carried("paused", None)
    past = known((RunResumed, failed, ()), (RunResumed, paused, (("ask", "yes"),)))
    assert past.resumed == [(failed, ()), (paused, (("ask", "yes"),))]
    assert past.grants == {"s": Grant("s", 2, 1)}


def test_what_was_known_when_the_run_went_on_is_remembered() -> None:
    former = Past(answers={"a/attempt:1": RecordedAnswer("a"), "s/attempt:1": RecordedAnswer("old")}, attempts={"a": 1})
    past = known((Remembered, former), asked(), (Answered, 1, 0, "new"))
    assert past.answers == {"a/attempt:1": RecordedAnswer("a"), "s/attempt:1": RecordedAnswer("new")}
    assert past.attempts == {"a": 1, "s": 1}
