"""A pipeline: steps in a row, and everything that can be said of them before they run."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, assert_never

from flujo.binding import BoundAgent, bind_agent
from flujo.canonical import digest
from flujo.errors import MisuseError, PipelineDefinitionError, Problem
from flujo.steps import ParallelStep, Step, StepKind

MAX_DEPTH = 100


@dataclass(frozen=True)
class Pipeline:
    """Steps that run one after the other, each on the output of the one before.

    Written as ``first >> second >> third``. ``validate()`` lists all that is wrong with it; a ``Flujo`` refuses to be
    built on a pipeline with problems.
    """

    steps: tuple[StepKind, ...]
    name: str = "pipeline"

    @staticmethod
    def of(*parts: StepKind | Pipeline) -> Pipeline:
        """The steps of all parts in a row. Raises PipelineDefinitionError for a part that is neither."""
        steps: list[StepKind] = []
        for part in parts:
            if isinstance(part, Pipeline):
                steps.extend(part.steps)
            elif isinstance(part, Step | ParallelStep):
                steps.append(part)
            else:
                text = f"{part!r} is neither a step nor a pipeline"
                raise PipelineDefinitionError([Problem("part-not-a-step", "", text, "Wrap it: Step(name, agent).")])
        return Pipeline(tuple(steps))

    def __rshift__(self, after: StepKind | Pipeline) -> Pipeline:
        return replace(Pipeline.of(self, after), name=self.name)

    def named(self, name: str) -> Pipeline:
        """A copy under another name."""
        return replace(self, name=name)

    def validate(self) -> tuple[Problem, ...]:
        """All that is wrong with this pipeline at once; empty if it can run."""
        if not self.steps:
            return (Problem("steps-missing", "", "the pipeline has no steps", "Give it at least one."),)
        return tuple(_sequence_problems("", self.steps, depth=1))

    def with_agents(self, agents: Mapping[str, object]) -> Pipeline:
        """A copy in which the agents at these paths are replaced. Raises MisuseError for a path that has none."""
        found = dict(self.agents())
        if unknown := [path for path in agents if path not in found]:
            raise MisuseError(f"no step at {', '.join(map(repr, unknown))}; there are: {', '.join(map(repr, found))}")
        return replace(self, steps=tuple(_replaced("", step, agents) for step in self.steps))

    def agents(self) -> Iterator[tuple[str, object]]:
        """Path and agent of every step that asks one."""
        for path, step in self.walk():
            if isinstance(step, Step):
                yield path, step.agent

    def walk(self) -> Iterator[tuple[str, StepKind]]:
        """Path and step of every step at every depth, in declared order."""
        for step in self.steps:
            yield from _walk(_join("", step.name), step)

    @property
    def fingerprint(self) -> str:
        """A hash of the pipeline's structure: paths, kinds, and what decides how often and by whom agents are asked."""
        return digest([[path, *_shape(step)] for path, step in self.walk()])[:16]


def _shape(step: StepKind) -> list[object]:
    match step:
        case Step():
            names = [plugin.name for plugin in step.plugins]
            return ["step", bind_agent(step.agent).name, names, step.max_retries, step.updates_context]
        case ParallelStep():
            return ["parallel", list(step.branches), str(step.on_branch_failure)]
        case _:
            assert_never(step)


def _join(path: str, segment: str) -> str:
    return f"{path}/{segment}" if path else segment


def steps_of(part: StepKind | Pipeline) -> tuple[StepKind, ...]:
    """The steps of a branch, which may be written as one step or as a pipeline."""
    return part.steps if isinstance(part, Pipeline) else (part,)


def _walk(path: str, step: StepKind) -> Iterator[tuple[str, StepKind]]:
    yield path, step
    match step:
        case Step():
            if step.fallback is not None:
                yield from _walk(_join(path, f"fallback:{step.fallback.name}"), step.fallback)
        case ParallelStep():
            for key, branch in step.branches.items():
                for inner in steps_of(branch):
                    yield from _walk(_join(_join(path, f"branch:{key}"), inner.name), inner)
        case _:
            assert_never(step)


def _replaced(path: str, step: StepKind, agents: Mapping[str, object]) -> StepKind:
    return _replaced_at(_join(path, step.name), step, agents)


def _replaced_at(here: str, step: StepKind, agents: Mapping[str, object]) -> StepKind:
    match step:
        case Step():
            fallback = step.fallback
            if fallback is not None:
                fallback = _replaced_at(_join(here, f"fallback:{fallback.name}"), fallback, agents)
            return replace(step, agent=agents.get(here, step.agent), fallback=fallback)
        case ParallelStep():
            branches = {
                key: _replaced_branch(_join(here, f"branch:{key}"), branch, agents)
                for key, branch in step.branches.items()
            }
            return replace(step, branches=MappingProxyType(branches))
        case _:
            assert_never(step)


