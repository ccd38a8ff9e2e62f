"""Going on with a run that has ended: what its result knows, with the answers that people have given since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flujo.errors import MisuseError, StepFailedError
from flujo.execution.past import Past, human_path, past_of
from flujo.execution.plugins import read_as
from flujo.isolation import private_copy
from flujo.ports import Journal, RecordedAnswer
from flujo.usage import UsageLimits

if TYPE_CHECKING:
    from flujo.pipeline import AnyPipeline
    from flujo.results import PipelineResult


def resumption(
    result: PipelineResult,
    answers: Mapping[str, object],
    *,
    pipeline: AnyPipeline,
    limits: UsageLimits | None,
    store: Journal | None,
) -> Past:
    """What the run of ``result`` knows when it goes on. Raises MisuseError for what cannot go on like this."""
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
    accepted = _accepted(result, past, answers)
    for path, answer in accepted.items():
        past.answers[human_path(path)] = RecordedAnswer(answer)
    told = tuple((path, private_copy(answer)) for path, answer in accepted.items())
    past.resume(result.status, told)
    return past


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
