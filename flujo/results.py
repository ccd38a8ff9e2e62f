"""What a run returns. It is read from the run's events when somebody asks for it; nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, Self

from pydantic import TypeAdapter

from flujo.entries import LedgerEntry
from flujo.errors import MAX_LOOPS, MisuseError, PipelineAbort, RunError, RunPausedError
from flujo.events import (
    Asked,
    AskFailed,
    CacheHit,
    CacheMissed,
    Decided,
    Event,
    FellBack,
    Judged,
    Log,
    Paid,
    Questioned,
    RunStatus,
    StepEnded,
    StepStarted,
    StepStatus,
    read,
)
from flujo.execution.account import RunId
from flujo.execution.audience import ListenerError
from flujo.execution.ledger import Grouping, Ledger
from flujo.execution.past import Beginning
from flujo.isolation import State
from flujo.pipeline import AnyPipeline, Out
from flujo.transcript import Transcript
from flujo.usage import Usage


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one step; ``step_history`` holds the steps inside it, ``usage`` and ``cost_usd`` include theirs.

    ``feedback`` is the last rejection's, ``error`` why the step did not complete, ``latency_s`` the seconds it took.
    ``cost_usd`` is None if the cost of a request is unknown. A step that its fallback saved keeps its name and has
    ``fallback_triggered`` and ``original_error`` in its metadata.
    """

    name: str
    path: str
    status: StepStatus
    output: Any
    feedback: str | None
    attempts: int
    usage: Usage
    cost_usd: Decimal | None
    latency_s: float
    error: str | None
    branch: str | None
    step_history: tuple[StepResult, ...]
    metadata: Mapping[str, object]

    @property
    def success(self) -> bool:
        return self.status == "completed"

    @property
    def token_counts(self) -> int:
        """Input and output tokens."""
        return self.usage.total_tokens


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked by the step at ``path``; ``input`` is that step's, ``schema`` what answers are read by."""

    path: str
    message: str
    input: Any
    schema: TypeAdapter[Any] | None = field(repr=False, compare=False)


class PipelineResult(Generic[Out]):
    """The result of one run: its status, and always its whole ledger and, unless told otherwise, transcript.

    ``status`` is completed, failed, paused, limited or aborted. ``output`` is the last step's, and None unless the run
    completed: its type is that of a completed run. ``error`` names the path and the cause. ``raise_for_status()`` is
    for who prefers exceptions.
    """

    def __init__(
        self,
        name: RunId,
        log: Log,
        state: State[Any],
        status: RunStatus,
        output: Out,
        error: RunError | PipelineAbort | None,
        listener_errors: tuple[ListenerError, ...],
        beginning: Beginning,
        pipeline: AnyPipeline,
        schemas: Mapping[str, TypeAdapter[Any] | None],
        is_whole: bool,
    ) -> None:
        self._name = name
        self.log = log
        self.is_whole = is_whole
        """Whether the log is that of all events; else it is that of what was paid."""
        self.beginning = beginning
        self._pipeline: AnyPipeline | None = pipeline
        self._schemas = schemas
        self.error = error
        self.listener_errors = listener_errors
        self.state = state
        """What the run left, for who keeps it; ``context`` is the caller's copy of it."""
        self.status = status
        self.output = output

    @property
    def success(self) -> bool:
        return self.status == "completed"

    @property
    def run_id(self) -> str:
        """What ledger and journal call this run."""
        return str(self._name)

    @cached_property
    def transcript(self) -> Transcript:
        """Every event of the run, in canonical order. Raises MisuseError if the runner was told to keep none."""
        if not self.is_whole:
            raise MisuseError(
                "this run kept no transcript, and nothing that is read from it but the ledger: "
                "leave keep_transcript=False out, or have a listener write the events down"
            )
        return Transcript(self.log)

    @cached_property
    def fingerprint(self) -> str:
        """That of the pipeline which ran."""
        assert self._pipeline is not None
        return self._pipeline.fingerprint

    def __getstate__(self) -> dict[str, Any]:
        """For pickling: without the agents, and without what reads people's answers."""
        _ = self.fingerprint
        return self.__dict__ | {"_pipeline": None, "_schemas": {}}

    @cached_property
    def context(self) -> Any:
        """The context as the run left it, of the runner's context model; the caller's own to change."""
        return self.state.fork()

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """What people have to answer before a paused run can go on, in declared order; see ``Flujo.resume_async``."""
        return tuple(_questions(self.transcript, self._schemas)) if self.status == "paused" else ()

    @cached_property
    def ledger(self) -> Ledger:
        paid = self.transcript.of(Paid) if self.is_whole else read(self.log)
        return Ledger.of(event.entry for event in paid if isinstance(event, Paid))

    @property
    def usage(self) -> Usage:
        return self.ledger.usage

    @property
    def total_tokens(self) -> int:
        return self.ledger.total_tokens

    @property
    def total_cost_usd(self) -> Decimal | None:
        """Exact; None if the cost of a request is unknown (``ledger`` has the bounds)."""
        return self.ledger.total_cost_usd

    def cost_by(self, grouping: Grouping) -> dict[str, Decimal]:
        """Known cost in USD by ``step``, ``model``, ``outcome`` or ``branch``."""
        return self.ledger.cost_by(grouping, verdicts_of(self.transcript) if grouping == "outcome" else None)

    @cached_property
    def step_history(self) -> tuple[StepResult, ...]:
        return tuple(steps_of(self.transcript))

    def raise_for_status(self) -> Self:
        """This result if the run completed; raises its error otherwise."""
        if self.error is not None:
            raise self.error
        if self.status == "paused":
            raise RunPausedError("the run waits for answers; resume it with them")
        return self

    def __repr__(self) -> str:
        return f"PipelineResult(status={self.status!r}, output={self.output!r}, error={self.error!r})"


