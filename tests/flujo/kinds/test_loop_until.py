"""The loop: how often its body runs, on which input and context, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from flujo import Step, StepFailedError
from flujo.errors import MaxLoopsError
from flujo.events import Asked, Decided, StepEnded
from tests.flujo.kinds.cast import Breaker, Notes, Writer, echo, run, spent, story, undecided, usd, why


async def count(x: int) -> int:
    return x + 1


def counting(until: int, **options: Any) -> Any:
    return Step.loop_until("loop", Step("s", count), lambda x: x >= until, **options)


def decisions(result: Any) -> list[tuple[str, int, object]]:
    return [(event.what, event.number, event.value) for event in result.transcript.of(Decided)]


async def test_the_whole_story_of_a_loop() -> None:
    assert story(await run(counting(2), 0)) == [
        ("StepStarted", "loop", "loop", 0),
        ("StepStarted", "loop/iteration:1/s", "step", 0),
        ("Asked", "loop/iteration:1/s", 1, 0, "count", 0, ()),
        ("Answered", "loop/iteration:1/s", 1, 0, 1),
        ("StepEnded", "loop/iteration:1/s", "completed", 1, None),
        ("Decided", "loop", "exit_condition", 1, False),
        ("StepStarted", "loop/iteration:2/s", "step", 1),
        ("Asked", "loop/iteration:2/s", 1, 0, "count", 1, ()),
        ("Answered", "loop/iteration:2/s", 1, 0, 2),
        ("StepEnded", "loop/iteration:2/s", "completed", 2, None),
        ("Decided", "loop", "exit_condition", 2, True),
        ("StepEnded", "loop", "completed", 2, None),
    ]


async def test_the_body_runs_once_where_the_condition_holds_at_once() -> None:
    result = await run(counting(0), 0)
    assert (result.output, decisions(result)) == (1, [("exit_condition", 1, True)])


async def test_mappers_are_told_between_the_iterations_they_stand_between() -> None:
    step = counting(
        120,
        initial_input_mapper=lambda x: x + 100,
        iteration_input_mapper=lambda x: x + 10,
        loop_output_mapper=lambda x: -x,
    )
    result = await run(step, 0)
    assert decisions(result) == [
        ("initial_input_mapper", 0, 100),
        ("exit_condition", 1, False),
        ("iteration_input_mapper", 2, 111),
        ("exit_condition", 2, False),
        ("iteration_input_mapper", 3, 122),
        ("exit_condition", 3, True),
        ("loop_output_mapper", 0, -123),
    ]
    assert [event.input for event in result.transcript.of(Asked)] == [100, 111, 122]
    assert result.output == -123


async def test_functions_are_told_the_iteration_and_the_loops_own_input() -> None:
    told: list[tuple[object, ...]] = []

    def initial(x: int, *, iteration: int, input: int) -> int:
        told.append(("initial", x, iteration, input))
        return x + 100

    def ends(x: int, *, iteration: int, input: int) -> bool:
        told.append(("exit", x, iteration, input))
        return iteration == 2

    def each(x: int, *, iteration: int, input: int) -> int:
        told.append(("each", x, iteration, input))
        return x

    def last(x: int, *, iteration: int, input: int) -> int:
        told.append(("output", x, iteration, input))
        return x

    step = Step.loop_until(
        "loop",
        Step("s", count),
        ends,
        initial_input_mapper=initial,
        iteration_input_mapper=each,
        loop_output_mapper=last,
    )
    await run(step, 7)
    assert told == [
        ("initial", 7, 1, 7),
        ("exit", 108, 1, 7),
        ("each", 108, 2, 7),
        ("exit", 109, 2, 7),
        ("output", 109, 2, 7),
    ]


async def test_iterations_see_the_context_of_the_ones_before() -> None:
    step = Step.loop_until("loop", Step("s", Writer("w", 7)), lambda x, context: len(context.notes) == 3)
    result = await run(step)
    assert (result.output, result.context.notes) == ("x.w.w.w", ["w", "w", "w"])
    assert spent(result) == [(f"loop/iteration:{n}/s/attempt:1", usd(7)) for n in (1, 2, 3)]
    (loop,) = result.step_history
    assert (loop.cost_usd, loop.attempts, [step.path for step in loop.step_history]) == (
        usd(7, 7, 7), 0, ["loop/iteration:1/s", "loop/iteration:2/s", "loop/iteration:3/s"],
    )  # fmt: skip


async def test_completed_iterations_stay_and_a_failed_one_is_undone() -> None:
    class Second:
        name = "second"

        async def run(self, x: str, *, context: Notes) -> str:
            context.notes.append("second")
            if len(context.notes) == 4:
                raise ValueError("enough")
            return x

    body = Step("s", Writer("first", 7)) >> Step("t", Second(), max_retries=0)
    result = await run(Step.loop_until("loop", body, lambda x: False))
    assert result.context.notes == ["first", "second"]
    text = "step 'loop/iteration:2/t' failed after 1 attempt: ValueError: enough"
    assert why(result) == ("failed", "loop/iteration:2/t", text)
    assert result.total_cost_usd == usd(7, 7)
    assert [(event.step, event.status) for event in result.transcript.of(StepEnded)][-2:] == [
        ("loop/iteration:2/t", "failed"),
        ("loop", "failed"),
    ]


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_a_loop_that_does_not_end_fails_after_max_loops_and_keeps_what_it_did(most: int) -> None:
    step = Step.loop_until("loop", Step("s", Writer("w", 7)), lambda x: False, max_loops=most)
    result = await run(step)
    text = f"step 'loop' failed: the exit condition was not met within {most} iterations (max_loops)"
    assert why(result) == ("failed", "loop", text)
    assert type(result.error) is StepFailedError
    assert type(result.error.cause) is MaxLoopsError
    assert (result.error.attempts, result.error.cause.path, result.error.cause.max_loops) == (None, "loop", most)
    assert (result.output, result.context.notes, result.total_cost_usd) == (None, ["w"] * most, usd(*[7] * most))
    assert decisions(result) == [("exit_condition", n, False) for n in range(1, most + 1)]


async def test_five_loops_are_made_unless_told_otherwise() -> None:
    result = await run(counting(99), 0)
    assert len(result.transcript.of(Asked)) == 5


async def test_the_result_tells_how_often_and_why_a_loop_ended() -> None:
    result = await run(counting(3), 0)
    assert dict(result.step_history[0].metadata) == {"iterations": 3, "exit_reason": "condition"}


async def test_the_result_tells_that_a_loop_came_to_its_limit() -> None:
    result = await run(counting(99, max_loops=2), 0)
    assert dict(result.step_history[0].metadata) == {"iterations": 2, "exit_reason": "max_loops"}


async def test_what_functions_change_is_gone() -> None:
    def ends(x: list[int], context: Notes, *, input: list[int]) -> bool:
        x.append(99)
        input.append(99)
        context.notes.append("ends")
        return len(x) == 3

    async def more(x: list[int]) -> list[int]:
        return [*x, len(x)]

    given = [0]
    result = await run(Step.loop_until("loop", Step("s", more), ends), given)
    assert (given, result.output, result.context) == ([0], [0, 1], Notes())


async def test_two_loops_share_a_body_and_nest() -> None:
    def after(number: int) -> Any:
        return lambda x, *, iteration: iteration == number

    inner = Step.loop_until("inner", Step("s", Writer("w", 7)), after(2))
    result = await run(Step.loop_until("outer", inner, after(2)))
    assert spent(result) == [
        (f"outer/iteration:{n}/inner/iteration:{m}/s/attempt:1", usd(7)) for n in (1, 2) for m in (1, 2)
    ]
    assert result.context.notes == ["w"] * 4


@pytest.mark.parametrize(
    ("what", "asked"),
    [("initial_input_mapper", 0), ("exit_condition", 1), ("iteration_input_mapper", 1), ("loop_output_mapper", 2)],
)
async def test_a_function_that_raises_fails_the_step_and_completed_iterations_stay(what: str, asked: int) -> None:
    def broken(x: object) -> object:
        raise KeyError("a")

    functions: dict[str, Any] = {"exit_condition": lambda x, *, iteration: iteration == 2, what: broken}
    step = Step.loop_until("loop", Step("s", Writer("w", 7)), functions.pop("exit_condition"), **functions)
    result = await run(step)
    assert undecided(result) == ("loop", what, f"{what} raised KeyError: 'a'")
    assert (result.context.notes, result.total_cost_usd) == (["w"] * asked, usd(*[7] * asked))


@pytest.mark.parametrize("answer", [None, 0, 1, "yes", [], [1]])
async def test_an_exit_condition_says_true_or_false_and_nothing_else(answer: Any) -> None:
    result = await run(Step.loop_until("loop", Step("s", echo), lambda x: answer))
    text = f"exit_condition returned {answer!r}; it has to return True or False"
    assert undecided(result) == ("loop", "exit_condition", text)


async def test_a_failed_body_is_undone_even_where_its_own_steps_completed() -> None:
    body = Step("s", Writer("first", 7)) >> Step("t", Breaker("second", 11), max_retries=0)
    result = await run(Step.loop_until("loop", body, lambda x: True), context_data={"notes": ["start"]})
    assert (result.context.notes, result.total_cost_usd) == (["start"], usd(7, 11))
