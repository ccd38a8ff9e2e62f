"""Laws of propagation of one step: feedback, plugins, redirects, retries, fallbacks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from flujo import (
    AgentError,
    AgentOutput,
    Draft,
    Flujo,
    InfiniteRedirectError,
    PipelineContext,
    PipelineResult,
    PluginOutcome,
    Price,
    PriceTable,
    Rejection,
    Step,
    StepFailedError,
    Usage,
    validator,
)
from flujo.errors import MisbehavedError, RejectedError
from flujo.events import Asked, AskFailed, BackedOff, FeedbackLost, Judged

PRICES = PriceTable({"test:writer": Price(input="3", output="17"), "test:judge": Price(input="5", output="13")})
WRITER = Usage(input_tokens=100, output_tokens=10)  # 0.00047 USD
JUDGE = Usage(input_tokens=20, output_tokens=2)  # 0.000126 USD


class Writer:
    """Answers from a list; remembers what it was given."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.inputs: list[Any] = []

    async def run(self, x: Any) -> Any:
        self.inputs.append(x)
        answer = self.answers[len(self.inputs) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return AgentOutput(answer, usage=WRITER, model="test:writer")


class Listening(Writer):
    """The same, but told the feedback apart from its input."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(*answers)
        self.feedback: list[tuple[Rejection, ...]] = []

    async def run(self, x: Any, *, feedback: tuple[Rejection, ...] = ()) -> Any:
        self.feedback.append(feedback)
        return await super().run(x)


class Judging:
    """Gives its outcomes in order; remembers the drafts."""

    def __init__(self, name: str, *outcomes: Any, priority: int = 0) -> None:
        self.name = name
        self.priority = priority
        self.outcomes = list(outcomes)
        self.drafts: list[Draft] = []

    async def validate(self, draft: Draft) -> PluginOutcome:
        self.drafts.append(draft)
        outcome = self.outcomes[len(self.drafts) - 1]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome  # type: ignore[no-any-return]


YES = PluginOutcome(True)


def no(why: str, **more: Any) -> PluginOutcome:
    return PluginOutcome(False, why, **more)


@validator
def at_most_five(text: str) -> bool | str:
    return len(text) <= 5 or f"{len(text)} letters, at most 5"


async def run(step: Step, given: Any = "rain", **options: Any) -> PipelineResult:
    return await Flujo(step, cost_model=PRICES, **options).run_async(given)


def asked(result: PipelineResult) -> list[tuple[str, object]]:
    return [(event.path, event.input) for event in result.transcript.of(Asked)]


# P1: feedback --------------------------------------------------------------------------------------------


async def test_feedback_reaches_the_agent_and_both_attempts_are_paid() -> None:
    writer = Listening("much too long", "short")
    result = await run(Step("write", writer, plugins=[at_most_five]))
    assert result.output == "short"
    assert writer.inputs == ["rain", "rain"]
    assert writer.feedback == [(), (Rejection("at_most_five", "13 letters, at most 5", 1),)]
    assert result.total_cost_usd == Decimal("0.00094")
    assert result.cost_by("outcome") == {"rejected": Decimal("0.00047"), "accepted": Decimal("0.00047")}


async def test_text_input_gets_the_original_and_all_feedback_so_far() -> None:
    writer = Writer("too long", "still too long", "fits")
    result = await run(Step("write", writer, plugins=[at_most_five], max_retries=2))
    assert result.output == "fits"
    assert writer.inputs == [
        "rain",
        "rain\n\n<feedback>\nEarlier drafts were rejected:\n- at_most_five (attempt 1): 8 letters, at most 5\n</feedback>",
        "rain\n\n<feedback>\nEarlier drafts were rejected:\n- at_most_five (attempt 1): 8 letters, at most 5\n"
        "- at_most_five (attempt 2): 14 letters, at most 5\n</feedback>",
    ]


async def test_input_that_carries_no_feedback_says_so_in_an_event() -> None:
    writer = Writer("too long", "fits")
    result = await run(Step("write", writer, plugins=[at_most_five]), {"topic": "rain"})
    assert writer.inputs == [{"topic": "rain"}, {"topic": "rain"}]
    assert [event.path for event in result.transcript.of(FeedbackLost)] == ["write/attempt:2"]
    assert [event.feedback for event in result.transcript.of(Asked)] == [(), ()]


async def test_exceptions_are_not_feedback() -> None:
    writer = Listening(ValueError("overloaded"), "fits")
    result = await run(Step("write", writer, plugins=[at_most_five]))
    assert result.output == "fits"
    assert writer.feedback == [(), ()]


async def test_retry_on_filters_what_the_agent_raises() -> None:
    writer = Writer(ValueError("broken"), "fits")
    result = await run(Step("write", writer, retry_on=ConnectionError))
    assert result.status == "failed"
    assert str(result.error) == "step 'write' failed after 1 attempt: ValueError: broken"
    assert (await run(Step("write", Writer(ValueError("broken"), "fits"), retry_on=ValueError))).output == "fits"


async def test_rejections_are_retried_whatever_retry_on_says() -> None:
    result = await run(Step("write", Writer("too long", "fits"), plugins=[at_most_five], retry_on=ConnectionError))
    assert result.output == "fits"


async def test_the_last_rejection_is_the_error() -> None:
    result = await run(Step("write", Writer("too long", "also too long"), plugins=[at_most_five]))
    error = result.error
    assert type(error) is StepFailedError
    assert (error.path, error.attempts) == ("write", 2)
    assert str(error) == (
        "step 'write' failed after 2 attempts: plugin 'at_most_five' rejected the last draft: 13 letters, at most 5"
    )
    assert type(error.cause) is RejectedError
    with pytest.raises(StepFailedError) as raised:
        result.raise_for_status()
    assert raised.value is error


async def test_max_retries_of_zero_allows_one_attempt() -> None:
    writer = Writer(ValueError("broken"), "fits")
    assert (await run(Step("write", writer, max_retries=0))).status == "failed"
    assert len(writer.inputs) == 1


# P2, P3, P5: plugins ----------------------------------------------------------------------------------------


async def test_plugins_run_by_priority_and_ties_in_declared_order() -> None:
    plugins = [Judging("a", YES), Judging("b", YES, priority=5), Judging("c", YES), Judging("d", YES, priority=5)]
    result = await run(Step("write", Writer("fits"), plugins=plugins))
    assert [event.plugin for event in result.transcript.of(Judged)] == ["b", "d", "a", "c"]


async def test_the_first_rejection_ends_the_round() -> None:
    late = Judging("late", YES)
    result = await run(Step("write", Writer("x", "y"), plugins=[Judging("first", no("no"), YES), late]))
    assert [(event.attempt, event.plugin) for event in result.transcript.of(Judged)] == [
        (1, "first"), (2, "first"), (2, "late"),
    ]  # fmt: skip


async def test_a_new_solution_replaces_the_output_and_the_next_plugin_sees_it() -> None:
    second = Judging("second", YES)
    result = await run(Step("write", Writer("x"), plugins=[Judging("first", PluginOutcome(True, new_solution="y")), second]))
    assert result.output == "y"
    assert [draft["output"] for draft in second.drafts] == ["y"]


async def test_none_is_a_new_solution_and_a_rejection_has_none() -> None:
    assert (await run(Step("write", Writer("x"), plugins=[Judging("p", PluginOutcome(True, new_solution=None))]))).output is None
    rejecting = Judging("p", no("no", new_solution="z"), YES)
    assert (await run(Step("write", Writer("x", "y"), plugins=[rejecting]))).output == "y"


async def test_plugins_judge_a_private_copy() -> None:
    class Vandal:
        name, priority = "vandal", 0

        async def validate(self, draft: Draft) -> PluginOutcome:
            draft["output"].append("graffiti")
            draft["input"].clear()
            return YES

    kept = Judging("kept", YES, priority=-1)
    result = await run(Step("write", Writer(["clean"]), plugins=[Vandal(), kept]), ["rain"])
    assert result.output == ["clean"]
    assert kept.drafts[0]["output"] == ["clean"]
    assert kept.drafts[0]["input"] == ["rain"]


@pytest.mark.parametrize(
    ("outcome", "feedback"),
    [
        (ValueError("broken"), "plugin bad failed (ValueError: broken)"),
        (None, "plugin bad gave no PluginOutcome but NoneType"),
        (True, "plugin bad gave no PluginOutcome but bool"),
    ],
)
async def test_a_plugin_that_misbehaves_rejects_and_is_named(outcome: Any, feedback: str) -> None:
    writer = Listening("x", "y")
    result = await run(Step("write", writer, plugins=[Judging("bad", outcome, YES)]))
    assert result.output == "y"
    assert writer.feedback[1] == (Rejection("bad", feedback, 1),)
    assert [(event.accepted, event.crashed) for event in result.transcript.of(Judged)] == [(False, True), (True, False)]


async def test_a_rejection_without_a_reason_gets_one() -> None:
    writer = Listening("x", "y")
    await run(Step("write", writer, plugins=[Judging("mute", PluginOutcome(False), YES)]))
    assert writer.feedback[1] == (Rejection("mute", "mute gave no reason", 1),)


async def test_plugins_that_call_a_model_are_paid() -> None:
    outcome = PluginOutcome(True, usage=JUDGE, model="test:judge")
    result = await run(Step("write", Writer("x"), plugins=[Judging("judge", outcome)]))
    assert [(entry.path, entry.cost_usd) for entry in result.ledger.entries] == [
        ("write/attempt:1", Decimal("0.00047")),
        ("write/attempt:1/plugin:judge", Decimal("0.000126")),
    ]
    assert result.cost_by("model") == {"test:writer": Decimal("0.00047"), "test:judge": Decimal("0.000126")}


class Ticket(BaseModel):
    title: str
    urgent: bool = False


class Typed(Listening):
    output_type = Ticket


async def test_a_declared_output_type_is_checked_first_and_its_error_is_the_feedback() -> None:
    late = Judging("late", YES, priority=100)
    writer = Typed('{"titel": "Rain"}', {"title": "Rain", "urgent": "yes"})
    result = await run(Step("file", writer, plugins=[late]))
    assert result.output == Ticket(title="Rain", urgent=True)
    assert writer.feedback[1] == (Rejection("output_type", "title: Field required", 1),)
    assert [draft["output"] for draft in late.drafts] == [Ticket(title="Rain", urgent=True)]
    assert result.cost_by("outcome") == {"invalid": Decimal("0.00047"), "accepted": Decimal("0.00047")}


async def test_text_that_is_json_becomes_the_declared_type() -> None:
    async def file(x: str) -> Ticket:
        return '{"title": "Rain"}'  # type: ignore[return-value]

    assert (await run(Step("file", file))).output == Ticket(title="Rain")


# P4: redirects --------------------------------------------------------------------------------------------------


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
    assert cause.hops == ("Writer", "Writer", "Writer")
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
    assert "redirected more than 10 times" in str(result.error)


async def test_a_redirect_to_what_is_no_agent_is_a_rejection() -> None:
    writer = Listening("x", "y")
    result = await run(Step("write", writer, plugins=[Judging("lost", no("sad", redirect_to=3), YES)]))
    assert result.output == "y"
    (rejection,) = writer.feedback[1]
    assert rejection.feedback == (
        "it redirects to something that is no agent: 3 is neither a function nor has it 'async def run(self, input)'"
    )


class Ctx(PipelineContext):
    seen: list[str] = []


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


# Retries, processors, unusable answers ----------------------------------------------------------------------------


async def test_backoff_waits_between_attempts_and_is_in_the_transcript() -> None:
    waited: list[float] = []

    class Clock:
        def now(self) -> float:
            return sum(waited)

        def utc(self) -> Any:
            raise AssertionError("nothing is priced here")

        async def sleep(self, seconds: float) -> None:
            waited.append(seconds)

    async def failing(x: str) -> str:
        raise ValueError("overloaded")

    step = Step("write", failing, max_retries=2, backoff=lambda failed: 1.5 * failed)
    result = await Flujo(step, clock=Clock()).run_async("rain")
    assert waited == [1.5, 3.0]
    assert [(event.attempt, event.delay_s) for event in result.transcript.of(BackedOff)] == [(1, 1.5), (2, 3.0)]


async def test_processors_shape_what_goes_in_and_what_comes_out() -> None:
    writer = Writer("x")
    step = Step("write", writer, input_processors=[str.upper], output_processors=[lambda o: o * 2, lambda o: o + "!"])
    assert (await run(step)).output == "xx!"
    assert writer.inputs == ["RAIN"]


@pytest.mark.parametrize("where", ["input_processors", "output_processors"])
async def test_a_processor_that_raises_fails_the_step_at_once_and_the_spend_is_kept(where: str) -> None:
    def broken(value: object) -> object:
        raise KeyError("title")

    result = await run(Step("write", Writer("x", "y"), **{where: [broken]}))  # type: ignore[arg-type]
    when = "before it was asked" if where == "input_processors" else "after 1 attempt"
    assert str(result.error) == f"step 'write' failed {when}: KeyError: 'title'"
    assert len(result.ledger.entries) == (0 if where == "input_processors" else 1)


async def test_an_answer_that_was_not_awaited_is_named() -> None:
    async def inner() -> str:
        return "x"

    async def forgetful(x: str) -> Any:
        return inner()

    result = await run(Step("write", forgetful, max_retries=0))
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is MisbehavedError
    assert str(result.error.cause) == (
        "agent 'forgetful' answered with a coroutine: it forgot to await, or to collect what it yields"
    )


async def test_what_was_paid_before_a_failure_is_booked() -> None:
    paid = AgentError("refused", usage=WRITER, model="test:writer")
    result = await run(Step("write", Writer(paid, paid, "fits"), max_retries=2))
    assert [(entry.attempt, entry.cost_usd, entry.outcome) for entry in result.ledger.entries] == [
        (1, Decimal("0.00047"), "error"), (2, Decimal("0.00047"), "error"), (3, Decimal("0.00047"), "ok"),
    ]  # fmt: skip
    assert result.total_cost_usd == Decimal("0.00141")
    assert [event.outcome for event in result.transcript.of(AskFailed)] == ["error", "error"]


async def test_steps_take_resources_and_settings_by_name() -> None:
    async def taking(x: str, *, resources: dict[str, str], settings: dict[str, int]) -> list[object]:
        return [x, resources["db"], settings]

    step = Step("take", taking, settings={"temperature": 0})
    assert (await run(step, resources={"db": "rows"})).output == ["rain", "rows", {"temperature": 0}]


# P7: fallbacks ----------------------------------------------------------------------------------------------------


async def test_a_fallback_starts_afresh_and_the_primary_is_paid() -> None:
    small = Listening("fits")
    primary = Step("write", Writer("too long", "too long"), plugins=[at_most_five], fallback=Step("small", small))
    result = await run(primary)
    assert result.output == "fits"
    assert small.inputs == ["rain"]
    assert small.feedback == [()]
    assert result.total_cost_usd == Decimal("0.00141")
    (step,) = result.step_history
    assert (step.name, step.success, step.attempts) == ("write", True, 2)
    assert step.metadata == {
        "fallback_triggered": True,
        "original_error": "plugin 'at_most_five' rejected the last draft: 8 letters, at most 5",
    }
    assert [inner.path for inner in step.step_history] == ["write/fallback:small"]


async def test_a_fallback_runs_its_own_plugins_only() -> None:
    fallback = Step("small", Writer("rather long"))
    step = Step("write", Writer("too long"), plugins=[at_most_five], max_retries=0, fallback=fallback)
    assert (await run(step)).output == "rather long"


async def test_a_failed_primary_leaves_neither_input_nor_context_changed() -> None:
    async def primary(x: list[str], *, context: Ctx) -> str:
        x.append("primary")
        context.seen.append("primary")
        raise ValueError("broken")

    async def small(x: list[str], *, context: Ctx) -> object:
        context.seen.append("small")
        return x

    step = Step("write", primary, fallback=Step("small", small))
    result = await Flujo(step, context_model=Ctx).run_async(["rain"])
    assert result.output == ["rain"]
    assert result.context.seen == ["small"]


async def test_a_fallback_that_fails_is_the_error_and_names_its_path() -> None:
    step = Step("write", Writer(ValueError("a")), max_retries=0, fallback=Step("small", Writer(ValueError("b")), max_retries=0))
    result = await run(step)
    assert str(result.error) == "step 'write/fallback:small' failed after 1 attempt: ValueError: b"
    assert str(result.error.__cause__) == "step 'write' failed after 1 attempt: ValueError: a"


# C1, C2, C6, C7, C8 through the engine ----------------------------------------------------------------------------


async def test_what_a_failed_attempt_changed_is_gone() -> None:
    calls: list[Sequence[str]] = []

    async def write(x: list[str], *, context: Ctx) -> str:
        calls.append((*x, *context.seen))
        x.append("changed")
        context.seen.append("changed")
        if len(calls) == 1:
            raise ValueError("broken")
        return "done"

    given = ["rain"]
    result = await Flujo(Step("write", write), context_model=Ctx).run_async(given, context_data={"seen": ["start"]})
    assert calls == [("rain", "start"), ("rain", "start")]
    assert result.context.seen == ["start", "changed"]
    assert given == ["rain"]


async def test_state_is_replaced_not_added_to() -> None:
    async def tidy(x: str, *, context: Ctx) -> str:
        context.seen.reverse()
        del context.seen[0]
        return x

    result = await Flujo(Step("tidy", tidy), context_model=Ctx).run_async("x", context_data={"seen": ["a", "b", "b"]})
    assert result.context.seen == ["b", "a"]


async def test_plugins_changes_are_committed_with_the_attempt() -> None:
    class Noting:
        name, priority = "noting", 0

        async def validate(self, draft: Draft, *, context: Ctx, resources: list[str]) -> PluginOutcome:
            context.seen.append(f"{resources[0]} {draft['attempt']}")
            return no("again") if draft["attempt"] == 1 else YES

    result = await run(Step("write", Writer("x", "y"), plugins=[Noting()]), context_model=Ctx, resources=["attempt"])
    assert result.context.seen == ["attempt 2"]


async def test_the_results_context_and_the_callers_data_are_apart() -> None:
    kept: list[Ctx] = []

    async def keep(x: str, *, context: Ctx) -> str:
        kept.append(context)
        return x

    data = {"seen": ["start"]}
    result = await Flujo(Step("keep", keep), context_model=Ctx).run_async("x", context_data=data)
    kept[0].seen.append("late")
    data["seen"].append("later")
    assert result.context.seen == ["start"]


class Totals(PipelineContext):
    model_config = {"extra": "forbid"}
    total: int = 0
    parts: list[int] = []


async def test_updates_context_merges_a_dict_or_a_model_validated() -> None:
    class Out(BaseModel):
        parts: list[int]

    async def as_dict(x: str) -> dict[str, object]:
        return {"total": "3"}

    async def as_model(x: object) -> Out:
        return Out(parts=[1, 2])

    pipeline = Step("a", as_dict, updates_context=True) >> Step("b", as_model, updates_context=True)
    result = await Flujo(pipeline, context_model=Totals).run_async("x")
    assert result.context == Totals(total=3, parts=[1, 2])


@pytest.mark.parametrize("output", [{"total": "three"}, {"totl": 3}, "three"])
async def test_an_output_that_does_not_fit_the_context_fails_the_step_and_changes_nothing(output: object) -> None:
    async def bad(x: str, *, context: Totals) -> object:
        context.parts.append(1)
        return output

    result = await Flujo(Step("a", bad, updates_context=True), context_model=Totals).run_async("x")
    assert result.status == "failed"
    assert result.context == Totals()
    assert result.step_history[0].attempts == 1


async def test_outputs_are_handed_on_as_the_objects_they_are() -> None:
    class Answer:
        def __init__(self) -> None:
            self.output = "a field that is nobody's business"

    answer = Answer()

    async def give(x: str) -> Answer:
        return answer

    async def check(x: Answer) -> bool:
        return type(x) is Answer and x.output == answer.output

    assert (await run(Step("a", give))).output is answer
    assert (await Flujo(Step("a", give) >> Step("b", check)).run_async("x")).output is True
