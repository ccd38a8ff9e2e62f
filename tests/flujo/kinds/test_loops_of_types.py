"""A body whose output cannot be its own next input is a problem when the loop is built."""

from __future__ import annotations

from typing import Any

import pytest

from flujo import Pipeline, Step
from flujo.errors import Problem
from tests.flujo.kinds.cast import echo


async def measured(text: str) -> int:
    return len(text)


async def written(number: int) -> str:
    return str(number)


async def either(x: str | int) -> int:
    return 0


def loop(body: Any, **options: Any) -> Any:
    return Step.loop_until("l", body, lambda x: True, **options)


def test_a_body_that_cannot_take_its_own_output_is_a_problem_of_the_loop() -> None:
    fix = "Change one of the two, or give the loop an iteration_input_mapper."
    text = "it takes str, but 'measure' in the iteration before it returns int"
    measure = Step("measure", measured)
    assert Pipeline.of(loop(measure)).validate() == (Problem("type-mismatch", "l/measure", text, fix),)
    text = "it takes str, but 'last' in the iteration before it returns int"
    body = measure >> Step("write", written) >> Step("last", measured)
    assert Pipeline.of(loop(body)).validate() == (Problem("type-mismatch", "l/measure", text, fix),)


@pytest.mark.parametrize(
    "part",
    [
        loop(Step("m", measured), max_loops=1),
        loop(Step("m", measured), iteration_input_mapper=str),
        loop(Step("m", measured) >> Step("w", written)),
        loop(Step("e", either)),
        loop(Step("m", measured, output_processors=[str])),
        loop(Step("s", echo)),
    ],
    ids=["once", "mapped", "back again", "either", "shaped", "untyped"],
)
def test_a_body_that_may_take_its_own_output_is_no_problem(part: Any) -> None:
    assert Pipeline.of(part).validate() == ()
