"""The conditional step: which branch runs, what it is told, and what stays of it."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any

import pytest

from flujo import PipelineResult, Step, StepFailedError
from flujo.errors import UnknownBranchError
from flujo.events import Asked, Decided, StepEnded
from flujo_testing.conservation import check_conservation
from tests.flujo.kinds.cast import Breaker, Notes, Writer, echo, run, spent, story, undecided, usd, why


class Tone(StrEnum):
    DRY = "dry"
    WARM = "warm"


class Size(Enum):
    SMALL = 2
    BIG = 3


def branches(*keys: Any) -> dict[Any, Step[Any, Any]]:
    return {key: Step("s", Writer(str(key))) for key in keys}


def of(step: Any, kind: type[Any]) -> list[Any]:
    return list(step.transcript.of(kind))


async def test_the_whole_story_of_a_condition() -> None:
    step = Step.branch_on("pick", lambda x: "b", {"a": Step("s", echo), "b": Step("s", echo)})
    assert story(await run(step)) == [
        ("StepStarted", "pick", "branch", "x"),
        ("Decided", "pick", "condition", 0, "b"),
        ("StepStarted", "pick/branch:b/s", "step", "x"),
        ("Asked", "pick/branch:b/s", 1, 0, "echo", "x", ()),
        ("Answered", "pick/branch:b/s", 1, 0, "x"),
        ("StepEnded", "pick/branch:b/s", "completed", "x", None),
        ("StepEnded", "pick", "completed", "x", None),
    ]


async def test_mappers_are_decisions_of_their_own_before_and_after_the_branch() -> None:
    step = Step.branch_on(
        "pick",
        lambda x: "a",
        {"a": Step("s", echo)},
        branch_input_mapper=lambda x: x + "in",
        branch_output_mapper=lambda x: x + "out",
    )
    result = await run(step)
    assert result.output == "xinout"
    assert story(result) == [
        ("StepStarted", "pick", "branch", "x"),
        ("Decided", "pick", "condition", 0, "a"),
        ("Decided", "pick", "branch_input_mapper", 0, "xin"),
        ("StepStarted", "pick/branch:a/s", "step", "xin"),
        ("Asked", "pick/branch:a/s", 1, 0, "echo", "xin", ()),
        ("Answered", "pick/branch:a/s", 1, 0, "xin"),
        ("StepEnded", "pick/branch:a/s", "completed", "xin", None),
        ("Decided", "pick", "branch_output_mapper", 0, "xinout"),
        ("StepEnded", "pick", "completed", "xinout", None),
    ]


@pytest.mark.parametrize(
    ("keys", "key", "label"),
    [
        (("a", "b"), "b", "b"),
        ((True, False), False, "False"),
        ((7, 11), 11, "11"),
        ((0, 13), 0, "0"),
        (tuple(Tone), Tone.WARM, "warm"),
        (tuple(Tone), "warm", "warm"),
        (tuple(Size), Size.BIG, "Size.BIG"),
    ],
)
async def test_keys_of_every_kind_find_their_branch(keys: tuple[Any, ...], key: Any, label: str) -> None:
    result = await run(Step.branch_on("pick", lambda x: key, branches(*keys)))
    assert [event.step for event in of(result, Asked)] == [f"pick/branch:{label}/s"]
    assert [event.value for event in of(result, Decided)] == [key]


@pytest.mark.parametrize(("known", "key"), [(1, True), (True, 1), (0, False), (Tone.DRY, "dry")])
async def test_a_key_is_looked_up_as_in_a_dict_and_told_as_the_branches_have_it(known: object, key: object) -> None:
    result = await run(Step.branch_on("pick", lambda x: key, branches(known), default=Step("s", echo)))
    assert [event.step for event in of(result, Asked)] == [f"pick/branch:{known}/s"]
    assert [(type(event.value), event.value) for event in of(result, Decided)] == [(type(known), known)]
    check_conservation(result)


async def test_a_key_without_branch_takes_the_default_and_is_told_as_returned() -> None:
    step = Step.branch_on("pick", lambda x: "zz", branches("a"), default=Step("d", Writer("default")))
    result = await run(step)
    assert [event.step for event in of(result, Asked)] == ["pick/branch:default/d"]
    assert [event.value for event in of(result, Decided)] == ["zz"]
    assert (result.output, result.context) == ("x.default", Notes(notes=["default"]))


async def test_a_key_without_branch_and_default_fails_the_step_before_anybody_is_asked() -> None:
    result = await run(Step.branch_on("pick", lambda x: "zz", branches("a", "b")))
    assert why(result) == ("failed", "pick", "step 'pick' failed: condition chose 'zz', but the branches are: 'a', 'b'")
    assert type(result.error) is StepFailedError
    cause = result.error.cause
    assert type(cause) is UnknownBranchError
    assert (cause.path, cause.keys, cause.known) == ("pick", ("zz",), ("a", "b"))
    assert story(result) == [
        ("StepStarted", "pick", "branch", "x"),
        ("Decided", "pick", "condition", 0, "zz"),
        ("StepEnded", "pick", "failed", None, str(result.error)),
    ]


async def metadata(key: object, **options: Any) -> object:
    result = await run(Step.branch_on("pick", lambda x: key, branches("a", 7, Tone.DRY), **options))
    return dict(result.step_history[0].metadata)


async def test_the_result_tells_the_key_that_was_executed() -> None:
    assert await metadata("a") == {"executed_branch_key": "a"}
    assert await metadata(7) == {"executed_branch_key": 7}
    assert await metadata(Tone.DRY) == {"executed_branch_key": Tone.DRY}


async def test_the_result_tells_the_key_that_led_to_the_default() -> None:
    assert await metadata("zz", default=Step("s", echo)) == {"executed_branch_key": "zz"}


async def test_a_branch_may_be_a_pipeline_and_its_context_stays() -> None:
    step = Step.branch_on("pick", lambda x: "a", {"a": Step("s", Writer("one", 7)) >> Step("t", Writer("two", 11))})
    result = await run(step >> Step("after", Writer("after", 13)), context_data={"notes": ["start"]})
    assert (result.output, result.context.notes) == ("x.one.two.after", ["start", "one", "two", "after"])
    assert spent(result) == [
        ("pick/branch:a/s/attempt:1", usd(7)),
        ("pick/branch:a/t/attempt:1", usd(11)),
        ("after/attempt:1", usd(13)),
    ]
    pick, after = result.step_history
    assert (pick.cost_usd, pick.attempts, after.cost_usd) == (usd(7, 11), 0, usd(13))
    assert [(step.path, step.branch, step.cost_usd) for step in pick.step_history] == [
        ("pick/branch:a/s", "a", usd(7)),
        ("pick/branch:a/t", "a", usd(11)),
    ]
    assert result.cost_by("branch") == {"": usd(13), "pick/branch:a": usd(7, 11)}


async def failing() -> PipelineResult:
    branch = Step("s", Writer("one", 7)) >> Step("t", Breaker("two", 11), max_retries=0)
    step = Step.branch_on("pick", lambda x: "a", {"a": branch})
    return await run(step, context_data={"notes": ["start"]})


async def test_a_failed_branch_leaves_the_context_as_it_was_and_its_spend_in_the_ledger() -> None:
    result = await failing()
    assert result.context == Notes(notes=["start"])
    assert result.total_cost_usd == usd(7, 11)


async def test_an_error_inside_passes_through_unchanged() -> None:
    result = await failing()
    text = "step 'pick/branch:a/t' failed after 1 attempt: broken"
    assert why(result) == ("failed", "pick/branch:a/t", text)
    assert [(event.step, event.status, event.error) for event in of(result, StepEnded)] == [
        ("pick/branch:a/s", "completed", None),
        ("pick/branch:a/t", "failed", text),
        ("pick", "failed", text),
    ]


async def test_functions_work_on_copies() -> None:
    def condition(value: list[str], context: Notes) -> str:
        value.append("condition")
        context.notes.append("condition")
        return "a"

    def mapped(value: list[str], context: Notes) -> list[str]:
        value.append("mapper")
        context.notes.append("mapper")
        return value

    step = Step.branch_on("pick", condition, {"a": Step("s", echo)}, branch_input_mapper=mapped)
    given = ["x"]
    result = await run(step >> Step("t", echo), given)
    assert (given, result.output, result.context) == (["x"], ["x", "mapper"], Notes())
    assert [event.input for event in of(result, Asked)] == [["x", "mapper"], ["x", "mapper"]]


async def test_what_was_decided_does_not_change_with_what_was_returned() -> None:
    async def grows(x: list[str]) -> list[str]:
        x.append("grown")
        return x

    step = Step.branch_on("pick", lambda x: "a", {"a": Step("s", grows)}, branch_input_mapper=lambda x: [x])
    result = await run(step)
    assert [event.value for event in of(result, Decided)] == ["a", ["x"]]


async def test_the_output_is_handed_on_as_the_object_it_is() -> None:
    kept: list[object] = []

    async def makes(x: object) -> object:
        kept.append(object())
        return kept[0]

    result = await run(Step.branch_on("pick", lambda x: "a", {"a": Step("s", makes)}))
    assert result.output is kept[0]


@pytest.mark.parametrize("what", ["condition", "branch_input_mapper", "branch_output_mapper"])
async def test_a_function_that_raises_fails_the_step_once_and_spend_is_kept(what: str) -> None:
    calls = 0

    def broken(x: object) -> str:
        nonlocal calls
        calls += 1
        raise KeyError("a")

    functions: dict[str, Any] = {"condition": lambda x: "a", what: broken}
    step = Step.branch_on("pick", functions.pop("condition"), {"a": Step("s", Writer("one", 7))}, **functions)
    result = await run(step)
    assert undecided(result) == ("pick", what, f"{what} raised KeyError: 'a'")
    assert str(result.error) == f"step 'pick' failed: {what} raised KeyError: 'a'"
    assert (calls, type(result.error.__cause__)) == (1, KeyError)  # type: ignore[union-attr]
    assert result.total_cost_usd == (usd(7) if what == "branch_output_mapper" else 0)


async def test_a_failed_output_mapper_leaves_the_context_as_it_was_before_the_branch() -> None:
    """The branch completed, so what it changed stays; only a failed branch is undone (law C5)."""
    step = Step.branch_on("pick", lambda x: "a", branches("a"), branch_output_mapper=lambda x: 1 // 0)
    result = await run(step)
    assert undecided(result) == (
        "pick",
        "branch_output_mapper",
        "branch_output_mapper raised ZeroDivisionError: integer division or modulo by zero",
    )
    assert result.context == Notes(notes=["a"])
