"""Agents, prices and clocks that do what nobody expects: the step is named, and what was paid is kept."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import anyio
import anyio.lowlevel
import pytest

from flujo import AgentOutput, Flujo, PipelineContext, PipelineResult, Price, PriceTable, Step, Usage, override
from flujo.prices import Quote
from flujo_testing.transcript import NotTellable, render, story_of

SPENT = Usage(input_tokens=120, output_tokens=40)
PAID = Decimal("0.000001") * (120 * 3 + 40 * 7)


class Odd:
    """No plain data."""


def cyclic() -> object:
    value: list[object] = []
    value.append(value)
    return {"a": [1, value]}


async def unawaited() -> str:
    raise AssertionError("nobody awaits it")


def generator() -> Iterator[str]:
    raise AssertionError("nobody asks it")
    yield ""


async def async_generator() -> AsyncIterator[str]:
    raise AssertionError("nobody asks it")
    yield ""


def answering(value: Callable[[], object]) -> PipelineResult[object]:
    async def agent(text: object) -> object:
        return value()

    return Flujo(Step("say", agent, max_retries=0)).run("rain")


@pytest.mark.parametrize(
    ("value", "kind"),
    [(unawaited, "coroutine"), (generator, "generator"), (async_generator, "async_generator")],
)
def test_an_answer_that_is_still_to_be_awaited_or_collected_fails_its_step(
    value: Callable[[], object], kind: str
) -> None:
    result = answering(value)
    assert (result.status, str(result.error)) == (
        "failed",
        f"step 'say' failed after 1 attempt: agent 'agent' answered with a {kind}: it forgot to await, or to collect "
        "what it yields",
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (lambda: {"a": [1, 2, 3, {"b": Odd()}]}, "result.output.a[3].b cannot be told in a golden: it is of type "),
        (cyclic, "result.output.a[1][0] cannot be told in a golden: it contains itself"),
    ],
)
def test_a_value_that_no_file_can_hold_is_named_by_its_path(value: Callable[[], object], told: str) -> None:
    result = answering(value)
    assert result.status == "completed"
    with pytest.raises(NotTellable) as refused:
        story_of(result, owner="tests/test_rain.py::test_it")
    assert str(refused.value).startswith(told)


class Broken(PriceTable):
    """Prices that cannot be found out."""

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        raise LookupError("the price list is not there")


async def paid(text: object) -> AgentOutput[str]:
    return AgentOutput("grey", usage=SPENT, model="test:writer")


def test_a_cost_model_that_raises_fails_the_step_with_the_cause_and_what_was_paid_before_is_kept() -> None:
    prices = PriceTable({"test:writer": Price(input="3", output="7")})
    before = Flujo(Step("say", paid), cost_model=prices).run("rain")
    assert (before.status, before.total_cost_usd) == ("completed", PAID)
    result = Flujo(Step("say", paid, max_retries=0), cost_model=Broken({})).run("rain")
    assert (result.status, [(entry.usage, entry.cost_usd) for entry in result.ledger.entries]) == (
        "failed",
        [(SPENT, None)],
    )
    assert str(result.error) == "step 'say' failed after 1 attempt: LookupError: the price list is not there"


class Backwards:
    """A clock that somebody keeps putting back."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        self.seconds -= 7
        return self.seconds

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


def test_a_clock_that_goes_backwards_changes_no_golden() -> None:
    tries: list[str] = []

    async def second_time(text: object) -> AgentOutput[str]:
        tries.append("x")
        if len(tries) % 2:
            raise LookupError("not yet")
        return AgentOutput("grey", usage=SPENT, model="test:writer")

    def told() -> str:
        prices = PriceTable({"test:writer": Price(input="3", output="7")})
        result = Flujo(Step("say", second_time, timeout_s=11), cost_model=prices).run("rain")
        return render(story_of(result, owner="tests/test_rain.py::test_it"))

    usual = told()
    with override(clock=Backwards()):
        assert told() == usual


class Big(PipelineContext):
    text: str = ""
    seen: int = 0


def test_a_context_of_10_mb_is_not_copied_with_every_step() -> None:
    async def look(text: object, context: Big) -> object:
        context.seen += len(context.text)
        return text

    size, steps = 10_000_000, 50
    pipeline = Step("look 0", look)
    for number in range(1, steps):
        pipeline = pipeline >> Step(f"look {number}", look)  # type: ignore[assignment]
    runner = Flujo(pipeline, context_model=Big)
    text = "x" * size
    gc.collect()
    tracemalloc.start()
    try:
        result = runner.run("rain", context_data={"text": text})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.context.seen == size * steps
    assert peak < 2 * size
