"""How the plugins of a step judge one draft (laws P2 to P5). Asking them goes through the frame's door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from flujo.binding import OUTPUT_TYPE, BoundAgent, bind_agent
from flujo.errors import told
from flujo.events import Carried, Judged, Kept
from flujo.execution.past import NO_DELTA, Replayed
from flujo.execution.signals import AskFailure, Breached
from flujo.isolation import State
from flujo.ports import Draft, PluginOutcome, Rejection
from flujo.structure import MISSING

if TYPE_CHECKING:
    from flujo.execution.account import Purse
    from flujo.execution.attempt import Attempt
    from flujo.execution.frame import Frame


@dataclass(frozen=True, slots=True)
class Accepted:
    output: object


@dataclass(frozen=True, slots=True)
class Redirected:
    target: BoundAgent


Verdict = Accepted | Redirected | Rejection


def checked_type(adapter: TypeAdapter[Any], frame: Frame, attempt: Attempt, output: object) -> Accepted | Rejection:
    """The declared type of an agent's output, like a plugin of the highest priority: its errors are the feedback."""
    try:
        typed, feedback = read_as(adapter, output)
    except Exception as error:  # a validator of the user's own that breaks, and not the output
        raise AskFailure("invalid", error, retryable=False) from error
    accepted = feedback is None
    replaced = accepted and typed is not output
    frame.log.extend((
        Judged, frame.run.now(), attempt.scope, attempt.name, attempt.attempt, attempt.hop, OUTPUT_TYPE, accepted,
        feedback, None, replaced, typed if replaced else None, False,
    ))  # fmt: skip
    return Accepted(typed) if feedback is None else Rejection(OUTPUT_TYPE, feedback, attempt.attempt)


def read_as(adapter: TypeAdapter[Any], output: object) -> tuple[object, str | None]:
    """An output or answer as its declared type, text as JSON of it; or why it is not."""
    try:
        return adapter.validate_python(output), None
    except ValidationError as error:
        if not isinstance(output, str | bytes):
            return None, why_invalid(error)
    try:
        return adapter.validate_json(output), None
    except ValidationError as error:
        return None, why_invalid(error)


def why_invalid(error: ValidationError) -> str:
    """What pydantic has found, on one line."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'output'}: {problem['msg']}"
        for problem in error.errors(include_url=False)
    )


async def judge(
    frame: Frame, judges: Sequence[BoundAgent], attempt: Attempt, output: object, timeout_s: float | None,
    purse: Purse,
) -> Verdict:  # fmt: skip
    """The verdict of all plugins on one draft: the first rejection or redirect ends it."""
    run, laws = frame.run, frame.run.laws
    for plugin in judges:
        crashed: object
        outcome, crashed = await _outcome(frame, plugin, attempt, output, timeout_s, purse)
        target = laws.redirect_of(outcome)
        bound: BoundAgent | None = None
        if target is not None:
            try:
                bound = bind_agent(target)
            except Exception as error:  # it is no agent, or declares a type that pydantic cannot validate
                crashed = Carried(True, outcome)
                outcome = laws.verdict_of_crash(f"it redirects to something that is no agent: {told(error)}")
        replaced = bound is None and outcome.success and outcome.replaces_output
        feedback = laws.feedback_of(outcome, plugin.name)
        frame.log.extend((
            Judged, run.now(), attempt.scope, attempt.name, attempt.attempt, attempt.hop, plugin.name, outcome.success,
            feedback, None if bound is None else Carried(bound.name, bound.source), replaced,
            outcome.new_solution if replaced else None, crashed,
        ))  # fmt: skip
        if bound is not None:
            return Redirected(bound)
        if not outcome.success:
            return Rejection(plugin.name, feedback or "", attempt.attempt)
        output = laws.output_after(output, outcome)
    return Accepted(output)


async def _outcome(
    frame: Frame, plugin: BoundAgent, attempt: Attempt, output: object, timeout_s: float | None, purse: Purse
) -> tuple[PluginOutcome, object]:
    """What a plugin says, and whether it crashed: raised, hung past its deadline, or gave no outcome (law P5).

    A crash carries what it was, for a run that goes on.
    """
    laws = frame.run.laws
    draft = Draft(
        output=laws.input_for_attempt(output),
        input=laws.input_for_attempt(attempt.input),
        attempt=attempt.attempt,
        feedback=attempt.rejections,
    )
    offered: dict[str, Any] = {}
    attempt.kept = None
    if "context" in plugin.takes:
        if attempt.context is None:
            attempt.context = laws.context_for_attempt(attempt.base)
        attempt.kept = _state_of(attempt)
        offered["context"] = attempt.context
    if "resources" in plugin.takes:
        offered["resources"] = frame.run.resources
    try:
        answer = await frame.ask(plugin, attempt.of_plugin(plugin.name), draft, offered, timeout_s, purse)
    except Breached as breach:
        if breach.answer is not MISSING:  # it was paid: a run that goes on under higher limits has it
            attempt.kept = None  # with what it has changed
            frame.log.extend((
                Kept, frame.run.now(), attempt.scope, attempt.name, attempt.attempt, attempt.hop, plugin.name,
                breach.answer, NO_DELTA,
            ))  # fmt: skip
        raise
    except AskFailure as failure:
        if not failure.retryable:
            raise
        why = told(failure.error)
        crash = AskFailure(failure.outcome, Replayed(why))
        return laws.verdict_of_crash(f"plugin {plugin.name} failed ({why})"), Carried(True, crash)
    if not isinstance(answer, PluginOutcome):
        kind = type(answer).__name__
        return laws.verdict_of_crash(f"plugin {plugin.name} gave no PluginOutcome but {kind}"), Carried(True, answer)
    return answer, False


def _state_of(attempt: Attempt) -> State[Any] | None:
    """The attempt's context as it is now; None if it cannot be copied, which its end will tell."""
    try:
        state: State[Any] = attempt.base.commit(attempt.context)
    except Exception:  # what a context holds is the user's
        return None
    return state
