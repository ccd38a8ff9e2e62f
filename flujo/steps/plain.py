"""The plain step: one agent, its plugins, how often it is asked, and what runs instead when it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from flujo.binding import BoundAgent, bind_agent, may_be, shown
from flujo.errors import PipelineDefinitionError, Problem
from flujo.pipeline import AnyPart, Flow, In, Out, Part, gathering, joined
from flujo.steps.checks import MAPPINGS, ROWS, step_problems
from flujo.steps.frozen import freeze
from flujo.steps.kinds import StepKinds
from flujo.steps.looping import LoopStep
from flujo.steps.parallel import ParallelOptions, ParallelStep
from flujo.steps.refining import Check, FeedbackMapper, keep, refinement
from flujo.steps.signatures import Asks, Gives, Metered, OnDoubt, StepOptions, Takes
from flujo.usage import UsageLimits


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the second attempt, the third, ...: ``initial_s`` times ``factor`` each, at most ``max_s``."""

    initial_s: float = 1.0
    factor: float = 2.0
    max_s: float = 60.0

    def __call__(self, failed_attempts: int) -> float:
        return min(self.max_s, self.initial_s * self.factor ** (failed_attempts - 1))


@dataclass(frozen=True, eq=False, repr=False)
class Step(Part[In, Out], StepKinds):
    """Asks one agent, and asks it again while its plugins reject the draft or it fails.

    Attempts allowed: 1 + ``max_retries``. ``retry_on`` filters the agent's own exceptions; rejections and timeouts
    are always retried. ``backoff`` gives the seconds to wait after so many failed attempts. ``timeout_s`` bounds each
    call of the agent and of each plugin, in seconds. ``fallback`` runs when the last attempt failed, with the original
    input. ``updates_context`` merges the output (a dict or a model) into the context. ``input_processors`` and
    ``output_processors`` are plain functions of one value. ``on_doubt`` says what is done when a run on a store goes on
    after its process died, about a paid call that may have been made: ``retry`` makes it again, ``ask`` pauses the run
    with a question, ``fail`` fails the step. Raises PipelineDefinitionError with all that is wrong.
    """

    agent: Any
    plugins: Sequence[Any] = field(default=(), kw_only=True)
    input_processors: Sequence[Callable[[Any], Any]] = field(default=(), kw_only=True)
    output_processors: Sequence[Callable[[Any], Any]] = field(default=(), kw_only=True)
    max_retries: int = field(default=1, kw_only=True)
    retry_on: type[Exception] | tuple[type[Exception], ...] = field(default=Exception, kw_only=True)
    backoff: Callable[[int], float] | None = field(default=None, kw_only=True)
    timeout_s: float | None = field(default=None, kw_only=True)
    fallback: AnyPart | None = field(default=None, kw_only=True)
    updates_context: bool = field(default=False, kw_only=True)
    settings: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    usage_limits: UsageLimits | None = field(default=None, kw_only=True)
    meta: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    on_doubt: OnDoubt = field(default="retry", kw_only=True)

    if TYPE_CHECKING:  # what it takes and returns is what its agent does; dataclass makes the one that runs

        @overload
        def __init__(
            self: Step[Takes, Gives],
            name: str,
            agent: Asks[Takes, Metered[Gives]],
            **options: Unpack[StepOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Step[Takes, Gives],
            name: str,
            agent: Asks[Takes, Awaitable[Gives]],
            **options: Unpack[StepOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Step[Takes, Gives],
            name: str,
            agent: Asks[Takes, Gives],
            **options: Unpack[StepOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Step[Any, Any],
            name: str,
            agent: Asks[Any, Any],
            *,
            input_processors: Sequence[Callable[[Any], Any]] = ...,
            output_processors: Sequence[Callable[[Any], Any]],
            **options: Unpack[StepOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Step[Any, Any],
            name: str,
            agent: Asks[Any, Any],
            *,
            input_processors: Sequence[Callable[[Any], Any]],
            **options: Unpack[StepOptions],
        ) -> None: ...
        def __init__(self, name: str, agent: Any, **options: Any) -> None: ...

    def __post_init__(self) -> None:
        freeze(self, *ROWS, *MAPPINGS)
        super().__post_init__()

    def faults(self) -> Iterator[Problem]:
        return step_problems(self)

    @property
    def kind(self) -> str:
        return "step"

    def inside(self) -> Iterator[tuple[str, Sequence[AnyPart]]]:
        if self.fallback is not None:
            yield "fallback:", (self.fallback,)

    def asked(self) -> Iterator[object]:
        yield self.agent

    def written(self) -> Iterator[object]:
        yield from (self.agent, *self.plugins, *self.input_processors, *self.output_processors, dict(self.settings))

    @cached_property
    def bound(self) -> BoundAgent:
        """The agent, read once."""
        return bind_agent(self.agent)

    def with_agents(self, here: str, agents: Mapping[str, object]) -> Self:
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
        shape = ["step", self.bound.name, names, self.max_retries, self.updates_context]
        return shape if self.on_doubt == "retry" else [*shape, f"on_doubt={self.on_doubt}"]

    def accepts(self) -> object | None:
        return None if self.input_processors else self.bound.accepts

    def returns(self) -> object | None:
        shaped = self.output_processors or self.plugins  # what these return is not known before they run
        return None if shaped else self.bound.returns

    @overload
    @staticmethod
    def refine_until(
        name: str, generator: Flow[str, Gives], critic: Flow[Gives, Check], *, max_loops: int = 5
    ) -> LoopStep[str, Gives]: ...
    @overload
    @staticmethod
    def refine_until(
        name: str,
        generator: Flow[Takes, Gives],
        critic: Flow[Gives, Check],
        *,
        max_loops: int = 5,
        feedback_mapper: Callable[[Takes, str], Takes],
    ) -> LoopStep[Takes, Gives]: ...
    @staticmethod
    def refine_until(
        name: str, generator: Flow, critic: Flow, *, max_loops: int = 5, feedback_mapper: FeedbackMapper | None = None
    ) -> LoopStep:
        """Lets ``generator`` write drafts until ``critic`` finds one complete; the output is that draft.

        The critic is given a draft and returns a ``RefinementCheck``, or a dict of its fields. The next draft is
        written from ``feedback_mapper(input, feedback)``; text input gets the feedback behind it by itself. Not
        complete after ``max_loops`` drafts, the step fails.
        """
        return refinement(name, generator, critic, Step("keep", keep), max_loops, feedback_mapper)

    @staticmethod
    def dynamic_parallel_branch(
        name: str,
        router: Asks[Takes, Any],
        branches: Mapping[str, Flow[Takes, Any]],
        **options: Unpack[ParallelOptions],
    ) -> ParallelStep[Takes, dict[str, Any]]:
        """Asks ``router``, an agent, for the names of the branches to run; ``options`` are those of ``parallel``."""
        problems: list[Problem] = []
        select: Step[Takes, Any] | None = None
        with gathering(problems, str(name)):
            select = Step("router", router)
        with gathering(problems):
            step: ParallelStep[Takes, dict[str, Any]] = ParallelStep(name, branches, select=select, **options)
        if problems:
            raise PipelineDefinitionError(problems)
        return step
