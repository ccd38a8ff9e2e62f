"""How a plain step runs: attempts until one is accepted, then its fallback. There is no second way to run a step."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from flujo.binding import BoundAgent, bind_agent, bind_plugin
from flujo.context import EXTRA
from flujo.entries import idempotency_key
from flujo.errors import (
    InfiniteRedirectError,
    MisbehavedError,
    MisuseError,
    PipelineDefinitionError,
    PriceError,
    RejectedError,
    RunPausedError,
    StepFailedError,
    UsageLimitExceededError,
    told,
)
from flujo.events import (
    Answered,
    AskFailed,
    BackedOff,
    Carried,
    ContextChanged,
    FeedbackLost,
    FellBack,
    Kept,
    Scope,
    StepEnded,
    Uneventful,
)
from flujo.execution.attempt import Attempt, Changes
from flujo.execution.calling import being_cancelled, is_unusable, raise_if_cancelled
from flujo.execution.composite import ended_by, why_ended
from flujo.execution.frame import NOTHING_TOLD, Frame
from flujo.execution.past import NO_DELTA, Replayed
from flujo.execution.plugins import Accepted, Redirected, Verdict, checked_type, judge
from flujo.execution.signals import AskFailure, Breached, Unkept
from flujo.isolation import Delta, State, apply_output, changed, delta, names_exchanged, private_copy
from flujo.ports import Rejection
from flujo.steps import Step
from flujo.structure import ATOMS, MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flujo.execution.account import Purse
    from flujo.execution.plan import Node

NOTHING: Mapping[str, Any] = {}
KEY = "idempotency_key"
NEVER_RETRIED = (MisuseError, PipelineDefinitionError, PriceError, UsageLimitExceededError, RunPausedError)
"""No further attempt mends these; a run within an agent may raise them (law P1)."""


class AgentNode:
    """A step, compiled: everything that can be decided before it runs has been decided."""

    __slots__ = (
        "callee", "fallback", "is_judged", "judges", "limits", "name", "shapes_input", "shapes_output", "step",
        "timeout_s", "updates_context",
    )  # fmt: skip

    def __init__(self, step: Step[Any, Any], name: str, fallback: Node | None) -> None:
        self.step = step
        self.name = name
        self.callee = step.bound
        self.judges = tuple(bind_plugin(plugin) for plugin in step.plugins)
        self.fallback = fallback
        self.timeout_s = step.timeout_s
        self.updates_context = step.updates_context
        self.shapes_input = bool(step.input_processors)
        self.shapes_output = bool(step.output_processors)
        self.is_judged = bool(self.judges or self.shapes_input or self.shapes_output or self.callee.output)
        self.limits = step.usage_limits

    async def run(self, frame: Frame, value: object) -> object:
        """The step's output. Raises StepFailedError, or a Halt when the run is ending."""
        log, now = frame.log, frame.run.now
        told_input = value if value.__class__ in ATOMS else frame.as_told(value)
        attempt = Attempt(frame.scope, self.name, value, told_input, frame.state, now())
        try:
            if frame.run.is_followed:
                attempt.start(log)
            try:
                output = await self._attempts(frame, attempt)
            except StepFailedError as failure:
                if self.fallback is None:
                    raise
                output = await self._fall_back(self.fallback, frame, value, failure)
        except BaseException as error:
            attempt.start(log)
            log.extend((StepEnded, now(), frame.scope, self.name, ended_by(error), None, why_ended(error)))
            raise
        if (started_at := attempt.started_at) is None:
            log.extend((StepEnded, now(), frame.scope, self.name, "completed", frame.as_told(output), None))
        else:
            log.extend((
                Uneventful, started_at, frame.scope, self.name, self.callee.name, value, output, attempt.changes, now()
            ))  # fmt: skip
        return output

    async def _fall_back(self, fallback: Node, frame: Frame, value: object, failure: StepFailedError) -> object:
        await raise_if_cancelled()
        frame.log.extend((FellBack, frame.run.now(), frame.scope, self.name, failure.attempts, told(failure.cause)))
        inner = frame.child(Scope(frame.scope, self.name, frame.scope.order), frame.log, frame.state)
        try:
            output = await fallback.run(inner, frame.run.laws.input_for_fallback(value))
        except StepFailedError as error:
            raise error from failure
        finally:
            frame.state, frame.told = inner.state, inner.told
        return output

    async def _attempts(self, frame: Frame, attempt: Attempt) -> object:
        purse = frame.purse if self.limits is None else frame.purse.inner(self.limits, self._path(frame))
        value = attempt.input
        while True:
            try:
                if self.is_judged:
                    output = await self._judged_attempt(frame, attempt, purse)
                    if attempt.rejected is None:
                        return output
                else:
                    given, offered = self._given(frame, attempt, self.callee)
                    try:
                        output = await frame.ask(self.callee, attempt, given, offered, self.timeout_s, purse)
                    except BaseException as error:
                        self._note_failure(frame, attempt, error)
                        raise
                    if attempt.started_at is None or output.__class__ not in ATOMS:
                        self._note_answer(frame, attempt, self.callee, output)
                    if attempt.context is not None or self.updates_context:
                        self._commit(frame, attempt, output)
                    return output
            except AskFailure as failure:
                cause: BaseException = failure.error
                if not self._may_retry(failure, frame, attempt):
                    raise StepFailedError(self._path(frame), attempt.made, cause) from cause
            except Breached as breach:
                if breach.budget is not purse.budget or purse is frame.purse:
                    raise
                raise StepFailedError(self._path(frame), attempt.made, breach.error) from breach.error
            else:
                assert attempt.rejected is not None
                cause = RejectedError(self._path(frame), attempt.rejected.plugin, attempt.rejected.feedback)
            if being_cancelled():
                await raise_if_cancelled()
            if attempt.attempt >= self._attempts_allowed(frame):
                raise StepFailedError(self._path(frame), attempt.attempt, cause) from cause
            if self.step.backoff is not None:
                await self._back_off(self.step.backoff, frame, attempt.attempt)
            attempt = attempt.next(value, frame.state)

    def _attempts_allowed(self, frame: Frame) -> int:
        allowed = frame.run.laws.attempts_allowed(self.step.max_retries)
        past = frame.run.past
        return allowed if past is None else past.attempts_allowed(self._path(frame), allowed)

    def _may_retry(self, failure: AskFailure, frame: Frame, attempt: Attempt) -> bool:
        past = frame.run.past
        if past is not None and past.grants_again(self._path(frame), attempt.attempt):
            return True
        if not failure.retryable:
            return False
        if isinstance(failure.error, Replayed):
            known = failure.error
            return not known.kinds or (
                not known.was(NEVER_RETRIED) and (failure.outcome != "error" or known.was(self.step.retry_on))
            )
        if isinstance(failure.error, NEVER_RETRIED):
            return False
        return failure.outcome != "error" or frame.run.laws.retries_error(failure.error, self.step.retry_on)

    async def _back_off(self, backoff: Callable[[int], float], frame: Frame, failed_attempts: int) -> None:
        try:
            delay_s = float(backoff(failed_attempts))
            if not 0 <= delay_s < inf:
                raise ValueError(f"backoff({failed_attempts}) is {delay_s} seconds")
        except Exception as error:
            raise StepFailedError(self._path(frame), failed_attempts, error) from error
        frame.log.extend((BackedOff, frame.run.now(), frame.scope, self.name, failed_attempts, delay_s))
        past = frame.run.past
        if past is None or (self._path(frame), failed_attempts) not in past.backed_off:
            await frame.run.clock.sleep(delay_s)

    def _given(self, frame: Frame, attempt: Attempt, callee: BoundAgent) -> tuple[object, Mapping[str, Any]]:
        """What the agent is called with: its input, and what it takes beside it."""
        given = self._told(frame, callee, attempt) if attempt.rejections else attempt.input
        offered = self._offer(frame, callee, attempt) if callee.takes else NOTHING
        if given.__class__ in ATOMS:
            attempt.told = given
        else:
            attempt.told, given = frame.as_told(given), frame.run.laws.input_for_attempt(given)
        return given, offered

    async def _judged_attempt(self, frame: Frame, attempt: Attempt, purse: Purse) -> object:
        """One attempt with its redirects: its output, committed; None if ``attempt.rejected`` says why."""
        callee, asked = self.callee, None
        if self.shapes_input:
            attempt.start(frame.log)
            given = frame.run.laws.input_for_attempt(attempt.input)
            attempt.input = self._processed(self.step.input_processors, given)
        while True:
            given, offered = self._given(frame, attempt, callee)
            try:
                output = await frame.ask(callee, attempt, given, offered, self.timeout_s, purse)
            except BaseException as error:
                self._note_failure(frame, attempt, error)
                raise
            answer = self._note_answer(frame, attempt, callee, output)
            try:
                verdict = await self._judged(frame, callee, attempt, output, purse)
            except AskFailure:
                raise
            except BaseException:
                self._keep(frame, attempt, answer)  # as it was: processors may have changed the output
                raise
            if isinstance(verdict, Redirected):
                asked = asked or [callee.source]
                self._check_loop(frame, attempt, asked, verdict.target)
                callee = verdict.target
                asked.append(callee.source)
                attempt.redirected()
                continue
            if isinstance(verdict, Rejection):
                self._give_up(frame, attempt)
                attempt.rejected = verdict
                return None
            if attempt.context is not None or self.updates_context:
                self._commit(frame, attempt, verdict.output)
            return verdict.output

    def _note_answer(self, frame: Frame, attempt: Attempt, callee: BoundAgent, output: object) -> object:
        """Write the answer down; the copy of it that the log holds."""
        attempt.tell(frame.log, callee)
        frame.told = NOTHING_TOLD  # an agent may return what it returned before, with other things in it
        kept = frame.as_told(output)
        frame.log.extend((Answered, frame.run.now(), attempt.scope, self.name, attempt.attempt, attempt.hop, kept))
        return kept

    async def _judged(
        self, frame: Frame, callee: BoundAgent, attempt: Attempt, output: object, purse: Purse
    ) -> Verdict:
        if self.shapes_output:
            output = self._processed(self.step.output_processors, output)
        output_type = callee.output or self.callee.output
        if output_type is not None:
            verdict = checked_type(output_type, frame, attempt, output)
            if isinstance(verdict, Rejection):
                return verdict
            output = verdict.output
        if not self.judges:
            return Accepted(output)
        judges = frame.run.laws.plugins_in_order(self.judges, _priority)
        return await judge(frame, judges, attempt, output, self.timeout_s, purse)

    def _note_failure(self, frame: Frame, attempt: Attempt, error: BaseException) -> None:
        """Say how an ask ended that brought nothing; one that was not admitted has never begun."""
        outcome: str | Carried = "cancelled"
        if isinstance(error, AskFailure):
            outcome, error = Carried(error.outcome, self._may_retry(error, frame, attempt)), error.error
            self._give_up(frame, attempt)
        elif isinstance(error, Breached):
            if error.answer is not MISSING:
                self._keep(frame, attempt, error.answer)
            outcome, error = "limited", error.error
        elif isinstance(error, Unkept):
            outcome, error = "error", error.error
        if attempt.asked:
            frame.log.extend((
                AskFailed, frame.run.now(), attempt.scope, self.name, attempt.attempt, attempt.hop, outcome,
                told(error),
            ))  # fmt: skip

    def _keep(self, frame: Frame, attempt: Attempt, answer: object) -> None:
        """Have the answer of an attempt that is broken off, and what it changed, known to a run that goes on."""
        kept = NO_DELTA
        if attempt.context is not None:
            try:
                kept = delta(attempt.base, attempt.kept or attempt.base.commit(attempt.context))
            except Exception:  # what a context holds is the user's; it may be impossible to copy
                kept = NO_DELTA
        self._write_kept(frame, attempt, answer, kept)

    def _write_kept(self, frame: Frame, attempt: Attempt, answer: object, kept: Delta) -> None:
        frame.log.extend((
            Kept, frame.run.now(), attempt.scope, attempt.name, attempt.attempt, attempt.hop, None,
            private_copy(answer), kept,
        ))  # fmt: skip

    def _told(self, frame: Frame, callee: BoundAgent, attempt: Attempt) -> object:
        """What the agent is given after rejections: its input and, one way or the other, the feedback (law P1)."""
        laws = frame.run.laws
        attempt.feedback = feedback = laws.feedback_for_attempt(attempt.rejections)
        if "feedback" in callee.takes or not feedback:
            return attempt.input
        if isinstance(attempt.input, str):
            return laws.text_with_feedback(attempt.input, feedback)
        attempt.feedback = ()
        at = frame.run.now()
        frame.log.extend((FeedbackLost, at, attempt.scope, self.name, attempt.attempt, attempt.hop))
        return attempt.input

    def _offer(self, frame: Frame, callee: BoundAgent, attempt: Attempt) -> Mapping[str, Any]:
        offered: dict[str, Any] = {}
        if "context" in callee.takes:
            attempt.context = offered["context"] = frame.run.laws.context_for_attempt(attempt.base)
        if "resources" in callee.takes:
            offered["resources"] = frame.run.resources
        if "feedback" in callee.takes:
            offered["feedback"] = attempt.feedback
        if "settings" in callee.takes:
            offered["settings"] = private_copy(dict(self.step.settings))
        if KEY in callee.takes:  # the same for every run of this ask that a journal knows; nobody else asks again
            kept = frame.run.journal is not None
            offered[KEY] = idempotency_key(frame.run.account.run_id, attempt.path) if kept else None
        return offered

    def _check_loop(self, frame: Frame, attempt: Attempt, asked: list[object], target: BoundAgent) -> None:
        if why := frame.run.laws.loop_of(asked, target.source):
            hops = [*(bind_agent(agent).name for agent in asked), target.name]
            raise AskFailure("refused", InfiniteRedirectError(attempt.path, hops, why), retryable=False)

    def _processed(self, processors: Any, value: object) -> object:
        try:
            for processor in processors:
                value = processor(value)
            if is_unusable(value):
                raise MisbehavedError(
                    "a processor returned what is to be awaited or collected; processors are plain functions"
                )
        except Exception as error:
            raise AskFailure("error", error, retryable=False) from error
        return value

    def _give_up(self, frame: Frame, attempt: Attempt) -> None:
        if attempt.context is not None:
            frame.state = frame.run.laws.context_after_attempt(attempt.base, attempt.context, False)

    def _commit(self, frame: Frame, attempt: Attempt, output: object) -> None:
        """Keep what the accepted attempt changed in its context, and merge its output if the step says so."""
        before = after = frame.state
        try:
            if attempt.context is not None:
                after = frame.run.laws.context_after_attempt(before, attempt.context, True)
            if self.updates_context:
                after = apply_output(after, output)
        except Exception as error:  # what a context holds is the user's; it may be impossible to copy or validate
            if not attempt.is_told:
                self._note_answer(frame, attempt, self.callee, output)
            raise AskFailure("invalid", error, retryable=False) from error
        if after is before:
            return
        changes, untold = _changed(before, after)
        if attempt.context is None:
            untold = None  # what came of the output comes of it again
        if changes:
            attempt.changes = changes if untold is None else Carried(changes, untold)
            if attempt.is_told:
                frame.log.extend((ContextChanged, frame.run.now(), frame.scope, self.name, attempt.changes))
        elif untold is not None:
            if not attempt.is_told:
                self._note_answer(frame, attempt, self.callee, output)
            self._write_kept(frame, attempt, MISSING, untold)  # what was answered is written down
        frame.state = after

    def _path(self, frame: Frame) -> str:
        return frame.scope.path_of(self.name)


def _priority(judge: BoundAgent) -> int:
    return judge.priority


def _changed(before: State[Any], after: State[Any]) -> tuple[Changes, Delta | None]:
    """What is told of the changes of a context and, unless that is all of them, what does them all.

    That a field was set for the first time is more than its change; nothing private is told, nor a cached property.
    """
    touched = names_exchanged(before.values, after.values)
    changes = changed(before, after, touched)
    if not changes or len(before.values) != len(after.values):
        return changes, delta(before, after)
    is_all = len(changes) == len(touched) and EXTRA not in touched
    return changes, None if is_all else tuple([(name, after.values.get(name, MISSING)) for name in touched])
