"""The steps that run a body again and again: until a condition holds, or once per item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from flujo.errors import Problem
from flujo.functions import function_problems
from flujo.pipeline import AnyPart, In, Out, Part, misfits, steps_of, with_agents_in
from flujo.steps.parallel import MergeFunction, MergeStrategy, body_problems, joining_problems

LOOP_EXTRAS = frozenset({"iteration", "input"})
"""What the functions of a loop may take by name: the number of the iteration, and the loop's own input."""


@dataclass(frozen=True, eq=False, repr=False)
class LoopStep(Part[In, Out]):
    """Runs ``body`` until ``exit_condition`` is true of its output; see ``Step.loop_until``."""

    body: Any
    exit_condition: Callable[..., bool]
    max_loops: int = field(default=5, kw_only=True)
    initial_input_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)
    iteration_input_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)
    loop_output_mapper: Callable[..., Any] | None = field(default=None, kw_only=True)

    def faults(self) -> Iterator[Problem]:
        path = str(self.name)
        yield from body_problems(path, "the body", self.body)
        if self.exit_condition is None:
            yield Problem("function-invalid", path, "exit_condition is None", "Pass a function of the body's output.")
        yield from function_problems(path, self.functions(), dict.fromkeys(self.functions(), LOOP_EXTRAS))
        if not isinstance(self.max_loops, int) or isinstance(self.max_loops, bool) or self.max_loops < 1:
            text = f"max_loops is {self.max_loops!r}"
            yield Problem("max-loops-invalid", path, text, "Use a whole number from 1 up.")

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

    def problems(self, here: str) -> Iterator[Problem]:
        steps = steps_of(self.body)
        if steps and self.max_loops > 1 and self.iteration_input_mapper is None:
            fix = "Change one of the two, or give the loop an iteration_input_mapper."
            yield from misfits(here, steps[-1], steps[0], "in the iteration before it", fix)


@dataclass(frozen=True, eq=False, repr=False)
class MapStep(Part[In, Out]):
    """Runs ``body`` once per item; see ``Step.map_over``."""

    body: Any
    items: Callable[..., Iterable[Any]]
    max_concurrency: int | None = field(default=1, kw_only=True)
    merge_strategy: MergeStrategy | MergeFunction = field(default=MergeStrategy.NO_MERGE, kw_only=True)

    def faults(self) -> Iterator[Problem]:
        path = str(self.name)
        yield from body_problems(path, "the body", self.body)
        yield from function_problems(path, {"items": self.items})
        yield from joining_problems(path, self.merge_strategy, self.max_concurrency)
        if self.items is None:
            yield Problem("function-invalid", path, "items is None", "Pass items=lambda value: value.")
        if self.max_concurrency == 1 and self.merge_strategy is not MergeStrategy.NO_MERGE:
            text = "a merge_strategy is for items that run at once; in turn, each item sees what the last one changed"
            yield Problem("merge-in-turn", path, text, "Leave it out, or raise max_concurrency.")

    @property
    def kind(self) -> str:
        return "map" if self.max_concurrency == 1 else "map_at_once"

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
