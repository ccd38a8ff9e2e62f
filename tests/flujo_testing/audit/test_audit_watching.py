"""What is watched of one pass, how two passes differ, and which assertion would have noticed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from flujo import AgentError, Flujo, Laws, PipelineContext, PipelineResult, Step, Usage
from flujo_testing import EchoAgent, ScriptedAgent, ScriptedPlugin, default_cost_model
from flujo_testing.agents.passes import Pass
from flujo_testing.audit.noticing import would_notice
from flujo_testing.audit.watching import Watched, told_otherwise
from flujo_testing.conservation import ConservationError
from flujo_testing.schedules.recording import RecordedRun
from flujo_testing.transcript import story_of

ASK = Step("ask", EchoAgent())
SPENT = Usage(input_tokens=100, output_tokens=10)
USUAL = "assert agent.calls == [...]"


class Weather(PipelineContext):
    rain: int = 0


def run(part: Any, given: object = "rain", **options: Any) -> PipelineResult:
    with Pass():
        return Flujo(part, **{"cost_model": default_cost_model(), **options}).run(given)


def write(*answers: object, usage: Usage | None = None, plugins: Sequence[ScriptedPlugin] = ()) -> PipelineResult:
    """All answers are asked for."""
    agent = ScriptedAgent(*answers, model="test:writer", usage=usage)
    return run(Step("write", agent, plugins=plugins, max_retries=len(answers) - 1))


# One pass -----------------------------------------------------------------------------------------------------------


def test_runs_of_a_pass_are_told_and_no_others() -> None:
    watched = Watched()
    run(ASK, "before")
    with watched.in_force():
        run(ASK)
        with watched.paused():
            run(ASK, "aside")
            with watched.paused():
                run(ASK, "aside")
            run(ASK, "aside")
        run(ASK, "snow")
    run(ASK, "behind")
    assert watched.stories() == [story_of(run(ASK)), story_of(run(ASK, "snow"))]


def test_after_a_break_that_an_error_ends_runs_are_told_again() -> None:
    watched = Watched()
    with watched.in_force():
        with pytest.raises(KeyError), watched.paused():
            raise KeyError
        run(ASK)
    assert watched.stories() == [story_of(run(ASK))]


def test_laws_are_in_force_while_a_pass_is_watched() -> None:
    with Watched().in_force(replace(Laws(), status_of_run=lambda status: "failed")):
        assert run(ASK).status == "failed"
    assert run(ASK).status == "completed"


def called(watched: Watched, *results: object) -> list[object]:
    """What stands for the stories where the test was given these results."""
    with Pass() as now:
        now.results += results
        watched.called()
    return [*watched.stories()]


def test_results_of_the_test_are_told_instead_of_its_runs_where_they_are_all() -> None:
    watched = Watched()
    with watched.in_force():
        rain, snow = run(ASK), run(ASK, "snow")
    other = run(ASK, "hail")
    assert called(watched) == [story_of(rain), story_of(snow)]
    assert called(watched, snow, "no result", other) == [story_of(snow), story_of(other)]
    assert watched.results == [snow, other]
    assert called(watched, other) == [story_of(rain), story_of(snow), story_of(other)]
    watched.called()
    assert watched.results == [other]


def test_what_cannot_be_told_is_no_story() -> None:
    watched = Watched()
    with watched.in_force():
        odd = run(ASK, object())
    watched.runs.append(RecordedRun(1, None))  # one that has not ended
    assert watched.stories() == [None, None]
    assert called(watched, odd) == [None, None, None]
    watched.runs.pop()
    assert called(watched, odd) == [None]


def test_only_what_our_own_check_says_is_kept_aside() -> None:
    watched, now = Watched(), Pass()
    with watched.in_force():
        now.remember(ConservationError(["3 USD lack", "it never ends"]))
        now.remember(AssertionError("it hails"))
    with pytest.raises(AssertionError, match=r"^it hails$"):
        now.finish()
    assert watched.violations == ["3 USD lack", "it never ends"]


# Two passes ---------------------------------------------------------------------------------------------------------


def test_what_differs_is_told_by_run() -> None:
    rain, snow = story_of(run(ASK)), story_of(run(ASK, "snow"))
    told = [
        'input of the run: "rain" -> "snow"',
        'output of ask/attempt:1: "rain" -> "snow"',
        'output of the run: "rain" -> "snow"',
    ]
    assert told_otherwise([rain], [snow]) == told
    assert told_otherwise([rain, rain, None], [rain, snow, rain]) == [
        *(f"run 2: {line}" for line in told),
        "run 3: can now be told",
    ]
    assert told_otherwise([rain, rain], [snow, snow]) == [f"run {number}: {line}" for number in (1, 2) for line in told]
    assert told_otherwise([rain, snow], [rain, None]) == ["run 2: can no longer be told"]
    assert told_otherwise([rain, snow], [rain, snow]) == []
    assert told_otherwise([rain], [rain, snow]) == ["the test tells 2 runs instead of 1"]


# What would notice --------------------------------------------------------------------------------------------------

RAIN = write("rain")
PLAIN = run(Step("a", ScriptedAgent("x")) >> Step("b", ScriptedAgent("rain")))
OTHER_STEP = run(Step("a", ScriptedAgent("y")) >> Step("b", ScriptedAgent("rain")))


def retried(*answers: object) -> PipelineResult:
    """Nobody is paid."""
    return run(Step("write", ScriptedAgent(*answers), max_retries=1))


def failing(reason: str) -> PipelineResult:
    return write(ValueError(reason))


def rejected(reason: str) -> PipelineResult:
    return write("hail", "rain", plugins=[ScriptedPlugin(reason, True)])


def paid(usage: Usage | None) -> PipelineResult:
    return write("rain", usage=usage)


def with_rain(amount: int) -> PipelineResult:
    with Pass():
        return Flujo(ASK, context_model=Weather).run("rain", context_data={"rain": amount})


def unpaid_first() -> PipelineResult:
    """It asks twice, and pays for both."""
    return write(AgentError("busy", usage=Usage(), model="test:writer"), "rain", usage=SPENT)


@pytest.mark.parametrize(
    ("clean", "under_fault", "assertion"),
    [
        (RAIN, failing("no"), "assert result.status == 'completed'"),
        (RAIN, write("hail"), "assert result.output == 'rain'"),
        (paid(SPENT), paid(Usage(input_tokens=100)), "assert result.total_cost_usd == Decimal('0.000470')"),
        (paid(SPENT), unpaid_first(), "assert len(result.ledger.entries) == 1"),
        (paid(Usage(input_tokens=17)), paid(Usage(output_tokens=3)), "assert result.total_tokens == 17"),
        (
            retried(ValueError("no"), "rain"),
            retried("rain"),
            "assert [step.attempts for step in result.step_history] == [2]",
        ),
        (PLAIN, OTHER_STEP, "assert [step.output for step in result.step_history] == ['x', 'rain']"),
        (rejected("wet"), rejected("dry"), "assert [step.feedback for step in result.step_history] == ['wet']"),
        (
            failing("wet"),
            failing("dry"),
            "assert str(result.error) == \"step 'write' failed after 1 attempt: ValueError: wet\"",
        ),
        (with_rain(1), with_rain(2), "assert result.context.model_dump() == {'rain': 1}"),
        (write(None), write("rain"), "assert result.output is None"),
        (write(True), write(1), "assert result.output == True"),
        (write([1, (2, None)]), write([1, [2, None]]), "assert result.output == [1, (2, None)]"),
        (write({"a": Decimal("1.0")}), write({"a": Decimal(2)}), "assert result.output == {'a': Decimal('1.0')}"),
        (write(1.5), write(2.5), f"golden.check(result), or {USUAL}"),
        (write([b"x"]), write([b"y"]), f"golden.check(result), or {USUAL}"),
        (write({1.5: 1}), write({1.5: 2}), f"golden.check(result), or {USUAL}"),
        (write({1: 1.5}), write({1: 2.5}), f"golden.check(result), or {USUAL}"),
        (write("x" * 214), write("y"), f"assert result.output == '{'x' * 214}'"),
        (write("x" * 215), write("y"), f"golden.check(result), or {USUAL}"),
        (RAIN, write("rain"), f"golden.check(result), or {USUAL}"),
    ],
    ids=[
        "status",
        "output",
        "cost",
        "entries",
        "tokens",
        "attempts",
        "outputs of steps",
        "feedback",
        "error",
        "context",
        "None",
        "another type",
        "nested",
        "Decimal",
        "float",
        "bytes in a list",
        "float as a key",
        "float as a value",
        "the longest",
        "too long",
        "nothing",
    ],
)
def test_the_first_claim_that_notices_is_told(
    clean: PipelineResult, under_fault: PipelineResult, assertion: str
) -> None:
    assert would_notice([clean], [under_fault], USUAL) == assertion


def test_of_several_results_the_first_that_differs_is_told() -> None:
    hail, snow = write("hail"), write("snow")
    assert would_notice([RAIN, hail, RAIN], [RAIN, snow, hail], USUAL) == "assert result.output == 'hail'"
    assert would_notice([RAIN, hail], [RAIN], USUAL) == f"golden.check(result), or {USUAL}"


def test_nothing_is_read_of_a_run_that_kept_no_transcript() -> None:
    unkept = run(ASK, keep_transcript=False)
    for pair in ((unkept, RAIN), (RAIN, unkept), (unkept, unkept)):
        assert would_notice(pair[:1], pair[1:], USUAL) == f"golden.check(result), or {USUAL}"
    assert would_notice([unkept, RAIN], [RAIN, write("hail")], USUAL) == "assert result.output == 'rain'"


def test_a_golden_is_told_once() -> None:
    assert would_notice([RAIN], [write("rain")], "golden.check(result)") == "golden.check(result)"
