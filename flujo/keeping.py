"""Runs on a store: taken for this process, begun or gone on with, and their ends kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

import anyio

from flujo.canonical import canonical_json
from flujo.entries import structural
from flujo.errors import (
    MisuseError,
    NoSuchRun,
    NotStorable,
    PipelineAbort,
    PipelineChanged,
    RunError,
    StepFailedError,
    StoreError,
    told,
)  # fmt: skip
from flujo.events import Log, Paid, PaidBefore, RunStarted, RunStatus, rows
from flujo.execution.account import RunId
from flujo.execution.journal import RETRY_OR_FAIL, Keeping
from flujo.execution.ledger import Ledger
from flujo.execution.past import Beginning, Past
from flujo.isolation import State
from flujo.ports import Journal, RecordedAnswer
from flujo.results import PipelineResult
from flujo.resuming import interruption, on_doubt, resumption
from flujo.steps import HumanStep
from flujo.stores.codec import changed_at
from flujo.stores.places import codec_of
from flujo.stores.records import Begun, Ended, History, Shape, StoredResume
from flujo.stores.store import Store
from flujo.stores.structure import first_difference
from flujo.usage import UsageLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel, TypeAdapter

    from flujo.pipeline import AnyPipeline


class Runs(Protocol):
    """Runs a pipeline from a beginning to its end."""

    async def __call__(self, begun: Beginning, run_id: str, *, past: Past | None, kept: KeptRun) -> PipelineResult: ...


class Keeper:
    """What a runner has that was given a store."""

    def __init__(self, store: Store, pipeline: AnyPipeline, context_model: type[BaseModel], name: str) -> None:
        self.store = store.knowing(codec_of(pipeline, context_model))
        self.pipeline = pipeline
        self.name = name
        self.fingerprint = pipeline.fingerprint
        self.shape: Shape = tuple((path, canonical_json(step.shape())) for path, step in pipeline.walk())

    async def run(
        self,
        run: Runs,
        begun: Beginning,
        context_data: dict[str, Any],
        run_id: str,
        utc: datetime,
        reference: str | None,
    ) -> PipelineResult:
        """Begin a run; go on with one of this id that was interrupted; tell one again that has ended.

        ``reference`` is where the runner is found (``module:attribute``), if that is known.
        """
        async with self._taken(run_id):
            history = await self.store.history(run_id)
            if history is None:
                await self.store.begin(run_id, self._begun(begun, context_data, utc, reference))
                return await run(begun, run_id, past=None, kept=KeptRun(self, run_id))
            self._check_pipeline(run_id, history)
            _check_beginning(run_id, history.begun, begun.input, context_data)
            if history.is_ended and history.end is not None and history.end.status != "cancelled":
                return self._told_again(run_id, history)
            return await self._go_on(run, run_id, history, {}, begun.limits, utc)

    async def resume(
        self, run: Runs, run_id: str, answers: Mapping[str, object], limits: UsageLimits | None, utc: datetime
    ) -> PipelineResult:
        """Go on with a run. Raises NoSuchRun, PipelineChanged, and MisuseError as ``resumption`` does."""
        async with self._taken(run_id):
            history = await self.store.history(run_id)
            if history is None:
                _ = self.store.load(run_id)  # it raises NoSuchRun, and knows ids that are near
                raise NoSuchRun(run_id)
            self._check_pipeline(run_id, history)
            return await self._go_on(run, run_id, history, answers, limits, utc)

    async def _go_on(
        self, run: Runs, run_id: str, history: History, answers: Mapping[str, object], limits: UsageLimits | None,
        utc: datetime,
    ) -> PipelineResult:  # fmt: skip
        journal = Keeping(self.store)
        given: dict[str, RecordedAnswer] = {}
        end = history.end
        if history.is_ended and end is not None and (end.is_whole or end.status != "cancelled"):
            former = self._told_again(run_id, history)
            past, given = resumption(
                former, answers, pipeline=self.pipeline, limits=limits, store=journal, history=history
            )
        else:
            past = interruption(history, answers, self._told_again(run_id, history), journal)
        past.policies = on_doubt(self.pipeline)
        status, told_answers = past.resumed[-1]
        state = State.take(history.begun.context)
        begun = Beginning(history.begun.input, state, limits)
        now = self._begun(begun, history.begun.context_data, history.begun.at, history.begun.reference)
        await self.store.resume(run_id, StoredResume(status.told, utc, told_answers), now, given)
        return await run(begun, run_id, past=past, kept=KeptRun(self, run_id))

    @asynccontextmanager
    async def _taken(self, run_id: str) -> AsyncIterator[None]:
        claim = await self.store.claim(run_id)
        try:
            yield
        finally:
            claim.release()

    def _begun(self, begun: Beginning, context_data: dict[str, Any], at: datetime, reference: str | None) -> Begun:
        return Begun(
            self.name, reference, self.fingerprint, self.shape, at, begun.input, context_data,
            begun.state.view(), begun.limits,
        )  # fmt: skip

    def _check_pipeline(self, run_id: str, history: History) -> None:
        made = history.begun
        is_part = not made.fingerprint
        if made.fingerprint == self.fingerprint:
            return
        if (difference := first_difference(made.shape, self.shape, is_part=is_part)) is not None:
            path, why = difference
            raise PipelineChanged(run_id, path, why, path if path in dict(made.shape) else "")

    def _told_again(self, run_id: str, history: History) -> PipelineResult:
        """The result of a run as its last end left it; one that never ended was cancelled before it began."""
        begun, end = history.begun, history.end
        state: State[Any] = State.take(begun.context)
        beginning = Beginning(begun.input, state, begun.limits)
        if end is None:
            return PipelineResult(
                RunId(run_id), [], state, "cancelled", None, None, (), beginning, self.pipeline, {}, True
            )
        log = with_state(end.log, state)
        error = cast("RunError | PipelineAbort | None", end.error)
        return PipelineResult(
            RunId(run_id), log, State.take(end.context), cast(RunStatus, end.status), end.output, error, (), beginning,
            self.pipeline, _Schemas(self.pipeline), end.is_whole,
        )  # fmt: skip


class KeptRun:
    """One run while it runs: its journal, and what is done at its end."""

    def __init__(self, keeper: Keeper, run_id: str) -> None:
        self._store = keeper.store
        self._pipeline = keeper.pipeline
        self._run_id = run_id
        self.journal: Journal = Keeping(keeper.store)

    async def ended(self, result: PipelineResult, at: datetime) -> PipelineResult:
        """Keep the end; a result that cannot be kept is that of a failed run, with all that it has spent.

        A run that its store has failed has no end there: it goes on when the store works again.
        """
        if isinstance(result.error, StoreError):
            return result
        try:
            try:
                await self._end(result, at, result.status, result.output, result.error)
            except NotStorable as refused:
                last = self._pipeline.steps[-1].name
                _fail(result, StepFailedError(last, None, refused))
                await self._end(result, at, "failed", None, result.error, result.beginning.state)
        except StoreError as error:
            _fail(result, error)
        return result

    async def cancelled(self, frame: Any, log: Log, is_whole: bool, at: datetime, interruption: BaseException) -> None:
        """Keep that the run was cancelled; whoever cancelled it hears of it if that is impossible."""
        result: Any = PipelineResult(
            RunId(self._run_id), log, frame.state, "cancelled", None, None, (), None, self._pipeline, {}, is_whole  # type: ignore[arg-type]
        )  # fmt: skip
        with anyio.CancelScope(shield=True):
            try:
                await self._end(result, at, "cancelled", None, None)
            except (NotStorable, StoreError) as error:
                interruption.add_note(f"and its end could not be kept: {told(error)}")

    async def _end(
        self, result: PipelineResult, at: datetime, status: str, output: object, error: BaseException | None,
        state: State[Any] | None = None,
    ) -> None:  # fmt: skip
        state = state or result.state
        ledger = Ledger.of(row[-1] for row in rows(result.log) if row[0] is Paid or row[0] is PaidBefore)
        lost = sum(entry.outcome == "in_doubt" for entry in ledger.entries) if result.is_whole else 0
        await self._store.end(
            self._run_id,
            Ended(status, at, output, error, result.log, state.view(), result.is_whole, ledger.known_cost_usd, lost),
        )


def _fail(result: PipelineResult, error: RunError) -> None:
    """Make of a result that of a run which failed at its very end."""
    result.status, result.output, result.error = "failed", None, error
    result.log[-3:] = "failed", None, told(error)


def with_state(log: Log, state: State[Any]) -> Log:
    """A log out of a store, with the state that the run began with in its place."""
    at = 0
    for row in rows(log):
        if row[0] is RunStarted:
            log[at + len(row) - 1] = state
        at += len(row)
    return log


class _Schemas(Mapping[str, "TypeAdapter[Any] | None"]):
    """By path of a question what its answer is read by, whatever iteration it was asked in."""

    def __init__(self, pipeline: AnyPipeline) -> None:
        self._steps = dict(pipeline.walk())

    def __getitem__(self, path: str) -> TypeAdapter[Any] | None:
        step = self._steps[structural(path)]
        return step.schema if isinstance(step, HumanStep) else RETRY_OR_FAIL

    def __iter__(self) -> Any:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def _check_beginning(run_id: str, known: Begun, input: object, context_data: Mapping[str, object]) -> None:
    for what, before, now in (("input", known.input, input), ("context_data", known.context_data, context_data)):
        if (path := changed_at(before, now, "$")) is not None:
            raise MisuseError(
                f"run '{run_id}' was begun with another {what}; it differs at {path}: give every run an id of its own, "
                "or go on with what it was begun with by resume_async(run_id)"
            )
