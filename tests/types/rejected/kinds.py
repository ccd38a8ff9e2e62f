"""The kinds of steps hand types on, and hold their functions to them.

Mypy reads a dict by itself before it looks for a type that all branches take; where there is none, only pyright says
so. Where both are wrong at once, an error is enough.
"""

from __future__ import annotations

from flujo import Step
from flujo.stores.memory import MemoryCache
from tests.types import cast

length, double, spell = Step("length", cast.length), Step("double", cast.double), Step("spell", cast.spell)
write, review = Step("write", cast.write), Step("review", cast.review)

parallel_after = length >> Step.parallel("p", {"a": length, "b": write})  # error
parallel_before = Step.parallel("p", {"a": length}) >> length  # error
parallel_takes = Step.parallel("p", {"a": length, "b": double})  # error: pyright
parallel_merge = Step.parallel("p", {"a": length}, merge_strategy="overwrite")  # error
selection = Step.parallel("p", {"a": length}, select=cast.is_large)  # error
selecting_step = Step.parallel("p", {"a": length}, select=double)  # error
routed = Step.dynamic_parallel_branch("p", cast.double, {"a": length})  # error
router_option = Step.dynamic_parallel_branch("p", cast.names, {"a": length}, select=cast.words)  # error

condition = Step.branch_on("b", cast.is_large, {True: length})  # error
no_branch = Step.branch_on("b", cast.is_large, {True: cast.double})  # error
branch_gives = Step.branch_on("b", cast.size, {"long": length, "short": write}) >> double  # error
branch_takes = Step.branch_on("b", cast.size, {"long": length, "short": double})  # error
default_gives = Step.branch_on("b", cast.size, {"long": length}, default=write) >> double  # error
branch_mapped = Step.branch_on("b", cast.size, {"long": length}, branch_output_mapper=str) >> double  # error

exit_takes = Step.loop_until("l", double, cast.is_long)  # error
exit_gives = Step.loop_until("l", length, cast.words)  # error
async_exit = Step.loop_until("l", double, cast.double)  # error
next_takes = Step.loop_until("l", length, cast.is_large, iteration_input_mapper=cast.words)  # error
loop_before = Step.loop_until("l", double, cast.is_large) >> length  # error
loop_after = spell >> Step.loop_until("l", double, cast.is_large)  # error

items_give = Step.map_over("m", double, cast.words)  # error
no_items = Step.map_over("m", double, cast.is_large)  # error
map_before = Step.map_over("m", length, cast.words) >> double  # error

critic_takes = Step.refine_until("r", length, review)  # error
critic_gives = Step.refine_until("r", write, Step("p", cast.publish))  # error
feedback_undeliverable = Step.refine_until("r", Step("r", cast.redraft), review)  # error
feedback_takes = Step.refine_until("r", write, review, feedback_mapper=cast.with_feedback)  # error
refined_before = Step.refine_until("r", write, review) >> length  # error

cached_pipeline = Step.cached(length >> double, MemoryCache())  # error
cached_before = Step.cached(length, MemoryCache()) >> length  # error
no_cache = Step.cached(length, {})  # error
answered = Step.human_in_the_loop("h", "Right?", input_schema=int) >> length  # error
message = Step.human_in_the_loop("h", 3)  # error
