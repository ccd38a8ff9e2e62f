"""How a parallel step runs: its branches at once, each in a frame of its own, joined in declared order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio

from flujo.errors import RunError, StepFailedError, told
from flujo.events import BranchEnded, Merged, Scope, StepEnded, StepStarted, StepStatus
from flujo.execution.merge import merge_context
from flujo.execution.sequence import run_sequence
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
        log.extend((StepStarted, now(), scope, self.name, "parallel", value))
        try:
            output = await self._run_branches(frame, value)
        except BaseException as error:
            log.extend((StepEnded, now(), scope, self.name, ended_by(error), None, told(error)))
            raise
        log.extend((StepEnded, now(), scope, self.name, "completed", output, None))
        return output

    async def _run_branches(self, frame: Frame, value: object) -> object:
        start = frame.run.laws.context_for_branch(self._snapshot(frame))
        branches = self._open(frame, start)
        limit = self.step.max_concurrency
        limiter = None if limit is None or limit >= len(branches) else anyio.Semaphore(limit, fast_acquire=True)
        try:
            async with anyio.create_task_group() as group:
                for branch in branches:
                    group.start_soon(self._run_branch, branch, value, limiter, group.cancel_scope)
        finally:
            self._splice(frame, branches)
        self._raise_failure(frame, branches)
        self._merge(frame, start, branches)
        return frame.run.laws.outputs_of_branches(
            {branch.name: branch.output for branch in branches if branch.status == "completed"}
        )

    def _snapshot(self, frame: Frame) -> State[Any]:
        keys = self.step.context_include_keys
        return frame.state if keys is None else narrowed(frame.state, keys)

    def _open(self, frame: Frame, start: State[Any]) -> list[BranchRun]:
        inside = Scope(frame.scope, self.name, frame.scope.order)
        run, branches = frame.run, []
        for position, (name, nodes) in enumerate(self.branches):
            scope = Scope(inside, f"branch:{name}", (*inside.order, position))
            branches.append(BranchRun(name, nodes, frame.child(scope, run.new_log(), start)))
        return branches

    async def _run_branch(
        self, branch: BranchRun, value: object, limiter: anyio.Semaphore | None, siblings: anyio.CancelScope
    ) -> None:
        if limiter is not None:
            await limiter.acquire()
        try:
            if siblings.cancel_called:  # stopped before it began: its first call might never look up to be cancelled
                return
            branch.output = await run_sequence(branch.nodes, branch.frame, value)
            branch.status = "completed"
        except BaseException as error:
            if isinstance(error, anyio.get_cancelled_exc_class()):
                raise
            branch.error = error
            branch.status = ended_by(error)
            ignored = self.step.on_branch_failure is BranchFailureStrategy.IGNORE
            if branch.status != "failed" or not ignored:
                siblings.cancel()
        finally:
            if limiter is not None:
                limiter.release()

    def _splice(self, frame: Frame, branches: Sequence[BranchRun]) -> None:
        """Each branch's own log, in declared order: the transcript does not depend on who came first."""
        ignores = self.step.on_branch_failure is BranchFailureStrategy.IGNORE
        for branch in branches:
            frame.log += branch.frame.log
            error = None if branch.error is None else told(branch.error)
            ignored = ignores and branch.status == "failed"
            frame.log.extend((
                BranchEnded, frame.run.now(), frame.scope, self.name, branch.name, branch.status, branch.output, error, ignored,
            ))  # fmt: skip

    def _raise_failure(self, frame: Frame, branches: Sequence[BranchRun]) -> None:
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
        try:
            merged, notes = merge_context(start, joining, self.step.merge_strategy)
        except RunError as error:
            error.path = error.path or path
            raise StepFailedError(path, 1, error) from error
        except Exception as error:  # the user's merge function, or the context model's own validators
            raise StepFailedError(path, 1, error) from error
        if merged is start:
            return
        before, keys = frame.state, self.step.context_include_keys
        frame.state = merged if keys is None else widened(before, start, merged, keys)
        changes = changed(before, frame.state)
        strategy = getattr(self.step.merge_strategy, "value", "function")
        sources = tuple((note.field, note.branches) for note in notes)
        frame.log.extend((Merged, frame.run.now(), frame.scope, self.name, strategy, changes, sources))



def narrowed(state: State[Any], keys: Sequence[str]) -> State[Any]:
    """What branches see when only some fields are included: the others have their model's defaults."""
    context = state.fork()
    return State.take(state.cls.model_validate({key: getattr(context, key) for key in keys}))


def widened(parent: State[Any], start: State[Any], merged: State[Any], keys: Sequence[str]) -> State[Any]:
    """The parent's context with what the branches changed of the included fields."""
    fresh = {field: after for field, _, after in changed(start, merged) if field in keys}
    return updated(parent, fresh, "the branches' changes") if fresh else parent