def _questions(transcript: Transcript, schemas: Mapping[str, TypeAdapter[Any] | None]) -> Iterator[Question]:
    """The questions that are open: every step around them has paused, none was withdrawn."""
    asked: dict[str, Question] = {}
    inputs: dict[str, object] = {}
    for event in transcript:
        if isinstance(event, StepStarted):
            inputs[event.step] = event.input
        elif isinstance(event, Questioned):
            path = event.step
            asked[path] = Question(path, event.message, inputs[path], schemas.get(path))
        elif isinstance(event, StepEnded) and event.status != "paused":
            for path in [path for path in asked if path == event.step or path.startswith(f"{event.step}/")]:
                del asked[path]
    yield from asked.values()


def verdicts_of(transcript: Transcript) -> dict[str, str]:
    """By path of the ask: accepted, rejected (redirected away included) or invalid."""
    verdicts: dict[str, str] = {}
    last: dict[str, str] = {}
    for event in transcript:
        if isinstance(event, Asked):
            last[event.step] = event.path
        elif isinstance(event, Judged):
            if not event.accepted or event.redirect_to is not None:
                verdicts[event.path] = "invalid" if event.plugin == "output_type" else "rejected"
            verdicts[f"{event.path}/plugin:{event.plugin}"] = "verdict"
        elif isinstance(event, AskFailed):
            verdicts[event.path] = "invalid"
        elif isinstance(event, FellBack) and event.step in last:
            verdicts.setdefault(last.pop(event.step), "invalid")
        elif isinstance(event, StepEnded) and event.status == "completed" and event.step in last:
            verdicts.setdefault(last[event.step], "accepted")
    return verdicts


@dataclass(slots=True)
class _Open:
    """A step of which the end has not been read yet."""

    started: StepStarted
    attempts: int = 0
    feedback: str | None = None
    metadata: dict[str, object] = field(default_factory=dict)
    entries: list[LedgerEntry] = field(default_factory=list)
    inner: list[StepResult] = field(default_factory=list)


def steps_of(transcript: Transcript) -> Iterator[StepResult]:
    """The tree of step results: steps nest in a transcript as they do in the pipeline."""
    stack: list[_Open] = []
    for event in transcript:
        if isinstance(event, StepStarted):
            stack.append(_Open(event))
        elif isinstance(event, StepEnded):
            done = stack.pop()
            result = _closed(done, event)
            if not stack:
                yield result
            else:
                stack[-1].inner.append(result)
                stack[-1].entries.extend(done.entries)
        elif stack:
            _read_into(stack[-1], event)


def _read_into(step: _Open, event: Event) -> None:
    if isinstance(event, Paid):
        step.entries.append(event.entry)
    elif isinstance(event, Asked):
        step.attempts = max(step.attempts, event.attempt)
    elif isinstance(event, Judged) and not event.accepted and event.redirect_to is None:
        step.feedback = event.feedback
    elif isinstance(event, FellBack):
        step.metadata |= {"fallback_triggered": True, "original_error": event.error}
    elif isinstance(event, CacheHit | CacheMissed):
        step.metadata["cache_hit"] = isinstance(event, CacheHit)
    elif isinstance(event, Decided):
        _read_decision(step.metadata, event)


def _read_decision(metadata: dict[str, object], event: Decided) -> None:
    if event.what == "condition":
        metadata["executed_branch_key"] = event.value
    elif event.what == "exit_condition":
        metadata["iterations"] = event.number
        if event.value:
            metadata["exit_reason"] = "condition"


def _closed(step: _Open, ended: StepEnded) -> StepResult:
    ledger = Ledger(tuple(step.entries))
    path = ended.step
    if "iterations" in step.metadata and (ended.error or "").startswith(f"step '{path}' failed: {MAX_LOOPS}"):
        step.metadata.setdefault("exit_reason", "max_loops")
    branch = next((part[7:] for part in reversed(path.split("/")) if part.startswith("branch:")), None)
    return StepResult(
        name=path.rpartition("/")[2],
        path=path,
        status=ended.status,
        output=ended.output,
        feedback=step.feedback,
        attempts=step.attempts,
        usage=ledger.usage,
        cost_usd=ledger.total_cost_usd,
        latency_s=ended.at - step.started.at,
        error=ended.error,
        branch=branch,
        step_history=tuple(step.inner),
        metadata=step.metadata,
    )
