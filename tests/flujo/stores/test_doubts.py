"""A paid call that may have been made when the process died: booked, counted by limits, and made again as its step
says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from flujo import AgentOutput, Flujo, MisuseError, PipelineDefinitionError, PipelineResult, Step, UsageLimits
from flujo.entries import idempotency_key
from flujo.errors import InDoubtError
from flujo.events import NotAdmitted, Paid, Questioned, Replied
from flujo.stores.sqlite import SQLiteStore
from flujo_testing import check_conservation
from tests.flujo.stores.dying import doubts, killed, runner, store_at
from tests.laws.cast import DRAFT, usd

pytestmark = pytest.mark.anyio
ONE = Decimal("0.00104")


class Writer:
    name, model, max_output_tokens = "writer", "test:writer", 40

    def __init__(self) -> None:
        self.keys: list[str | None] = []

    def estimate_input(self, text: str) -> int:
        return 120

    async def run(self, text: str, *, idempotency_key: str | None) -> AgentOutput[str]:
        self.keys.append(idempotency_key)
        return AgentOutput(f"{text}.", usage=DRAFT, model=self.model)


async def in_doubt(tmp_path: Path, part: Any, writer: Writer, **options: Any) -> Flujo:
    """A runner of which the run 'r' died in the call of its first step: it was made, and nobody heard of it."""
    store, database = store_at(tmp_path / "runs.db", 3, written=False)
    assert await killed(database, lambda: runner(part, store, **options).run_async("rain", run_id="r"))
    store.close()
    assert len(writer.keys) == 1
    return runner(part, SQLiteStore(tmp_path / "runs.db"), **options)


def booked(result: PipelineResult) -> list[tuple[str, str, Decimal | None]]:
    return [
        (event.entry.entry_id, event.entry.outcome, event.entry.possible_usd) for event in result.transcript.of(Paid)
    ]


async def test_a_call_in_doubt_is_booked_and_made_again_with_the_same_key(tmp_path: Path) -> None:
    writer = Writer()
    flow = await in_doubt(tmp_path, Step("s", writer), writer)
    (doubt,) = flow.store.load("r").doubts  # type: ignore[union-attr]
    assert (doubt.path, doubt.possible_usd) == ("s/attempt:1", ONE)
    (summary,) = flow.store.runs()  # type: ignore[union-attr]
    assert (summary.status, summary.cost_usd, summary.asks, summary.in_doubt) == ("interrupted", Decimal(0), 0, 1)
    result = await flow.run_async("rain", run_id="r")
    check_conservation(result)
    assert booked(result) == [
        ("r/s/attempt:1/request:1", "in_doubt", ONE), ("r/s/attempt:1/request:2", "ok", None),
    ]  # fmt: skip
    assert (result.total_cost_usd, result.ledger.known_cost_usd, result.ledger.possible_cost_usd) == (
        None, ONE, 2 * ONE,
    )  # fmt: skip
    assert writer.keys == [idempotency_key("r", "s/attempt:1")] * 2
    told = await flow.run_async("rain", run_id="r")
    assert (booked(told), len(writer.keys), doubts(told)) == (booked(result), 2, 1)


async def test_a_call_that_is_on_its_way_is_begun_and_not_in_doubt(tmp_path: Path) -> None:
    class Looks(Writer):
        async def run(self, text: str, *, idempotency_key: str | None) -> AgentOutput[str]:
            now = store.load("r")
            seen.append((now.summary.status, now.summary.in_doubt, [call.path for call in now.doubts]))
            return await super().run(text, idempotency_key=idempotency_key)

    seen = list[tuple[str, int, list[str]]]()
    store = SQLiteStore(tmp_path / "runs.db")
    await runner(Step("s", Looks()), store).run_async("rain", run_id="r")
    assert seen == [("running", 0, ["s/attempt:1"])]


async def test_a_call_in_doubt_twice_is_booked_twice(tmp_path: Path) -> None:
    writer = Writer()
    await in_doubt(tmp_path, Step("s", writer), writer)
    store, database = store_at(tmp_path / "runs.db", 3, written=False)
    assert await killed(database, lambda: runner(Step("s", writer), store).run_async("rain", run_id="r"))
    result = await runner(Step("s", writer), SQLiteStore(tmp_path / "runs.db")).run_async("rain", run_id="r")
    assert [(name[-1:], outcome) for name, outcome, _ in booked(result)] == [
        ("1", "in_doubt"), ("2", "in_doubt"), ("3", "ok"),
    ]  # fmt: skip
    check_conservation(result)


@pytest.mark.parametrize(("limits", "left"), [(usd("0.002"), Decimal("0.00096")), (UsageLimits(request_limit=1), 0)])
async def test_a_call_in_doubt_counts_against_the_limits(tmp_path: Path, limits: UsageLimits, left: Any) -> None:
    writer = Writer()
    flow = await in_doubt(tmp_path, Step("s", writer), writer, usage_limits=limits)
    result = await flow.run_async("rain", run_id="r")
    refused = [(event.path, event.left) for event in result.transcript.of(NotAdmitted)]
    assert (result.status, refused, len(writer.keys)) == ("limited", [("s/attempt:1", left)], 1)
    check_conservation(result)
    again = await flow.resume_async("r", usage_limits=UsageLimits(total_cost_usd_limit="0.00208", request_limit=2))
    assert (again.status, len(writer.keys), doubts(again)) == ("completed", 2, 1)


async def test_a_step_may_fail_for_a_call_in_doubt_and_its_fallback_takes_over(tmp_path: Path) -> None:
    writer = Writer()
    saved = Step("saved", lambda text: "saved")
    flow = await in_doubt(tmp_path, Step("s", writer, on_doubt="fail", fallback=saved), writer)
    result = await flow.run_async("rain", run_id="r")
    assert (result.output, len(writer.keys), doubts(result)) == ("saved", 1, 1)
    check_conservation(result)


async def test_a_step_that_fails_for_a_call_in_doubt_says_which(tmp_path: Path) -> None:
    writer = Writer()
    flow = await in_doubt(tmp_path, Step("s", writer, on_doubt="fail"), writer)
    result = await flow.run_async("rain", run_id="r")
    assert str(result.error) == (
        "step 's' failed after 1 attempt: the call at s/attempt:1 was interrupted: "
        "nobody knows whether it was made and paid"
    )
    assert type(result.error.cause) is InDoubtError  # type: ignore[union-attr]


@pytest.mark.parametrize(("answer", "status", "calls"), [("retry", "completed", 2), ("fail", "failed", 1)])
async def test_a_step_may_have_a_person_asked_about_a_call_in_doubt(
    tmp_path: Path, answer: str, status: str, calls: int
) -> None:
    writer = Writer()
    flow = await in_doubt(tmp_path, Step("s", writer, on_doubt="ask"), writer)
    paused = await flow.run_async("rain", run_id="r")
    (question,) = paused.questions
    assert (paused.status, question.path, question.message) == (
        "paused", "s", "The call at s/attempt:1 was interrupted, and may have been made and paid: retry or fail?",
    )  # fmt: skip
    check_conservation(paused)
    with pytest.raises(MisuseError, match="the answer 'perhaps' at 's' does not fit its input_schema"):
        await flow.resume_async("r", {"s": "perhaps"})
    result = await flow.resume_async("r", {"s": answer})
    assert (result.status, len(writer.keys), doubts(result)) == (status, calls, 1)
    told = [type(event) for event in result.transcript if isinstance(event, Questioned | Replied)]
    assert told == [Questioned, Replied]
    check_conservation(result)


async def test_what_was_asked_about_a_call_in_doubt_is_told_whenever_the_run_goes_on(tmp_path: Path) -> None:
    writer = Writer()
    later: Any = Step.human_in_the_loop("later", "Publish?")
    flow = await in_doubt(tmp_path, Step("s", writer, on_doubt="ask") >> later, writer)
    await flow.run_async("rain", run_id="r")
    paused = await flow.resume_async("r", {"s": "retry"})
    result = await flow.resume_async("r", {"later": "yes"})
    before, after = ([event for event in run.transcript if event.step == "s"] for run in (paused, result))
    assert [type(event).__name__ for event in after] == [
        "StepStarted", "Asked", "Paid", "Questioned", "Replied", "Paid", "Answered", "StepEnded",
    ]  # fmt: skip
    assert (before, result.status, len(writer.keys)) == (after, "completed", 2)
    check_conservation(result)


async def test_an_estimate_that_breaks_leaves_a_call_without_a_bound(tmp_path: Path) -> None:
    """No limit needs it: the call is made, and what it may cost is unknown."""

    class Breaks(Writer):
        def estimate_input(self, text: str) -> int:
            raise ValueError("nobody knows")

    writer = Breaks()
    flow = await in_doubt(tmp_path, Step("s", writer), writer)
    (doubt,) = flow.store.load("r").doubts  # type: ignore[union-attr]
    assert (doubt.path, doubt.possible_usd) == ("s/attempt:1", None)


async def test_an_agent_has_no_key_where_nothing_is_kept() -> None:
    writer = Writer()
    await Flujo(Step("s", writer)).run_async("rain", run_id="r")
    assert writer.keys == [None]


def test_a_policy_that_there_is_not_is_refused() -> None:
    with pytest.raises(PipelineDefinitionError, match=r"on_doubt is 'perhaps' \[on-doubt-invalid\]"):
        Step("s", Writer(), on_doubt=cast(Any, "perhaps"))


def test_only_a_policy_of_its_own_changes_a_fingerprint() -> None:
    plain, asks = Step("s", Writer()), Step("s", Writer(), on_doubt="ask")
    assert plain.shape() == ["step", "writer", [], 1, False]
    assert asks.shape() == ["step", "writer", [], 1, False, "on_doubt=ask"]
