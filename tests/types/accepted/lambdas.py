"""Lambdas of value and context, which pyright does not type in its strict mode: it is told the standard one."""

# pyright: standard

from __future__ import annotations

from typing import Any

from flujo import Step
from flujo.steps import BranchStep, LoopStep, MapStep
from tests.types import cast

length, double = Step("length", cast.length), Step("double", cast.double)

branched: BranchStep[str, int] = Step.branch_on("b", lambda text, context: context.topic, {"a": length})
looped: LoopStep[int, int] = Step.loop_until("l", double, lambda number, context: number > context.most)
counted: LoopStep[int, int] = Step.loop_until("l", double, lambda number, *, iteration: iteration == 2)
mapped: MapStep[Any, list[int]] = Step.map_over("m", length, lambda text, context: context.items)
asked: Step[int, int] = Step("s", lambda number: number + 1)
asked_in_context: Step[int, int] = Step("s", lambda number, context: number + 1)
