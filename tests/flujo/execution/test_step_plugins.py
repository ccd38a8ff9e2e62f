"""One step: plugins judge drafts by priority; an output type is checked before them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import Draft, PluginOutcome, Rejection, Step
from flujo.events import Judged
from tests.flujo.execution.writers import JUDGE, YES, Judging, Listening, Writer, no, run


async def test_plugins_run_by_priority_and_ties_in_declared_order() -> None:
    plugins = [
        Judging("a", YES),
        Judging("b", YES, priority=5),
        Judging("c", YES),
        Judging("d", YES, priority=5),
    ]
    result = await run(Step("write", Writer("fits"), plugins=plugins))
    assert [event.plugin for event in result.transcript.of(Judged)] == ["b", "d", "a", "c"]


async def test_the_first_rejection_ends_the_round() -> None:
    late = Judging("late", YES)
    result = await run(Step("write", Writer("x", "y"), plugins=[Judging("first", no("no"), YES), late]))
    assert [(event.attempt, event.plugin) for event in result.transcript.of(Judged)] == [
        (1, "first"), (2, "first"), (2, "late"),
    ]  # fmt: skip


async def test_a_new_solution_replaces_the_output_and_the_next_plugin_sees_it() -> None:
    second = Judging("second", YES)
    result = await run(
        Step("write", Writer("x"), plugins=[Judging("first", PluginOutcome(True, new_solution="y")), second])
    )
    assert result.output == "y"
    assert [draft["output"] for draft in second.drafts] == ["y"]


async def test_none_is_a_new_solution_and_a_rejection_has_none() -> None:
    assert (
        await run(Step("write", Writer("x"), plugins=[Judging("p", PluginOutcome(True, new_solution=None))]))
    ).output is None
    rejecting = Judging("p", no("no", new_solution="z"), YES)
    assert (await run(Step("write", Writer("x", "y"), plugins=[rejecting]))).output == "y"


async def test_plugins_judge_a_private_copy() -> None:
    class Vandal:
        name, priority = "vandal", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            draft["output"].append("graffiti")
            draft["input"].clear()
            return YES

    kept = Judging("kept", YES, priority=-1)
    result = await run(Step("write", Writer(["clean"]), plugins=[Vandal(), kept]), ["rain"])
    assert result.output == ["clean"]
    assert kept.drafts[0]["output"] == ["clean"]
    assert kept.drafts[0]["input"] == ["rain"]


@pytest.mark.parametrize(
    ("outcome", "feedback"),
    [
        (ValueError("broken"), "plugin bad failed (ValueError: broken)"),
        (None, "plugin bad gave no PluginOutcome but NoneType"),
        (True, "plugin bad gave no PluginOutcome but bool"),
    ],
)
async def test_a_plugin_that_misbehaves_rejects_and_is_named(outcome: Any, feedback: str) -> None:
    writer = Listening("x", "y")
    result = await run(Step("write", writer, plugins=[Judging("bad", outcome, YES)]))
    assert result.output == "y"
    assert writer.feedback[1] == (Rejection("bad", feedback, 1),)
    assert [(event.accepted, event.crashed) for event in result.transcript.of(Judged)] == [
        (False, True),
        (True, False),
    ]


async def test_a_rejection_without_a_reason_gets_one() -> None:
    writer = Listening("x", "y")
    await run(Step("write", writer, plugins=[Judging("mute", PluginOutcome(False), YES)]))
    assert writer.feedback[1] == (Rejection("mute", "mute gave no reason", 1),)


async def test_plugins_that_call_a_model_are_paid() -> None:
    outcome = PluginOutcome(True, usage=JUDGE, model="test:judge")
    result = await run(Step("write", Writer("x"), plugins=[Judging("judge", outcome)]))
    assert [(entry.path, entry.cost_usd) for entry in result.ledger.entries] == [
        ("write/attempt:1", Decimal("0.00047")),
        ("write/attempt:1/plugin:judge", Decimal("0.000126")),
    ]
    assert result.cost_by("model") == {"test:writer": Decimal("0.00047"), "test:judge": Decimal("0.000126")}


class Ticket(BaseModel):
    title: str
    urgent: bool = False


class Typed(Listening):
    output_type = Ticket


async def test_a_declared_output_type_is_checked_first_and_its_error_is_the_feedback() -> None:
    late = Judging("late", YES, priority=100)
    writer = Typed('{"titel": "Rain"}', {"title": "Rain", "urgent": "yes"})
    result = await run(Step("file", writer, plugins=[late]))
    assert result.output == Ticket(title="Rain", urgent=True)
    assert writer.feedback[1] == (Rejection("output_type", "title: Field required", 1),)
    assert [draft["output"] for draft in late.drafts] == [Ticket(title="Rain", urgent=True)]
    assert result.cost_by("outcome") == {"invalid": Decimal("0.00047"), "accepted": Decimal("0.00047")}


async def test_text_that_is_json_becomes_the_declared_type() -> None:
    async def file(x: str) -> Ticket:
        return '{"title": "Rain"}'  # type: ignore[return-value]

    assert (await run(Step("file", file))).output == Ticket(title="Rain")
