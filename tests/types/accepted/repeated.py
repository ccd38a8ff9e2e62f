"""Loops take and return what their body does, maps return lists, refinements the draft."""

from __future__ import annotations

from typing import Any, assert_type

from flujo import Pipeline, Step
from flujo.steps import LoopStep, MapStep
from tests.types import cast

length, double, spell = Step("length", cast.length), Step("double", cast.double), Step("spell", cast.spell)
write, review = Step("write", cast.write), Step("review", cast.review)

assert_type(Step.loop_until("l", double, cast.is_large), LoopStep[int, int])
assert_type(Step.loop_until("l", double >> double, cast.is_large_by_name, max_loops=3), LoopStep[int, int])
assert_type(Step.loop_until("l", double, lambda number: number > 100), LoopStep[int, int])
assert_type(Step.loop_until("l", Step("either", cast.either), cast.is_long), LoopStep[int | str, str])
assert_type(Step.loop_until("l", length, cast.is_large, iteration_input_mapper=str), LoopStep[str, int])
assert_type(Step.loop_until("l", double, cast.is_large, initial_input_mapper=len), LoopStep[Any, int])
assert_type(Step.loop_until("l", double, cast.is_large, loop_output_mapper=str), LoopStep[Any, str])
assert_type(length >> Step.loop_until("l", double, cast.is_large) >> spell, Pipeline[str, str])

assert_type(Step.map_over("m", length, cast.words), MapStep[Any, list[int]])
assert_type(Step.map_over("m", length >> spell, cast.words_in_context), MapStep[Any, list[str]])
assert_type(Step.map_over("m", length, cast.words_by_name, max_concurrency=None), MapStep[Any, list[int]])
assert_type(Step.map_over("m", length, lambda text: text.split()), MapStep[Any, list[int]])

assert_type(Step.refine_until("r", write, review), LoopStep[str, cast.Draft])
assert_type(Step.refine_until("r", Step("a", cast.address), review), LoopStep[str, cast.Letter])
assert_type(Step.refine_until("r", write, Step("m", cast.review_as_mapping)), LoopStep[str, cast.Draft])
redraft = Step("redraft", cast.redraft)
refined = Step.refine_until("r", redraft, review, max_loops=3, feedback_mapper=cast.with_feedback)
assert_type(refined, LoopStep[cast.Draft, cast.Draft])
