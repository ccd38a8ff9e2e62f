"""Runs that are stopped at any moment, from outside or by a listener: nothing is left open, no spend is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from flujo import (
    AgentError,
    AgentOutput,
    BranchFailureStrategy,
    Draft,
    Flujo,
    MergeStrategy,
    Pipeline,
    PipelineAbort,
    PipelineContext,
    PipelineResult,
    PluginOutcome,
    Price,
    PriceTable,
    Step,
    Usage,
    UsageLimits,
)
from flujo.events import (
    Answered,
    Asked,
    AskFailed,
    BranchEnded,
    Event,
    NotAdmitted,
    Paid,
    RunEnded,
    StepEnded,
    StepStarted,
)
from flujo.execution.account import budget_above
from flujo.execution.budget import Budget

pytestmark = pytest.mark.usefixtures("virtual_clock")

PRICES = PriceTable({"test:m": Price(input="3", output="17")})
USAGE = Usage(input_tokens=7, output_tokens=5)


class Ctx(PipelineContext):
    drafts: int = 0


class Moments:
    """Counts the moments at which agents and plugins wait; acts at one of them."""

    def __init__(self, at: int = 0, act: Callable[[], object] = lambda: None) -> None:
        self.at = at
        self.act = act
        self.count = 0

    async def pass_one(self) -> None:
        self.count += 1
        if self.count == self.at:
            self.act()
        await anyio.lowlevel.checkpoint()


class Metered:
    model, max_output_tokens = "test:m", 5

    def __init__(self, moments: Moments, *, waits: int = 2, fails: bool = False, hangs: bool = False) -> None:
        self.name = "metered"
        self.moments = moments
        self.waits = waits
        self.fails = fails
        self.hangs = hangs

    def estimate_input(self, x: object) -> int:
        return 7

    async def run(self, x: object) -> AgentOutput[object]:
        for _ in range(self.waits):
            await self.moments.pass_one()
        if self.hangs:
            await anyio.sleep(60)
        if self.fails:
            raise AgentError("overloaded", usage=USAGE, model="test:m")
        return AgentOutput(x, usage=USAGE, model="test:m")


class Twice:
    """A paid plugin that rejects the first draft."""

    name, priority = "twice", 0

    def __init__(self, moments: Moments) -> None:
        self.moments = moments

    async def validate(self, draft: Draft, *, context: Ctx) -> PluginOutcome:
        await self.moments.pass_one()
        context.drafts += 1
        return PluginOutcome(draft["attempt"] > 1, "again", usage=USAGE, model="test:m")


class Story:
    """One run with everything in it; keeps what its listener heard and the budget of the run."""

    def __init__(self, moments: Moments) -> None:
        self.heard: list[Event] = []
        self.budgets: list[Budget] = []
        self.limits = UsageLimits(total_cost_usd_limit="0.1")
        self.pipeline = self._look() >> self._steps(moments)

    def _look(self) -> Step:
        async def look(x: object) -> object:
            budget = budget_above()
            assert type(budget) is Budget
            self.budgets.append(budget)
            return x

        return Step("look", look)

    def _steps(self, moments: Moments) -> Pipeline:
        def paying(name: str, **options: Any) -> Step:
            return Step(name, Metered(moments), **options)

        def broken(name: str, **options: Any) -> Step:
            return Step(name, Metered(moments, waits=1, fails=True), **options)

        hangs = Metered(moments, waits=1, hangs=True)
        tolerant = BranchFailureStrategy.IGNORE
        inner = Step.parallel("q", {"u": broken("s", max_retries=0), "v": paying("s")}, on_branch_failure=tolerant)
        fan = Step.parallel(
            "fan",
            {
                "x": paying("s") >> paying("t", plugins=[Twice(moments)]),
                "y": inner,
                "z": Step("s", hangs, timeout_s=30, max_retries=0, fallback=paying("k")),
            },
            merge_strategy=MergeStrategy.OVERWRITE,
            max_concurrency=2,
        )
        first = paying("a", plugins=[Twice(moments)], usage_limits=UsageLimits(request_limit=9))
        saved = broken("f", fallback=broken("g", max_retries=0, fallback=paying("h")))
        return first >> saved >> fan >> paying("end")

    def runner(self, *listeners: Callable[[Any], None]) -> Flujo:
        return Flujo(
            self.pipeline,
            context_model=Ctx,
            cost_model=PRICES,
            usage_limits=self.limits,
            listeners=[self.heard.append, *listeners],
        )

    def untidy(self) -> list[str]:
        """Whatever the run has left open, by what its listener heard and by what its budget still holds."""
        heard = self.heard
        started = Counter(event.step for event in heard if isinstance(event, StepStarted))
        ended = Counter(event.step for event in heard if isinstance(event, StepEnded))
        asked = Counter(event.path for event in heard if isinstance(event, Asked))
        answered = Counter(event.path for event in heard if isinstance(event, Answered | AskFailed))
        metered = {event.path for event in heard if isinstance(event, Asked) and event.agent == "metered"}
        entries = [event.entry for event in heard if isinstance(event, Paid)]
        ids = Counter(entry.entry_id for entry in entries)
        left = [f"step {step} is open" for step in started - ended]
        left += [f"step {step} ended twice" for step in ended - started]
        left += [f"ask {path} is open" for path in asked - answered]
        left += [f"ask {path} is not booked" for path in sorted(metered - {entry.path for entry in entries})]
        left += [f"{entry} is booked twice" for entry, times in ids.items() if times > 1]
        if [index for index, event in enumerate(heard) if isinstance(event, RunEnded)] != [len(heard) - 1]:
            left.append("RunEnded is not the last event")
        for budget in self.budgets:
            budget.check()
            left += [f"{name} {amount} reserved" for name, amount in budget.reserved.items() if amount]
            left += [f"{budget.open_holds} holds are open"] if budget.open_holds else []
        return left


def nested_badly(result: PipelineResult) -> list[str]:
    """Steps that do not nest in the transcript as they do in the pipeline."""
    stack: list[str] = []
    for event in result.transcript:
        if isinstance(event, StepStarted):
            stack.append(event.step)
        elif isinstance(event, StepEnded) and (not stack or stack.pop() != event.step):
            return [event.step]
    return stack


async def undisturbed() -> tuple[PipelineResult, Story, Moments]:
    moments = Moments()
    story = Story(moments)
    return await story.runner().run_async("x"), story, moments


async def test_the_story_completes_when_nobody_disturbs_it() -> None:
    result, story, moments = await undisturbed()
    assert (result.status, moments.count, story.untidy(), nested_badly(result)) == ("completed", 27, [], [])
    assert len(story.heard) == len(result.transcript) == 93
    assert result.total_cost_usd is None
    assert result.ledger.known_cost_usd == 17 * Decimal("0.000106")


async def test_a_run_cancelled_at_any_moment_closes_every_step_and_holds_nothing() -> None:
    _, _, moments = await undisturbed()
    left: dict[int, list[str]] = {}
    for at in range(1, moments.count + 1):
        with anyio.CancelScope() as scope:
            story = Story(Moments(at, scope.cancel))
            await story.runner().run_async("x")
        end = story.heard[-1]
        assert scope.cancelled_caught
        assert type(end) is RunEnded
        assert end.status == "cancelled"
        if untidy := story.untidy():
            left[at] = untidy
    assert left == {}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_asyncio_task_cancelled_at_any_moment_closes_every_step_and_holds_nothing() -> None:
    _, _, moments = await undisturbed()
    left: dict[int, list[str]] = {}
    for at in range(1, moments.count + 1):
        tasks: list[asyncio.Task[PipelineResult]] = []
        story = Story(Moments(at, lambda tasks=tasks: tasks[0].cancel()))  # type: ignore[misc]
        tasks.append(asyncio.create_task(story.runner().run_async("x")))
        await asyncio.wait(tasks)
        assert tasks[0].cancelled()
        if untidy := story.untidy():
            left[at] = untidy
    assert left == {}


async def test_an_abort_at_any_event_aborts_and_keeps_all_spend() -> None:
    result, _, _ = await undisturbed()
    statuses: dict[int, str] = {}
    for at in range(len(result.transcript) - 1):
        story = Story(Moments())
        aborted = await story.runner(aborting_at(at)).run_async("x", run_id="r")
        statuses[at] = aborted.status
        assert (at, story.untidy(), nested_badly(aborted)) == (at, [], [])
        assert sorted(map(repr, story.heard)) == sorted(map(repr, aborted.transcript))
        heard = [event.entry for event in story.heard if isinstance(event, Paid)]
        assert sorted(map(repr, heard)) == sorted(map(repr, aborted.ledger.entries))
        assert len(aborted.step_history) == len([e for e in story.heard if at_the_top(e)])
    assert statuses == dict.fromkeys(range(92), "aborted")


def at_the_top(event: Event) -> bool:
    return isinstance(event, StepStarted) and "/" not in event.step


def aborting_at(index: int) -> Callable[[Event], None]:
    seen = 0

    def listener(event: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == index + 1:
            raise PipelineAbort("enough")

    return listener


async def test_an_abort_at_the_end_of_the_run_is_a_listeners_error() -> None:
    story = Story(Moments())
    result = await story.runner(aborting_at(92)).run_async("x")
    assert (result.status, result.error) == ("completed", None)
    assert [(type(error.event), str(error.error)) for error in result.listener_errors] == [(RunEnded, "enough")]


@pytest.mark.parametrize("kind", [AskFailed, StepEnded])
async def test_an_abort_at_the_last_breath_of_a_failing_run_is_an_abort(kind: type[Event]) -> None:
    async def broken(x: object) -> object:
        raise ValueError("broken")

    def listener(event: Event) -> None:
        if isinstance(event, kind):
            raise PipelineAbort("enough")

    result = await Flujo(Step("s", broken, max_retries=0), listeners=[listener]).run_async("x")
    assert (result.status, str(result.error), result.listener_errors) == ("aborted", "enough", ())


@pytest.mark.parametrize("kind", [NotAdmitted, StepEnded])
async def test_an_abort_at_the_last_breath_of_a_limited_run_is_an_abort(kind: type[Event]) -> None:
    def listener(event: Event) -> None:
        if isinstance(event, kind) and event.step == "b":
            raise PipelineAbort("enough")

    pipeline = Step("a", Metered(Moments())) >> Step("b", Metered(Moments()))
    limits = UsageLimits(request_limit=1)
    runner = Flujo(pipeline, cost_model=PRICES, usage_limits=limits, listeners=[listener])
    result = await runner.run_async("x")
    assert (result.status, str(result.error)) == ("aborted", "enough")
    assert result.total_cost_usd == Decimal("0.000106")


# Branches that another one stops -------------------------------------------------------------------------


async def waits(x: object) -> object:
    await anyio.Event().wait()
    return x


async def breaks(x: object) -> object:
    await anyio.lowlevel.checkpoint()
    raise KeyError("broken")


async def test_nested_parallel_steps_stop_with_the_branch_around_them() -> None:
    inner = Step.parallel("inner", {"u": Step("s", waits), "v": Step("s", waits)})
    outer = Step.parallel("outer", {"a": inner, "b": Step("s", breaks, max_retries=0)})
    result = await Flujo(outer).run_async("x")
    assert str(result.error) == "step 'outer/branch:b/s' failed after 1 attempt: KeyError: 'broken'"
    assert [(event.step, event.branch, event.status) for event in result.transcript.of(BranchEnded)] == [
        ("outer/branch:a/inner", "u", "stopped"), ("outer/branch:a/inner", "v", "stopped"),
        ("outer", "a", "stopped"), ("outer", "b", "failed"),
    ]  # fmt: skip


async def test_a_nested_parallel_step_that_has_not_begun_asks_nobody_after_the_stop() -> None:
    asked: list[object] = []

    async def noting(x: object) -> object:
        asked.append(x)
        return x

    async def breaks_at_once(x: object) -> object:
        raise KeyError("broken")

    inner = Step.parallel("inner", {"u": Step("s", noting), "v": Step("s", noting)})
    failing = Step("s", breaks_at_once, max_retries=0)
    for branches in ({"a": failing, "b": inner}, {"a": inner, "b": failing}):
        result = await Flujo(Step.parallel("outer", branches)).run_async("x")
        assert (result.status, asked) == ("failed", [])


async def test_what_cancelled_calls_say_is_the_same_in_every_run() -> None:
    fan = Step.parallel("fan", {"a": Step("s", waits), "b": Step("s", breaks, max_retries=0)})
    first, second = [await Flujo(fan).run_async("x") for _ in range(2)]
    assert first.transcript == second.transcript
    assert [(event.path, event.outcome, event.error) for event in first.transcript.of(AskFailed)] == [
        ("fan/branch:a/s/attempt:1", "cancelled", "cancelled"),
        ("fan/branch:b/s/attempt:1", "error", "KeyError: 'broken'"),
    ]  # fmt: skip
    first_end = first.transcript.of(StepEnded)[0]
    assert (first_end.step, first_end.error) == ("fan/branch:a/s", "cancelled")
