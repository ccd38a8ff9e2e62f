"""The steps that run a body again and again: until a condition holds, or once per item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from flujo.errors import PipelineDefinitionError, Problem
from flujo.functions import function_problems
from flujo.pipeline import AnyPart, In, Out, Part, name_problems, steps_of, with_agents_in
from flujo.steps.parallel import MergeFunction, MergeStrategy, body_problems, joining_problems

LOOP_EXTRAS = frozenset({"iteration", "input"})
"""What the functions of a loop may take by name: the number of the iteration, and the loop's own input."""


@dataclass(frozen=True)
class LoopStep(Part[In, Out]):
    """Runs ``body`` until ``exit_condition`` is true of its output; see ``Step.loop_until``."""

    body: Any
    exit_condition: Callable[..., bool]
    max_loops: int = field(default=5, kw_only=True)
    initial_input_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)
    iteration_input_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)
    loop_output_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if problems := [*name_problems(self.name), *_loop_problems(self)]:
            raise PipelineDefinitionError(problems)

    @property
    def kind(self) -> str:
        return "loop"

    def functions(self) -> dict[str, Callable[..., Any] | None]:
        """The user's functions by the parameters they were given for."""
        return {
            "exit_condition": self.exit_condition,
            "initial_input_mapper": self.initial_input_mapper,
            "iteration_input_mapper": self.iteration_input_mapper,
            "loop_output_mapper": self.loop_output_mapper,
        }

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        yield "", steps_of(self.body)

    def written(self) -> Iterator[object]:
        return (function for function in self.functions().values() if function is not None)

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        return replace(self, body=with_agents_in(self.body, here, agents))

    def shape(self) -> list[object]:
        return ["loop", self.max_loops]


@dataclass(frozen=True)
class MapStep(Part[In, Out]):
    """Runs ``body`` once per item; see ``Step.map_over``."""

    body: Any
    items: Callable[..., Iterable[Any]]
    max_concurrency: int | None = field(default=1, kw_only=True)
    merge_strategy: MergeStrategy | MergeFunction = field(default=MergeStrategy.NO_MERGE, kw_only=True)

    def __post_init__(self) -> None:
        problems = [
            *name_problems(self.name),
            *body_problems(str(self.name), "the body", self.body),
            *function_problems(str(self.name), {"items": self.items}),
            *joining_problems(str(self.name), self.merge_strategy, self.max_concurrency),
        ]
        if self.items is None:
            problems.append(Problem("function-invalid", self.name, "items is None", "Pass items=lambda value: value."))
        if self.max_concurrency == 1 and self.merge_strategy is not MergeStrategy.NO_MERGE:
            text = "a merge_strategy is for items that run at once; in turn, each item sees what the last one changed"
            problems.append(Problem("merge-in-turn", self.name, text, "Leave it out, or raise max_concurrency."))
        if problems:
            raise PipelineDefinitionError(problems)

    @property
    def kind(self) -> str:
        return "map" if self.max_concurrency == 1 else "concurrent map"

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        yield "", steps_of(self.body)

    def written(self) -> Iterator[object]:
        yield self.items
        if not isinstance(self.merge_strategy, MergeStrategy):
            yield self.merge_strategy

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        return replace(self, body=with_agents_in(self.body, here, agents))

    def shape(self) -> list[object]:
        return ["map", self.max_concurrency == 1]


def _loop_problems(step: LoopStep[Any, Any]) -> Iterator[Problem]:
    path = str(step.name)
    yield from body_problems(path, "the body", step.body)
    if step.exit_condition is None:
        yield Problem("function-invalid", path, "exit_condition is None", "Pass a function of the body's output.")
    yield from function_problems(path, step.functions(), dict.fromkeys(step.functions(), LOOP_EXTRAS))
    if not isinstance(step.max_loops, int) or isinstance(step.max_loops, bool) or step.max_loops < 1:
        text = f"max_loops is {step.max_loops!r}"
        yield Problem("max-loops-invalid", path, text, "Use a whole number from 1 up.")
