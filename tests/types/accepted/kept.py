"""A cached step is of its step's types; a person's answer is of the schema's type."""

from __future__ import annotations

from typing import Any, assert_type

from flujo import Pipeline, Step
from flujo.steps import CachedStep, HumanStep
from flujo.stores.memory import MemoryCache
from tests.types import cast

length, publish = Step("length", cast.length), Step("publish", cast.publish)
cache = MemoryCache()

assert_type(Step.cached(length, cache), CachedStep[str, int])
assert_type(Step.cached((length >> Step("double", cast.double)).as_step("both"), cache), CachedStep[str, int])
assert_type(Step.human_in_the_loop("h", "Right?", input_schema=bool), HumanStep[Any, bool])
assert_type(Step.human_in_the_loop("h", cast.size, input_schema=cast.Draft), HumanStep[Any, cast.Draft])
assert_type(Step.human_in_the_loop("h", cast.size_in_context), HumanStep[Any, Any])
assert_type(Step.human_in_the_loop("h", "Which?", input_schema=int | str), HumanStep[Any, Any])
assert_type(Step.human_in_the_loop("h", "What?", input_schema=cast.Letter) >> publish, Pipeline[Any, str])
