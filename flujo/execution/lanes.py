"""Several sequences at once, each in a frame and with a log of its own: what parallel branches and items share.

A lane begins in declared order, whatever the scheduler does, and its log is spliced in declared order at the end: the
transcript does not depend on who came first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from flujo.errors import RunError, StepFailedError
from flujo.events import Carried, Merged, Scope, StepStatus
from flujo.execution.composite import ended_by, why_ended
from flujo.execution.frame import Frame, Stop
from flujo.execution.merge import merge_context
from flujo.execution.past import MERGE
from flujo.execution.sequence import run_sequence
from flujo.execution.signals import Breached, Paused, Stopped
from flujo.isolation import Delta, State, changed, delta
from flujo.steps.parallel import MergeFunction, MergeStrategy
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.execution.plan import Node


class Lane:
    """One sequence while it runs. Until it has ended by itself it counts as stopped."""

    __slots__ = ("error", "frame", "name", "nodes", "output", "status", "value")

    def __init__(self, name: str, nodes: Sequence[Node], frame: Frame, value: object) -> None:
        self.name = name
        self.nodes = nodes
        self.frame = frame
        self.value = value
        self.status: StepStatus = "stopped"
        self.output: object = None
        self.error: BaseException | None = None

    @property
    def told(self) -> object:
        return self.frame.as_told(self.output)

    @property
    def error_told(self) -> str | None:
        return None if self.error is None else why_ended(self.error)


class Lanes:
    """The lanes of one step. With ``ignores_failures`` the failure of one does not stop the others."""

    def __init__(self, frame: Frame, name: str, *, ignores_failures: bool, limit: int | None) -> None:
        self.frame = frame
        self.name = name
        self.ignores_failures = ignores_failures
        self.limit = limit
        self.stop = Stop(frame.stop)
        self.start = frame.state
        self.lanes: list[Lane] = []

    def open(self, start: State[Any], tasks: Sequence[tuple[str, str, Sequence[Node], object]]) -> None:
        """Make a lane of each (name, segment of its path, nodes, input), all with the context ``start``."""
        frame = self.frame
        run, inside, self.start = frame.run, Scope(frame.scope, self.name, frame.scope.order), start
        for position, (name, segment, nodes, value) in enumerate(tasks):
            scope = Scope(inside, segment, (*inside.order, position))
            self.lanes.append(Lane(name, nodes, frame.child(scope, run.new_log(), start, self.stop), value))

    async def run(self, end_of: Callable[[Lane], tuple[Any, ...]]) -> None:
        """Run all to their ends; ``end_of`` gives the record that says how a lane ended.

        Raises what ends the step.
        """
        limit, waiting = self.limit, iter(self.lanes)
        outer = self.frame.stop
        if outer is not None:
            outer.inner[self.stop] = None
        try:
            turns = len(self.lanes) if limit is None else min(limit, len(self.lanes))
            await self.stop.jobs.run(turns, partial(self._take_turns, waiting, limit is None))
        finally:
            if outer is not None:
                del outer.inner[self.stop]
            log = self.frame.log
            for lane in self.frame.run.laws.logs_in_order(self.lanes):
                log += lane.frame.log
                log.extend(end_of(lane))
        if self.frame.stop is not None and self.frame.stop.is_set:
            raise Stopped("another branch has ended the parallel step around this one")
        self._raise_failure()

    async def join(
        self,
        strategy: MergeStrategy | MergeFunction,
        narrow: Callable[[State[Any]], State[Any]] | None = None,
        widen: Callable[[State[Any]], State[Any]] | None = None,
    ) -> None:
        """Bring what the completed lanes changed into the frame's context, and write it down.

        ``narrow`` takes out of a lane's context what does not count, ``widen`` makes a whole context of a merged one
        that holds only a part. What a user's function made of the contexts is not made again when a run goes on. Raises
        StepFailedError if the lanes can't be joined.
        """
        if strategy is MergeStrategy.NO_MERGE:
            return
        frame, before = self.frame, self.frame.state
        decides = not isinstance(strategy, MergeStrategy)
        made: Delta = ()
        known: Any = await frame.decision(self.name, MERGE, 0) if decides else MISSING
        if known is not MISSING:
            made, sources = known
            frame.state = before.with_delta(made)
        else:
            sources = self._merged(strategy, narrow, widen)
            if frame.state is before:
                return
            if decides:
                made = delta(before, frame.state)
                await frame.keep_decision(self.name, MERGE, 0, (made, sources))
        how = getattr(strategy, "value", "function")
        changes: Any = changed(before, frame.state)
        if not changes:
            return
        told = {row[0] for row in changes}
        sources = tuple(row for row in sources if row[0] in told)  # a function may return what is not included
        if decides:
            changes = Carried(changes, made)
        frame.log.extend((Merged, frame.run.now(), frame.scope, self.name, how, changes, sources))

    def _merged(
        self,
        strategy: MergeStrategy | MergeFunction,
        narrow: Callable[[State[Any]], State[Any]] | None,
        widen: Callable[[State[Any]], State[Any]] | None,
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Merge into the frame's context; which fields came from which lanes."""
        frame = self.frame
        path = frame.scope.path_of(self.name)
        ended = [(lane.name, lane.frame.state, lane.status == "completed") for lane in self.lanes]
        try:
            joining = frame.run.laws.branches_to_merge(ended)
            if narrow is not None:
                joining = [(lane, narrow(state)) for lane, state in joining]
            merged, notes = merge_context(self.start, joining, frame.run.laws.merge_strategy(strategy))
            if merged is not self.start:
                frame.state = merged if widen is None else widen(merged)
        except RunError as error:
            error.path = error.path or path
            raise StepFailedError(path, None, error) from error
        except Exception as error:  # the user's merge function, or the context model's own validators
            raise StepFailedError(path, None, error) from error
        return tuple((note.field, note.branches) for note in notes)

    async def _take_turns(self, waiting: Iterator[Lane], once: bool, scope: anyio.CancelScope) -> None:
        """Run the next lane that waits; with a limit on how many run at once, go on to the next until none waits.

        Taken from one iterator, lanes begin in declared order, whatever order the scheduler starts tasks in. A lane
        that was stopped stays so, whatever it still brings or raises.
        """
        stop = self.stop
        with scope:
            for lane in waiting:
                if not stop.is_set:
                    try:
                        output = await run_sequence(lane.nodes, lane.frame, lane.value)
                        if not stop.is_set:
                            lane.output, lane.status = output, "completed"
                    except anyio.get_cancelled_exc_class():
                        raise
                    except BaseException as error:
                        self._note_end(lane, error)
                if once:
                    return

    def _note_end(self, lane: Lane, error: BaseException) -> None:
        if self.stop.is_set and _is_ordinary(error) and not isinstance(error, Breached):
            return
        lane.error = error
        lane.status = ended_by(error)
        goes_on = lane.status == "paused" or (lane.status == "failed" and self.ignores_failures)
        if not goes_on:
            self.stop.called = True
            self.stop.cancel()

    def _raise_failure(self) -> None:
        """What ends the step: a limit or an abort, then a failure, then a pause; the earliest declared lane first."""
        failed, paused = [], []
        for lane in self.lanes:
            if lane.error is None:
                continue
            if isinstance(lane.error, Paused):
                paused.append(lane.error)
            elif lane.status != "failed":
                raise lane.error
            else:
                failed.append(lane.error)
        if failed and not (self.ignores_failures and len(failed) < len(self.lanes)):
            raise failed[0]
        if paused:
            raise paused[0]


def _is_ordinary(error: BaseException) -> bool:
    """Whether an error is of the kind that ends a step; interruptions are not."""
    if isinstance(error, BaseExceptionGroup):
        return not error.subgroup((KeyboardInterrupt, SystemExit))
    return isinstance(error, Exception)
