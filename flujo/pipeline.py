"""A pipeline: steps in a row, and everything that can be said of them before they run.

It knows steps only as ``Part``s: what they are called, what is inside them, what they take and return.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise, zip_longest
from typing import Any, Generic, Self, TypeAlias

from typing_extensions import TypeVar

from flujo.binding import may_be, shown
from flujo.canonical import digest
from flujo.errors import MisuseError, PipelineDefinitionError, Problem
from flujo.mermaid import diagram
from flujo.usage import UsageLimits

MAX_DEPTH = 100
"""How deep steps may be nested; nothing deeper can be made."""
In = TypeVar("In", contravariant=True, default=Any)
Out = TypeVar("Out", covariant=True, default=Any)
Next = TypeVar("Next")


class Flow(Generic[In, Out]):
    """A step or a pipeline: it takes ``In`` and returns ``Out``. Written without them, it may be any."""

    def __rshift__(self, after: Flow[Out, Next]) -> Pipeline[In, Next]:
        return Pipeline.of(self, after)


@dataclass(frozen=True, eq=False, repr=False)
class Part(Flow[In, Out], ABC):
    """What all kinds of steps have in common: a step takes ``In`` and returns ``Out``.

    Made, it has no faults and is at most MAX_DEPTH levels deep, or PipelineDefinitionError says what is wrong with it.
    """

    name: str

    def __post_init__(self) -> None:
        if problems := [*name_problems(self.name), *self.faults()]:
            raise PipelineDefinitionError(problems)
        if self.levels > MAX_DEPTH:
            text, fix = f"steps are nested more than {MAX_DEPTH} deep", "Flatten the pipeline: at most {} levels run."
            raise PipelineDefinitionError([Problem("too-deep", self.name, text, fix.format(MAX_DEPTH))])

    # Nothing here recurses with the depth: what is innermost comes first, or all levels are looked at in a row.

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Part):
            return NotImplemented
        pairs = zip_longest(_all_of(self), _all_of(other))
        return all(type(a) is type(b) and a.options(type) == b.options(type) for a, b in pairs)

    def __hash__(self) -> int:
        return hash(self.name)  # and of nothing that users write into it: that need not be hashable

    def __repr__(self) -> str:
        told: dict[int, _Told] = {}
        for part in reversed(_all_of(self)):
            text = ", ".join(f"{name}={value!r}" for name, value in part.options(lambda step: told[id(step)]).items())
            told[id(part)] = _Told(f"{type(part).__qualname__}({text})")
        return told[id(self)]

    def __getstate__(self) -> dict[str, object]:
        inside: list[AnyPart] = []
        if self.levels % 10 == 0:  # so that pickle recurses ten levels at most
            inside = [part for part in reversed(_all_of(self)) if part.levels % 10 == 0 and part is not self]
        return {"inside": inside, **self.options()}  # not what was read of it since

    def __setstate__(self, state: dict[str, object]) -> None:
        del state["inside"]
        self.__dict__.update(state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        for part in reversed(_all_of(self)):
            if id(part) not in memo:
                memo[id(part)] = copied = object.__new__(type(part))
                copied.__dict__.update(deepcopy(part.options(), memo))
        return memo[id(self)]  # type: ignore[no-any-return]

    def options(self, instead: Callable[[AnyPart], object] | None = None) -> dict[str, object]:
        """What the step was made with; with ``instead`` of every step inside."""
        options = {option.name: getattr(self, option.name) for option in fields(self)}
        if instead is None:
            return options
        steps = {id(step) for _, inside in self.inside() for step in inside}
        return {name: _exchanged(value, steps, instead) for name, value in options.items()}

    @cached_property
    def levels(self) -> int:
        """How deep steps are nested here, this one included."""
        return 1 + max((step.levels for _, steps in self.inside() for step in steps), default=0)

    def named(self, name: str) -> Self:
        """A copy under another name."""
        return replace(self, name=name)

    @property
    @abstractmethod
    def kind(self) -> str:
        """The kind of step, as transcripts call it."""

    @abstractmethod
    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        """The sequences within this step, each with the segment between this step's path and theirs.

        A segment that ends with a colon is joined to the name that follows: ``fallback:`` and ``small``. Segments that
        are numbered while a pipeline runs (iterations, items) are left out.
        """

    @abstractmethod
    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        """A copy in which the agents at these paths are replaced; ``here`` is the step's own path."""

    @abstractmethod
    def shape(self) -> list[object]:
        """What decides who is asked how often, as plain data."""

    def asked(self) -> Iterator[object]:
        """The agents that this very step asks."""
        return iter(())

    def written(self) -> Iterator[object]:
        """What users wrote into this very step and what decides on its result: agents, plugins, functions."""
        return self.asked()

    def faults(self) -> Iterator[Problem]:
        """What is wrong with this step by itself, beside its name; asked before anything else."""
        return iter(())

    def problems(self, here: str) -> Iterator[Problem]:
        """What is wrong with this step in its pipeline, apart from what is inside it."""
        return iter(())

    def accepts(self) -> object | None:
        """The type it takes, if its signature shows one."""
        return None

    def returns(self) -> object | None:
        """The type it returns, if its signature shows one."""
        return None


