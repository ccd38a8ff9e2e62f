"""How a parallel step runs: its branches at once, each in a frame of its own, joined in declared order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from flujo.errors import RunError, StepFailedError, told
from flujo.events import BranchEnded, Merged, Scope, StepEnded, StepStarted, StepStatus
from flujo.execution.frame import Stop
from flujo.execution.merge import merge_context
from flujo.execution.sequence import run_sequence
from flujo.execution.signals import Breached, Stopped
from flujo.execution.step import ended_by
from flujo.isolation import State, changed, updated
from flujo.steps import BranchFailureStrategy, ParallelStep

if TYPE_CHECKING:
    from flujo.execution.frame import Frame
    from flujo.execution.plan import Node


class BranchRun:
    """One branch while it runs. Until it has ended by itself it counts as stopped."""

    __slots__ = ("error", "frame", "name", "nodes", "output", "status")

    def __init__(self, name: str, nodes: Sequence[Node], frame: Frame) -> None:
        self.name = name
        self.nodes = nodes
        self.frame = frame
        self.status: StepStatus = "stopped"
        self.output: object = None
        self.error: BaseException | None = None


class ParallelNode:
    """A parallel step, compiled."""

    __slots__ = ("branches", "name", "step")

    def __init__(self, step: ParallelStep, name: str, branches: Sequence[tuple[str, Sequence[Node]]]) -> None:
        self.step = step
        self.name = name
        self.branches = branches

    async def run(self, frame: Frame, value: object) -> object:
        """The outputs of the successful branches by name. Raises StepFailedError, or a Halt."""
        log, scope, now = frame.log, frame.scope, frame.run.now
        try:
            log.extend((StepStarted, now(), scope, self.name, "parallel", value))
            output = await self._run_branches(frame, value)
        except BaseException as error:
            log.extend((StepEnded, now(), scope, self.name, ended_by(error), None, told(error)))
            raise
        log.extend((StepEnded, now(), scope, self.name, "completed", output, None))
        return output

    async def _run_branches(self, frame: Frame, value: object) -> object:
        start = frame.run.laws.context_for_branch(self._snapshot(frame))
        stop = Stop(frame.stop)
        branches = self._open(frame, start, stop)
        limit = self.step.max_concurrency
        waiting = iter(branches)
        try:
            async with anyio.create_task_group() as group:
                for _ in branches if limit is None else branches[:limit]:
                    group.start_soon(self._run_branches_of, waiting, value, stop, group.cancel_scope, limit is None)
        finally:
            self._splice(frame, branches)
        if frame.stop is not None and frame.stop.is_set:
            raise Stopped("another branch has ended the parallel step around this one")
        self._raise_failure(branches)
        self._merge(frame, start, branches)
        return frame.run.laws.outputs_of_branches(
            {branch.name: branch.output for branch in branches if branch.status == "completed"}
        )

    def _snapshot(self, frame: Frame) -> State[Any]:
        keys = self.step.context_include_keys
        if keys is None:
            return frame.state
        try:
            return narrowed(frame.state, keys)
        except Exception as error:  # the context model's own validators
            raise StepFailedError(frame.scope.path_of(self.name), 0, error) from error

    def _open(self, frame: Frame, start: State[Any], stop: Stop) -> list[BranchRun]:
        inside = Scope(frame.scope, self.name, frame.scope.order)
        run, branches = frame.run, []
        for position, (name, nodes) in enumerate(self.branches):
            scope = Scope(inside, f"branch:{name}", (*inside.order, position))
            branches.append(BranchRun(name, nodes, frame.child(scope, run.new_log(), start, stop)))
        return branches

    async def _run_branches_of(
        self, waiting: Iterator[BranchRun], value: object, stop: Stop, siblings: anyio.CancelScope, once: bool
    ) -> None:
        """Run the next branch that waits; with a limit on how many run at once, go on to the next until none waits.

        Taken from one iterator, branches begin in declared order, whatever order the scheduler starts tasks in.
        """
        for branch in waiting:
            if not stop.is_set:
                await self._run_branch(branch, value, stop, siblings)
            if once:
                return

    async def _run_branch(self, branch: BranchRun, value: object, stop: Stop, siblings: anyio.CancelScope) -> None:
        """One branch to its end. One that was stopped stays so, whatever it still brings or raises."""
        try:
            output = await run_sequence(branch.nodes, branch.frame, value)
            if not stop.is_set:
                branch.output, branch.status = output, "completed"
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            if stop.is_set and _is_ordinary(error) and not isinstance(error, Breached):
                return
            branch.error = error
            branch.status = ended_by(error)
            ignored = self.step.on_branch_failure is BranchFailureStrategy.IGNORE
            if branch.status != "failed" or not ignored:
                stop.called = True
                siblings.cancel()

    def _splice(self, frame: Frame, branches: Sequence[BranchRun]) -> None:
        """Each branch's own log, in declared order: the transcript does not depend on who came first."""
        ignores = self.step.on_branch_failure is BranchFailureStrategy.IGNORE
        for branch in branches:
            frame.log += branch.frame.log
            error = None if branch.error is None else told(branch.error)
            ignored = ignores and branch.status == "failed"
            frame.log.extend((
                BranchEnded, frame.run.now(), frame.scope, self.name, branch.name, branch.status, branch.output,
                error, ignored,
            ))  # fmt: skip

    def _raise_failure(self, branches: Sequence[BranchRun]) -> None:
        """What ends the step: a limit or an abort before a failure, the earliest declared branch first."""
        for branch in branches:
            if branch.error is not None and branch.status != "failed":
                raise branch.error
        failed = [branch for branch in branches if branch.error is not None]
        if not failed or (self.step.on_branch_failure is BranchFailureStrategy.IGNORE and len(failed) < len(branches)):
            return
        assert failed[0].error is not None
        raise failed[0].error

    def _merge(self, frame: Frame, start: State[Any], branches: Sequence[BranchRun]) -> None:
        ended = [(branch.name, branch.frame.state, branch.status == "completed") for branch in branches]
        joining = frame.run.laws.branches_to_merge(ended)
        path = frame.scope.path_of(self.name)
        before, keys = frame.state, self.step.context_include_keys
        try:
            merged, notes = merge_context(start, joining, self.step.merge_strategy)
            if merged is start:
                return
            frame.state = merged if keys is None else widened(before, start, merged, keys)
        except RunError as error:
            error.path = error.path or path
            raise StepFailedError(path, 1, error) from error
        except Exception as error:  # the user's merge function, or the context model's own validators
            raise StepFailedError(path, 1, error) from error
        changes = changed(before, frame.state)
        strategy = getattr(self.step.merge_strategy, "value", "function")
        sources = tuple((note.field, note.branches) for note in notes)
        frame.log.extend((Merged, frame.run.now(), frame.scope, self.name, strategy, changes, sources))


def _is_ordinary(error: BaseException) -> bool:
    """Whether an error is of the kind that ends a step; interruptions are not."""
    if isinstance(error, BaseExceptionGroup):
        return not error.subgroup((KeyboardInterrupt, SystemExit))
    return isinstance(error, Exception)


def narrowed(state: State[Any], keys: Sequence[str]) -> State[Any]:
    """What branches see when only some fields are included: the others have their model's defaults."""
    context = state.fork()
    return State.take(state.cls.model_validate({key: getattr(context, key) for key in keys}))


def widened(parent: State[Any], start: State[Any], merged: State[Any], keys: Sequence[str]) -> State[Any]:
    """The parent's context with what the branches changed of the included fields."""
    fresh = {field: after for field, _, after in changed(start, merged) if field in keys}
    return updated(parent, fresh, "the branches' changes") if fresh else parent
