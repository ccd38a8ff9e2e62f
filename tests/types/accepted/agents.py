"""What a step takes and returns is what its agent takes and returns, however the agent is written."""

from __future__ import annotations

from functools import partial
from typing import Any, assert_type

from flujo import Agent, Step
from tests.types import cast

assert_type(Step("s", cast.length), Step[str, int])
assert_type(Step("s", cast.plain), Step[str, int])
assert_type(Step("s", cast.metered), Step[str, int])
assert_type(Step("s", cast.plain_metered), Step[str, int])
assert_type(Step("s", cast.in_context), Step[str, int])
assert_type(Step("s", cast.offered_all), Step[str, int])
assert_type(Step("s", cast.Counter()), Step[str, int])
assert_type(Step("s", cast.MeteredCounter()), Step[str, int])
assert_type(Step("s", cast.PlainCounter()), Step[str, int])
assert_type(Step("s", cast.Counter().run), Step[str, int])
assert_type(Step("s", cast.either), Step[int | str, str])
assert_type(Step("s", cast.maybe), Step[str | None, str | None])
assert_type(Step("s", cast.names), Step[str, list[str]])
assert_type(Step("s", cast.write), Step[str, cast.Draft])

whatever = Step("s", cast.untyped)
offered_any: Step[str, int] = Step("s", cast.offered_any)
assert_type(whatever, Step[Any, Any])
assert_type(whatever, Step)


def of_a_given_agent(agent: Agent, anything: Any) -> None:
    assert_type(Step("s", agent), Step[Any, Any])
    assert_type(Step("s", anything), Step[Any, Any])


def scale(number: int, factor: int) -> int:
    return number * factor


bound: Step[int, int] = Step("s", partial(scale, factor=2))
