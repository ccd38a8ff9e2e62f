"""Laws of accounting through the engine: one entry a request, budgets that reserve, limits that stop the run."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import permutations
from typing import Any

import anyio
import pytest

from flujo import (
    AgentError,
    AgentOutput,
    BranchFailureStrategy,
    Flujo,
    Pipeline,
    PipelineResult,
    Price,
    PriceTable,
    RequestUsage,
    Step,
    StepFailedError,
    UnknownModelPrice,
    Usage,
    UsageLimitExceededError,
    UsageLimits,
    validator,
)
from flujo.errors import MisbehavedError
from flujo.events import Asked, BranchEnded, LimitPassed, NotAdmitted, Paid

PRICES = PriceTable({"test:m": Price(input="3", output="17"), "test:n": Price(input="5", output="13")})


class Metered:
    """Declares what it may use, and uses it; ``gate`` holds it until somebody opens it."""

    model = "test:m"

    def __init__(
        self, *, input_tokens: int = 1000, output_tokens: int = 1000, bound: int | None = 1000, model: str = "test:m",
        gate: anyio.Event | None = None, error: BaseException | None = None,
    ) -> None:  # fmt: skip
        self.usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        self.max_output_tokens = bound
        self.model = model
        self.gate = gate
        self.error = error
        self.calls = 0

    def estimate_input(self, x: object) -> int:
        return self.usage.input_tokens

    async def run(self, x: object) -> AgentOutput[object]:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return AgentOutput(x, usage=self.usage, model=self.model)


ONE = Decimal("0.02")  # 1,000 in and 1,000 out on test:m


async def run(pipeline: Any, *, limit: str | None = None, **options: Any) -> PipelineResult:
    limits = None if limit is None else UsageLimits(total_cost_usd_limit=limit)
    return await Flujo(pipeline, **{"cost_model": PRICES, "usage_limits": limits, **options}).run_async("rain")


# A1 to A3: entries and sums --------------------------------------------------------------------------------------


async def test_sums_agree_every_way() -> None:
    @validator
    def fine(output: object) -> bool:
        return True

    inner = Step("inner", Metered(model="test:n"), plugins=[fine])
    pipeline = Step("first", Metered()) >> Step.parallel("fan", {"a": inner, "b": Step("s", Metered())}) >> Step("last", Metered())
    result = await run(pipeline)
    assert result.total_cost_usd == Decimal("0.078")
    assert result.cost_by("step") == {
        "first": ONE, "fan/branch:a/inner": Decimal("0.018"), "fan/branch:b/s": ONE, "last": ONE,
    }  # fmt: skip
    assert result.cost_by("model") == {"test:m": Decimal("0.06"), "test:n": Decimal("0.018")}
    assert result.cost_by("branch") == {"": Decimal("0.04"), "fan/branch:a": Decimal("0.018"), "fan/branch:b": ONE}
    assert result.cost_by("outcome") == {"accepted": Decimal("0.078")}
    assert [step.cost_usd for step in result.step_history] == [ONE, Decimal("0.038"), ONE]
    assert result.total_tokens == sum(step.token_counts for step in result.step_history) == 8000


async def test_requests_within_one_call_are_priced_one_by_one() -> None:
    from flujo.prices import Tier

    tiered = PriceTable({"test:m": Price(input="3", output="17", tiers=[Tier(above_input_tokens=1000, input="7", output="19")])})

    async def agent(x: object) -> AgentOutput[object]:
        request = RequestUsage(usage=Usage(input_tokens=700, output_tokens=10), model="test:m")
        return AgentOutput(x, requests=(request, request))

    result = await run(Step("s", agent), cost_model=tiered)
    assert [(entry.entry_id.partition("/")[2], entry.cost_usd) for entry in result.ledger.entries] == [
        ("s/attempt:1/request:1", Decimal("0.00227")), ("s/attempt:1/request:2", Decimal("0.00227")),
    ]  # fmt: skip


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
async def test_an_unknown_model_is_an_error_before_the_call_under_a_limit_or_strict_pricing(options: dict[str, Any]) -> None:
    agent = Metered(model="test:unknown")
    result = await run(Step("s", agent, max_retries=3), **options)
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is UnknownModelPrice
    assert (agent.calls, result.error.attempts, result.ledger.entries) == (0, 0, ())


# A5: budgets reserve ----------------------------------------------------------------------------------------------


async def test_five_parallel_calls_of_four_cents_spend_at_most_ten_in_every_order_of_completion() -> None:
    for order in permutations(range(5), 5):
        gates = [anyio.Event() for _ in range(5)]
        agents = [Metered(input_tokens=2000, output_tokens=2000, bound=2000, gate=gate) for gate in gates]

        async def open_in(order: tuple[int, ...], gates: list[anyio.Event] = gates) -> None:
            for position in order:
                await anyio.lowlevel.checkpoint()
                gates[position].set()

        fan = Step.parallel("fan", {f"b{i}": Step("s", agent) for i, agent in enumerate(agents)})
        async with anyio.create_task_group() as group:
            group.start_soon(open_in, order)
            result = await run(fan, limit="0.10")
        assert result.status == "limited"
        assert result.ledger.possible_cost_usd is not None
        assert result.ledger.possible_cost_usd <= Decimal("0.10")
        assert sum(agent.calls for agent in agents) <= 2


async def test_equality_is_allowed_and_waiting_ends_when_others_settle() -> None:
    # Each may take 0.02 and takes 0.01: the third waits for what the first two give back.
    agents = [Metered(output_tokens=1000, input_tokens=1000, bound=1000) for _ in range(3)]
    for agent in agents:
        agent.usage = Usage(input_tokens=500, output_tokens=500)
        agent.estimate_input = lambda x: 1000  # type: ignore[method-assign]
    fan = Step.parallel("fan", {f"b{i}": Step("s", agent) for i, agent in enumerate(agents)})
    result = await run(fan, limit="0.04")
    assert result.status == "completed"
    assert result.total_cost_usd == Decimal("0.03")


async def test_a_call_that_could_pass_the_limit_is_never_made() -> None:
    second = Metered()
    result = await run(Step("first", Metered()) >> Step("second", second, max_retries=5), limit="0.039")
    assert result.status == "limited"
    assert str(result.error) == "second/attempt:1 may cost 0.02 USD, 0.019 of 0.039 left"
    assert type(result.error) is UsageLimitExceededError
    assert (second.calls, result.total_cost_usd) == (0, ONE)
    assert [event.path for event in result.transcript.of(NotAdmitted)] == ["second/attempt:1"]
    assert [event.path for event in result.transcript.of(Asked)] == ["first/attempt:1"]
    assert (await run(Step("first", Metered()) >> Step("second", Metered()), limit="0.04")).status == "completed"


async def test_a_limit_of_zero_is_a_limit() -> None:
    agent = Metered()
    assert (await run(Step("s", agent), limit="0")).status == "limited"
    assert agent.calls == 0


async def test_calls_without_a_bound_run_one_at_a_time_under_a_limit() -> None:
    running, most = 0, 0

    class Unbounded(Metered):
        async def run(self, x: object) -> AgentOutput[object]:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await anyio.lowlevel.checkpoint()
            running -= 1
            return await super().run(x)

    fan = Step.parallel("fan", {f"b{i}": Step("s", Unbounded(bound=None)) for i in range(3)})
    result = await run(fan, limit="1")
    assert (result.status, most, result.total_cost_usd) == ("completed", 1, Decimal("0.06"))


async def test_the_earliest_declared_branch_is_admitted_first() -> None:
    for _ in range(8):
        agents = [Metered() for _ in range(4)]
        fan = Step.parallel("fan", {f"b{i}": Step("s", agent) for i, agent in enumerate(agents)})
        result = await run(fan, limit="0.02")
        assert [agent.calls for agent in agents] == [1, 0, 0, 0]
        assert str(result.error) == "fan/branch:b1/s/attempt:1 may cost 0.02 USD, 0 of 0.02 left"


# A6, A7: breaches --------------------------------------------------------------------------------------------------


async def test_a_breach_is_neither_retried_nor_ignored_nor_saved_by_a_fallback() -> None:
    fallback = Metered(input_tokens=1, output_tokens=1, bound=1)
    dear = Step("dear", Metered(), max_retries=5, fallback=Step("cheap", fallback))
    fan = Step.parallel("fan", {"a": dear, "b": Step("s", fallback)}, on_branch_failure=BranchFailureStrategy.IGNORE)
    result = await run(fan, limit="0.01")
    assert (result.status, result.error is not None and result.error.path) == ("limited", "fan/branch:a/dear/attempt:1")


async def test_a_breach_stops_siblings_promptly() -> None:
    async def waits(x: object) -> None:
        await anyio.Event().wait()

    fan = Step.parallel("fan", {"a": Step("s", waits), "b": Step("s", Metered())})
    result = await run(fan, limit="0.01")
    assert result.status == "limited"
    assert [(event.branch, event.status) for event in result.transcript.of(BranchEnded)] == [
        ("a", "stopped"), ("b", "limited"),
    ]  # fmt: skip


async def test_what_an_unmetered_call_reports_is_booked_and_a_breach_ends_the_run() -> None:
    async def surprising(x: object) -> AgentOutput[object]:
        return AgentOutput(x, usage=Usage(input_tokens=1000, output_tokens=1000), model="test:m")

    after = Metered()
    result = await run(Step("s", surprising) >> Step("after", after), limit="0.019")
    assert result.status == "limited"
    assert str(result.error) == "s/attempt:1 passed a limit: run used 0.02 of 0.019 USD"
    assert (after.calls, result.total_cost_usd) == (0, ONE)
    assert [(event.spent, event.limit) for event in result.transcript.of(LimitPassed)] == [(ONE, Decimal("0.019"))]


async def test_a_steps_own_limit_fails_the_step_and_its_fallback_runs_under_the_outer_ones() -> None:
    own = UsageLimits(total_cost_usd_limit="0.03")

    @validator
    def never(output: object) -> bool:
        return False

    primary = Metered()
    step = Step("s", primary, plugins=[never], max_retries=5, usage_limits=own, fallback=Step("f", Metered()))
    result = await run(step, limit="1")
    assert result.status == "completed"
    assert (primary.calls, result.total_cost_usd) == (1, Decimal("0.04"))
    failed = await run(Step("s", Metered(), plugins=[never], max_retries=5, usage_limits=own), limit="1")
    assert str(failed.error) == "step 's' failed after 1 attempt: s/attempt:2 may cost 0.02 USD, 0.01 of 0.03 left"


async def test_every_dimension_is_a_limit() -> None:
    for limits, told in [
        (UsageLimits(request_limit=1), "s2/attempt:1 may use 1 request, 0 of 1 left"),
        (UsageLimits(total_tokens_limit=3000), "s2/attempt:1 may use 2000 total tokens, 1000 of 3000 left"),
        (UsageLimits(output_tokens_limit=1500), "s2/attempt:1 may use 1000 output tokens, 500 of 1500 left"),
    ]:
        result = await run(Step("s1", Metered()) >> Step("s2", Metered()), usage_limits=limits)
        assert (result.status, str(result.error)) == ("limited", told)


async def test_limits_are_per_run() -> None:
    runner = Flujo(Step("s", Metered()), cost_model=PRICES, usage_limits=UsageLimits(total_cost_usd_limit="0.02"))
    assert [(await runner.run_async("x")).status for _ in range(3)] == ["completed"] * 3


async def test_a_run_inside_an_agent_draws_on_the_budget_of_the_run_around_it() -> None:
    inner = Flujo(Step("inner", Metered()), cost_model=PRICES)

    async def nesting(x: object) -> str:
        return (await inner.run_async(x)).status

    result = await run(Step("a", nesting) >> Step("b", nesting), limit="0.03")
    assert [step.output for step in result.step_history] == ["completed", "limited"]


# What goes wrong on the way ----------------------------------------------------------------------------------------


async def test_a_metered_call_that_times_out_is_in_doubt_and_its_bound_stays_counted() -> None:
    hanging = Metered(gate=anyio.Event())
    step = Step("s", hanging, timeout_s=0.001, max_retries=0, fallback=Step("f", Metered()))
    result = await run(step, limit="0.04")
    assert [(entry.outcome, entry.cost_usd, entry.possible_usd) for entry in result.ledger.entries] == [
        ("timeout", None, ONE), ("ok", ONE, ONE),
    ]  # fmt: skip
    ledger = result.ledger
    assert (result.total_cost_usd, ledger.known_cost_usd, ledger.possible_cost_usd) == (None, ONE, Decimal("0.04"))
    tighter = await run(Step("s", Metered(gate=anyio.Event()), timeout_s=0.001, max_retries=0, fallback=Step("f", Metered())), limit="0.039")
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
