"""How a parallel step runs: which of its branches, on which context, and what their outputs and contexts become."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from flujo.errors import StepFailedError, UnknownBranchError
from flujo.events import BranchEnded, Decided, Scope
from flujo.execution.composite import CompositeNode
from flujo.execution.deciding import decide, failure_of, listed
from flujo.execution.lanes import Lane, Lanes
from flujo.functions import bind_function
from flujo.isolation import State, changed, delta, private_copy, updated
from flujo.pipeline import Part
from flujo.steps.parallel import BranchFailureStrategy, ParallelStep

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node

SELECT = "select"


class ParallelNode(CompositeNode):
    """A parallel step, compiled. ``selector`` is the node of the step that chooses branches, if one does."""

    __slots__ = ("branches", "ignores", "select", "selector", "step", "tasks")

    def __init__(
        self,
        step: ParallelStep[Any, Any],
        name: str,
        branches: Sequence[tuple[str, Sequence[Node]]],
        selector: Node | None,
    ) -> None:
        super().__init__(step, name)
        self.step = step
        self.tasks = [(key, f"branch:{key}", nodes) for key, nodes in branches]
        self.selector = selector
        self.select = None
        if step.select is not None and not isinstance(step.select, Part):
            self.select = bind_function(SELECT, step.select)
        self.ignores = step.on_branch_failure is BranchFailureStrategy.IGNORE

    async def inside(self, frame: Frame, value: object) -> object:
        tasks: Sequence[tuple[str, str, Sequence[Node]]] = self.tasks
        if self.select is not None or self.selector is not None:
            chosen = await self._selected(frame, value)
            tasks = [task for task in tasks if task[0] in chosen]
        lanes = Lanes(frame, self.name, ignores_failures=self.ignores, limit=self.step.max_concurrency)
        start = frame.run.laws.context_for_branch(self._snapshot(frame))
        given = frame.run.laws.input_of_branches(value)
        lanes.open(start, [(*task, given) for task in tasks])

        def end_of(lane: Lane) -> tuple[Any, ...]:
            ignored = self.ignores and lane.status == "failed"
            return (
                BranchEnded, frame.run.now(), frame.scope, self.name, lane.name, lane.status, lane.told,
                lane.error_told, ignored,
            )  # fmt: skip

        await lanes.run(end_of)
        keys = self.step.context_include_keys
        if keys is None:
            await lanes.join(self.step.merge_strategy)
        else:
            only, widen = partial(included, start, keys), partial(widened, frame.state, start, keys)
            await lanes.join(self.step.merge_strategy, only, widen)
        outputs = {lane.name: lane.output for lane in lanes.lanes if lane.status == "completed"}
        return frame.run.laws.outputs_of_branches(outputs)

    async def _selected(self, frame: Frame, value: object) -> frozenset[str]:
        """The names of the branches to run: from the function, or from the step that is asked for them."""
        if self.select is not None:
            return frozenset(await decide(frame, self.name, self.select, value, read=self._known))
        assert self.selector is not None
        inner = frame.child(Scope(frame.scope, self.name, frame.scope.order), frame.log, frame.state)
        try:
            answer = await self.selector.run(inner, value)
        finally:
            frame.state = inner.state
        try:
            names = self._known(answer)
        except Exception as error:  # whatever the step returned
            raise failure_of(frame.scope.path_of(self.name), SELECT, error) from error
        frame.log.extend((Decided, frame.run.now(), frame.scope, self.name, SELECT, 0, private_copy(names)))
        return frozenset(names)

    def _known(self, answer: Any) -> tuple[str, ...]:
        """The selected branches in declared order."""
        asked, branches = listed(answer, "a list of names"), self.step.branches
        unknown = [name for name in asked if not isinstance(name, str) or name not in branches]
        if unknown and not self.step.ignore_unknown:
            raise UnknownBranchError("", SELECT, unknown, list(branches))
        chosen = {name for name in asked if isinstance(name, str)}
        return tuple(name for name in branches if name in chosen)

    def _snapshot(self, frame: Frame) -> State[Any]:
        keys = self.step.context_include_keys
        if keys is None:
            return frame.state
        try:
            return narrowed(frame.state, keys)
        except Exception as error:  # the context model's own validators
            raise StepFailedError(frame.scope.path_of(self.name), None, error) from error


def narrowed(state: State[Any], keys: Sequence[str]) -> State[Any]:
    """What branches see when only some fields are included: the others have their model's defaults."""
    context = state.fork()
    return State.take(state.cls.model_validate({key: getattr(context, key) for key in keys}))


def included(start: State[Any], keys: Sequence[str], branch: State[Any]) -> State[Any]:
    """A branch's context as if it had changed nothing but the included fields."""
    return start.with_delta(tuple(row for row in delta(start, branch) if row[0] in keys))


def widened(parent: State[Any], start: State[Any], keys: Sequence[str], merged: State[Any]) -> State[Any]:
    """The parent's context with what the branches changed of the included fields."""
    fresh = {field: after for field, _, after in changed(start, merged) if field in keys}
    return updated(parent, fresh, "the branches' changes") if fresh else parent
