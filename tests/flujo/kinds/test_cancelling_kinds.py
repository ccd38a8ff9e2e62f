"""Runs of every kind, cancelled from outside at every moment at which somebody waits: all is told and booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from flujo import AgentOutput, Flujo, MergeStrategy, Pipeline, Step, UsageLimits
from flujo.events import Asked, Event, Paid, RunEnded, StepEnded, StepStarted
from flujo.execution.account import budget_above
from flujo.execution.budget import Budget
from flujo.stores.memory import MemoryCache
from flujo_testing.conservation import check_conservation
from tests.flujo.kinds.cast import PRICES, STILL, Notes, paid

LIMITS = UsageLimits(total_cost_usd_limit="0.1", request_limit=99)


class Moments:
    """Counts the moments at which agents wait, and acts at one of them."""

    def __init__(self, at: int = 0, act: Callable[[], object] = lambda: None) -> None:
        self.at = at
        self.act = act
        self.count = 0

    async def pass_one(self) -> None:
        self.count += 1
        if self.count == self.at:
            self.act()
        await anyio.lowlevel.checkpoint()


class Waiting:
    """A metered agent that waits twice and is paid for 7 tokens; it keeps the budget that it draws on."""

    name, model = "waiting", "test:m"
    identity = "waiting"

    def __init__(self, moments: Moments, budgets: list[Budget], output: object = "out", bound: int | None = 5) -> None:
        self.moments = moments
        self.budgets = budgets
        self.max_output_tokens = bound
        self.output = output

    def estimate_input(self, x: object) -> int:
        return 11

    async def run(self, x: object, *, context: Notes) -> AgentOutput[object]:
        budget = budget_above()
        assert type(budget) is Budget
        self.budgets.append(budget)
        await self.moments.pass_one()
        context.notes.append("was here")
        await self.moments.pass_one()
        return AgentOutput(self.output, **paid(7))


def always(x: object) -> bool:
    return True


def third(x: object, *, iteration: int) -> bool:
    return iteration == 3


def three(x: object) -> list[int]:
    return [3, 5, 7]


def key(x: object) -> str:
    return "a"


async def breaks(x: object) -> object:
    raise ValueError("broken")


def pipelines(step: Callable[..., Any]) -> dict[str, Any]:
    """One of each kind; ``step(name, output)`` makes a step of a waiting agent."""
    fan = {"a": step("s"), "b": step("s") >> step("t")}
    merged = MergeStrategy.CONTEXT_UPDATE
    return {
        "parallel": Step.parallel("p", fan, merge_strategy=merged),
        "selected": Step.parallel("p", fan, select=step("router", ["b"]), max_concurrency=1),
        "branch": Step.branch_on("b", key, fan) >> step("after"),
        "loop": Step.loop_until("l", step("s") >> step("t"), third),
        "map": Step.map_over("m", step("s"), three),
        "map_at_once": Step.map_over("m", step("s") >> step("t"), three, max_concurrency=2, merge_strategy=merged),
        "cached": Step.cached(Step.loop_until("l", step("s"), third), MemoryCache()) >> step("after"),
        "pipeline": (step("s") >> step("t")).as_step("n", usage_limits=UsageLimits(request_limit=9)) >> step("after"),
        "fallback": Step("f", breaks, max_retries=0, fallback=Step.map_over("m", step("s"), three)),
        "refine": Step.refine_until("r", step("draft"), step("critic", {"is_complete": True})),
        "all": Step.loop_until(
            "l",
            Step.map_over("m", Step.parallel("p", {"a": step("s"), "b": Step.branch_on("b", key, fan)}), three),
            always,
        ),
    }


KINDS = [*pipelines(lambda name, output=None: Step(name, breaks))]


class Story:
    """One run; keeps what its listener heard and every budget that was drawn on.

    Under a limit calls without a ``bound`` run one at a time: whoever else is to be asked waits for the budget.
    """

    def __init__(self, kind: str, moments: Moments, bound: int | None) -> None:
        self.heard: list[Event] = []
        self.budgets: list[Budget] = []
        part = pipelines(lambda name, output="out": Step(name, Waiting(moments, self.budgets, output, bound)))[kind]
        self.runner = Flujo(
            Pipeline.of(part),
            context_model=Notes,
            cost_model=PRICES,
            usage_limits=LIMITS,
            clock=STILL,
            listeners=[self.heard.append],
        )

    def untidy(self) -> list[str]:
        """Whatever the run has left open, by what its listener heard and by what its budgets still hold."""
        started = Counter(event.step for event in self.heard if isinstance(event, StepStarted))
        ended = Counter(event.step for event in self.heard if isinstance(event, StepEnded))
        asked = Counter(event.path for event in self.heard if isinstance(event, Asked) and event.agent == "waiting")
        booked = Counter(event.entry.path for event in self.heard if isinstance(event, Paid))
        left = [f"{step} is open" for step in started - ended] + [f"{step} ended twice" for step in ended - started]
        left += [f"{path} is not booked" for path in asked - booked] + [f"{path} is booked" for path in booked - asked]
        ends = [(place, event.status) for place, event in enumerate(self.heard) if isinstance(event, RunEnded)]
        if ends != [(len(self.heard) - 1, "cancelled")]:
            left.append(f"the run ended {ends} of {len(self.heard)}")
        for budget in self.budgets:
            left += [f"{name} {amount} reserved" for name, amount in budget.reserved.items() if amount]
            left += [f"{budget.open_holds} holds are open"] if budget.open_holds else []
        return left


async def moments_of(kind: str, bound: int | None = 5) -> int:
    """At how many moments somebody waits in the undisturbed run."""
    moments = Moments()
    result = await Story(kind, moments, bound).runner.run_async("x")
    assert (result.status, moments.count) == ("completed", 2 * len(result.transcript.of(Paid)))
    check_conservation(result)
    return moments.count


async def cancelled_at(kind: str, moment: int, bound: int | None = 5) -> Story:
    with anyio.CancelScope() as scope:
        story = Story(kind, Moments(moment, scope.cancel), bound)
        await story.runner.run_async("x")
    assert scope.cancelled_caught
    return story


@pytest.mark.parametrize("bound", [5, None], ids=["at once", "one waits for the other"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_cancelled_at_any_moment_is_told_to_its_end_and_holds_nothing(kind: str, bound: int | None) -> None:
    left = {}
    for moment in range(1, await moments_of(kind, bound) + 1):
        story = await cancelled_at(kind, moment, bound)
        if untidy := story.untidy():
            left[moment] = untidy
        check_conservation(story.heard)
    assert left == {}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_asked_until_then_is_in_the_ledger_and_nothing_else(kind: str) -> None:
    """Answers are paid as they are; the one under way may have been, and counts with its bound."""
    for moment in range(1, await moments_of(kind) + 1):
        story = await cancelled_at(kind, moment)
        outcomes = Counter(event.entry.outcome for event in story.heard if isinstance(event, Paid))
        asked = sum(isinstance(event, Asked) and event.agent == "waiting" for event in story.heard)
        assert sum(outcomes.values()) == asked
        assert set(outcomes) <= {"ok", "cancelled", "in_doubt"}
        assert outcomes["ok"] < asked


async def test_a_cancelled_cached_step_keeps_nothing() -> None:
    cache = MemoryCache()
    budgets: list[Budget] = []

    def runner(moments: Moments) -> Flujo:
        step = Step.cached(Step("s", Waiting(moments, budgets)), cache)
        return Flujo(step, context_model=Notes, cost_model=PRICES, usage_limits=LIMITS)

    with anyio.CancelScope() as scope:
        await runner(Moments(2, scope.cancel)).run_async("x")
    moments = Moments()
    result = await runner(moments).run_async("x")
    assert (result.status, moments.count, result.step_history[0].metadata["cache_hit"]) == ("completed", 2, False)
