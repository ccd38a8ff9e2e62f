"""What is told of a verdict, word for word: of an output type, of plugins, and of those that crash."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from flujo import PluginOutcome, Rejection, Step
from flujo.events import Judged
from tests.flujo.execution.writers import YES, Judging, Listening, Writer, no, run


class Place(BaseModel):
    town: str
    height: int = 0

    @field_validator("town")
    @classmethod
    def known(cls, town: str) -> str:
        if town == "Atlantis":
            raise LookupError("the atlas has sunk")
        return town


class Report(BaseModel):
    place: Place
    wet: bool


class Reporter(Listening):
    output_type = Report


class Counter(Listening):
    output_type = int


def verdicts(result: Any) -> list[tuple[Any, ...]]:
    """All that is told of each verdict."""
    return [
        (
            event.plugin,
            event.accepted,
            event.feedback,
            event.redirect_to,
            event.replaced,
            event.new_solution,
            event.crashed,
        )
        for event in result.transcript.of(Judged)
    ]


@pytest.mark.parametrize("as_text", [False, True])
async def test_every_problem_of_an_output_is_told_with_its_place(as_text: bool) -> None:
    wrong: Any = {"place": {"town": 1, "height": "high"}, "wet": "a bit"}
    text = '{"place": {"town": 1, "height": "high"}, "wet": "a bit"}'
    good = Report(place=Place(town="Ulm"), wet=True)
    result = await run(Step("file", Reporter(text if as_text else wrong, good)))
    feedback = (
        "place.town: Input should be a valid string; "
        "place.height: Input should be a valid integer, unable to parse string as an integer; "
        "wet: Input should be a valid boolean, unable to interpret input"
    )
    assert verdicts(result) == [
        ("output_type", False, feedback, None, False, None, False),
        ("output_type", True, None, None, False, None, False),
    ]


async def test_an_output_that_is_wrong_as_a_whole_is_called_so() -> None:
    result = await run(Step("count", Counter([1], "7")))
    assert verdicts(result) == [
        ("output_type", False, "output: Input should be a valid integer", None, False, None, False),
        ("output_type", True, None, None, True, 7, False),
    ]


async def test_a_validator_that_breaks_is_no_verdict_and_not_tried_again() -> None:
    writer = Reporter({"place": {"town": "Atlantis"}, "wet": True}, "never")
    result = await run(Step("file", writer, max_retries=3))
    assert (result.status, verdicts(result), len(writer.inputs)) == ("failed", [], 1)
    assert str(result.error) == "step 'file' failed after 1 attempt: LookupError: the atlas has sunk"
    assert repr(result.error.__cause__) == "LookupError('the atlas has sunk')"  # type: ignore[union-attr]


async def test_a_plugin_knows_what_was_rejected_before() -> None:
    judge = Judging("judge", no("too wet"), no("too grey"), YES)
    await run(Step("write", Writer("x", "y", "z"), plugins=[judge], max_retries=2))
    assert [draft["feedback"] for draft in judge.drafts] == [
        (),
        (Rejection("judge", "too wet", 1),),
        (Rejection("judge", "too wet", 1), Rejection("judge", "too grey", 2)),
    ]


async def test_only_a_solution_that_is_taken_is_told() -> None:
    other = Writer("from the other")
    plugins = [
        Judging("taken", PluginOutcome(True, new_solution="y"), YES),
        Judging("sent on", PluginOutcome(True, new_solution="z", redirect_to=other), YES),
    ]
    result = await run(Step("write", Writer("x"), plugins=plugins))
    assert verdicts(result)[:2] == [
        ("taken", True, None, None, True, "y", False),
        ("sent on", True, None, "Writer", False, None, False),
    ]
    assert result.output == "from the other"


async def test_a_redirect_to_no_agent_is_told_as_a_crash() -> None:
    odd = PluginOutcome(False, feedback="ask the cloud", redirect_to=17)
    result = await run(Step("write", Writer("x", "y"), plugins=[Judging("odd", odd, YES)]))
    (first, second) = verdicts(result)
    assert (first[0], first[1], first[3:]) == ("odd", False, (None, False, None, True))
    assert first[2].startswith("it redirects to something that is no agent: ")
    assert second == ("odd", True, None, None, False, None, False)
