"""Going on with a run that has ended: what its result knows, with the answers that people have given since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flujo.entries import step_path
from flujo.errors import MisuseError, StepFailedError
from flujo.execution.past import MERGED, Past, doubt_path, human_path, past_of
from flujo.execution.plugins import read_as
from flujo.execution.signals import AskFailure
from flujo.isolation import private_copy
from flujo.ports import Journal, RecordedAnswer
from flujo.steps import Step
from flujo.usage import UsageLimits

if TYPE_CHECKING:
    from flujo.pipeline import AnyPipeline
    from flujo.results import PipelineResult
    from flujo.stores.records import History


def resumption(
    result: PipelineResult,
    answers: Mapping[str, object],
    *,
    pipeline: AnyPipeline,
    limits: UsageLimits | None,
    store: Journal | None,
    history: History | None = None,
) -> tuple[Past, dict[str, RecordedAnswer]]:
    """What the run of ``result`` knows when it goes on, and by their paths what people have answered.

    ``history`` is what a store knows of it. Raises MisuseError for what cannot go on like this.
    """
    begun = result.beginning
    if not isinstance(answers, Mapping):
        raise MisuseError(f"answers is {answers!r}; pass a dict of answers by the paths in result.questions")
    if limits is not None and not isinstance(limits, UsageLimits):
        raise MisuseError(f"usage_limits is {limits!r}; pass UsageLimits(...)")
    if result.status == "completed":
        raise MisuseError("the run has completed: there is nothing to resume")
    if pipeline.fingerprint != result.fingerprint:
        raise MisuseError(
            "the run was made by a pipeline of other steps: resume it with a Flujo of the same ones "
            f"(the fingerprints are {result.fingerprint} and {pipeline.fingerprint})"
        )
    if result.status == "limited" and limits is not None and limits == begun.limits:
        raise MisuseError(
            "the run ended at its limits and would do so again: raise them by resume_async(..., usage_limits=...)"
        )
    _ = result.transcript  # raises where none was kept
    failed = result.error.path if isinstance(result.error, StepFailedError) else None
    past = past_of(result.log, result.ledger.entries, failed, store)
    if history is not None:
        remember_stored(past, history)
    accepted = _accepted(result, past, answers)
    given = {_answered_at(past, path): RecordedAnswer(answer) for path, answer in accepted.items()}
    past.answers |= given
    told = tuple((path, private_copy(answer)) for path, answer in accepted.items())
    past.resume(result.status, told)
    return past, given


def interruption(history: History, answers: Mapping[str, object], former: PipelineResult, store: Journal) -> Past:
    """What a run knows that goes on after its process died; ``former`` is how it had ended before, if it had.

    Raises MisuseError for ``answers``: such a run asks nothing.
    """
    if answers:
        given = ", ".join(map(repr, answers))
        raise MisuseError(f"the run was interrupted and asks nobody anything yet, but there are answers at {given}")
    past = Past(None, store)
    if history.end is not None:
        failed = former.error.path if isinstance(former.error, StepFailedError) else None
        past = past_of(former.log, former.ledger.entries, failed, store)
    for resume in history.resumes[history.resumes_told :]:
        past.resume(resume.status, resume.answers)
        past.granted = None  # further attempts are granted once for each failure
    remember_stored(past, history)
    past.resume("interrupted", ())
    return past


def remember_stored(past: Past, history: History) -> None:
    """Know also what a store has kept since the run's last end, and which of its calls are in doubt."""
    for path, answer in history.answers.items():
        past.unfinished.pop(path, None)
        past.doubtful.discard(path)
        if path not in past.answers:
            past.answers[path] = answer
            _note_attempt(past, path)
            if isinstance(answer.error, AskFailure) and answer.error.outcome == "limited":
                step = step_path(path)
                past.interrupted[step] = past.interrupted.get(step, 0) + 1
        elif answer.context_change:  # more than a stored log tells
            past.answers[path] = replace(past.answers[path], context_change=answer.context_change)
        elif path.endswith(MERGED):  # as above
            past.answers[path] = answer
    for path, intents in history.doubts.items():
        if path not in past.answers:
            before = past.unfinished.get(path, RecordedAnswer(None))
            known = {entry.entry_id for entry in before.entries}
            fresh = [intent for intent in intents if intent.entry.entry_id not in known]
            entries = (*before.entries, *(intent.entry for intent in fresh))
            draws = (*before.draws, *(draw for intent in fresh for draw in intent.draws))
            past.unfinished[path] = RecordedAnswer(None, entries, draws=draws)
            past.doubtful.add(path)
            _note_attempt(past, path)
    everything = (past.entries, *(known.entries for known in past.paid.values()))
    past.entries = tuple({entry.entry_id: entry for entries in everything for entry in entries}.values())


def _note_attempt(past: Past, path: str) -> None:
    """An attempt that was begun says that those before it are over, and that the step has backed off from them."""
    before, segment, number = path.partition("/plugin:")[0].partition("/redirect:")[0].rpartition("/attempt:")
    if not segment or not number.isdecimal():
        return
    past.attempts[before] = max(int(number), past.attempts.get(before, 0))
    past.backed_off |= {(before, attempt) for attempt in range(1, int(number))}


def on_doubt(pipeline: AnyPipeline) -> dict[str, str]:
    """By path what the steps say that is done about calls in doubt, where it is not to retry."""
    steps = ((path, step.on_doubt) for path, step in pipeline.walk() if isinstance(step, Step))
    return {path: policy for path, policy in steps if policy != "retry"}


def _answered_at(past: Past, question: str) -> str:
    """Where a journal keeps the answer to the question that the step at this path asks: a person, or of a doubt."""
    for path in past.doubtful:
        if step_path(path) == question:
            return doubt_path(path, len(past.unfinished[path].entries))
    return human_path(question)


def _accepted(result: PipelineResult, past: Past, answers: Mapping[str, object]) -> dict[str, object]:
    """The answers as their schemas read them, in the order of the questions."""
    questions = {question.path: question for question in result.questions}
    for path in answers:
        if path not in questions and isinstance(path, str) and human_path(path) in past.answers:
            raise MisuseError(f"the question at '{path}' has been answered already; its answer stays")
        if path not in questions:
            known = ", ".join(map(repr, questions)) or "none"
            raise MisuseError(f"nobody asks for an answer at '{path}'; open questions: {known}")
    accepted: dict[str, object] = {}
    for path in questions:
        if path not in answers:
            continue
        answer, schema = private_copy(answers[path]), questions[path].schema
        if schema is not None:
            answer, why = read_as(schema, answer)
            if why is not None:
                raise MisuseError(f"the answer {answers[path]!r} at '{path}' does not fit its input_schema: {why}")
        accepted[path] = answer
    return accepted
