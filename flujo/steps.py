"""The language: the kinds of steps that a pipeline is written in.

Frozen data, checked when it is built; nothing here runs a step. ``StepKind`` is the closed union of all kinds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias, overload

from flujo.binding import OUTPUT_TYPE, BoundAgent, NotAnAgent, bind_agent, bind_plugin, may_be, shown, takes_input
from flujo.errors import PipelineDefinitionError, Problem
from flujo.pipeline import Part, Pipeline, joined, steps_of
from flujo.ports import Draft, PluginOutcome
from flujo.usage import UsageLimits


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


MergeFunction = Callable[[Any, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the second attempt, the third, ...: ``initial_s`` times ``factor`` each, at most ``max_s``."""

    initial_s: float = 1.0
    factor: float = 2.0
    max_s: float = 60.0

    def __call__(self, failed_attempts: int) -> float:
        return min(self.max_s, self.initial_s * self.factor ** (failed_attempts - 1))


@dataclass(frozen=True)
class Step(Part):
    """Asks one agent, and asks it again while its plugins reject the draft or it fails.

    Attempts allowed: 1 + ``max_retries``. ``retry_on`` filters the agent's own exceptions; rejections and timeouts
    are always retried. ``backoff`` gives the seconds to wait after so many failed attempts. ``timeout_s`` bounds each
    call of the agent and of each plugin, in seconds. ``fallback`` runs when the last attempt failed, with the original
    input. ``updates_context`` merges the output (a dict or a model) into the context. ``input_processors`` and
    ``output_processors`` are plain functions of one value. Raises PipelineDefinitionError with all that is wrong.
    """

    agent: Any
    plugins: Sequence[Any] = field(default=(), kw_only=True)
    input_processors: Sequence[Callable[[Any], Any]] = field(default=(), kw_only=True)
    output_processors: Sequence[Callable[[Any], Any]] = field(default=(), kw_only=True)
    max_retries: int = field(default=1, kw_only=True)
    retry_on: type[Exception] | tuple[type[Exception], ...] = field(default=Exception, kw_only=True)
    backoff: Callable[[int], float] | None = field(default=None, kw_only=True)
    timeout_s: float | None = field(default=None, kw_only=True)
    fallback: Part | None = field(default=None, kw_only=True)
    updates_context: bool = field(default=False, kw_only=True)
    settings: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    usage_limits: UsageLimits | None = field(default=None, kw_only=True)
    meta: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("plugins", "input_processors", "output_processors"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("settings", "meta"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        if problems := [*_name_problems(self.name), *_step_problems(self)]:
            raise PipelineDefinitionError(problems)

    def inside(self) -> Iterator[tuple[str, Sequence[Part]]]:
        if self.fallback is not None:
            yield "fallback:", (self.fallback,)

    def asked(self) -> Iterator[object]:
        yield self.agent

    @cached_property
    def bound(self) -> BoundAgent:
        """The agent, read once."""
        return bind_agent(self.agent)

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Step:
        fallback = self.fallback
        if fallback is not None:
            fallback = fallback.with_agents(joined(here, f"fallback:{fallback.name}"), agents)
        return replace(self, agent=agents.get(here, self.agent), fallback=fallback)

    def problems(self, here: str) -> Iterator[Problem]:
        bound = self.bound
        may_reject = bool(self.plugins) or bound.output is not None
        if not may_reject or self.max_retries == 0 or "feedback" in bound.takes or self.input_processors:
            return
        if bound.accepts is not None and not may_be(bound.accepts, str):
            text = (
                f"a rejected draft is retried, but agent '{bound.name}' takes {shown(bound.accepts)}, "
                "which carries no feedback"
            )
            fix = "Let the agent take 'feedback' by keyword, or set max_retries=0."
            yield Problem("feedback-undeliverable", here, text, fix)

    def shape(self) -> list[object]:
        names = [plugin.name for plugin in self.plugins]
        return ["step", self.bound.name, names, self.max_retries, self.updates_context]

    def accepts(self) -> object | None:
        return None if self.input_processors else self.bound.accepts

    def returns(self) -> object | None:
        shaped = self.output_processors or self.plugins  # what these return is not known before they run
        return None if shaped else self.bound.returns

    @staticmethod
    def parallel(
        name: str,
        branches: Mapping[str, Part | Pipeline],
        *,
        merge_strategy: MergeStrategy | MergeFunction = MergeStrategy.NO_MERGE,
        on_branch_failure: BranchFailureStrategy = BranchFailureStrategy.PROPAGATE,
        context_include_keys: Sequence[str] | None = None,
        max_concurrency: int | None = None,
    ) -> ParallelStep:
        """Runs all branches on the same input at once; the output is a dict of their outputs in declared order."""
        return ParallelStep(
            name,
            branches,
            merge_strategy=merge_strategy,
            on_branch_failure=on_branch_failure,
            context_include_keys=context_include_keys,
            max_concurrency=max_concurrency,
        )


@dataclass(frozen=True)
class ParallelStep(Part):
    """Branches that run at once, each on its own snapshot of the context; see ``Step.parallel``.

    ``context_include_keys`` names the context fields that branches see and whose changes are merged; the others have
    their model's defaults there. ``max_concurrency`` bounds how many branches run at the same time.
    """

    branches: Mapping[str, Any]
    merge_strategy: MergeStrategy | MergeFunction = field(default=MergeStrategy.NO_MERGE, kw_only=True)
    on_branch_failure: BranchFailureStrategy = field(default=BranchFailureStrategy.PROPAGATE, kw_only=True)
    context_include_keys: Sequence[str] | None = field(default=None, kw_only=True)
    max_concurrency: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "branches", MappingProxyType(dict(self.branches)))
        if self.context_include_keys is not None:
            object.__setattr__(self, "context_include_keys", tuple(self.context_include_keys))
        if problems := [*_name_problems(self.name), *_parallel_problems(self)]:
            raise PipelineDefinitionError(problems)

    def inside(self) -> Iterator[tuple[str, Sequence[Part]]]:
        for key, branch in self.branches.items():
            yield f"branch:{key}", steps_of(branch)

    def asked(self) -> Iterator[object]:
        return iter(())

    def with_agents(self, here: str, agents: Mapping[str, object]) -> ParallelStep:
        branches = {}
        for key, branch in self.branches.items():
            inside = joined(here, f"branch:{key}")
            if isinstance(branch, Pipeline):
                branches[key] = branch.with_agents_at(inside, agents)
            else:
                branches[key] = branch.with_agents(joined(inside, branch.name), agents)
        return replace(self, branches=branches)

    def problems(self, here: str) -> Iterator[Problem]:
        return iter(())

    def shape(self) -> list[object]:
        return ["parallel", list(self.branches), str(self.on_branch_failure)]


StepKind: TypeAlias = Step | ParallelStep
"""The closed union of all kinds of steps."""


@overload
def step(function: Callable[..., Any], /, *, name: str | None = None, **options: Any) -> Step: ...
@overload
def step(*, name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Step]: ...
def step(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, **options: Any
) -> Step | Callable[[Callable[..., Any]], Step]:
    """Make a Step of an async or plain function: ``@step`` or ``@step(max_retries=3, ...)``.

    The function may take ``context``, ``resources``, ``feedback`` and ``settings`` by keyword. The step is named after
    it unless ``name`` is given; the other options are those of ``Step``.
    """

    def make(function: Callable[..., Any]) -> Step:
        return Step(name or function.__name__, function, **options)

    return make if function is None else make(function)


@dataclass(frozen=True, slots=True)
class FunctionPlugin:
    """A plugin made of one function; see ``validator``."""

    name: str
    priority: int
    judge: Callable[[Any], bool | str | None]

    async def validate(self, draft: Draft) -> PluginOutcome:
        verdict = self.judge(draft["output"])
        if verdict is True or verdict is None:
            return PluginOutcome(True)
        return PluginOutcome(False, verdict if isinstance(verdict, str) else f"{self.name} says no")


Verdict: TypeAlias = Callable[[Any], bool | str | None]


@overload
def validator(function: Verdict, /, *, name: str | None = None, priority: int = 0) -> FunctionPlugin: ...
@overload
def validator(*, name: str | None = None, priority: int = 0) -> Callable[[Verdict], FunctionPlugin]: ...
def validator(
    function: Verdict | None = None, /, *, name: str | None = None, priority: int = 0
) -> FunctionPlugin | Callable[[Verdict], FunctionPlugin]:
    """Make a plugin of a function of the output: True or None accepts, False or a reason (text) rejects."""

    def make(function: Verdict) -> FunctionPlugin:
        if inspect.iscoroutinefunction(function):
            text = f"the validator {function.__name__} is async"
            fix = "Write a class with 'async def validate(self, draft)', or a plain function."
            raise PipelineDefinitionError([Problem("validator-async", "", text, fix)])
        return FunctionPlugin(name or function.__name__, priority, function)

    return make if function is None else make(function)


# What is wrong with a step ------------------------------------------------------------------------------


def _name_problems(name: object) -> list[Problem]:
    if not isinstance(name, str) or not name.strip():
        return [Problem("name-empty", "", f"the step name {name!r} is no text", "Give the step a name.")]
    if "/" in name or ":" in name:
        text = f"the step name {name!r} contains '/' or ':', which separate the parts of paths"
        return [Problem("name-illegal", name, text, "Use '_' or '-' instead.")]
    return []


def _step_problems(step: Step) -> list[Problem]:
    path = str(step.name)
    problems = [
        *_agent_problems(path, step),
        *_plugin_problems(path, step.plugins),
        *_number_problems(step),
    ]
    for processor in (*step.input_processors, *step.output_processors):
        if not callable(processor) or inspect.iscoroutinefunction(processor):
            text = f"the processor {processor!r} is no plain function"
            problems.append(Problem("processor-not-plain", path, text, "Whatever awaits is a step of its own."))
    if step.fallback is not None and not isinstance(step.fallback, Part):
        text = f"the fallback {step.fallback!r} is no step"
        problems.append(Problem("fallback-not-a-step", path, text, "Pass fallback=Step(name, agent)."))
    if step.usage_limits is not None and not isinstance(step.usage_limits, UsageLimits):
        text = f"usage_limits is {step.usage_limits!r}"
        problems.append(Problem("limits-not-limits", path, text, "Pass usage_limits=UsageLimits(...)."))
    return problems


def _agent_problems(path: str, step: Step) -> list[Problem]:
    fix = "Pass an async function, or an object with 'async def run(self, input)'."
    agent = step.agent
    if agent is None:
        return [Problem("agent-missing", path, "the step has no agent", fix)]
    try:
        bound = step.bound
    except NotAnAgent as error:
        return [Problem("agent-not-an-agent", path, str(error), fix)]
    except Exception as error:  # pydantic says in many ways that it cannot validate a type
        text = f"its output type cannot be validated ({error})"
        return [Problem("output-type-invalid", path, text, "Declare a type that pydantic can validate.")]
    call = getattr(agent, "run", None)
    if why := takes_input(call if callable(call) else agent):
        text = f"agent '{bound.name}' cannot be called with one input ({why})"
        return [Problem("agent-signature", path, text, "Let it take the input first and the rest by keyword.")]
    return []


def _plugin_problems(path: str, plugins: Sequence[object]) -> list[Problem]:
    problems, names = [], set()
    for plugin in plugins:
        try:
            bind_plugin(plugin)
        except NotAnAgent as error:
            problems.append(Problem("plugin-not-a-plugin", path, str(error), "Use @validator, or define validate."))
            continue
        name = getattr(plugin, "name", None)
        if not isinstance(name, str) or _name_problems(name):
            text = f"plugin {plugin!r} has the name {name!r}"
            problems.append(Problem("plugin-name", path, text, "Give it a name without '/' and ':'."))
        elif name == OUTPUT_TYPE:
            text = f"a plugin is named '{OUTPUT_TYPE}', as the check of the agent's output type"
            problems.append(Problem("plugin-name", path, text, "Give it another name."))
        elif name in names:
            text = f"two plugins are named '{name}'"
            problems.append(
                Problem("plugin-duplicate", path, text, "Name them apart, or verdicts can't be told apart.")
            )
        if not isinstance(getattr(plugin, "priority", None), int):
            text = f"plugin '{name}' has no priority"
            problems.append(Problem("plugin-priority", path, text, "Give it 'priority: int = 0'."))
        names.add(name)
    return problems


def _number_problems(step: Step) -> list[Problem]:
    problems = []
    if not isinstance(step.max_retries, int) or isinstance(step.max_retries, bool) or step.max_retries < 0:
        text = f"max_retries is {step.max_retries!r}"
        problems.append(Problem("retries-invalid", step.name, text, "Use a whole number from 0 up."))
    if step.timeout_s is not None and not (_is_number(step.timeout_s) and 0 < step.timeout_s < float("inf")):
        text = f"timeout_s is {step.timeout_s!r}"
        problems.append(Problem("timeout-invalid", step.name, text, "Use seconds above 0, or None for no limit."))
    kinds = step.retry_on if isinstance(step.retry_on, tuple) else (step.retry_on,)
    if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
        text = f"retry_on is {step.retry_on!r}"
        problems.append(Problem("retry-on-invalid", step.name, text, "Use an exception class or a tuple of them."))
    if step.backoff is not None and not callable(step.backoff):
        text = f"backoff is {step.backoff!r}"
        problems.append(Problem("backoff-invalid", step.name, text, "Use Backoff(initial_s=...) or a function."))
    return problems


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parallel_problems(step: ParallelStep) -> list[Problem]:
    path, problems = str(step.name), []
    if not step.branches:
        problems.append(Problem("branches-missing", path, "the parallel step has no branches", "Give it one or more."))
    for key, branch in step.branches.items():
        if _name_problems(key):
            text = f"the branch name {key!r} is empty or contains '/' or ':'"
            problems.append(Problem("name-illegal", path, text, "Use another name."))
        if not isinstance(branch, Part | Pipeline):
            text = f"branch {key!r} is {branch!r}"
            problems.append(Problem("branch-not-a-step", path, text, "Pass a Step or a Pipeline."))
    if not isinstance(step.merge_strategy, MergeStrategy) and not callable(step.merge_strategy):
        text = f"merge_strategy is {step.merge_strategy!r}"
        problems.append(Problem("merge-invalid", path, text, "Use a MergeStrategy or a function."))
    elif inspect.iscoroutinefunction(step.merge_strategy):
        text = "the merge function is async"
        problems.append(Problem("merge-async", path, text, "Whatever awaits is a step; merge with a plain function."))
    if not isinstance(step.on_branch_failure, BranchFailureStrategy):
        text = f"on_branch_failure is {step.on_branch_failure!r}"
        problems.append(Problem("branch-failure-invalid", path, text, "Use a BranchFailureStrategy."))
    limit = step.max_concurrency
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        text = f"max_concurrency is {limit!r}"
        problems.append(Problem("concurrency-invalid", path, text, "Use a whole number from 1 up, or None."))
    return problems
