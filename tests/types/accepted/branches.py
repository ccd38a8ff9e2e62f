"""Branches share what they take; ``parallel`` returns a dict of any, ``branch_on`` what its branches return."""

from __future__ import annotations

from typing import Any, assert_type

from flujo import MergeStrategy, Pipeline, Step
from flujo.steps import BranchStep, ParallelStep
from tests.types import cast

length, double, spell = Step("length", cast.length), Step("double", cast.double), Step("spell", cast.spell)
write = Step("write", cast.write)

assert_type(Step.parallel("p", {"a": length, "b": write}), ParallelStep[str, dict[str, Any]])
assert_type(Step.parallel("p", {"a": length >> double, "b": write}), ParallelStep[str, dict[str, Any]])
assert_type(Step.parallel("p", {"a": length}, select=cast.words), ParallelStep[str, dict[str, Any]])
assert_type(Step.parallel("p", {"a": length}, select=cast.words_in_context), ParallelStep[str, dict[str, Any]])
assert_type(Step.parallel("p", {"a": length}, select=lambda text: [text]), ParallelStep[str, dict[str, Any]])
assert_type(Step.parallel("p", {"a": length}, select=Step("n", cast.names)), ParallelStep[str, dict[str, Any]])
assert_type(spell >> Step.parallel("p", {"a": length}), Pipeline[int, dict[str, Any]])
mixed: ParallelStep[str, dict[str, Any]] = Step.parallel("p", {"a": length, "b": Step("either", cast.either)})
ready = {"a": length, "b": length >> double}
assert_type(Step.parallel("p", ready, merge_strategy=MergeStrategy.OVERWRITE), ParallelStep[str, dict[str, Any]])

routed = Step.dynamic_parallel_branch("p", cast.names, {"a": length}, max_concurrency=2)
assert_type(routed, ParallelStep[str, dict[str, Any]])

assert_type(Step.branch_on("b", cast.size, {"long": length, "short": length >> double}), BranchStep[str, int])
assert_type(Step.branch_on("b", cast.size, {"long": length}, default=length >> double), BranchStep[str, int])
assert_type(Step.branch_on("b", cast.size_in_context, {"long": length}), BranchStep[str, int])
assert_type(Step.branch_on("b", cast.size_by_name, {"long": length}), BranchStep[str, int])
assert_type(Step.branch_on("b", lambda text: text.isupper(), {True: length, False: length}), BranchStep[str, int])
assert_type(Step.branch_on("b", cast.size, {"long": double}, branch_input_mapper=len), BranchStep[Any, int])
assert_type(Step.branch_on("b", cast.size, {"long": length}, branch_output_mapper=str), BranchStep[Any, str])
either: BranchStep[str, object] = Step.branch_on("b", cast.size, {"long": length, "short": write})
