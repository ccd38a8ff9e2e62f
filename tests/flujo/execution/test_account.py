"""Laws of accounting through the engine: one entry a request, sums that agree, nothing paid is lost."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import anyio
import pytest

from flujo import (
    AgentError,
    AgentOutput,
    Flujo,
    Pipeline,
    Price,
    PriceTable,
    RequestUsage,
    Step,
    StepFailedError,
    UnknownModelPrice,
    Usage,
    validator,
)
from flujo.errors import MisbehavedError
from flujo.events import Paid
from tests.flujo.execution.metered import ONE, PRICES, Metered, run


async def test_sums_agree_every_way() -> None:
    @validator
    def fine(output: object) -> bool:
        return True

    inner = Step("inner", Metered(model="test:n"), plugins=[fine])
    pipeline = (
        Step("first", Metered())
        >> Step.parallel("fan", {"a": inner, "b": Step("s", Metered())})
        >> Step("last", Metered())
    )
    result = await run(pipeline)
    assert result.total_cost_usd == Decimal("0.078")
    assert result.cost_by("step") == {
        "first": ONE, "fan/branch:a/inner": Decimal("0.018"), "fan/branch:b/s": ONE, "last": ONE,
    }  # fmt: skip
    assert result.cost_by("model") == {"test:m": Decimal("0.06"), "test:n": Decimal("0.018")}
    assert result.cost_by("branch") == {
        "": Decimal("0.04"),
        "fan/branch:a": Decimal("0.018"),
        "fan/branch:b": ONE,
    }
    assert result.cost_by("outcome") == {"accepted": Decimal("0.078")}
    assert [step.cost_usd for step in result.step_history] == [ONE, Decimal("0.038"), ONE]
    assert result.total_tokens == sum(step.token_counts for step in result.step_history) == 8000


async def test_requests_within_one_call_are_priced_one_by_one() -> None:
    from flujo.prices import Tier

    tiered = PriceTable(
        {"test:m": Price(input="3", output="17", tiers=[Tier(above_input_tokens=1000, input="7", output="19")])}
    )

    async def agent(x: object) -> AgentOutput[object]:
        request = RequestUsage(usage=Usage(input_tokens=700, output_tokens=10), model="test:m")
        return AgentOutput(x, requests=(request, request))

    result = await run(Step("s", agent), cost_model=tiered)
    assert [(entry.entry_id.partition("/")[2], entry.cost_usd) for entry in result.ledger.entries] == [
        ("s/attempt:1/request:1", Decimal("0.00227")), ("s/attempt:1/request:2", Decimal("0.00227")),
    ]  # fmt: skip


class Several(Metered):
    """Makes up to three requests in one call."""

    max_requests = 3

    def __init__(self, *requests: RequestUsage) -> None:
        super().__init__()
        self.requests = requests

    async def run(self, x: object) -> AgentOutput[object]:
        return AgentOutput(x, requests=self.requests)


KNOWN = RequestUsage(usage=Usage(input_tokens=1000, output_tokens=1000), model="test:m")
LOST = RequestUsage(usage=None, model="test:m", outcome="in_doubt")
HALF = RequestUsage(usage=Usage(input_tokens=1000, output_tokens=0), model="test:m", outcome="in_doubt")
DEAR = RequestUsage(usage=Usage(input_tokens=1000, output_tokens=4000), model="test:m")


@pytest.mark.parametrize(
    ("requests", "possible"),
    [
        ((KNOWN, LOST), (None, "0.04")),
        ((LOST, KNOWN), ("0.04", None)),
        ((KNOWN, KNOWN, LOST), (None, None, "0.02")),
        ((KNOWN, HALF), (None, "0.04")),
        ((DEAR, LOST), (None, "0")),
        ((LOST, KNOWN, LOST), (None, None, None)),
        ((KNOWN, KNOWN), (None, None)),
        ((LOST,), ("0.06",)),
    ],
)
async def test_of_several_requests_the_one_that_is_lost_may_have_cost_what_the_others_left(
    requests: tuple[RequestUsage, ...], possible: tuple[str | None, ...]
) -> None:
    result = await run(Step("s", Several(*requests)), limit="1")
    assert [entry.possible_usd for entry in result.ledger.entries] == [
        None if amount is None else Decimal(amount) for amount in possible
    ]
    unlimited = await run(Step("s", Several(*requests)))
    assert [entry.possible_usd for entry in unlimited.ledger.entries] == [None] * len(requests)


async def test_what_reports_nothing_is_no_entry_and_what_is_metered_always_is() -> None:
    async def plain(x: object) -> object:
        return x

    class Silent(Metered):
        async def run(self, x: object) -> object:  # type: ignore[override]
            return x

    assert (await run(Step("s", plain))).ledger.entries == ()
    result = await run(Step("s", Silent()))
    (entry,) = result.ledger.entries
    assert (entry.usage, entry.cost_usd, entry.cost_source) == (None, None, "unpriced")
    assert (result.total_cost_usd, result.ledger.unpriced_requests) == (None, 1)


async def test_an_ambient_precision_of_three_changes_nothing() -> None:
    pipeline = Pipeline(tuple(Step(f"s{i}", Metered(input_tokens=1000 + i)) for i in range(7)))
    expected = (await run(pipeline)).total_cost_usd
    with localcontext() as ambient:
        ambient.prec = 3
        result = await run(pipeline, limit="1")
        assert str(result.total_cost_usd) == str(expected) == "0.140063"


async def test_a_provider_that_charges_says_so() -> None:
    async def agent(x: object) -> AgentOutput[object]:
        return AgentOutput(x, model="test:unknown", usage=Usage(input_tokens=1), cost_usd=Decimal("0.031"))

    (entry,) = (await run(Step("s", agent))).ledger.entries
    assert (entry.cost_usd, entry.cost_source) == (Decimal("0.031"), "provider")


async def test_a_failed_request_that_cost_nothing_costs_nothing() -> None:
    refused = AgentError("429 too many requests", model="test:m", cost_usd=Decimal(0))
    result = await run(Step("s", Metered(error=refused), max_retries=0, fallback=Step("f", Metered())))
    assert [(entry.outcome, entry.usage is None, entry.cost_usd) for entry in result.ledger.entries] == [
        ("error", True, Decimal(0)), ("ok", False, ONE),
    ]  # fmt: skip
    assert result.total_cost_usd == ONE


async def test_an_unknown_model_costs_nobody_knows_what() -> None:
    result = await run(Step("s", Metered(model="test:unknown")))
    assert result.status == "completed"
    assert (result.total_cost_usd, result.ledger.known_cost_usd) == (None, Decimal(0))


@pytest.mark.parametrize("options", [{"limit": "1"}, {"strict_pricing": True}])
async def test_an_unknown_model_is_an_error_before_the_call_under_a_limit_or_strict_pricing(
    options: dict[str, Any],
) -> None:
    agent = Metered(model="test:unknown")
    result = await run(Step("s", agent, max_retries=3), **options)
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is UnknownModelPrice
    assert result.error.cause.path == "s/attempt:1"
    assert (agent.calls, result.error.attempts, result.ledger.entries) == (0, 0, ())


async def test_a_metered_call_that_times_out_is_in_doubt_and_its_bound_stays_counted() -> None:
    hanging = Metered(gate=anyio.Event())
    step = Step("s", hanging, timeout_s=0.001, max_retries=0, fallback=Step("f", Metered()))
    result = await run(step, limit="0.04")
    assert [(entry.outcome, entry.cost_usd, entry.possible_usd) for entry in result.ledger.entries] == [
        ("timeout", None, ONE), ("ok", ONE, ONE),
    ]  # fmt: skip
    ledger = result.ledger
    assert (result.total_cost_usd, ledger.known_cost_usd, ledger.possible_cost_usd) == (
        None,
        ONE,
        Decimal("0.04"),
    )
    tighter = await run(
        Step("s", Metered(gate=anyio.Event()), timeout_s=0.001, max_retries=0, fallback=Step("f", Metered())),
        limit="0.039",
    )
    assert tighter.status == "limited"


async def test_a_cancelled_metered_call_is_booked() -> None:
    events: list[object] = []
    hanging = Metered(gate=anyio.Event())
    runner = Flujo(Step("s", hanging), cost_model=PRICES, listeners=[events.append])
    async with anyio.create_task_group() as group:
        group.start_soon(runner.run_async, "x")
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    (paid,) = [event for event in events if isinstance(event, Paid)]
    assert (paid.entry.outcome, paid.entry.cost_usd) == ("cancelled", None)


async def test_a_cost_model_that_raises_fails_the_step_and_keeps_the_spend() -> None:
    class Broken:
        table_id = "broken"

        def quote(self, *args: object) -> Any:
            raise ZeroDivisionError("no price")

        max_cost = quote

    async def agent(x: object) -> AgentOutput[object]:
        return AgentOutput(x, usage=Usage(input_tokens=7), model="test:m")

    result = await run(Step("s", agent, max_retries=5), cost_model=Broken())
    assert str(result.error) == "step 's' failed after 1 attempt: ZeroDivisionError: no price"
    assert [(entry.usage, entry.cost_usd) for entry in result.ledger.entries] == [(Usage(input_tokens=7), None)]
    before = await run(Step("s", Metered()), cost_model=Broken(), limit="1")
    assert str(before.error) == "step 's' failed before it was asked: ZeroDivisionError: no price"


async def test_an_estimate_that_raises_fails_the_step_before_the_call() -> None:
    class Broken(Metered):
        def estimate_input(self, x: object) -> int:
            raise KeyError("tokens")

    agent = Broken()
    result = await run(Step("s", agent), limit="1")
    assert (str(result.error), agent.calls) == ("step 's' failed before it was asked: KeyError: 'tokens'", 0)


async def test_an_unusable_answer_of_a_paid_call_is_booked_all_the_same() -> None:
    async def late() -> str:
        return "x"

    async def agent(x: object) -> AgentOutput[object]:
        return AgentOutput(late(), usage=Usage(input_tokens=7), model="test:m")

    result = await run(Step("s", agent, max_retries=0))
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is MisbehavedError
    assert result.total_cost_usd == Decimal("0.000021")


async def test_an_agent_that_says_it_made_no_request_pays_nothing() -> None:
    class Cached(Metered):
        async def run(self, x: object) -> AgentOutput[object]:
            return AgentOutput(x, requests=())

    result = await run(Step("s", Cached()) >> Step("t", Cached()), limit="0.02")
    assert (result.status, result.ledger.entries) == ("completed", ())
