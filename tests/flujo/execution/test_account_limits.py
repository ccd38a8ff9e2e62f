"""Laws of accounting through the engine: budgets that reserve, limits that stop the run."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import anyio

from flujo import (
    AgentOutput,
    BranchFailureStrategy,
    Flujo,
    Step,
    Usage,
    UsageLimitExceededError,
    UsageLimits,
    validator,
)
from flujo.events import Asked, BranchEnded, LimitPassed, NotAdmitted
from tests.flujo.execution.metered import ONE, PRICES, Metered, run


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
        assert result.ledger.possible_cost_usd == Decimal("0.08")
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


async def test_a_breach_is_neither_retried_nor_ignored_nor_saved_by_a_fallback() -> None:
    fallback = Metered(input_tokens=1, output_tokens=1, bound=1)
    dear = Step("dear", Metered(), max_retries=5, fallback=Step("cheap", fallback))
    fan = Step.parallel("fan", {"a": dear, "b": Step("s", fallback)}, on_branch_failure=BranchFailureStrategy.IGNORE)
    result = await run(fan, limit="0.01")
    assert type(result.error) is UsageLimitExceededError
    assert (result.status, result.error.path) == ("limited", "fan/branch:a/dear/attempt:1")


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
    assert type(result.error) is UsageLimitExceededError
    assert (result.error.path, result.error.dimension) == ("s/attempt:1", "cost_usd")
    (passed,) = result.transcript.of(LimitPassed)
    assert (passed.step, passed.dimension, passed.spent, passed.limit) == ("s", "cost_usd", ONE, Decimal("0.019"))
    times = [event.at for event in result.transcript]
    assert times == sorted(times)


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


async def test_a_steps_own_limit_is_passed_in_its_name() -> None:
    async def surprising(x: object) -> AgentOutput[object]:
        return AgentOutput(x, usage=Usage(input_tokens=1000, output_tokens=1000), model="test:m")

    failed = await run(Step("s", surprising, usage_limits=UsageLimits(total_cost_usd_limit="0.019")))
    told = "step 's' failed after 1 attempt: s/attempt:1 passed a limit: s used 0.02 of 0.019 USD"
    assert (failed.status, str(failed.error)) == ("failed", told)


async def test_tokens_that_were_used_before_a_run_went_on_count() -> None:
    ask = Step.human_in_the_loop("ask", "Go on?")
    runner: Flujo = Flujo(
        Step("s1", Metered()) >> ask >> Step("s2", Metered()),
        cost_model=PRICES,
        usage_limits=UsageLimits(total_tokens_limit=3000),
    )
    result = await runner.resume_async(await runner.run_async("x"), {"ask": "yes"})
    told = "s2/attempt:1 may use 2000 total tokens, 1000 of 3000 left"
    assert (result.status, str(result.error)) == ("limited", told)


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
