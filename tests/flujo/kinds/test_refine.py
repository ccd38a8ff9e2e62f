"""Refining: a generator and a critic in turns; what the generator is told; the draft that comes out."""

from __future__ import annotations

from typing import Any

import pytest

from flujo import AgentOutput, RefinementCheck, Step
from flujo.events import Asked
from tests.flujo.kinds.cast import Notes, Writer, paid, run, spent, undecided, usd, why


class Critic:
    """Finds the draft of that many rounds complete."""

    def __init__(self, rounds: int, *, as_dict: bool = False) -> None:
        self.rounds = rounds
        self.as_dict = as_dict
        self.drafts: list[object] = []

    async def run(self, draft: object) -> AgentOutput[object]:
        self.drafts.append(draft)
        complete = len(self.drafts) == self.rounds
        check = RefinementCheck(is_complete=complete, feedback="" if complete else f"no {len(self.drafts)}")
        return AgentOutput(check.model_dump() if self.as_dict else check, **paid(11))


def refining(critic: Any, **options: Any) -> Any:
    return Step.refine_until("r", Step("draft", Writer("w", 7)), Step("critic", critic), **options)


def told(result: Any) -> list[object]:
    return [event.input for event in result.transcript.of(Asked) if event.step.endswith("/draft")]


@pytest.mark.parametrize("as_dict", [True, False])
async def test_drafts_are_made_until_one_is_complete(as_dict: bool) -> None:
    critic = Critic(2, as_dict=as_dict)
    result = await run(refining(critic), "rain")
    second = "rain\n\n<feedback>\nThe last draft was not complete:\nno 1\n</feedback>"
    assert told(result) == ["rain", second]
    assert critic.drafts == ["rain.w", f"{second}.w"]
    assert (result.status, result.output, result.context.notes) == ("completed", f"{second}.w", ["w", "w"])
    assert spent(result) == [
        ("r/iteration:1/draft/attempt:1", usd(7)),
        ("r/iteration:1/review/branch:check/critic/attempt:1", usd(11)),
        ("r/iteration:2/draft/attempt:1", usd(7)),
        ("r/iteration:2/review/branch:check/critic/attempt:1", usd(11)),
    ]
    assert dict(result.step_history[0].metadata) == {"iterations": 2, "exit_reason": "condition"}


async def test_a_mapper_says_what_the_generator_is_told_always_from_the_original_input() -> None:
    result = await run(refining(Critic(3), feedback_mapper=lambda given, feedback: f"{given}+{feedback}"), "rain")
    assert told(result) == ["rain", "rain+no 1", "rain+no 2"]


async def test_never_complete_fails_after_max_loops() -> None:
    result = await run(refining(Critic(9), max_loops=2), "rain")
    text = "step 'r' failed: the exit condition was not met within 2 iterations (max_loops)"
    assert why(result) == ("failed", "r", text)
    assert (result.total_cost_usd, result.context) == (usd(7, 7, 11, 11), Notes(notes=["w", "w"]))


async def test_input_that_carries_no_feedback_needs_a_mapper_and_says_so() -> None:
    result = await run(refining(Critic(2)), {"topic": "rain"})
    text = (
        "iteration_input_mapper raised TypeError: the input is a dict, which carries no feedback: "
        "give refine_until a feedback_mapper"
    )
    assert undecided(result) == ("r", "iteration_input_mapper", text)


@pytest.mark.parametrize("answer", [None, "fine", {"complete": True}, {"is_complete": "perhaps"}])
async def test_a_critic_that_says_something_else_fails_the_step(answer: object) -> None:
    result = await run(refining(lambda draft: answer))
    path, function, text = undecided(result)
    assert (path, function) == ("r", "exit_condition")
    assert "RefinementCheck" in text


async def test_an_inner_loop_that_is_exhausted_does_not_say_so_of_the_one_around_it() -> None:
    async def count(x: int) -> int:
        return x + 1

    inner = Step.loop_until("inner", Step("s", count), lambda x: x % 3 == 2, max_loops=2)
    result = await run(Step.loop_until("outer", inner, lambda x: False, max_loops=9), 0)
    (outer,) = result.step_history
    assert (result.error.path, dict(outer.metadata)) == ("outer/iteration:2/inner", {"iterations": 1})  # type: ignore[union-attr]
    assert dict(outer.step_history[-1].metadata) == {"iterations": 2, "exit_reason": "max_loops"}
