"""A pipeline: steps in a row, and everything that can be said of them before they run.

It knows steps only as ``Part``s: what they are called, what is inside them, what they take and return. The kinds of
steps are in ``steps.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

from flujo.binding import may_be, shown
from flujo.canonical import digest
from flujo.errors import MisuseError, PipelineDefinitionError, Problem

MAX_DEPTH = 100


@dataclass(frozen=True)
class Part(ABC):
    """What all kinds of steps have in common."""

    name: str

    def named(self, name: str) -> Self:
        """A copy under another name."""
        return replace(self, name=name)

    def __rshift__(self, after: Part | Pipeline) -> Pipeline:
        return Pipeline.of(self, after)

    @abstractmethod
    def inside(self) -> Iterator[tuple[str, Sequence[Part]]]:
        """The sequences within this step, each with the segment between this step's path and theirs.

        A segment that ends with a colon is joined to the name that follows: ``fallback:`` and ``small``.
        """

    @abstractmethod
    def asked(self) -> Iterator[object]:
        """The agents that this very step asks."""

    @abstractmethod
    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        """A copy in which the agents at these paths are replaced; ``here`` is the step's own path."""

    @abstractmethod
    def problems(self, here: str) -> Iterator[Problem]:
        """What is wrong with this step in its pipeline, apart from what is inside it."""

    @abstractmethod
    def shape(self) -> list[object]:
        """What decides who is asked how often, as plain data."""

    def accepts(self) -> object | None:
        """The type it takes, if its signature shows one."""
        return None

    def returns(self) -> object | None:
        """The type it returns, if its signature shows one."""
        return None


@dataclass(frozen=True)
class Pipeline:
    """Steps that run one after the other, each on the output of the one before.

    Written as ``first >> second >> third``. ``validate()`` lists all that is wrong with it; a ``Flujo`` refuses to be
    built on a pipeline with problems.
    """

    steps: tuple[Part, ...]
    name: str = "pipeline"

    @staticmethod
    def of(*parts: Part | Pipeline) -> Pipeline:
        """The steps of all parts in a row. Raises PipelineDefinitionError for a part that is neither."""
        steps: list[Part] = []
        for part in parts:
            if not isinstance(part, Part | Pipeline):
                text = f"{part!r} is neither a step nor a pipeline"
                raise PipelineDefinitionError([Problem("part-not-a-step", "", text, "Wrap it: Step(name, agent).")])
            steps.extend(steps_of(part))
        return Pipeline(tuple(steps))

    def __rshift__(self, after: Part | Pipeline) -> Pipeline:
        return replace(Pipeline.of(self, after), name=self.name)

    def named(self, name: str) -> Pipeline:
        """A copy under another name."""
        return replace(self, name=name)

    def validate(self) -> tuple[Problem, ...]:
        """All that is wrong with this pipeline at once; empty if it can run."""
        if not self.steps:
            return (Problem("steps-missing", "", "the pipeline has no steps", "Give it at least one."),)
        return tuple(_problems("", self.steps, depth=1))

    def with_agents(self, agents: Mapping[str, object]) -> Pipeline:
        """A copy in which the agents at these paths are replaced. Raises MisuseError for a path that has none."""
        found = dict(self.agents())
        if unknown := [path for path in agents if path not in found]:
            raise MisuseError(f"no step at {', '.join(map(repr, unknown))}; there are: {', '.join(map(repr, found))}")
        return self.with_agents_at("", agents)

    def with_agents_at(self, here: str, agents: Mapping[str, object]) -> Pipeline:
        """The same for a pipeline within a step; paths are those of the whole."""
        return replace(self, steps=tuple(step.with_agents(joined(here, step.name), agents) for step in self.steps))

    def agents(self) -> Iterator[tuple[str, object]]:
        """Path and agent of every step that asks one."""
        for path, step in self.walk():
            for agent in step.asked():
                yield path, agent

    def walk(self) -> Iterator[tuple[str, Part]]:
        """Path and step of every step at every depth, in declared order."""
        return _walk("", self.steps)

    @property
    def fingerprint(self) -> str:
        """A hash of the pipeline's structure: paths, kinds, and what decides how often and by whom agents are asked."""
        return digest([[path, *step.shape()] for path, step in self.walk()])[:16]


def joined(path: str, segment: str) -> str:
    """A path and what follows it."""
    return path + segment if not path or path.endswith(":") else f"{path}/{segment}"


def steps_of(part: Part | Pipeline) -> tuple[Part, ...]:
    """The steps of a branch, which may be written as one step or as a pipeline."""
    return part.steps if isinstance(part, Pipeline) else (part,)


def _walk(path: str, steps: Sequence[Part]) -> Iterator[tuple[str, Part]]:
    for step in steps:
        here = joined(path, step.name)
        yield here, step
        for segment, inner in step.inside():
            yield from _walk(joined(here, segment), inner)


def _problems(path: str, steps: Sequence[Part], depth: int) -> Iterator[Problem]:
    if depth > MAX_DEPTH:
        fix = f"Flatten the pipeline: at most {MAX_DEPTH} levels run."
        yield Problem("too-deep", path, f"steps are nested more than {MAX_DEPTH} deep", fix)
        return
    if not steps:
        yield Problem("steps-missing", path, "the branch has no steps", "Give it at least one.")
    seen: set[str] = set()
    for step in steps:
        here = joined(path, step.name)
        if step.name in seen:
            text = f"two steps of one sequence are named '{step.name}'"
            yield Problem("name-duplicate", here, text, f"Rename one: step.named('{step.name}_2').")
        seen.add(step.name)
        yield from step.problems(here)
        for segment, inner in step.inside():
            yield from _problems(joined(here, segment), inner, depth + 1)
    for before, after in pairwise(steps):
        yield from _misfits(path, before, after)


def _misfits(path: str, before: Part, after: Part) -> Iterator[Problem]:
    returns: Any = before.returns()
    accepts: Any = after.accepts()
    if returns is None or accepts is None or may_be(accepts, returns):
        return
    text = f"it takes {shown(accepts)}, but '{before.name}' before it returns {shown(returns)}"
    fix = "Change one of the two, or put a step between them that converts."
    yield Problem("type-mismatch", joined(path, after.name), text, fix)
