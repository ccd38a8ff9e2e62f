"""What a run knows of itself when it goes on: of attempts, of what was paid, and of the store behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from flujo.entries import Draw, LedgerEntry
from flujo.events import Carried, Log, Paid, PaidBefore, Scope
from flujo.execution.ledger import price_entry
from flujo.execution.past import Grant, Past, Replayed, decision_path, doubt_path, human_path
from flujo.ports import Intent, RecordedAnswer
from flujo.stores.memory import MemoryJournal
from flujo.usage import RequestUsage

pytestmark = pytest.mark.anyio
DRAWS = (Draw("requests", Decimal(1), Decimal(0)),)


def entry(path: str, number: int = 1) -> LedgerEntry:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return price_entry(RequestUsage(usage=None), run_id="r", path=path, number=number, attempt=1, requested_at=at)


def answered(value: object, path: str = "") -> RecordedAnswer:
    return RecordedAnswer(value, (entry(path),) if path else ())


# Attempts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "interrupted", "grant", "allowed"),
    [
        (0, 0, None, 2),
        (1, 0, None, 2),
        (3, 0, None, 3),
        (1, 1, None, 3),
        (2, 0, (2, 0), 4),
        (3, 0, (2, 0), 4),
        (5, 0, (2, 0), 5),
        (3, 1, (2, 0), 5),
        (3, 1, (2, 1), 4),
    ],
    ids=[
        "of a step that was not reached",
        "of a step that is not through with them",
        "of a step that has made more",
        "of a step that was broken off once",
        "of a step that failed",
        "of a step that is not through with those that were granted",
        "of a step that has made more than were granted",
        "of a step that was broken off after they were granted",
        "of a step that was broken off before they were granted",
    ],
)
def test_a_step_with_one_retry_has_so_many_attempts_in_all(
    made: int, interrupted: int, grant: tuple[int, int] | None, allowed: int
) -> None:
    past = Past()
    if made:
        past.attempts["s"] = made
    if interrupted:
        past.interrupted["s"] = interrupted
    if grant is not None:
        past.grants["s"] = Grant("s", *grant)
    assert past.attempts_allowed("s", 2) == allowed


def test_further_attempts_are_granted_after_those_that_were_made() -> None:
    past = Past(grants={"s": Grant("s", 2, 0)})
    assert [past.grants_again("s", attempt) for attempt in (1, 2, 3)] == [True, True, False]
    assert past.grants_again("t", 1) is False


def test_a_run_that_goes_on_grants_the_step_that_failed_further_attempts() -> None:
    past = Past("s", attempts={"s": 3, "t": 5}, interrupted={"s": 1})
    past.resume("failed", (("ask", "yes"),))
    assert past.grants == {"s": Grant("s", 3, 1)}
    assert past.resumed == [(Carried("failed", Grant("s", 3, 1)), (("ask", "yes"),))]


def test_a_step_that_failed_before_it_asked_anybody_has_made_no_attempts() -> None:
    past = Past("s")
    past.resume("failed", ())
    assert past.grants == {"s": Grant("s", 0, 0)}


def test_a_run_in_which_no_step_failed_grants_nothing() -> None:
    past = Past(attempts={"s": 3})
    past.resume("paused", ())
    assert (past.grants, past.resumed) == ({}, [(Carried("paused", None), ())])


# What is known --------------------------------------------------------------------------------------------


def test_what_was_known_before_is_remembered_where_nothing_later_is() -> None:
    past = Past(
        answers={"a": answered("new"), "b": answered("b")},
        unfinished={"c": answered(None, "c"), "d": answered(None, "d")},
        doubtful={"d"},
        attempts={"a": 2, "b": 1},
        interrupted={"a": 1},
        backed_off={("a", 1)},
    )
    former = Past(
        answers={"a": answered("old"), "c": answered("c")},
        unfinished={"b": answered(None, "b"), "d": answered("old"), "e": answered(None, "e")},
        doubtful={"b", "e"},
        attempts={"a": 1, "b": 3, "c": 1},
        interrupted={"a": 2, "b": 1},
        backed_off={("b", 1)},
    )
    past.remember(former)
    assert past.answers == {"a": answered("new"), "b": answered("b"), "c": answered("c")}
    assert past.unfinished == {"d": answered(None, "d"), "e": answered(None, "e")}
    assert past.doubtful == {"d", "e"}
    assert past.attempts == {"a": 2, "b": 3, "c": 1}
    assert past.interrupted == {"a": 2, "b": 1}
    assert past.backed_off == {("a", 1), ("b", 1)}


def test_what_is_done_about_doubt_is_said_by_the_step_as_it_was_declared() -> None:
    past = Past(policies={"loop/draft": "ask"})
    assert past.policy_at("loop/iteration:2/draft") == "ask"
    assert past.policy_at("loop/iteration:2/other") == "retry"


def test_what_was_paid_is_known_of_asks_that_were_answered_and_of_others() -> None:
    drawn = RecordedAnswer(None, draws=DRAWS)
    past = Past(
        answers={"a": answered("a", "a"), "free": answered("free"), "c": drawn},
        unfinished={"b": answered(None, "b"), "a": answered("never")},
    )
    assert past.paid == {"a": answered("a", "a"), "b": answered(None, "b"), "c": drawn}


def test_what_was_paid_and_is_not_told_was_not_reached() -> None:
    scope = Scope(None, "")
    log: Log = [Paid, 0.0, scope, "a", entry("a"), PaidBefore, 0.0, scope, "", entry("b")]
    past = Past(entries=(entry("a"), entry("b"), entry("a", 2)))
    assert past.not_reached(log) == [entry("b"), entry("a", 2)]


def test_decisions_answers_and_doubts_have_paths_of_their_own() -> None:
    assert decision_path("fan/s", "items", 2) == "fan/s/decision:items:2"
    assert human_path("fan/ask") == "fan/ask/human:1"
    assert doubt_path("fan/s/attempt:1", 2) == "fan/s/attempt:1/doubt:2"


# Errors of which the text is left -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "asked", "was"),
    [
        ((), ValueError, True),
        (("builtins:ValueError", "builtins:Exception"), ValueError, True),
        (("builtins:ValueError", "builtins:Exception"), (KeyError, Exception), True),
        (("builtins:ValueError", "builtins:Exception"), (KeyError, TypeError), False),
        (("builtins:ValueError",), KeyError, False),
        (("builtins:ValueError",), (), False),
    ],
    ids=["nothing is known", "its class", "a class above", "others", "another", "none"],
)
def test_an_error_that_was_told_was_of_the_classes_that_are_known(known: Any, asked: Any, was: bool) -> None:
    error = Replayed("offline", known)
    assert (str(error), error.was(asked)) == ("offline", was)


# The store behind it --------------------------------------------------------------------------------------


async def test_a_run_that_goes_on_asks_the_store_for_what_it_does_not_know() -> None:
    store = MemoryJournal()
    past = Past(store=store, answers={"a": answered("known")})
    await store.commit("r", "a", answered("kept"))
    await past.commit("r", "b", answered("b"))
    assert [await past.recall("r", path) for path in ("a", "b", "c")] == [answered("known"), answered("b"), None]
    assert await past.paths("r") == ["a", "a", "b"]
    assert await past.recall("other", "b") is None


async def test_what_a_run_is_about_to_do_is_told_to_its_store() -> None:
    store = MemoryJournal()
    past = Past(store=store)
    await past.intend("r", "a", Intent(entry("a"), DRAWS))
    assert store.in_doubt == (("r", "a"),)
    assert await past.intents("r") == await store.intents("r") == {"a": (Intent(entry("a"), DRAWS),)}
    assert await past.intents("other") == {}


async def test_without_a_store_a_run_knows_only_itself() -> None:
    past = Past(answers={"a": answered("known")})
    await past.intend("r", "b", Intent(entry("b")))
    await past.commit("r", "b", answered("b"))
    assert [await past.recall("r", path) for path in ("a", "b")] == [answered("known"), None]
    assert (await past.paths("r"), await past.intents("r")) == (["a"], {})
