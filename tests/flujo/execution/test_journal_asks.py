"""One ask of a frame that has a journal: what is kept of it, and what it does when it is known already."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flujo import AgentError, AgentOutput, PluginOutcome, UsageLimits
from flujo.errors import NotStorable
from flujo.events import Paid
from flujo.execution.budget import Budget
from flujo.execution.past import Replayed
from flujo.execution.signals import AskFailure, Breached
from flujo.ports import RecordedAnswer
from flujo.stores.memory import MemoryJournal
from flujo.structure import MISSING
from flujo.usage import RequestUsage
from tests.flujo.execution.asking import PATH, TOOLS, USED, Asking, Notes, Plain, entry, failure, never, pays
from tests.flujo.execution.budgets import limited, state, usd

pytestmark = pytest.mark.anyio


# What is kept ---------------------------------------------------------------------------------------------


async def test_an_answer_is_kept_with_what_it_paid_drew_and_changed() -> None:
    async def agent(x: str, *, context: Notes) -> AgentOutput[list[str]]:
        context.notes.append(x)
        request = RequestUsage(usage=USED, model="test:m", tool_calls=2)
        return AgentOutput([x], requests=(request, request))

    asking = Asking(MemoryJournal())
    asking.frame.log.extend((Paid, 0.0, asking.frame.scope, "t", entry(9)))
    answer = await asking.ask(agent, context=asking.context)
    assert answer == ["rain"]
    assert await asking.kept() == RecordedAnswer(
        ["rain"], (entry(1), entry(2)), None, (("notes", ["rain"]),), (TOOLS._replace(spent=Decimal(4)),)
    )


async def test_an_answer_is_kept_as_a_copy_and_whom_a_plugin_redirects_to_as_who_it_is() -> None:
    answer: list[str] = ["Rain"]
    other: Any = never

    class Judge:
        name, priority = "judge", 0

        async def validate(self, draft: Any) -> PluginOutcome:
            return PluginOutcome(True, redirect_to=other, new_solution=answer)

    asking = Asking(keeping := Plain())
    await asking.ask(Judge(), is_plugin=True)
    answer.append("later")
    outcome: Any = keeping.kept[f"{PATH}/plugin:judge"].value
    assert outcome == PluginOutcome(True, redirect_to=other, new_solution=["Rain"])
    assert outcome.redirect_to is other


async def test_an_ask_that_failed_is_kept_with_what_it_paid_and_without_what_it_changed() -> None:
    async def fails(x: str, *, context: Notes) -> str:
        context.notes.append(x)
        raise AgentError("offline", usage=USED, model="test:m")

    asking = Asking(MemoryJournal())
    with pytest.raises(AskFailure) as failed:
        await asking.ask(fails, context=asking.context)
    assert await asking.kept() == RecordedAnswer(None, (entry(outcome="error"),), failed.value)
    assert failure(failed.value) == (AskFailure, "error", "offline", True)


async def test_an_ask_that_was_refused_before_it_was_made_is_not_kept() -> None:
    class Unpriced:
        model, max_output_tokens = "test:unknown", 10

        async def run(self, x: str) -> str:
            return x

    asking = Asking(MemoryJournal(), budget=limited("1"))
    with pytest.raises(AskFailure) as failed:
        await asking.ask(Unpriced())
    assert (failed.value.outcome, await asking.kept(), asking.place.asked) == ("refused", None, False)


async def test_what_changed_beyond_copying_is_not_kept() -> None:
    async def agent(x: str, *, context: Notes) -> str:
        context.notes = (note for note in "abc")  # type: ignore[assignment]
        return x

    asking = Asking(MemoryJournal())
    assert await asking.ask(agent, context=asking.context) == "rain"
    assert await asking.kept() == RecordedAnswer("rain")


async def test_an_answer_that_passed_a_limit_is_kept() -> None:
    asking = Asking(MemoryJournal(), budget=limited("0.01"))
    with pytest.raises(Breached) as breach:
        await asking.ask(pays)
    assert (breach.value.answer, await asking.kept()) == ("Rain", RecordedAnswer("Rain", (entry(),)))


async def test_an_error_that_passed_a_limit_is_kept_as_one() -> None:
    async def fails(x: str) -> str:
        raise AgentError("offline", usage=USED, model="test:m")

    asking = Asking(MemoryJournal(), budget=limited("0.01"))
    with pytest.raises(Breached):
        await asking.ask(fails)
    kept = await asking.kept()
    assert (kept.value, kept.entries) == (None, (entry(outcome="error"),))
    why = "s/attempt:1 passed a limit: run used 0.02 of 0.01 USD"
    assert (failure(kept.error), type(kept.error.error)) == ((AskFailure, "limited", why, True), Replayed)


# What cannot be kept --------------------------------------------------------------------------------------


async def test_an_answer_that_cannot_be_kept_fails_its_ask_for_good_which_is_kept() -> None:
    async def agent(x: str, *, context: Notes) -> AgentOutput[str]:
        context.mood = "grey"
        return await pays(x)

    asking = Asking(keeping := Plain(lambda answer: answer.error is None))
    with pytest.raises(AskFailure) as failed:
        await asking.ask(agent, context=asking.context)
    assert keeping.kept == {PATH: RecordedAnswer(None, (entry(),), failed.value)}
    assert (failed.value.outcome, type(failed.value.error), failed.value.retryable) == ("invalid", NotStorable, False)
    assert failed.value.__cause__ is failed.value.error


async def test_an_answer_that_passed_a_limit_and_cannot_be_kept_has_passed_it_all_the_same() -> None:
    asking = Asking(keeping := Plain(lambda answer: answer.error is None), budget=limited("0.01"))
    with pytest.raises(Breached) as breach:
        await asking.ask(pays)
    kept: Any = keeping.kept[PATH].error
    assert (kept.outcome, breach.value.__cause__) == ("invalid", None)


@pytest.mark.parametrize("is_stored", [True, False], ids=["a store", "a journal"])
async def test_only_into_a_store_answers_cross_as_what_their_agent_declares(is_stored: bool) -> None:
    async def agent(x: str) -> int:
        return x  # type: ignore[return-value]

    asking = Asking(MemoryJournal(), is_stored=is_stored)
    if is_stored:
        with pytest.raises(AskFailure) as failed:
            await asking.ask(agent)
        assert str(failed.value.error) == (
            "the answer at 's/attempt:1' cannot be stored: at $, it is of type str, and agent 'agent' declares int "
            "(output: Input should be a valid integer, unable to parse string as an integer). "
            "Return what is declared, or declare what is returned"
        )
    else:
        assert await asking.ask(agent) == "rain"


async def test_an_answer_that_passed_a_limit_crosses_into_a_store_as_its_agent_declares() -> None:
    async def agent(x: str) -> AgentOutput[int]:
        return await pays(x)  # type: ignore[return-value]

    asking = Asking(MemoryJournal(), is_stored=True, budget=limited("0.01"))
    with pytest.raises(Breached):
        await asking.ask(agent)
    kept = await asking.kept()
    assert (kept.value, kept.error.outcome, type(kept.error.error)) == (None, "invalid", NotStorable)


async def test_an_error_that_passed_a_limit_crosses_into_a_store_as_it_is() -> None:
    async def fails(x: str) -> int:
        raise AgentError("offline", usage=USED, model="test:m")

    asking = Asking(MemoryJournal(), is_stored=True, budget=limited("0.01"))
    with pytest.raises(Breached):
        await asking.ask(fails)
    assert (await asking.kept()).error.outcome == "limited"


async def test_verdicts_and_errors_cross_into_a_store_as_they_are() -> None:
    class Judge:
        name, priority = "judge", 0

        async def validate(self, draft: Any) -> Any:
            return PluginOutcome(True)

    async def fails(x: str) -> int:
        raise ValueError("offline")

    asking = Asking(MemoryJournal(), is_stored=True)
    assert await asking.ask(Judge(), is_plugin=True) == PluginOutcome(True)
    failing = Asking(MemoryJournal(), is_stored=True)
    with pytest.raises(AskFailure) as failed:
        await failing.ask(fails)
    assert (await failing.kept()).error is failed.value


# What is known --------------------------------------------------------------------------------------------


async def test_what_is_known_is_not_asked_and_books_and_changes_the_same() -> None:
    journal = MemoryJournal()
    recorded = RecordedAnswer(["Rain"], (entry(),), None, (("mood", "grey"),), (TOOLS,))
    await journal.commit("r", PATH, recorded)
    budget = Budget(UsageLimits(total_cost_usd_limit="1", tool_calls_limit=2))
    asking = Asking(journal, budget=budget)
    answer: Any = await asking.ask(never, context=asking.context)
    assert (answer, asking.context) == (["Rain"], Notes(mood="grey"))
    assert asking.told == [("Asked", ()), ("Paid", entry()), ("Drawn", (TOOLS,))]
    assert (asking.place.asked, asking.place.at) == (True, 7.0)
    assert (state(budget), state(budget, "tool_calls")) == (usd("0.02", "0", "0"), usd("2", "0", "0"))


async def test_an_answer_that_is_known_is_handed_out_as_a_copy() -> None:
    keeping = Plain()
    keeping.kept[PATH] = RecordedAnswer(["Rain"])
    answer: Any = await Asking(keeping).ask(never)
    answer.append("later")
    assert keeping.kept[PATH].value == ["Rain"]


async def test_whoever_watches_the_context_knows_that_nobody_knows_what_was_read() -> None:
    keeping = Plain()
    keeping.kept[PATH] = RecordedAnswer("Rain")
    for offers in (False, True):
        asking = Asking(keeping)
        reads: set[str] = set()
        asking.frame.state = asking.frame.state.watched(reads)
        await asking.ask(never, **({"context": asking.frame.state.fork()} if offers else {}))
        assert {"notes", "mood"} & reads == ({"notes", "mood"} if offers else set())


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_failure_that_is_known_fails_the_same(retryable: bool) -> None:
    keeping = Plain()
    known = AskFailure("timeout", Replayed("late"), retryable=retryable)
    keeping.kept[PATH] = RecordedAnswer(None, error=known)
    with pytest.raises(AskFailure) as failed:
        await Asking(keeping).ask(never)
    assert failure(failed.value) == (AskFailure, "timeout", "late", retryable)
    assert (failed.value is known, failed.value.error is known.error) == (False, True)


@pytest.mark.parametrize("failed", [False, True])
async def test_a_limit_that_what_is_known_has_passed_is_passed_again(failed: bool) -> None:
    keeping = Plain()
    error = AskFailure("limited", Replayed("over")) if failed else None
    keeping.kept[PATH] = RecordedAnswer(None if failed else ["Rain"], (entry(),), error)
    with pytest.raises(Breached) as breach:
        await Asking(keeping, budget=limited("0.01")).ask(never)
    assert breach.value.answer == (MISSING if failed else ["Rain"])
    assert (breach.value.answer is keeping.kept[PATH].value) is False
