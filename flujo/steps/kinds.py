"""The constructors of all kinds of steps, as users write them: ``Step.parallel(...)``, ``Step.branch_on(...)``, ..."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, overload

from typing_extensions import TypeVar

from flujo.pipeline import Flow, Part
from flujo.ports import Cache
from flujo.steps.branching import BranchStep
from flujo.steps.cached import CachedStep
from flujo.steps.human import HumanStep
from flujo.steps.looping import LoopStep, MapStep
from flujo.steps.parallel import (
    BranchFailureStrategy,
    MergeFunction,
    MergeStrategy,
    ParallelStep,
)
from flujo.steps.signatures import Decides, Gives, Takes

Item = TypeVar("Item", default=Any)
Drafted = TypeVar("Drafted", default=Any)


class StepKinds:
    """What ``Step`` offers beside itself. User functions get private copies of a value and, if they take it, the
    context; they are plain functions, as whatever awaits or pays is a step."""

    @staticmethod
    def parallel(
        name: str,
        branches: Mapping[str, Flow[Takes, Any]],
        *,
        merge_strategy: MergeStrategy | MergeFunction = MergeStrategy.NO_MERGE,
        on_branch_failure: BranchFailureStrategy = BranchFailureStrategy.PROPAGATE,
        context_include_keys: Sequence[str] | None = None,
        max_concurrency: int | None = None,
        select: Decides[Takes, Iterable[str]] | Part[Takes, Any] | None = None,
        ignore_unknown: bool = False,
    ) -> ParallelStep[Takes, dict[str, Any]]:
        """Runs all branches on the same input at once; the output is a dict of their outputs in declared order.

        ``select(value, context)`` returns the names of the branches to run, or is a step whose output they are. A name
        that is no branch is an error unless ``ignore_unknown``.
        """
        return ParallelStep(
            name,
            branches,
            merge_strategy=merge_strategy,
            on_branch_failure=on_branch_failure,
            context_include_keys=context_include_keys,
            max_concurrency=max_concurrency,
            select=select,
            ignore_unknown=ignore_unknown,
        )

    @overload
    @staticmethod
    def branch_on(
        name: str,
        condition: Decides[Takes, Hashable],
        branches: Mapping[Any, Flow[Takes, Gives]],
        *,
        default: Flow[Takes, Gives] | None = None,
    ) -> BranchStep[Takes, Gives]: ...
    @overload
    @staticmethod
    def branch_on(
        name: str,
        condition: Decides[Any, Hashable],
        branches: Mapping[Any, Flow[Any, Gives]],
        *,
        default: Flow[Any, Gives] | None = None,
        branch_input_mapper: Decides[Any, Any] | None,
    ) -> BranchStep[Any, Gives]: ...
    @overload
    @staticmethod
    def branch_on(
        name: str,
        condition: Decides[Any, Hashable],
        branches: Mapping[Any, Flow[Any, Any]],
        *,
        default: Flow[Any, Any] | None = None,
        branch_input_mapper: Decides[Any, Any] | None = None,
        branch_output_mapper: Decides[Any, Gives] | None,
    ) -> BranchStep[Any, Gives]: ...
    @staticmethod
    def branch_on(
        name: str,
        condition: Callable[..., Hashable],
        branches: Mapping[Any, Flow],
        *,
        default: Flow | None = None,
        branch_input_mapper: Callable[..., Any] | None = None,
        branch_output_mapper: Callable[..., Any] | None = None,
    ) -> BranchStep:
        """Runs the branch whose key ``condition(value, context)`` returns; ``default`` runs for any other key.

        Without a default another key fails the step. The mappers are functions of what goes into the branch and of
        what comes out of it. A branch that fails leaves the context as it was.
        """
        return BranchStep(
            name,
            condition,
            branches,
            default=default,
            branch_input_mapper=branch_input_mapper,
            branch_output_mapper=branch_output_mapper,
        )

    @overload
    @staticmethod
    def loop_until(
        name: str,
        body: Flow[Takes, Gives],
        exit_condition: Decides[Gives, bool],
        *,
        max_loops: int = 5,
        iteration_input_mapper: Decides[Gives, Takes] | None = None,
    ) -> LoopStep[Takes, Gives]: ...
    @overload
    @staticmethod
    def loop_until(
        name: str,
        body: Flow[Takes, Gives],
        exit_condition: Decides[Gives, bool],
        *,
        max_loops: int = 5,
        initial_input_mapper: Decides[Any, Takes] | None,
        iteration_input_mapper: Decides[Gives, Takes] | None = None,
    ) -> LoopStep[Any, Gives]: ...
    @overload
    @staticmethod
    def loop_until(
        name: str,
        body: Flow[Takes, Drafted],
        exit_condition: Decides[Drafted, bool],
        *,
        max_loops: int = 5,
        initial_input_mapper: Decides[Any, Takes] | None = None,
        iteration_input_mapper: Decides[Drafted, Takes] | None = None,
        loop_output_mapper: Decides[Drafted, Gives] | None,
    ) -> LoopStep[Any, Gives]: ...
    @staticmethod
    def loop_until(
        name: str,
        body: Flow,
        exit_condition: Callable[..., bool],
        *,
        max_loops: int = 5,
        initial_input_mapper: Callable[..., Any] | None = None,
        iteration_input_mapper: Callable[..., Any] | None = None,
        loop_output_mapper: Callable[..., Any] | None = None,
    ) -> LoopStep:
        """Runs ``body`` on its own output until ``exit_condition(output, context)`` is true; returns the last output.

        After ``max_loops`` iterations without that, the step fails. The mappers make the first iteration's input of the
        step's, an iteration's input of the output before it, and the step's output of the last one; like the condition
        they may take ``iteration`` (from 1) and ``input`` (the step's own) by name.
        """
        return LoopStep(
            name,
            body,
            exit_condition,
            max_loops=max_loops,
            initial_input_mapper=initial_input_mapper,
            iteration_input_mapper=iteration_input_mapper,
            loop_output_mapper=loop_output_mapper,
        )

    @staticmethod
    def map_over(
        name: str,
        body: Flow[Item, Gives],
        items: Decides[Any, Iterable[Item]],
        *,
        max_concurrency: int | None = 1,
        merge_strategy: MergeStrategy | MergeFunction = MergeStrategy.NO_MERGE,
    ) -> MapStep[Any, list[Gives]]:
        """Runs ``body`` on each of ``items(value, context)``; the output is the list of their outputs.

        ``items`` may return any iterable of at most 1,000,000; one that yields more, or without end, fails the step.
        In turn, each item sees what the ones before it changed in the context. With ``max_concurrency`` above 1, or
        None for all at once, items start from equal contexts, which join by ``merge_strategy`` in the order of items.
        """
        return MapStep(name, body, items, max_concurrency=max_concurrency, merge_strategy=merge_strategy)

    @staticmethod
    def cached(step: Part[Takes, Gives], cache: Cache) -> CachedStep[Takes, Gives]:
        """Takes the result of ``step`` from ``cache`` where its agents, plugins, functions and settings, its input and
        what it read of the context are those of a result that was accepted before; a hit costs nothing."""
        return CachedStep(step.name if isinstance(step, Part) else "cached", step, cache)

    @overload
    @staticmethod
    def human_in_the_loop(
        name: str, message: str | Decides[Any, str], *, input_schema: type[Gives]
    ) -> HumanStep[Any, Gives]: ...
    @overload
    @staticmethod
    def human_in_the_loop(
        name: str, message: str | Decides[Any, str], *, input_schema: object = None
    ) -> HumanStep[Any, Any]: ...
    @staticmethod
    def human_in_the_loop(
        name: str, message: str | Decides[Any, str], *, input_schema: Any = None
    ) -> HumanStep[Any, Any]:
        """Pauses the run until it is resumed with an answer, which is the output; see ``Flujo.resume_async``.

        ``message`` is what the person is asked, or a function of value and context. ``input_schema`` is a type that
        pydantic can validate, which every answer has to fit.
        """
        return HumanStep(name, message, input_schema=input_schema)
