"""Steps that ask a person: what is asked, what pauses, and how the run goes on from an answer."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from flujo import BranchFailureStrategy, Flujo, MergeStrategy, MisuseError, PipelineResult, Step
from flujo.errors import RunPausedError
from flujo.events import Asked, BranchEnded
from tests.flujo.kinds.cast import (
    PRICES,
    STILL,
    Breaker,
    Notes,
    Writer,
    echo,
    run,
    statuses,
    story,
    undecided,
    usd,
    why,
)

MERGED = MergeStrategy.CONTEXT_UPDATE


def ask(name: str = "ask", message: Any = "well?", **options: Any) -> Any:
    return Step.human_in_the_loop(name, message, **options)


def runner(part: Any, **options: Any) -> Flujo:
    return Flujo(part, context_model=Notes, cost_model=PRICES, clock=STILL, **options)


async def answered(part: Any, answers: dict[str, object], x: object = "x") -> PipelineResult:
    steps = runner(part)
    return await steps.resume_async(await steps.run_async(x, run_id="r"), answers)


async def test_the_whole_story_of_a_question() -> None:
    result = await run(ask() >> Step("s", echo))
    assert (result.status, result.output, result.error) == ("paused", None, None)
    assert story(result) == [
        ("StepStarted", "ask", "human", "x"),
        ("Questioned", "ask", "well?"),
        ("StepEnded", "ask", "paused", None, None),
    ]
    assert [(q.path, q.message, q.input) for q in result.questions] == [("ask", "well?", "x")]
    with pytest.raises(RunPausedError, match="the run waits for answers"):
        result.raise_for_status()


async def test_the_whole_story_of_an_answer() -> None:
    result = await answered(ask() >> Step("s", echo), {"ask": "fine"})
    assert (result.status, result.output, result.questions, result.run_id) == ("completed", "fine", (), "r")
    assert story(result) == [
        ("RunResumed", "", "paused", (("ask", "fine"),)),
        ("StepStarted", "ask", "human", "x"),
        ("Questioned", "ask", "well?"),
        ("Replied", "ask", "fine"),
        ("StepEnded", "ask", "completed", "fine", None),
        ("StepStarted", "s", "step", "fine"),
        ("Asked", "s", 1, 0, "echo", "fine", ()),
        ("Answered", "s", 1, 0, "fine"),
        ("StepEnded", "s", "completed", "fine", None),
    ]


async def test_a_message_may_be_made_of_value_and_context() -> None:
    result = await run(ask(message=lambda x, context: f"{x} by {context.winner}?"), context_data={"winner": "ann"})
    assert story(result)[1:3] == [("Decided", "ask", "message", 0, "x by ann?"), ("Questioned", "ask", "x by ann?")]


@pytest.mark.parametrize("message", [7, None, b"?", ["?"]])
async def test_a_message_that_is_no_text_fails_the_step(message: object) -> None:
    result = await run(ask(message=lambda x: message))
    assert undecided(result) == ("ask", "message", f"message returned {message!r}; it has to return text")
    assert result.questions == ()


class Vote(BaseModel):
    yes: bool
    weight: int = 3


@pytest.mark.parametrize(
    ("schema", "answer", "output"),
    [(int, "7", 7), (Vote, {"yes": True}, Vote(yes=True)), (list[int], ("3", 5), [3, 5]), (None, {"a": 1}, {"a": 1})],
)
async def test_answers_are_read_by_the_schema(schema: Any, answer: object, output: object) -> None:
    result = await answered(ask(input_schema=schema), {"ask": answer})
    assert (result.status, result.output) == ("completed", output)
    assert story(result)[3] == ("Replied", "ask", output)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"ask": "many"}, "the answer 'many' at 'ask' does not fit its input_schema: "),
        ({"asked": 7}, "nobody asks for an answer at 'asked'; open questions: 'ask'"),
        ({"ask": 7, "": 7}, "nobody asks for an answer at ''; open questions: 'ask'"),
    ],
)
async def test_answers_that_do_not_fit_are_misuse_before_anything_runs(answers: dict[str, object], why: str) -> None:
    asked: list[object] = []

    async def noting(x: object) -> None:
        asked.append(x)

    with pytest.raises(MisuseError) as caught:
        await answered(ask(input_schema=int) >> Step("s", noting), answers)
    assert (str(caught.value)[: len(why)], asked) == (why, [])


async def test_an_answered_question_is_not_answered_again() -> None:
    steps = runner(ask("one") >> ask("two"))
    first = await steps.resume_async(await steps.run_async("x"), {"one": 3})
    with pytest.raises(MisuseError, match="the question at 'one' has been answered already; its answer stays"):
        await steps.resume_async(first, {"one": 5})
    assert (await steps.resume_async(first, {"two": 7})).output == 7


async def test_several_questions_are_open_at_once_in_declared_order_and_others_finish_first() -> None:
    branches = {"b": ask("q"), "a": Step("s", Writer("a", 7)), "c": Step("t", Writer("c", 11)) >> ask("r")}
    step = Step.parallel("p", branches, merge_strategy=MERGED)
    steps = runner(step)
    result = await steps.run_async("x", run_id="r")
    assert [question.path for question in result.questions] == ["p/branch:b/q", "p/branch:c/r"]
    assert [(event.branch, event.status) for event in result.transcript.of(BranchEnded)] == [
        ("b", "paused"), ("a", "completed"), ("c", "paused"),
    ]  # fmt: skip
    assert (result.context, result.total_cost_usd) == (Notes(), usd(7, 11))
    some = await steps.resume_async(result, {"p/branch:c/r": 5})
    assert (some.status, [question.path for question in some.questions]) == ("paused", ["p/branch:b/q"])
    done = await steps.resume_async(some, {"p/branch:b/q": 3})
    assert done.output == {"b": 3, "a": "x.a", "c": 5}
    assert (done.context.notes, done.total_cost_usd) == (["a", "c"], usd(7, 11))
    assert done.ledger.entries == result.ledger.entries


async def test_a_failure_beside_it_withdraws_a_question() -> None:
    step = Step.parallel("p", {"a": ask("q"), "b": Step("s", Breaker("b", 7), max_retries=0)})
    result = await run(step)
    assert why(result) == ("failed", "p/branch:b/s", "step 'p/branch:b/s' failed after 1 attempt: broken")
    assert result.questions == ()


async def test_an_ignored_failure_leaves_the_question_open() -> None:
    branches = {"a": ask("q"), "b": Step("s", Breaker("b", 7), max_retries=0)}
    step = Step.parallel("p", branches, on_branch_failure=BranchFailureStrategy.IGNORE)
    result = await run(step)
    assert (result.status, [question.path for question in result.questions]) == ("paused", ["p/branch:a/q"])
    assert (await answered(step, {"p/branch:a/q": 3})).output == {"a": 3}


BODY = Step("s", Writer("s", 7)) >> ask("q")
AROUND: dict[str, Any] = {
    "branch": Step.branch_on("x", lambda x: "a", {"a": BODY}),
    "loop": Step.loop_until("x", BODY, lambda x: True),
    "map": Step.map_over("x", BODY, lambda x: [x]),
    "pipeline": BODY.as_step("x"),
}


@pytest.mark.parametrize("kind", AROUND)
async def test_what_completed_steps_changed_is_in_the_context_of_a_paused_run(kind: str) -> None:
    result = await run(AROUND[kind] >> Step("after", echo))
    assert (result.status, result.context.notes) == ("paused", ["s"])
    assert [status for _, status in statuses(result)] == ["completed", "paused", "paused"]


async def test_nothing_that_was_answered_is_asked_again() -> None:
    calls: list[object] = []

    async def counted(x: object) -> object:
        calls.append(x)
        return x

    decided: list[object] = []

    def items(x: object) -> list[int]:
        decided.append(x)
        return [3, 5]

    step = Step.map_over("m", Step("s", counted) >> ask("q"), items)
    steps = runner(step)
    result = await steps.run_async("x")
    for path in ("m/item:1/q", "m/item:2/q"):
        result = await steps.resume_async(result, {path: path})
    assert (result.output, calls, decided) == (["m/item:1/q", "m/item:2/q"], [3, 5], ["x"])
    assert len(result.transcript.of(Asked)) == 2


async def test_a_completed_run_has_nothing_to_resume() -> None:
    steps = runner(Step("s", echo))
    with pytest.raises(MisuseError, match="the run has completed: there is nothing to resume"):
        await steps.resume_async(await steps.run_async("x"), {})
