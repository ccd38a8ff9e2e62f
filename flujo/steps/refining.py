"""Drafting until a critic is content: a loop around a generator and a critic, in the words of the other kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel

from flujo.pipeline import Flow, Part, Pipeline
from flujo.steps.looping import LoopStep
from flujo.steps.parallel import MergeStrategy, ParallelStep

FeedbackMapper: TypeAlias = Callable[[Any, str], Any]


class RefinementCheck(BaseModel):
    """What a critic says of a draft: whether it is complete, and if not, what to mend."""

    is_complete: bool
    feedback: str = ""


Check: TypeAlias = RefinementCheck | Mapping[str, Any]


async def keep(draft: Any) -> Any:
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
    branches = {"draft": kept, "check": critic}
    review = ParallelStep("review", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)

    return LoopStep(
        name,
        Pipeline.of(generator, review),
        _is_complete,
        max_loops=max_loops,
        iteration_input_mapper=NextInput(feedback_mapper or text_with_critique),
        loop_output_mapper=_draft,
    )


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
