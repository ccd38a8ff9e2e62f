"""One step: a plugin may have another agent asked within the attempt, but not in a circle."""

from __future__ import annotations

from decimal import Decimal

from flujo import Flujo, InfiniteRedirectError, PluginOutcome, Step, StepFailedError, UsageLimits
from flujo.events import AskFailed
from tests.flujo.execution.writers import YES, Ctx, Judging, Listening, Writer, asked, no, run


class Metered:
    """An agent of which a call may use 1000 tokens."""

    model, max_output_tokens = "test:writer", 500

    def estimate_input(self, x: object) -> int:
        return 500

    async def run(self, x: object) -> str:
        raise AssertionError("never")


async def test_a_redirect_asks_the_other_agent_within_the_attempt_and_both_are_paid() -> None:
    writer, senior = Writer("sad"), Listening("bright")
    tone = Judging("tone", no("too sad", redirect_to=senior), YES)
    result = await run(Step("write", writer, plugins=[tone], max_retries=0))
    assert result.output == "bright"
    assert asked(result) == [("write/attempt:1", "rain"), ("write/attempt:1/redirect:1", "rain")]
    assert senior.feedback == [()]
    assert result.total_cost_usd == Decimal("0.00094")
    assert result.cost_by("outcome") == {"rejected": Decimal("0.00047"), "accepted": Decimal("0.00047")}


async def test_a_redirect_beats_a_new_solution_of_an_accepting_outcome() -> None:
    tone = Judging("tone", PluginOutcome(True, redirect_to=Writer("bright"), new_solution="never"), YES)
    assert (await run(Step("write", Writer("sad"), plugins=[tone]))).output == "bright"


async def test_the_same_agent_twice_in_one_attempt_is_an_infinite_redirect() -> None:
    writer, senior = Writer("sad"), Writer("sadder")
    tone = Judging("tone", no("sad", redirect_to=senior), no("sad", redirect_to=writer))
    result = await run(Step("write", writer, plugins=[tone], max_retries=5))
    assert type(result.error) is StepFailedError
    cause = result.error.cause
    assert type(cause) is InfiniteRedirectError
    assert (cause.path, cause.hops) == ("write/attempt:1/redirect:1", ("Writer", "Writer", "Writer"))
    assert str(cause) == "one attempt was redirected in a circle: Writer -> Writer -> Writer"
    assert len(result.ledger.entries) == 2


async def test_an_infinite_redirect_may_fall_back() -> None:
    writer = Writer("sad")
    tone = Judging("tone", no("sad", redirect_to=writer))
    step = Step("write", writer, plugins=[tone], fallback=Step("small", Writer("plain")))
    assert (await run(step)).output == "plain"


async def test_equal_but_distinct_agents_are_no_loop_and_hops_have_a_limit() -> None:
    agents = [Writer("sad") for _ in range(12)]
    chain = Judging("tone", *(no("sad", redirect_to=agent) for agent in agents))
    result = await run(Step("write", Writer("sad"), plugins=[chain], max_retries=0))
    assert len(result.ledger.entries) == 11
    circle = " -> ".join(["Writer"] * 12)
    assert str(result.error) == (
        f"step 'write' failed after 1 attempt: one attempt was redirected more than 10 times: {circle}"
    )


async def test_a_redirect_to_what_is_no_agent_is_a_rejection() -> None:
    writer = Listening("x", "y")
    result = await run(Step("write", writer, plugins=[Judging("lost", no("sad", redirect_to=3), YES)]))
    assert result.output == "y"
    (rejection,) = writer.feedback[1]
    assert rejection.feedback == (
        "it redirects to something that is no agent: 3 is neither a function nor has it 'async def run(self, input)'"
    )


async def test_an_agent_that_declares_no_type_answers_by_the_type_of_the_step() -> None:
    class Counting(Writer):
        output_type = int

    tone = Judging("tone", no("too small", redirect_to=Writer("18")), YES)
    assert (await run(Step("count", Counting(17), plugins=[tone]))).output == 18


async def test_an_agent_with_a_type_of_its_own_answers_by_that() -> None:
    class Counting(Writer):
        output_type = int

    tone = Judging("tone", no("too vague", redirect_to=Counting("18")), YES)
    assert (await run(Step("count", Writer("some"), plugins=[tone]))).output == 18


async def test_an_agent_that_no_budget_admits_has_never_been_asked() -> None:
    tone = Judging("tone", no("sad", redirect_to=Metered()), YES)
    step = Step("write", Writer("sad"), plugins=[tone])
    result = await run(step, usage_limits=UsageLimits(total_tokens_limit=200))
    assert (result.status, asked(result)) == ("limited", [("write/attempt:1", "rain")])
    assert result.transcript.of(AskFailed) == ()


async def test_a_redirected_agent_starts_from_the_attempts_base_context() -> None:
    async def first(x: str, *, context: Ctx) -> str:
        context.seen.append("first")
        return "sad"

    async def second(x: str, *, context: Ctx) -> str:
        context.seen.append("second")
        return "bright"

    tone = Judging("tone", no("sad", redirect_to=second), YES)
    result = await Flujo(Step("write", first, plugins=[tone]), context_model=Ctx).run_async("rain")
    assert result.context.seen == ["second"]
