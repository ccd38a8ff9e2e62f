"""An ask of a run that goes on and had not ended: what it had paid counts, and what its step says of doubt is done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flujo.entries import Draw
from flujo.errors import InDoubtError
from flujo.events import Paid
from flujo.execution.journal import RETRY_OR_FAIL
from flujo.execution.past import Past, Replayed
from flujo.execution.signals import AskFailure, Breached, Paused
from flujo.ports import RecordedAnswer
from flujo.stores.memory import MemoryJournal
from tests.flujo.execution.asking import PATH, TOOLS, Asking, entry, failure, never, pays
from tests.flujo.execution.budgets import limited, state, usd

pytestmark = pytest.mark.anyio
LOST = entry(usage=None, outcome="in_doubt")
AGAIN = entry(2, usage=None, outcome="in_doubt")
HELD = Draw("cost_usd", Decimal(0), Decimal("0.03"))
WHY = "the call at s/attempt:1 was interrupted: nobody knows whether it was made and paid"
QUESTION = "The call at s/attempt:1 was interrupted, and may have been made and paid: retry or fail?"


def going_on(policy: str = "retry", *, doubtful: bool = True, says: dict[int, str] | None = None, **of: Any) -> Asking:
    """An ask that was lost; ``says`` is what a person has said of it, by the number of the doubt."""
    past = Past(
        store=MemoryJournal(),
        unfinished={PATH: RecordedAnswer(None, (LOST,), draws=(HELD,))},
        doubtful={PATH} if doubtful else set(),
        policies={"s": policy},
        answers={f"{PATH}/doubt:{number}": RecordedAnswer(said) for number, said in (says or {}).items()},
    )
    return Asking(past.store, past=past, **of)


async def test_what_an_ask_had_paid_is_booked_and_kept_with_what_it_pays_again() -> None:
    budget = limited("1")
    asking = going_on(doubtful=False, budget=budget)
    assert await asking.ask(pays) == "Rain"
    assert asking.told == [("Paid", LOST), ("Drawn", (HELD,)), ("Asked", ()), ("Paid", entry(2))]
    assert await asking.kept() == RecordedAnswer("Rain", (LOST, entry(2)), draws=(HELD,))
    assert state(budget) == usd("0.02", "0.03", "0")


async def test_an_ask_in_doubt_is_told_before_what_it_may_have_paid() -> None:
    asking = going_on()
    assert await asking.ask(pays) == "Rain"
    assert asking.told == [("Asked", ()), ("Paid", LOST), ("Drawn", (HELD,)), ("Paid", entry(2))]
    assert (asking.frame.log[1], asking.place.at) == (7.0, 7.0)


async def test_an_ask_in_doubt_fails_where_its_step_says_so() -> None:
    asking = going_on("fail")
    asking.frame.log.extend((Paid, 0.0, asking.frame.scope, "before", entry(9)))
    with pytest.raises(AskFailure) as failed:
        await asking.ask(never)
    assert failure(failed.value) == (AskFailure, "refused", WHY, False)
    assert (type(failed.value.error), failed.value.error.path) == (InDoubtError, PATH)  # type: ignore[attr-defined]
    assert await asking.kept() == RecordedAnswer(None, (LOST,), failed.value, draws=(HELD,))
    assert (asking.place.asked, asking.run.schemas) == (True, {})


async def test_a_person_is_asked_about_an_ask_in_doubt() -> None:
    asking = going_on("ask")
    with pytest.raises(Paused) as paused:
        await asking.ask(never)
    assert str(paused.value) == "the run waits for an answer to 's'"
    assert asking.run.schemas == {"s": RETRY_OR_FAIL}
    assert asking.told == [("Asked", ()), ("Paid", LOST), ("Drawn", (HELD,)), ("Questioned", QUESTION)]
    assert (await asking.kept(), asking.place.asked) == (None, False)


async def test_an_ask_in_doubt_is_made_again_if_a_person_says_so() -> None:
    asking = going_on("ask", says={1: "retry"})
    assert await asking.ask(pays) == "Rain"
    assert asking.told[3:] == [("Questioned", QUESTION), ("Replied", "retry"), ("Paid", entry(2))]
    assert asking.run.schemas == {}


async def test_an_ask_in_doubt_fails_if_a_person_says_so() -> None:
    asking = going_on("ask", says={1: "fail"})
    with pytest.raises(AskFailure) as failed:
        await asking.ask(never)
    assert failure(failed.value) == (AskFailure, "refused", WHY, False)
    assert asking.told[3:] == [("Questioned", QUESTION), ("Replied", "fail")]


async def test_an_ask_in_doubt_again_is_another_question() -> None:
    asking = going_on("ask", says={1: "retry"})
    past: Any = asking.past
    past.unfinished[PATH] = RecordedAnswer(None, (LOST, AGAIN))
    with pytest.raises(Paused):
        await asking.ask(never)


# Asks that are known --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({}, ["Paid 1", "Paid 2", "Paid 3", "Drawn"]),
        ({1: "retry"}, ["Paid 1", "Questioned", "Replied", "Paid 2", "Paid 3", "Drawn"]),
        ({2: "retry"}, ["Paid 1", "Paid 2", "Questioned", "Replied", "Paid 3", "Drawn"]),
        ({3: "fail"}, ["Paid 1", "Paid 2", "Paid 3", "Questioned", "Replied", "Drawn"]),
        ({1: "retry", 2: "retry"}, ["Paid 1", "Paid 2", "Questioned", "Replied", "Paid 3", "Drawn"]),
    ],
    ids=["never", "after the first", "after the second", "after the last", "twice"],
)
async def test_what_a_person_was_asked_about_an_ask_that_is_known_is_told_where_it_was(
    says: dict[int, str], told: list[str]
) -> None:
    budget = limited("1")
    asking = going_on("ask", says=says, budget=budget)
    recorded = RecordedAnswer("Rain", (LOST, AGAIN, entry(3)), draws=(TOOLS, HELD))
    await asking.journal.commit("r", PATH, recorded)
    assert await asking.ask(never) == "Rain"
    assert [kind + (f" {last.entry_id[-1]}" if kind == "Paid" else "") for kind, last in asking.told] == [
        "Asked", *told,
    ]  # fmt: skip
    last = max(says, default=0)
    questioned = [(kind, text) for kind, text in asking.told if kind in ("Questioned", "Replied")]
    assert questioned == ([("Questioned", QUESTION), ("Replied", says[last])] if says else [])
    assert state(budget) == usd("0.02", "0.03", "0")


async def test_an_ask_that_is_known_and_passed_a_limit_has_its_answer_though_a_person_was_asked_about_it() -> None:
    asking = going_on("ask", says={1: "retry"}, budget=limited("0.01"))
    await asking.journal.commit("r", PATH, RecordedAnswer("Rain", (LOST, entry(2))))
    with pytest.raises(Breached) as breach:
        await asking.ask(never)
    assert breach.value.answer == "Rain"


async def test_a_known_failure_that_paid_nothing_is_told_as_it_was() -> None:
    asking = going_on("ask")
    await asking.journal.commit("r", PATH, RecordedAnswer(None, error=AskFailure("error", Replayed("offline"))))
    with pytest.raises(AskFailure) as failed:
        await asking.ask(never)
    assert (failure(failed.value), asking.told) == ((AskFailure, "error", "offline", True), [("Asked", ())])
