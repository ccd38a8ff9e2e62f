"""The fixtures ``flujo_run``, ``flujo_agents`` and ``cost_model``, as functions for the pytest plugin.

The first two put the test into a pass (``flujo_testing.agents.passes``), if it is in none yet: scripts start
afresh, and every run that starts while the pass is open is checked, whoever starts it, in whichever thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, Protocol, TypedDict, Unpack

import pytest

from flujo import (
    CostModel,
    Flujo,
    MisuseError,
    Pipeline,
    PipelineContext,
    PipelineResult,
    Step,
    UsageLimits,
    override,
)
from flujo.events import StepStarted
from flujo.overrides import Overrides, current
from flujo.pipeline import Part
from flujo.ports import Clock, Journal, Listener
from flujo_testing.agents import FakeAgent, FakeError, Pass
from flujo_testing.agents.fake import Fake
from flujo_testing.conservation import ConservationError, check_conservation, is_checked_with
from flujo_testing.costs import default_cost_model
from flujo_testing.following import CALL_FAILED, pass_of

PRIME_PRICES: Final = default_cost_model()


class AgentNotFound(FakeError):
    """``flujo_agents`` was given a path that no run of the test had."""


def cost_model() -> CostModel:
    """Prices of ``test:writer``, ``test:critic``, ``test:senior`` and ``test:small``, all different."""
    return default_cost_model()


# flujo_run ----------------------------------------------------------------------------------------------


class RunOptions(TypedDict, total=False):
    """What a ``Flujo`` can be told; ``cost_model`` has the prime prices of ``cost_model()`` unless given."""

    context_model: type[PipelineContext] | None
    usage_limits: UsageLimits | None
    cost_model: CostModel | None
    strict_pricing: bool
    resources: object
    listeners: Sequence[Listener]
    store: Journal | str | None
    clock: Clock | None
    name: str | None


class FlujoRun:
    """Runs a pipeline in a test: ``result = await flujo_run(pipeline, "rain")``, or ``flujo_run.sync(...)``.

    After the run it raises what the fakes and the laws of conservation have to say, even if a retry or a
    fallback hid it from the result. A ``Flujo`` runs as it was built: of the options only ``agents`` applies
    to it.
    """

    def __init__(self, current: Pass) -> None:
        self._pass = current

    async def __call__(
        self,
        pipeline: Pipeline | Part | Flujo,
        input: Any = None,
        *,
        agents: Mapping[str, object] | None = None,
        context_data: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        **options: Unpack[RunOptions],
    ) -> PipelineResult:
        runner = _runner(pipeline, agents or {}, options)
        metered = self._expect_agents_of(runner.pipeline)
        return self._checked(await runner.run_async(input, run_id=run_id, context_data=context_data), metered)

    def sync(
        self,
        pipeline: Pipeline | Part | Flujo,
        input: Any = None,
        *,
        agents: Mapping[str, object] | None = None,
        context_data: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        **options: Unpack[RunOptions],
    ) -> PipelineResult:
        """The same for tests that are plain functions, ``unittest.TestCase`` included."""
        runner = _runner(pipeline, agents or {}, options)
        metered = self._expect_agents_of(runner.pipeline)
        return self._checked(runner.run(input, run_id=run_id, context_data=context_data), metered)

    def _expect_agents_of(self, pipeline: Pipeline) -> set[str]:
        """Expect its fakes to use up their scripts. Gives the paths of agents always paid for."""
        metered, replaced = set(), current().agents
        for path, step in pipeline.walk():
            if isinstance(step, Step):
                agent = replaced.get(path, step.agent)
                for fake in (agent, *step.plugins):
                    _expect(self._pass, fake, path)
                if isinstance(agent, FakeAgent) and agent.always_pays:
                    metered.add(path)
        return metered

    def _checked(self, result: PipelineResult, metered: Collection[str]) -> PipelineResult:
        self._pass.results.append(result)
        try:
            check_conservation(result, metered=metered)
        except ConservationError as violation:
            self._pass.remember(violation)
        for run in self._pass.unchecked():
            if is_checked_with(result.transcript, run.events):
                run.checked = len(run.events)
        self._pass.raise_problems()
        return result


def flujo_run(request: pytest.FixtureRequest) -> Iterator[FlujoRun]:
    """The fixture of this name."""
    with pass_of(request.node) as current_pass:
        yield FlujoRun(current_pass)


def _runner(pipeline: Pipeline | Part | Flujo, agents: Mapping[str, object], options: RunOptions) -> Flujo:
    if not isinstance(pipeline, Flujo):
        replaced = pipeline if isinstance(pipeline, Pipeline) else Pipeline.of(pipeline)
        options.setdefault("cost_model", PRIME_PRICES)
        return Flujo(replaced.with_agents(agents) if agents else replaced, **options)
    if options:
        told = ", ".join(options)
        raise MisuseError(f"flujo_run was given a Flujo and {told}: say that to the Flujo, or pass its pipeline")
    if not agents:
        return pipeline
    return Flujo(
        pipeline.pipeline.with_agents(agents),
        context_model=pipeline.context_model,
        resources=pipeline.resources,
        usage_limits=pipeline.usage_limits,
        cost_model=pipeline.cost_model,
        strict_pricing=pipeline.strict_pricing,
        listeners=pipeline.listeners,
        store=pipeline.store,
        clock=pipeline.clock,
        name=pipeline.name,
    )


def _expect(current_pass: Pass, agent: object, path: str) -> None:
    if isinstance(agent, Fake):
        current_pass.state_of(agent).steps.add(path)


# flujo_agents -------------------------------------------------------------------------------------------


class UseAgents(Protocol):
    """What the fixture gives: a function that takes agents by path."""

    def __call__(self, agents: Mapping[str, object], /) -> None: ...


def flujo_agents(request: pytest.FixtureRequest) -> Iterator[UseAgents]:
    """The fixture of this name: ``flujo_agents({path: agent})`` holds for every later run of the test.

    Runs in application code and in other threads included. A path that no run had is an error when the test
    ends.
    """
    with pass_of(request.node) as current_pass, ExitStack() as in_force:
        given: list[tuple[Mapping[str, object], Overrides]] = []

        def use(agents: Mapping[str, object], /) -> None:
            for path, agent in agents.items():
                _expect(current_pass, agent, path)
            given.append((agents, in_force.enter_context(override(agents=agents))))

        yield use
        if not request.node.stash.get(CALL_FAILED, False):
            _remember_unknown_paths(current_pass, given)


def _remember_unknown_paths(current_pass: Pass, given: Sequence[tuple[Mapping[str, object], Overrides]]) -> None:
    had = {path for _, overrides in given for path in overrides.used}
    for run in current_pass.runs:
        had.update(event.step for event in run.events if isinstance(event, StepStarted) and event.kind == "step")
    if unknown := sorted({path for agents, _ in given for path in agents} - had):
        runs = f"{len(current_pass.runs)} runs had: {', '.join(map(repr, sorted(had))) or 'no steps'}"
        text = f"flujo_agents replaced {', '.join(map(repr, unknown))}, but no run of the test has such a step"
        current_pass.remember(AgentNotFound(f"{text}; its {runs}"))