AnyPart: TypeAlias = Part[Any, Any]


def _all_of(part: AnyPart) -> list[AnyPart]:
    return [step for _, step in walk_of("", part)]


class _Told(str):
    """A text that shows itself without quotes."""

    __repr__ = str.__str__


def _exchanged(option: Any, steps: Container[int], instead: Callable[[AnyPart], object]) -> object:
    """An option with something instead of each of these steps, by their ids."""
    if isinstance(option, Part):
        return instead(option) if id(option) in steps else option
    if isinstance(option, Pipeline):
        return _unchecked([_exchanged(step, steps, instead) for step in option.steps], option.name)
    if isinstance(option, Mapping):
        return {key: _exchanged(part, steps, instead) for key, part in option.items()}
    return option


@dataclass(frozen=True)
class Pipeline(Flow[In, Out]):
    """Steps that run one after the other, each on the output of the one before.

    Written as ``first >> second >> third``. ``validate()`` lists all that is wrong with it; a ``Flujo`` refuses to be
    built on a pipeline with problems.
    """

    steps: tuple[AnyPart, ...]
    name: str = "pipeline"

    def __post_init__(self) -> None:
        if isinstance(self.steps, list):
            object.__setattr__(self, "steps", tuple(self.steps))
        if isinstance(self.steps, tuple):
            problems = [_stranger(step) for step in self.steps if not isinstance(step, Part)]
        else:
            problems = [_stranger(self.steps)]
        if not isinstance(self.name, str) or not self.name.strip():
            problems.append(Problem("name-empty", "", f"the pipeline name {self.name!r} is no text", "Give it a name."))
        if problems:
            raise PipelineDefinitionError(problems)

    @staticmethod
    def of(*parts: Flow) -> AnyPipeline:
        """The steps of all parts in a row. Raises PipelineDefinitionError for parts that are neither."""
        return _in_a_row(parts, "pipeline")

    def __rshift__(self, after: Flow[Out, Next]) -> Pipeline[In, Next]:
        return _in_a_row((self, after), self.name)

    def named(self, name: str) -> Self:
        """A copy under another name."""
        return replace(self, name=name)

    def as_step(self, name: str, *, usage_limits: UsageLimits | None = None) -> PipelineStep[In, Out]:
        """This pipeline as one step of another. ``usage_limits`` is one budget for all that it asks."""
        return PipelineStep(name, self, usage_limits=usage_limits)

    def to_mermaid(self) -> str:
        """The pipeline as a Mermaid flowchart."""
        return diagram(self.steps)

    def validate(self) -> tuple[Problem, ...]:
        """All that is wrong with this pipeline at once; empty if it can run."""
        if not self.steps:
            return (Problem("steps-missing", "", "the pipeline has no steps", "Give it at least one."),)
        return tuple(_problems("", self.steps))

    def with_agents(self, agents: Mapping[str, object]) -> Self:
        """A copy in which the agents at these paths are replaced. Raises MisuseError for a path that has none."""
        found = dict(self.agents())
        if unknown := [path for path in agents if path not in found]:
            raise MisuseError(f"no step at {', '.join(map(repr, unknown))}; there are: {', '.join(map(repr, found))}")
        return self.with_agents_at("", agents)

    def with_agents_at(self, here: str, agents: Mapping[str, object]) -> Self:
        """The same for a pipeline within a step; paths are those of the whole."""
        return replace(self, steps=tuple(step.with_agents(joined(here, step.name), agents) for step in self.steps))

    def agents(self) -> Iterator[tuple[str, object]]:
        """Path and agent of every step that asks one."""
        for path, step in self.walk():
            for agent in step.asked():
                yield path, agent

    def walk(self) -> Iterator[tuple[str, AnyPart]]:
        """Path and step of every step at every depth, in declared order."""
        return _walk("", self.steps)

    @property
    def fingerprint(self) -> str:
        """A hash of the pipeline's structure: paths, kinds, and what decides how often and by whom agents are asked."""
        return digest([[path, *step.shape()] for path, step in self.walk()])[:16]


