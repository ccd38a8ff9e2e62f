"""One step: what was rejected reaches the next attempt; what raised is retried or not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flujo import Rejection, Step, StepFailedError
from flujo.errors import RejectedError
from flujo.events import Asked, FeedbackLost
from tests.flujo.execution.writers import Listening, Writer, at_most_five, run


async def test_feedback_reaches_the_agent_and_both_attempts_are_paid() -> None:
    writer = Listening("much too long", "short")
    result = await run(Step("write", writer, plugins=[at_most_five]))
    assert result.output == "short"
    assert writer.inputs == ["rain", "rain"]
    assert writer.feedback == [(), (Rejection("at_most_five", "13 letters, at most 5", 1),)]
    assert result.total_cost_usd == Decimal("0.00094")
    assert result.cost_by("outcome") == {"rejected": Decimal("0.00047"), "accepted": Decimal("0.00047")}


async def test_text_input_gets_the_original_and_all_feedback_so_far() -> None:
    writer = Writer("too long", "still too long", "fits")
    result = await run(Step("write", writer, plugins=[at_most_five], max_retries=2))
    assert result.output == "fits"
    assert writer.inputs == [
        "rain",
        "rain\n\n<feedback>\nEarlier drafts were rejected:\n"
        "- at_most_five (attempt 1): 8 letters, at most 5\n"
        "</feedback>",
        "rain\n\n<feedback>\nEarlier drafts were rejected:\n"
        "- at_most_five (attempt 1): 8 letters, at most 5\n"
        "- at_most_five (attempt 2): 14 letters, at most 5\n</feedback>",
    ]


async def test_input_that_carries_no_feedback_says_so_in_an_event() -> None:
    writer = Writer("too long", "fits")
    result = await run(Step("write", writer, plugins=[at_most_five]), {"topic": "rain"})
    assert writer.inputs == [{"topic": "rain"}, {"topic": "rain"}]
    (lost,) = result.transcript.of(FeedbackLost)
    assert (lost.path, type(lost.at)) == ("write/attempt:2", float)
    assert [event.feedback for event in result.transcript.of(Asked)] == [(), ()]


async def test_exceptions_are_not_feedback() -> None:
    writer = Listening(ValueError("overloaded"), "fits")
    result = await run(Step("write", writer, plugins=[at_most_five]))
    assert result.output == "fits"
    assert writer.feedback == [(), ()]


async def test_retry_on_filters_what_the_agent_raises() -> None:
    writer = Writer(ValueError("broken"), "fits")
    result = await run(Step("write", writer, retry_on=ConnectionError))
    assert result.status == "failed"
    assert str(result.error) == "step 'write' failed after 1 attempt: ValueError: broken"
    assert (await run(Step("write", Writer(ValueError("broken"), "fits"), retry_on=ValueError))).output == "fits"


async def test_rejections_are_retried_whatever_retry_on_says() -> None:
    result = await run(Step("write", Writer("too long", "fits"), plugins=[at_most_five], retry_on=ConnectionError))
    assert result.output == "fits"


async def test_the_last_rejection_is_the_error() -> None:
    result = await run(Step("write", Writer("too long", "also too long"), plugins=[at_most_five]))
    error = result.error
    assert type(error) is StepFailedError
    assert (error.path, error.attempts) == ("write", 2)
    assert str(error) == (
        "step 'write' failed after 2 attempts: plugin 'at_most_five' rejected the last draft: 13 letters, at most 5"
    )
    assert type(error.cause) is RejectedError
    assert error.cause.path == "write"
    with pytest.raises(StepFailedError) as raised:
        result.raise_for_status()
    assert raised.value is error


async def test_max_retries_of_zero_allows_one_attempt() -> None:
    writer = Writer(ValueError("broken"), "fits")
    assert (await run(Step("write", writer, max_retries=0))).status == "failed"
    assert len(writer.inputs) == 1
