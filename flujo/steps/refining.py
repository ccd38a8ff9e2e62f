"""Drafting until a critic is content: a loop around a generator and a critic, in the words of the other kinds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from flujo.errors import PipelineDefinitionError, Problem
from flujo.functions import why_not_plain
from flujo.pipeline import Flow, Part, Pipeline, gathering
from flujo.steps.looping import LoopStep
from flujo.steps.parallel import MergeStrategy, ParallelStep

FeedbackMapper: TypeAlias = Callable[[Any, str], Any]


class RefinementCheck(BaseModel):
    """What a critic says of a draft: whether it is complete, and if not, what to mend."""

    is_complete: bool
    feedback: str = ""


Check: TypeAlias = RefinementCheck | Mapping[str, Any]


Kept = TypeVar("Kept")


async def keep(draft: Kept) -> Kept:
    """The draft, unchanged: it stands beside what the critic says of it."""
    return draft


@dataclass(frozen=True, slots=True)
class NextInput:
    """What the next draft is written from: the loop's own input and what the critic said, told by ``mapper``."""

    mapper: FeedbackMapper

    def __call__(self, reviewed: dict[str, Any], *, input: Any) -> Any:
        return self.mapper(input, _check(reviewed).feedback)


def refinement(
    name: str,
    generator: Flow,
    critic: Flow,
    kept: Part,
    max_loops: int,
    feedback_mapper: FeedbackMapper | None,
) -> LoopStep:
    """See ``Step.refine_until``. ``kept`` is a step that returns its input."""
    mapper: Any = text_with_critique if feedback_mapper is None else feedback_mapper
    problems = list(_mapper_problems(str(name), mapper))
    review: Flow = kept
    body: Flow = kept
    with gathering(problems, str(name)):
        review = ParallelStep("review", {"draft": kept, "check": critic}, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    with gathering(problems, str(name)):
        body = Pipeline.of(generator, review)
    with gathering(problems):
        loop: LoopStep = LoopStep(
            name,
            body,
            _is_complete,
            max_loops=max_loops,
            iteration_input_mapper=NextInput(mapper),
            loop_output_mapper=_draft,
        )
    if problems:
        raise PipelineDefinitionError(problems)
    return loop


def _mapper_problems(path: str, mapper: Any) -> Iterator[Problem]:
    why = why_not_plain(mapper)
    try:
        if why is None:
            inspect.signature(mapper).bind("input", "feedback")
    except ValueError:  # some builtins show no signature
        return
    except TypeError as error:
        why = f"cannot be called with the input and the feedback ({error})"
    if why is not None:
        fix = "Pass feedback_mapper=lambda input, feedback: ... ."
        yield Problem("function-invalid", path, f"feedback_mapper {mapper!r} {why}", fix)


def text_with_critique(text: Any, feedback: str) -> str:
    """The original text with the critic's feedback behind it. Raises TypeError for other input."""
    if not isinstance(text, str):
        raise TypeError(
            f"the input is a {type(text).__name__}, which carries no feedback: give refine_until a feedback_mapper"
        )
    return f"{text}\n\n<feedback>\nThe last draft was not complete:\n{feedback}\n</feedback>"


def _is_complete(reviewed: dict[str, Any]) -> bool:
    return _check(reviewed).is_complete


def _draft(reviewed: dict[str, Any]) -> Any:
    return reviewed["draft"]


def _check(reviewed: dict[str, Any]) -> RefinementCheck:
    return RefinementCheck.model_validate(reviewed["check"])
