"""What a run hands out belongs to whoever gets it: nobody can rewrite a run, or the next one, through it."""

from __future__ import annotations

import itertools
import pickle
from contextlib import ExitStack
from typing import Any

from pydantic import Field, PrivateAttr

from flujo import (
    AgentOutput,
    Draft,
    Flujo,
    MergeStrategy,
    PipelineContext,
    PluginOutcome,
    Price,
    PriceTable,
    Step,
    Usage,
    override,
)
from flujo.events import Answered, ContextChanged, Event, Merged, RunStarted
from flujo.overrides import current

PRICES = PriceTable({"test:m": Price(input="3", output="17")})


class Ctx(PipelineContext):
    log: list[str] = Field(default=[])


async def echo(x: object) -> object:
    return x


async def notes(x: object, *, context: Ctx) -> object:
    context.log.append("noted")
    return x


async def paid(x: object) -> AgentOutput[object]:
    return AgentOutput(x, usage=Usage(input_tokens=7, output_tokens=5), model="test:m")


def defaced(event: Event) -> None:
    """Changes whatever can be reached through an event that tells of contexts."""
    if isinstance(event, RunStarted):
        assert type(event.context) is Ctx
        event.context.log.append("defaced")
    elif isinstance(event, ContextChanged | Merged):
        for change in event.changes:
            for value in change[1:]:
                assert type(value) is list
                value.append("defaced")


FAN = Step.parallel("fan", {"a": Step("s", notes), "b": Step("t", notes)}, merge_strategy=MergeStrategy.CONTEXT_UPDATE)


async def test_a_listener_cannot_change_the_context_of_its_run_or_the_next() -> None:
    runner = Flujo(Step("s", notes) >> FAN, context_model=Ctx, listeners=[defaced])
    for _ in range(3):
        result = await runner.run_async("x")
        assert (result.listener_errors, result.context) == ((), Ctx(log=["noted"] * 3))


async def test_a_reader_of_the_transcript_cannot_change_the_context_or_the_next_run() -> None:
    runner = Flujo(Step("s", notes) >> FAN, context_model=Ctx)
    for _ in range(3):
        result = await runner.run_async("x")
        for event in result.transcript:
            defaced(event)
        assert result.context == Ctx(log=["noted"] * 3)


async def test_what_a_listener_does_to_an_event_is_not_in_the_transcript() -> None:
    result = await Flujo(Step("s", notes), context_model=Ctx, listeners=[defaced]).run_async("x")
    assert [event.changes for event in result.transcript.of(ContextChanged)] == [(("log", [], ["noted"]),)]


async def test_every_run_calls_the_default_factories_of_its_context() -> None:
    numbers, secrets = itertools.count(), itertools.count(100)

    class Numbered(PipelineContext):
        number: int = Field(default_factory=lambda: next(numbers))
        _secret: int = PrivateAttr(default_factory=lambda: next(secrets))

    runner = Flujo(Step("s", echo), context_model=Numbered)
    contexts = [(await runner.run_async("x")).context for _ in range(3)]
    first = contexts[0].number
    assert [context.number - first for context in contexts] == [0, 1, 2]
    assert [context._secret - contexts[0]._secret for context in contexts] == [0, 1, 2]


class Hoarder:
    """Returns the same list each time, longer by one."""

    def __init__(self) -> None:
        self.kept: list[int] = []

    async def run(self, x: object) -> list[int]:
        self.kept.append(len(self.kept))
        return self.kept


class Long:
    name, priority = "long", 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        return PluginOutcome(len(draft["output"]) > 2, "too short")


async def test_an_agent_that_changes_what_it_returned_rewrites_no_answer() -> None:
    result = await Flujo(Step("s", Hoarder(), plugins=[Long()], max_retries=3)).run_async("x")
    assert [event.output for event in result.transcript.of(Answered)] == [[0], [0, 1], [0, 1, 2]]


async def test_an_output_processor_that_works_in_place_rewrites_no_answer() -> None:
    def longer(values: list[int]) -> list[int]:
        values.append(9)
        return values

    result = await Flujo(Step("s", Hoarder(), output_processors=[longer])).run_async("x")
    assert (result.output, [event.output for event in result.transcript.of(Answered)]) == ([0, 9], [[0]])


async def test_settings_are_not_shared_between_attempts_or_runs() -> None:
    seen: list[list[str]] = []

    async def spoils(x: object, *, settings: dict[str, Any]) -> object:
        settings["stop"].append("spoilt")
        settings["more"] = True
        seen.append(sorted(settings))
        seen.append(settings["stop"])
        raise ValueError("again")

    runner = Flujo(Step("s", spoils, max_retries=1, settings={"stop": ["end"]}))
    for _ in range(2):
        await runner.run_async("x")
    assert seen == [["more", "stop"], ["end", "spoilt"]] * 4


# Overrides that overlap ---------------------------------------------------------------------------------------------


async def other(x: object) -> object:
    return f"other {x}"


async def another(x: object) -> object:
    return f"another {x}"


async def test_blocks_that_overlap_close_in_any_order() -> None:
    runner = Flujo(Step("s", echo) >> Step("t", echo))
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(override(agents={"s": other}))
        second.enter_context(override(agents={"s": another, "t": another}))
        assert (await runner.run_async("x")).output == "another another x"
        first.close()
        assert (await runner.run_async("x")).output == "another another x"
        second.close()
        assert (await runner.run_async("x")).output == "x"
        assert dict(current().agents) == {}


async def test_of_blocks_that_overlap_the_earlier_one_counts_again_when_the_later_one_is_closed() -> None:
    runner = Flujo(Step("s", echo) >> Step("t", echo))
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(override(agents={"s": other}))
        second.enter_context(override(agents={"s": another}))
        second.close()
        assert (await runner.run_async("x")).output == "other x"
        first.close()
        assert (await runner.run_async("x")).output == "x"


# Pickling ---------------------------------------------------------------------------------------------------------


async def test_a_completed_result_can_be_pickled_though_somebody_listened() -> None:
    def unpicklable(event: Event) -> None:
        """A function within a function cannot be pickled."""

    pipeline = Step("s", paid) >> FAN
    runner = Flujo(pipeline, context_model=Ctx, cost_model=PRICES, listeners=[unpicklable])
    result = await runner.run_async("x", run_id="r")
    copy = pickle.loads(pickle.dumps(result))
    assert (copy.status, copy.output, copy.run_id) == ("completed", {"a": "x", "b": "x"}, "r")
    assert (copy.ledger, copy.context, copy.step_history) == (result.ledger, result.context, result.step_history)
    assert list(copy.transcript)[1:] == list(result.transcript)[1:]
