"""The runner: wires a pipeline to clock, prices, limits, listeners and journal, runs it, and returns the result."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

import anyio
from pydantic import ValidationError

from flujo.context import PipelineContext
from flujo.errors import (
    MisuseError,
    PipelineAbort,
    PipelineDefinitionError,
    Problem,
    RunError,
    StepFailedError,
    told,
)
from flujo.events import Event, PaidBefore, Remembered, RunEnded, RunResumed, RunStarted, RunStatus, Scope
from flujo.execution.account import Account, Purse, RunId, budget_of_run
from flujo.execution.audience import Audience, EventStream, streamed
from flujo.execution.frame import Frame, Run
from flujo.execution.journal import JournaledFrame
from flujo.execution.loops import loop_runs_here, no_loop_named
from flujo.execution.past import Beginning, Past
from flujo.execution.plan import Node, compiled
from flujo.execution.sequence import run_sequence
from flujo.execution.signals import Aborted, Breached, Paused, Unkept
from flujo.execution.tee_log import TeeLog
from flujo.isolation import State
from flujo.laws import DEFAULT
from flujo.overrides import Overrides, current, note_used
from flujo.pipeline import Flow, In, Out, Pipeline, limits_problems
from flujo.ports import Clock, Journal, Listener
from flujo.prices import CostModel
from flujo.results import PipelineResult
from flujo.resuming import resumption
from flujo.steps import ParallelStep, Step
from flujo.steps.frozen import flag_problems
from flujo.stores import open_store
from flujo.stores.store import Store
from flujo.usage import UsageLimits
from flujo.wiring import human_problems, include_problems, listener_problems, port_problems, runner_name_problems

if TYPE_CHECKING:
    from flujo.keeping import Keeper, KeptRun


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.monotonic)

    def utc(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def new_run_id() -> str:
    """A name for a run that nobody has named."""
    return uuid.uuid4().hex


class Flujo(Generic[In, Out]):
    """Runs a pipeline, any number of times at once; runs share nothing but ``resources``.

    ``usage_limits`` hold per run. ``cost_model`` prices requests; without one, costs are what providers report.
    ``listeners`` are plain functions that are told every event the moment it happens. ``store`` is a store or its URL
    (``sqlite:///runs.db``): runs then survive their process; or a journal, which keeps answers only. Without
    ``keep_transcript`` events are told and not kept, so that a long run takes no more memory than a short one: its
    result has no transcript and cannot be resumed, but a whole ledger. Raises PipelineDefinitionError with everything
    that is wrong with the pipeline.
    """

    def __init__(
        self,
        pipeline: Flow[In, Out],
        *,
        context_model: type[PipelineContext] | None = None,
        resources: object = None,
        usage_limits: UsageLimits | None = None,
        cost_model: CostModel | None = None,
        strict_pricing: bool = False,
        listeners: Sequence[Listener] = (),
        store: Journal | str | None = None,
        clock: Clock | None = None,
        name: str | None = None,
        keep_transcript: bool = True,
    ) -> None:
        self.pipeline: Pipeline = pipeline if isinstance(pipeline, Pipeline) else Pipeline.of(pipeline)
        self.context_model = context_model or PipelineContext
        opened = open_store(store) if isinstance(store, str) else store
        ports = {"cost_model": cost_model, "store": opened, "clock": clock}
        if problems := [
            *self.pipeline.validate(),
            *self._problems(context_model),
            *limits_problems("", usage_limits),
            *port_problems(ports),
            *listener_problems(listeners),
            *runner_name_problems(name),
            *flag_problems("", "strict_pricing", strict_pricing),
            *flag_problems("", "keep_transcript", keep_transcript),
            *(() if keep_transcript else human_problems(self.pipeline)),
        ]:
            raise PipelineDefinitionError(problems)
        self.name = name or self.pipeline.name
        self.resources = resources
        self.usage_limits = usage_limits
        self.cost_model = cost_model
        self.strict_pricing = strict_pricing
        self.listeners = tuple(listeners)
        self._keeper: Keeper | None = None
        self._journal: Journal | None = None
        if isinstance(opened, Store):
            from flujo.keeping import Keeper  # and all that reads and writes values: most runs have no store

            self._keeper = Keeper(opened, self.pipeline, self.context_model, self.name)
        else:
            self._journal = opened
        self.store = opened
        self.reference: str | None = None
        """Where the command line has found this runner (``module:attribute``): a store keeps it for people."""
        self.clock = clock or SystemClock()
        self.keep_transcript = keep_transcript
        self._nodes = compiled(self.pipeline.steps)
        self._overridden: tuple[Overrides, Sequence[Node]] | None = None
        self._context_keys = _keys_of(self.context_model)
        self._begins_alike = _begins_alike(self.context_model)
        self._initial: State[Any] | None = None

    def _problems(self, context_model: object) -> Iterator[Problem]:
        """What of the pipeline does not go with its context."""
        if not (isinstance(self.context_model, type) and issubclass(self.context_model, PipelineContext)):
            fix = "Derive it from flujo.PipelineContext."
            yield Problem("context-model-invalid", "", f"context_model is {context_model!r}", fix)
            return
        for path, step in self.pipeline.walk():
            if context_model is None and isinstance(step, Step) and step.updates_context:
                text, fix = "updates_context needs a context with fields", "Pass context_model=YourContext to Flujo."
                yield Problem("context-model-missing", path, text, fix)
            if isinstance(step, ParallelStep) and step.context_include_keys is not None:
                yield from include_problems(path, step.context_include_keys, self.context_model)

    def run(
        self, input: In, *, run_id: str | None = None, context_data: Mapping[str, Any] | None = None
    ) -> PipelineResult[Out]:
        """Run from synchronous code, on asyncio. Raises MisuseError inside a running event loop."""
        if loop_runs_here():
            call = "use 'await runner.run_async(...)' there"
            raise MisuseError(f"Flujo.run() was called inside a running event loop; {call}")
        with no_loop_named():
            return anyio.run(self._started, self._beginning(input, context_data), run_id, context_data)

    async def run_async(
        self, input: In, *, run_id: str | None = None, context_data: Mapping[str, Any] | None = None
    ) -> PipelineResult[Out]:
        """Run the pipeline; how it ended is in the result. Raises MisuseError for ``context_data`` that does not fit.

        ``run_id`` names the run in ledger and journal; one is made up if it is not given. ``context_data`` holds the
        fields of the context to start with. On a store, the run of this id goes on if it was interrupted, and is told
        again if it has ended. Raises RunHeld if it is running, PipelineChanged, MisuseError if it was begun with
        another input, NotStorable for an input or context that a store cannot keep, StoreError.
        """
        return await self._started(self._beginning(input, context_data), run_id, context_data)

    async def resume_async(
        self,
        result: PipelineResult[Any] | str,
        answers: Mapping[str, object] | None = None,
        *,
        usage_limits: UsageLimits | None = None,
    ) -> PipelineResult[Out]:
        """Go on with a run that paused, failed, reached a limit or was stopped; the result is that of the whole run.

        Nothing that was answered is asked or paid again. ``answers`` are people's, by the paths in
        ``result.questions``; some may be left open. The step that a run failed at gets 1 + ``max_retries`` further
        attempts. A run that reached its limits needs higher ``usage_limits``; what was spent counts. Raises
        MisuseError, before anything runs, for an answer that nobody asked for or that does not fit, and for another
        pipeline.

        On a store the run's id stands for its result, in this process or another one, also if it was interrupted; a
        run that is in the store goes on from there, whatever its result says. Raises NoSuchRun, RunHeld, StoreError.
        """
        limits = usage_limits or self.usage_limits
        if self._keeper is not None:
            run_id = result.run_id if isinstance(result, PipelineResult) else result
            if not isinstance(run_id, str):
                raise MisuseError(f"resume_async() takes the result of a run, or its id, not {result!r}")
            return await self._keeper.resume(self._execute, run_id, answers or {}, limits, self._utc())
        if not isinstance(result, PipelineResult):
            raise MisuseError(
                f"resume_async() takes the PipelineResult of the run, not {result!r}; with a store its id will do"
            )
        past, _ = resumption(result, answers or {}, pipeline=self.pipeline, limits=limits, store=self._journal)
        begun = result.beginning
        return await self._execute(Beginning(begun.input, begun.state, limits), result.run_id, past=past)

    def stream_async(
        self,
        input: In,
        *,
        run_id: str | None = None,
        context_data: Mapping[str, Any] | None = None,
        buffer: int = 64,
    ) -> AbstractAsyncContextManager[AsyncIterator[Event | PipelineResult[Out]]]:
        """Run while reading along: ``async with runner.stream_async(x) as events: async for event in events: ...``.

        Events come in order of arrival, text chunks as they arrive, the result last. At most about ``buffer`` events
        wait for the reader: a slow reader slows the run. Leaving the block early cancels the run.
        """

        if not isinstance(buffer, int) or isinstance(buffer, bool) or buffer < 1:
            raise MisuseError(f"buffer is {buffer!r}; pass how many events may wait for the reader, at least 1")

        async def execute(stream: EventStream) -> PipelineResult[Out]:
            return await self._started(self._beginning(input, context_data), run_id, context_data, stream)

        return streamed(execute, buffer)

    async def _started(
        self,
        begun: Beginning,
        run_id: str | None,
        context_data: Mapping[str, Any] | None = None,
        stream: EventStream | None = None,
    ) -> PipelineResult:
        if run_id is not None and not (isinstance(run_id, str) and run_id.strip()):
            raise MisuseError(f"run_id is {run_id!r}; pass a text that names the run, or leave it out")
        if self._keeper is None:
            return await self._execute(begun, run_id, stream)
        run, name = partial(self._execute, stream=stream), new_run_id() if run_id is None else run_id
        return await self._keeper.run(run, begun, dict(context_data or {}), name, self._utc(), self.reference)

    def _utc(self) -> datetime:
        return (current().clock or self.clock).utc()

    def _beginning(self, input: object, context_data: Mapping[str, Any] | None) -> Beginning:
        laws = current().laws or DEFAULT
        return Beginning(laws.input_for_attempt(input), self._first_state(context_data), self.usage_limits)

    async def _execute(
        self,
        begun: Beginning,
        run_id: str | None,
        stream: EventStream | None = None,
        past: Past | None = None,
        kept: KeptRun | None = None,
    ) -> PipelineResult:
        overrides = current()
        nodes = self._nodes if not overrides.agents else self._nodes_with(overrides)
        laws, clock = overrides.laws or DEFAULT, overrides.clock or self.clock
        cost_model = overrides.cost_model or self.cost_model
        limits = begun.limits
        strict = self.strict_pricing or (limits is not None and limits.total_cost_usd_limit is not None)
        account = Account(RunId(new_run_id if run_id is None else run_id), clock, laws, cost_model, strict)
        run = Run(clock, laws, account, self.resources)
        run.past, run.door, run.gate, run.is_stored = past, overrides.door, overrides.gate, kept is not None
        journal = self._journal if kept is None else kept.journal
        if past is not None or journal is not None:
            run.journal, run.new_frame, run.is_followed = past or journal, JournaledFrame, True
        listeners = (*overrides.listeners, *self.listeners)
        audience = None
        if listeners or stream is not None:
            audience = Audience(run, listeners, stream, self.keep_transcript)
        elif not self.keep_transcript:
            run.new_log = partial(TeeLog, None, False)
        purse = Purse(account, budget_of_run(limits, laws))
        if past is not None:
            account.before = past.paid
            purse.expecting()
        frame = run.new_frame(run, Scope(None, ""), run.new_log(), begun.state, purse)
        try:
            status, output, error = await self._run_to_end(frame, nodes, begun.input, audience)
        except BaseException as interruption:
            if kept is not None:
                await kept.cancelled(frame, list(frame.log), self.keep_transcript, clock.utc(), interruption)
            raise
        log = laws.log_of_run(frame.log if type(frame.log) is list else list(frame.log))
        errors = () if audience is None else tuple(audience.errors)
        result: PipelineResult = PipelineResult(
            account.name, log, frame.state, status, output, error, errors, begun, self.pipeline, run.schemas,
            self.keep_transcript,
        )  # fmt: skip
        return result if kept is None else await kept.ended(result, clock.utc())

    async def _run_to_end(
        self, frame: Frame, nodes: Sequence[Node], input: object, audience: Audience | None
    ) -> tuple[RunStatus, object, RunError | PipelineAbort | None]:
        """Run until it ends, however that is, and write down how: its status, output and error."""
        log, scope, now = frame.log, frame.scope, frame.run.now
        output: object = None
        error: RunError | PipelineAbort | None = None
        status: RunStatus = "completed"
        try:
            log.extend((RunStarted, now(), scope, "", self.name, frame.as_told(input), frame.state))
            if (past := frame.run.past) is not None:
                for ended, answers in past.resumed:
                    log.extend((RunResumed, now(), scope, "", ended, answers))
                log.extend((Remembered, now(), scope, "", replace(past, store=None)))
            if audience is None:
                output = await run_sequence(nodes, frame, input)
            else:
                output = await audience.attend(run_sequence(nodes, frame, input))
        except StepFailedError as failure:
            status, error = "failed", failure
        except Breached as breach:
            status, error = "limited", breach.error
        except Paused:
            status = "paused"
        except Aborted as aborted:
            status, error = "aborted", aborted.reason
        except Unkept as unkept:
            status, error = "failed", unkept.error
        except BaseException as interruption:
            _tell_what_was_not_reached(frame)
            log.extend((RunEnded, now(), scope, "", "cancelled", None, told(interruption)))
            raise
        _tell_what_was_not_reached(frame)
        status = frame.run.laws.status_of_run(status)
        log.extend((RunEnded, now(), scope, "", status, frame.as_told(output), None if error is None else told(error)))
        return status, output, error

    def _first_state(self, context_data: Mapping[str, Any] | None) -> State[Any]:
        if context_data is None and self._initial is not None:
            return self._initial
        model = self.context_model
        if type(context_data) is not dict and not isinstance(context_data, Mapping | None):
            raise MisuseError(f"context_data is {context_data!r}; pass a dict of fields of {model.__name__}")
        data = dict(context_data or {})
        if (keys := self._context_keys) is not None and not data.keys() <= keys:
            unknown = [key for key in data if key not in keys]
            known = ", ".join(sorted(model.model_fields)) or "none"
            raise MisuseError(
                f"context_data has {', '.join(map(repr, unknown))}, but the fields of {model.__name__} are: {known}"
            )
        try:
            state: State[Any] = State.begin(model, data)
        except ValidationError as error:
            raise MisuseError(f"context_data does not fit {model.__name__}: {error}") from error
        if not context_data and self._begins_alike:
            self._initial = state
        return state

    def _nodes_with(self, overrides: Overrides) -> Sequence[Node]:
        """The plan with overridden agents, kept while the same overrides are in force."""
        kept = self._overridden
        if kept is None or kept[0] is not overrides:
            paths = {path for path, _ in self.pipeline.agents()}
            here = {path: agent for path, agent in overrides.agents.items() if path in paths}
            note_used(here)
            self._overridden = kept = overrides, compiled(self.pipeline.with_agents(here).steps)
        return kept[1]


def _tell_what_was_not_reached(frame: Frame) -> None:
    """A run that went on, and ends before it got as far as before, still shows all that was spent."""
    if (past := frame.run.past) is not None:
        for entry in past.not_reached(frame.log):
            frame.log.extend((PaidBefore, frame.run.now(), frame.scope, "", entry))


def _keys_of(model: type[PipelineContext]) -> Set[str] | None:
    """The keys that ``context_data`` may have: names and aliases of fields; None if any will do."""
    if model.model_config.get("extra") == "allow":
        return None
    aliases = {
        alias
        for field in model.model_fields.values()
        for alias in (field.alias, field.validation_alias)
        if isinstance(alias, str)
    }
    return model.model_fields.keys() | aliases


def _begins_alike(model: type[PipelineContext]) -> bool:
    """Whether two contexts without data are equal for certain: no factory and no code of the user's has a say."""
    factories = [field.default_factory for field in model.model_fields.values()]
    factories += [attribute.default_factory for attribute in model.__private_attributes__.values()]
    decorators = model.__pydantic_decorators__
    own_code = (
        decorators.validators,
        decorators.field_validators,
        decorators.model_validators,
        decorators.root_validators,
    )
    return not any(factories) and not any(own_code) and not model.__pydantic_post_init__
