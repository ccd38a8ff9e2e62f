"""Every kind of step inside every other: outputs, contexts, costs, failures, pauses and limits, cell by cell.

Plain functions, as a cell is run once on each backend and looked at from many sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from typing import Any

import anyio
import pytest

from flujo import Flujo, PipelineResult, Step, UsageLimits
from flujo.events import RunResumed, StepEnded
from flujo_testing.conservation import check_conservation
from tests.flujo.kinds.cast import PRICES, STILL, Breaker, Notes, Writer, why
from tests.flujo.kinds.cast import usd as cost
from tests.flujo.kinds.matrix import KINDS, Kind

LEAF = 7
BACKENDS = ("asyncio", "trio")
WRITES = Step("leaf", Writer("leaf", LEAF))
BREAKS = Step("leaf", Breaker("leaf", LEAF), max_retries=0)
ASKS: Any = Step.human_in_the_loop("leaf", "well?")


@dataclass(frozen=True)
class Cell:
    """A leaf within the kind ``inner`` within the kind ``outer``."""

    outer: str
    inner: str

    @property
    def kinds(self) -> tuple[Kind, Kind]:
        return KINDS[self.outer], KINDS[self.inner]

    def around(self, leaf: Any) -> Any:
        outer, inner = self.kinds
        return outer.around("out", inner.around("in", leaf))

    @property
    def inside(self) -> str:
        return f"out{self.kinds[0].segment}in"

    @property
    def leaf(self) -> str:
        return f"{self.inside}{self.kinds[1].segment}leaf"

    @property
    def own_questions(self) -> int:
        return sum(len(kind.asks) for kind in self.kinds)

    def output(self, of_leaf: object) -> object:
        outer, inner = self.kinds
        return outer.output(inner.output(of_leaf))

    @property
    def before(self) -> dict[str, Decimal]:
        """By path of the step what the two kinds themselves spend before the leaf."""
        outer, inner = self.kinds
        return _costs("out", outer.before) | _costs(self.inside, inner.before)

    @property
    def after(self) -> dict[str, Decimal]:
        outer, inner = self.kinds
        return _costs("out", outer.after) | _costs(self.inside, inner.after)

    @property
    def all_of_it(self) -> dict[str, Decimal]:
        return {self.leaf: cost(LEAF), **self.before, **self.after}

    def ends(self, result: PipelineResult) -> list[tuple[str, str | None]]:
        """How the leaf and the two kinds around it ended, from the outermost in."""
        found = {event.step: (event.status, event.error) for event in result.transcript.of(StepEnded)}
        return [found[path] for path in ("out", self.inside, self.leaf)]


def _costs(path: str, tokens: Any) -> dict[str, Decimal]:
    return {path + segment: cost(amount) for segment, amount in tokens.items()}


@pytest.fixture(params=[Cell(outer, inner) for outer in KINDS for inner in KINDS], ids=lambda c: f"{c.outer}-{c.inner}")
def cell(request: pytest.FixtureRequest) -> Cell:
    found: Cell = request.param
    return found


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def ran(cell: Cell, backend: str, leaf: Any, answers: int = 99, limit: int | None = None) -> list[PipelineResult]:
    """The results of a run and of each time it was resumed: people answer with what they are shown, so many times."""
    limits = None if limit is None else UsageLimits(request_limit=limit)
    part = cell.around(LEAVES[leaf])
    steps = Flujo(part, context_model=Notes, cost_model=PRICES, usage_limits=limits, clock=STILL)
    return anyio.run(partial(_finished, steps, answers), backend=backend)


LEAVES = {"writes": WRITES, "breaks": BREAKS, "asks": ASKS}


async def _finished(steps: Flujo, answers: int, ended: PipelineResult | None = None) -> list[PipelineResult]:
    results = [await (steps.run_async("x", run_id="r") if ended is None else steps.resume_async(ended))]
    while results[-1].status == "paused" and len(results) <= answers:
        asked = {question.path: question.input for question in results[-1].questions}
        results.append(await steps.resume_async(results[-1], asked))
    return results


def total(costs: dict[str, Decimal]) -> Decimal:
    return sum(costs.values(), Decimal())


def test_it_completes_with_the_right_output(cell: Cell, backend: str) -> None:
    result = ran(cell, backend, "writes")[-1]
    assert (result.status, result.output, result.error) == ("completed", cell.output("x.leaf"), None)


def test_what_the_leaf_changes_goes_out_unless_a_kind_keeps_it_in(cell: Cell, backend: str) -> None:
    assert ran(cell, backend, "writes")[-1].context == Notes(notes=["leaf"])
    kept_in = Flujo(Step.parallel("isolated", {"a": cell.around(WRITES)}), context_model=Notes, clock=STILL)
    assert anyio.run(partial(_finished, kept_in, 99), backend=backend)[-1].context == Notes()


def test_costs_inside_are_costs_of_everything_around(cell: Cell, backend: str) -> None:
    result = ran(cell, backend, "writes")[-1]
    assert result.cost_by("step") == cell.all_of_it
    assert result.total_cost_usd == result.step_history[0].cost_usd == total(cell.all_of_it)
    assert total(result.cost_by("branch")) == total(result.cost_by("outcome")) == total(cell.all_of_it)


@pytest.mark.parametrize("leaf", ["writes", "breaks"])
def test_conservation_holds(cell: Cell, leaf: str) -> None:
    for result in ran(cell, BACKENDS[0], leaf):
        check_conservation(result)


def test_a_failure_inside_fails_everything_around_with_its_own_path(cell: Cell, backend: str) -> None:
    result = ran(cell, backend, "breaks")[-1]
    text = f"step '{cell.leaf}' failed after 1 attempt: broken"
    assert why(result) == ("failed", cell.leaf, text)
    assert cell.ends(result) == [("failed", text)] * 3
    assert (result.output, result.context) == (None, Notes())
    assert result.cost_by("step") == {cell.leaf: cost(LEAF), **cell.before}


def test_a_question_inside_pauses_everything_around(cell: Cell, backend: str) -> None:
    result = ran(cell, backend, "asks", cell.own_questions)[-1]
    assert (result.status, result.error, result.output) == ("paused", None, None)
    assert cell.ends(result) == [("paused", None)] * 3
    assert [(asked.path, asked.message, asked.input) for asked in result.questions] == [(cell.leaf, "well?", "x")]
    assert result.cost_by("step") == cell.before


def test_an_answer_goes_on_from_the_question(cell: Cell, backend: str) -> None:
    result = ran(cell, backend, "asks")[-1]
    assert (result.status, result.output, result.questions) == ("completed", cell.output("x"), ())
    assert result.cost_by("step") == cell.before | cell.after
    resumed = result.transcript.of(RunResumed)
    assert [(event.step, event.status) for event in resumed] == [("", "paused")] * (cell.own_questions + 1)
    assert (result.run_id, resumed[-1].answers) == ("r", ((cell.leaf, "x"),))


def test_a_breach_inside_ends_the_run_limited(cell: Cell, backend: str) -> None:
    result = ran(cell, backend, "writes", limit=len(cell.before))[-1]
    assert result.status == "limited"
    assert [status for status, _ in cell.ends(result)] == ["limited"] * 3
    assert result.cost_by("step") == {cell.leaf: cost(LEAF), **cell.before}


class BreaksOnce:
    """Fails the first time, though it was paid; then it writes."""

    identity = "breaks once"

    def __init__(self) -> None:
        self.asked = 0

    async def run(self, x: object, *, context: Notes) -> object:
        self.asked += 1
        return await (Breaker("leaf", LEAF) if self.asked == 1 else Writer("leaf", LEAF)).run(x, context=context)


async def _ended_and_resumed(part: Any, limit: int | None) -> list[PipelineResult]:
    steps, limited = (
        Flujo(part, context_model=Notes, cost_model=PRICES, clock=STILL, usage_limits=limits)
        for limits in (None, None if limit is None else UsageLimits(request_limit=limit))
    )
    (*_, ended) = await _finished(limited, 99)
    return [ended, *await _finished(steps, 99, ended)]


def test_a_failed_run_goes_on_from_the_step_that_failed(cell: Cell) -> None:
    part = cell.around(Step("leaf", BreaksOnce(), max_retries=0))
    failed, *_, result = anyio.run(_ended_and_resumed, part, None)
    assert (failed.status, result.status, result.output) == ("failed", "completed", cell.output("x.leaf"))
    assert result.cost_by("step") == cell.all_of_it | {cell.leaf: cost(LEAF, LEAF)}
    assert result.context == Notes(notes=["leaf"])
    check_conservation(result)


def test_a_limited_run_goes_on_under_higher_limits_and_pays_nothing_twice(cell: Cell) -> None:
    limited, *_, result = anyio.run(_ended_and_resumed, cell.around(WRITES), len(cell.before))
    assert (limited.status, result.status, result.output) == ("limited", "completed", cell.output("x.leaf"))
    assert result.cost_by("step") == cell.all_of_it
    assert result.context == Notes(notes=["leaf"])
    check_conservation(result)


@pytest.mark.parametrize("leaf", ["writes", "breaks", "asks"])
def test_the_transcript_is_the_same_on_both_backends(cell: Cell, leaf: str) -> None:
    first, second = (ran(cell, backend, leaf)[-1] for backend in BACKENDS)
    assert first.transcript == second.transcript
    assert first.context == second.context