AnyPipeline: TypeAlias = Pipeline[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class PipelineStep(Part[In, Out]):
    """A pipeline as one step; see ``Pipeline.as_step``."""

    pipeline: AnyPipeline
    usage_limits: UsageLimits | None = field(default=None, kw_only=True)

    def faults(self) -> Iterator[Problem]:
        path = str(self.name)
        if not isinstance(self.pipeline, Pipeline):
            yield Problem("part-not-a-step", path, f"{self.pipeline!r} is no pipeline", "Use Pipeline.of(...).")
        yield from limits_problems(path, self.usage_limits)

    @property
    def kind(self) -> str:
        return "pipeline"

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        yield "", self.pipeline.steps

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        return replace(self, pipeline=self.pipeline.with_agents_at(here, agents))

    def shape(self) -> list[object]:
        return ["pipeline"]

    def accepts(self) -> object | None:
        return self.pipeline.steps[0].accepts() if self.pipeline.steps else None

    def returns(self) -> object | None:
        return self.pipeline.steps[-1].returns() if self.pipeline.steps else None


def joined(path: str, segment: str) -> str:
    """A path and what follows it."""
    if not segment:
        return path
    return path + segment if not path or path.endswith(":") else f"{path}/{segment}"


def steps_of(part: Part | Pipeline) -> tuple[Part, ...]:
    """The steps of a branch, which may be written as one step or as a pipeline."""
    return part.steps if isinstance(part, Pipeline) else (part,)


P = TypeVar("P", AnyPart, AnyPipeline)


def with_agents_in(part: P, here: str, agents: Mapping[str, object]) -> P:
    """A copy of what is inside a step, be it one step or a pipeline, with other agents."""
    if isinstance(part, Pipeline):
        return part.with_agents_at(here, agents)
    return part.with_agents(joined(here, part.name), agents)


def name_problems(name: object) -> list[Problem]:
    """What is wrong with a name that is to be a part of paths."""
    if not isinstance(name, str) or not name.strip():
        return [Problem("name-empty", "", f"the step name {name!r} is no text", "Give the step a name.")]
    if "/" in name or ":" in name:
        text = f"the step name {name!r} contains '/' or ':', which separate the parts of paths"
        return [Problem("name-illegal", name, text, "Use '_' or '-' instead.")]
    return []


def limits_problems(path: str, limits: object) -> Iterator[Problem]:
    """What is wrong with a budget; None is none."""
    if limits is not None and not isinstance(limits, UsageLimits):
        fix = "Pass usage_limits=UsageLimits(...)."
        yield Problem("limits-not-limits", path, f"usage_limits is {limits!r}", fix)


@contextmanager
def gathering(problems: list[Problem], path: str = "") -> Iterator[None]:
    """Gather what is wrong with a step that is made inside the one at ``path``, to be told with the rest of it."""
    try:
        yield
    except PipelineDefinitionError as refused:
        problems.extend(replace(problem, path=joined(path, problem.path)) for problem in refused.problems)


def walk_of(here: str, step: AnyPart) -> Iterator[tuple[str, AnyPart]]:
    """A step at its path, and path and step of all that is inside it."""
    yield here, step
    for segment, inner in step.inside():
        yield from _walk(joined(here, segment), inner)


def _walk(path: str, steps: Sequence[AnyPart]) -> Iterator[tuple[str, AnyPart]]:
    for step in steps:
        yield from walk_of(joined(path, step.name), step)


def _in_a_row(parts: Sequence[Any], name: str) -> AnyPipeline:
    """The steps of all parts. Those of pipelines are not checked again: ``a >> b >> ...`` may be long."""
    if problems := [_stranger(part) for part in parts if not isinstance(part, Part | Pipeline)]:
        raise PipelineDefinitionError(problems)
    steps: list[AnyPart] = []
    for part in parts:
        steps.extend(steps_of(part))
    return _unchecked(steps, name)


def _unchecked(steps: Sequence[Any], name: str) -> AnyPipeline:
    pipeline: AnyPipeline = object.__new__(Pipeline)
    vars(pipeline).update(steps=tuple(steps), name=name)
    return pipeline


def _stranger(part: object) -> Problem:
    fix = "Wrap agents in Step(name, agent), and write first >> second, or Pipeline.of(first, second)."
    return Problem("part-not-a-step", "", f"{part!r} stands where a step has to stand", fix)


def _problems(path: str, steps: Sequence[AnyPart]) -> Iterator[Problem]:
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
            yield from _problems(joined(here, segment), inner)
    for before, after in pairwise(steps):
        yield from misfits(path, before, after)


def misfits(
    path: str,
    before: AnyPart,
    after: AnyPart,
    where: str = "before it",
    fix: str = "Change one of the two, or put a step between them that converts.",
) -> Iterator[Problem]:
    """What is wrong with a step that is given what another one, which stands ``where``, returns."""
    returns: Any = before.returns()
    accepts: Any = after.accepts()
    if returns is None or accepts is None or may_be(accepts, returns):
        return
    text = f"it takes {shown(accepts)}, but '{before.name}' {where} returns {shown(returns)}"
    yield Problem("type-mismatch", joined(path, after.name), text, fix)
