"""The parallel step: branches that run at once, and the ways in which their contexts join."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self, TypeAlias, TypedDict

from flujo.errors import Problem
from flujo.functions import function_problems, why_not_plain
from flujo.pipeline import AnyPart, In, Out, Part, Pipeline, joined, name_problems, steps_of, with_agents_in
from flujo.steps.frozen import flag_problems, freeze, shape_problems


class MergeStrategy(StrEnum):
    """How the contexts of parallel branches join the parent's."""

    NO_MERGE = "no_merge"
    """The parent's context stays as it was."""
    CONTEXT_UPDATE = "context_update"
    """Three-way merge; what two branches changed differently is a ``ContextMergeConflict``."""
    OVERWRITE = "overwrite"
    """Of branches that changed one field, the last declared one wins."""
    KEEP_FIRST = "keep_first"
    """Of branches that changed one field, the first declared one wins."""


class BranchFailureStrategy(StrEnum):
    """What the failure of one branch means for a parallel step."""

    PROPAGATE = "propagate"
    """The other branches are stopped at once and the step fails."""
    IGNORE = "ignore"
    """The other branches go on; the step fails only if all of them fail."""


MergeFunction: TypeAlias = Callable[[Any, Mapping[str, Any]], Any]
Selection: TypeAlias = Callable[..., Any]


class ParallelOptions(TypedDict, total=False):
    """What a parallel step may be told beside its name and branches; see ``Step.parallel``."""

    merge_strategy: MergeStrategy | MergeFunction
    on_branch_failure: BranchFailureStrategy
    context_include_keys: Sequence[str] | None
    max_concurrency: int | None
    ignore_unknown: bool


@dataclass(frozen=True, eq=False, repr=False)
class ParallelStep(Part[In, Out]):
    """Branches that run at once, each on its own snapshot of the context; see ``Step.parallel``.

    ``context_include_keys`` names the context fields that branches see and whose changes are merged; the others have
    their model's defaults there. ``max_concurrency`` bounds how many branches run at the same time. ``select`` chooses
    which branches run: a plain function, or a step whose output are their names.
    """

    branches: Mapping[str, Any]
    merge_strategy: MergeStrategy | MergeFunction = field(default=MergeStrategy.NO_MERGE, kw_only=True)
    on_branch_failure: BranchFailureStrategy = field(default=BranchFailureStrategy.PROPAGATE, kw_only=True)
    context_include_keys: Sequence[str] | None = field(default=None, kw_only=True)
    max_concurrency: int | None = field(default=None, kw_only=True)
    select: Selection | AnyPart | None = field(default=None, kw_only=True)
    ignore_unknown: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        freeze(self, "branches", "context_include_keys")
        super().__post_init__()

    def faults(self) -> Iterator[Problem]:
        path, keys = str(self.name), self.context_include_keys
        yield from shape_problems(self, [] if keys is None else ["context_include_keys"], ["branches"])
        if isinstance(keys, tuple) and not all(isinstance(key, str) for key in keys):
            text = f"context_include_keys is {keys!r}"
            yield Problem("include-unknown", path, text, "Name fields of the context model.")
        if isinstance(self.branches, Mapping):
            yield from branch_problems(path, self.branches)
        yield from joining_problems(path, self.merge_strategy, self.max_concurrency)
        if not isinstance(self.on_branch_failure, BranchFailureStrategy):
            text = f"on_branch_failure is {self.on_branch_failure!r}"
            yield Problem("branch-failure-invalid", path, text, "Use a BranchFailureStrategy.")
        if not isinstance(self.select, Part):
            yield from function_problems(path, {"select": self.select})
        yield from flag_problems(path, "ignore_unknown", self.ignore_unknown)

    @property
    def kind(self) -> str:
        return "parallel"

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        if isinstance(self.select, Part):
            yield "", (self.select,)
        for key, branch in self.branches.items():
            yield f"branch:{key}", steps_of(branch)

    def written(self) -> Iterator[object]:
        for function in (self.select, self.merge_strategy):
            if function is not None and not isinstance(function, Part | MergeStrategy):
                yield function

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
        branches = {
            key: with_agents_in(branch, joined(here, f"branch:{key}"), agents) for key, branch in self.branches.items()
        }
        select = self.select
        if isinstance(select, Part):
            select = select.with_agents(joined(here, select.name), agents)
        return replace(self, branches=branches, select=select)

    def shape(self) -> list[object]:
        shape: list[object] = ["parallel", list(self.branches), str(self.on_branch_failure)]
        return shape if self.select is None else [*shape, "select", self.ignore_unknown]


def branch_problems(path: str, branches: Mapping[Any, object]) -> Iterator[Problem]:
    """What is wrong with branches by the labels that stand for them in paths."""
    if not branches:
        yield Problem("branches-missing", path, "the step has no branches", "Give it one or more.")
    for label, branch in branches.items():
        if name_problems(label):
            text = f"the branch name {label!r} is empty or contains '/' or ':'"
            yield Problem("name-illegal", path, text, "Use another name.")
        yield from body_problems(path, f"branch {label!r}", branch)


def body_problems(path: str, what: str, body: object) -> Iterator[Problem]:
    """What is wrong with what is to run inside a step."""
    if not isinstance(body, Part | Pipeline):
        yield Problem("branch-not-a-step", path, f"{what} is {body!r}", "Pass a Step or a Pipeline.")


def joining_problems(path: str, merge_strategy: object, max_concurrency: object) -> Iterator[Problem]:
    """What is wrong with how branches run and join."""
    if not isinstance(merge_strategy, MergeStrategy) and (why := why_not_plain(merge_strategy)):
        code = "merge-async" if callable(merge_strategy) else "merge-invalid"
        text = f"merge_strategy {merge_strategy!r} {why}"
        yield Problem(code, path, text, "Use a MergeStrategy or a plain function.")
    limit = max_concurrency
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        text = f"max_concurrency is {limit!r}"
        yield Problem("concurrency-invalid", path, text, "Use a whole number from 1 up, or None.")
