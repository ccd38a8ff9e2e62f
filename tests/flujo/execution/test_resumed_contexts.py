"""A run that goes on has the context as the steps before left it: its fields, and what no field tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flujo import Draft, Flujo, PipelineResult, PluginOutcome, Step
from flujo.events import ContextChanged, Event
from flujo.structure import MISSING
from tests.flujo.execution.writers import YES
from tests.flujo.samples import Ctx, normal

ASK: Any = Step.human_in_the_loop("ask", "Publish?")


async def look(x: object, *, context: Ctx) -> object:
    """All of the context, with its types and what in it is one object."""
    return normal(context)


def overtaken(context: Ctx) -> None:
    context.n = 2
    assert context.cache == [2]
    context.n = 3


def shared(context: Ctx) -> None:
    context.items = context.anything = [1]


def private_too(context: Ctx) -> None:
    context._log.append("seen")
    context.items.append(1)


def in_another_order(context: Ctx) -> None:
    was = context.n
    del context.n
    context.n = was


def gone_and_private(context: Ctx) -> None:
    del context.n
    context._log.append("seen")


def gone_and_cached(context: Ctx) -> None:
    assert context.cache == [1]
    del context.n


def gone_extra(context: Ctx) -> None:
    del context.kept
    context.items.append(1)


def an_extra_too(context: Ctx) -> None:
    context.surplus = [1]
    context.items.append(1)


CHANGES: dict[str, Callable[[Ctx], object]] = {
    "nothing": lambda context: None,
    "a field that was set": lambda context: setattr(context, "n", 2),
    "within a field": lambda context: context.items.append(1),
    "a field for the first time": lambda context: setattr(context, "s", "b"),
    "a field to what it was": lambda context: setattr(context, "s", ""),
    "a field gone": lambda context: delattr(context, "n"),
    "private": lambda context: context._log.append("seen"),
    "private and a field": private_too,
    "an extra": lambda context: setattr(context, "surplus", [1]),
    "an extra and a field": an_extra_too,
    "within an extra": lambda context: context.kept.append(3),
    "fields in another order": in_another_order,
    "a field gone and something private": gone_and_private,
    "a field gone and a cached property": gone_and_cached,
    "an extra gone that was there and fields": gone_extra,
    "a cached property": lambda context: context.cache,
    "a cached property that was overtaken": overtaken,
    "an object that fields share": shared,
}


async def told(*steps: Any, answers: dict[str, object] | None = None) -> PipelineResult:
    """The result of a run, resumed if there are answers, with a context in which a field and an extra were set."""
    pipeline = steps[0]
    for step in steps[1:]:
        pipeline = pipeline >> step
    flow = Flujo(pipeline, context_model=Ctx)
    result: PipelineResult = await flow.run_async("rain", context_data={"n": 1, "kept": [1]})
    return result if answers is None else await flow.resume_async(result, answers)


@pytest.mark.parametrize("what", CHANGES)
async def test_all_that_an_agent_changed_is_known(what: str) -> None:
    async def changing(x: object, *, context: Ctx) -> object:
        CHANGES[what](context)
        return x

    change, seen = Step("change", changing), Step("look", look)
    resumed = await told(change, ASK, seen, answers={"ask": "yes"})
    assert (resumed.status, resumed.output) == ("completed", (await told(change, seen)).output)


@pytest.mark.parametrize("what", CHANGES)
async def test_all_that_a_plugin_changed_is_known(what: str) -> None:
    class Changing:
        name, priority = "changing", 0

        async def validate(self, draft: Draft, *, context: Ctx) -> PluginOutcome:
            CHANGES[what](context)
            return YES

    async def echo(x: object) -> object:
        return x

    change, seen = Step("change", echo, plugins=[Changing()]), Step("look", look)
    resumed = await told(change, ASK, seen, answers={"ask": "yes"})
    assert (resumed.status, resumed.output) == ("completed", (await told(change, seen)).output)


@pytest.mark.parametrize("what", CHANGES)
async def test_all_that_a_merge_function_changed_is_known(what: str) -> None:
    def merging(context: Ctx, branches: object) -> Ctx:
        CHANGES[what](context)
        return context

    async def echo(x: object) -> object:
        return x

    fan: Any = Step.parallel("fan", {"a": Step("a", echo), "b": Step("b", echo)}, merge_strategy=merging)
    seen = Step("look", look)
    resumed = await told(fan, ASK, seen, answers={"ask": "yes"})
    assert (resumed.status, resumed.output) == ("completed", (await told(fan, seen)).output)


@pytest.mark.parametrize("listened", [False, True], ids=["read later", "listened to"])
async def test_a_change_is_told_by_its_fields(listened: bool) -> None:
    heard: list[Event] = []

    async def changing(x: object, *, context: Ctx) -> object:
        context.n, context.s, context.fresh = 2, "b", [1]
        context._log.append("seen")
        return x

    flow = Flujo(Step("change", changing), context_model=Ctx, listeners=[heard.append] if listened else [])
    result = await flow.run_async("rain", context_data={"n": 1})
    told = [event for event in (heard if listened else result.transcript) if isinstance(event, ContextChanged)]
    assert [event.changes for event in told] == [(("n", 1, 2), ("s", "", "b"), ("fresh", MISSING, [1]))]


@pytest.mark.parametrize("output", [{"n": 2}, {"s": "b"}, {"s": ""}], ids=["set before", "first time", "as it was"])
async def test_all_that_an_output_changed_is_known(output: object) -> None:
    async def giving(x: object) -> object:
        return output

    give, seen = Step("give", giving, updates_context=True), Step("look", look)
    resumed = await told(give, ASK, seen, answers={"ask": "yes"})
    assert (resumed.status, resumed.output) == ("completed", (await told(give, seen)).output)


@pytest.mark.parametrize("what", ["within a field", "private", "private and a field"])
async def test_what_was_answered_is_known_as_it_was_answered(what: str) -> None:
    async def changing(x: str, *, context: Ctx) -> str:
        CHANGES[what](context)
        return "Rain"

    loud = Step("loud", changing, output_processors=[lambda text: f"{text}!"])
    resumed = await told(loud, Step("plain", changing), ASK, answers={"ask": "yes"})
    assert [step.output for step in resumed.step_history] == ["Rain!", "Rain", "yes"]


async def test_fields_that_come_back_in_another_order_are_known_in_it() -> None:
    async def setting(x: object, *, context: Ctx) -> object:
        context.s = "a"
        return x

    async def dropping(x: object, *, context: Ctx) -> object:
        del context.n, context.s
        return x

    async def bringing_back(x: object, *, context: Ctx) -> object:
        context.s, context.n = "b", 2
        return x

    steps = [Step("set", setting), Step("drop", dropping), Step("bring back", bringing_back)]
    resumed = await told(*steps, ASK, Step("look", look), answers={"ask": "yes"})
    assert (resumed.status, resumed.output) == ("completed", (await told(*steps, Step("look", look))).output)


async def test_what_fields_shared_and_share_no_more_is_known() -> None:
    async def sharing(x: object, *, context: Ctx) -> object:
        shared(context)
        return x

    async def parting(x: object, *, context: Ctx) -> object:
        context.anything = None
        return x

    async def adding(x: object, *, context: Ctx) -> object:
        context.items.append(2)
        return x

    steps = [Step("share", sharing), Step("part", parting), Step("add", adding), Step("look", look)]
    resumed = await told(*steps[:-1], ASK, steps[-1], answers={"ask": "yes"})
    assert (resumed.status, resumed.output) == ("completed", (await told(*steps)).output)