def _replaced_branch(path: str, branch: StepKind | Pipeline, agents: Mapping[str, object]) -> StepKind | Pipeline:
    if isinstance(branch, Pipeline):
        return replace(branch, steps=tuple(_replaced(path, step, agents) for step in branch.steps))
    return _replaced(path, branch, agents)


# What is wrong with a pipeline ----------------------------------------------------------------------------


def _sequence_problems(path: str, steps: tuple[StepKind, ...], depth: int) -> Iterator[Problem]:
    if depth > MAX_DEPTH:
        fix = f"Flatten the pipeline: at most {MAX_DEPTH} levels run."
        yield Problem("too-deep", path, f"steps are nested more than {MAX_DEPTH} deep", fix)
        return
    seen: set[str] = set()
    for step in steps:
        here = _join(path, step.name)
        if step.name in seen:
            text = f"two steps of one sequence are named '{step.name}'"
            yield Problem("name-duplicate", here, text, f"Rename one: step.named('{step.name}_2').")
        seen.add(step.name)
        yield from _step_problems(here, step, depth)
    for before, after in zip(steps, steps[1:], strict=False):
        yield from _fit_problems(path, before, after)


def _step_problems(here: str, step: StepKind, depth: int) -> Iterator[Problem]:
    match step:
        case Step():
            yield from _feedback_problems(here, step)
            if step.fallback is not None:
                fallback_path = _join(here, f"fallback:{step.fallback.name}")
                if depth + 1 > MAX_DEPTH:
                    yield from _sequence_problems(fallback_path, (step.fallback,), depth + 1)
                else:
                    yield from _step_problems(fallback_path, step.fallback, depth + 1)
        case ParallelStep():
            for key, branch in step.branches.items():
                inner = _join(here, f"branch:{key}")
                if isinstance(branch, Pipeline) and not branch.steps:
                    yield Problem("steps-missing", inner, "the branch has no steps", "Give it at least one.")
                yield from _sequence_problems(inner, steps_of(branch), depth + 1)
        case _:
            assert_never(step)


def _feedback_problems(here: str, step: Step) -> Iterator[Problem]:
    bound = bind_agent(step.agent)
    may_reject = bool(step.plugins) or bound.output is not None
    if not may_reject or step.max_retries == 0 or "feedback" in bound.takes or step.input_processors:
        return
    if bound.accepts is not None and not _may_be(bound.accepts, str):
        text = f"a rejected draft is retried, but agent '{bound.name}' takes {_shown(bound.accepts)}, which carries no feedback"
        fix = "Let the agent take 'feedback' by keyword, or set max_retries=0."
        yield Problem("feedback-undeliverable", here, text, fix)


def _fit_problems(path: str, before: StepKind, after: StepKind) -> Iterator[Problem]:
    if not isinstance(before, Step) or not isinstance(after, Step):
        return
    if before.output_processors or after.input_processors or before.plugins:
        return  # what these return is not known before they run
    returns, accepts = bind_agent(before.agent).returns, bind_agent(after.agent).accepts
    if returns is None or accepts is None or _may_be(accepts, returns):
        return
    here = _join(path, after.name)
    text = f"it takes {_shown(accepts)}, but '{before.name}' before it returns {_shown(returns)}"
    yield Problem("type-mismatch", here, text, "Change one of the two, or put a step between them that converts.")


def _may_be(accepts: Any, given: Any) -> bool:
    """Whether a value of type ``given`` may be what ``accepts`` asks for; True where the types don't decide it."""
    if isinstance(accepts, types.UnionType) or typing.get_origin(accepts) is typing.Union:
        return any(_may_be(one, given) for one in typing.get_args(accepts))
    if accepts is Any or given is Any:  # Any is a class since Python 3.11
        return True
    accepts = typing.get_origin(accepts) or accepts
    given = typing.get_origin(given) or given
    if given is None or given is type(None):
        return accepts is None or accepts is type(None) or accepts is object or not isinstance(accepts, type)
    if not (isinstance(accepts, type) and isinstance(given, type)) or accepts is object or given is object:
        return True
    if inspect.isabstract(accepts) or getattr(accepts, "_is_protocol", False):
        return True
    return issubclass(given, accepts) or (given, accepts) in {(int, float), (int, complex), (float, complex)}


def _shown(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
