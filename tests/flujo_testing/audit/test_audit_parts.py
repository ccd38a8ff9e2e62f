"""The parts of the audit by themselves: who ends how, what a process apart hands over, what is read and written."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flujo import AgentError, Flujo, PipelineResult, Step, Usage, UsageLimits
from flujo.prices import Quote
from flujo_testing import EchoAgent, FakeError, ScriptedAgent, default_cost_model
from flujo_testing.agents.passes import Pass
from flujo_testing.audit.apart import Died, Row, rows_apart
from flujo_testing.audit.endings import Ending, ending_of
from flujo_testing.audit.matrix import changed, rendered
from flujo_testing.audit.noticing import would_notice
from flujo_testing.audit.seams import Beside
from flujo_testing.audit.waivers import Waiver, waivers_of
from flujo_testing.audit.watching import Watched, told_otherwise
from flujo_testing.conservation import ConservationError
from flujo_testing.faults import FAULTS
from flujo_testing.golden.errors import GoldenMismatch
from flujo_testing.golden.parsing import plain_data
from flujo_testing.reruns import Outcome, Phase

TODAY = date(2026, 3, 1)


def _of_golden_at_the_end() -> BaseException:
    try:
        try:
            raise GoldenMismatch("tells another story")
        except GoldenMismatch as error:
            pytest.fail(str(error), pytrace=False)
    except pytest.fail.Exception as failure:
        return failure


@pytest.mark.parametrize(
    ("error", "phase", "ending"),
    [
        (None, None, Ending.SURVIVED),
        (AssertionError("no"), "call", Ending.ASSERTION),
        (pytest.fail.Exception("DID NOT RAISE"), "call", Ending.ASSERTION),
        (ExceptionGroup("tasks", [AssertionError("no"), AssertionError("neither")]), "call", Ending.ASSERTION),
        (ExceptionGroup("tasks", [AssertionError("no"), KeyError("x")]), "call", Ending.CRASH),
        (KeyError("x"), "call", Ending.CRASH),
        (GoldenMismatch("tells another story"), "call", Ending.GOLDEN),
        (_of_golden_at_the_end(), "teardown", Ending.GOLDEN),
        (FakeError("left over"), "call", Ending.FAKE),
        (FakeError("left over"), "teardown", Ending.FAKE),
        (AssertionError("of a fixture"), "teardown", Ending.INVALID),
        (AssertionError("of a fixture"), "setup", Ending.INVALID),
    ],
)
def test_how_a_pass_ended(error: BaseException | None, phase: Phase | None, ending: Ending) -> None:
    assert ending_of(Outcome(error, phase)) is ending


def test_only_what_a_test_claims_scores() -> None:
    assert [ending for ending in Ending if ending.scores] == [Ending.ASSERTION, Ending.GOLDEN, Ending.FAKE]


# A process apart ----------------------------------------------------------------------------------------


def test_what_is_done_apart_changes_nothing_here() -> None:
    here: list[int] = []

    def work() -> Iterator[Row]:
        here.append(1)
        yield {"text": "ü" * 100_000, "seen": len(here)}
        yield {"text": "\udcff"}

    assert list(rows_apart(work, 30)) == [{"text": "ü" * 100_000, "seen": 1}, {"text": "\udcff"}]
    assert here == []


def _exits() -> None:
    os._exit(3)


def _is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hangs() -> None:
    threading.Event().wait()


def _raises() -> None:
    raise SystemExit("enough")


@pytest.mark.parametrize(
    ("then", "died"),
    [
        (_exits, Died("the process exited with status 3")),
        (_is_killed, Died("the process was ended by signal 9")),
        (_hangs, Died("no end within 0.2 s", timed_out=True)),
        (_raises, Died("raised SystemExit: enough")),
    ],
)
def test_rows_that_came_before_an_end_are_kept(then: Callable[[], None], died: Died) -> None:
    def work() -> Iterator[Row]:
        yield {"row": 1}
        then()

    assert list(rows_apart(work, 0.2 if died.timed_out else 30)) == [{"row": 1}, died]


# What is watched ----------------------------------------------------------------------------------------


def test_our_own_check_is_kept_and_ends_nothing() -> None:
    watched = Watched()
    with watched.in_force(), Pass() as now:
        now.remember(ConservationError(["the run lacks 3 USD"]))
    assert watched.violations == ["the run lacks 3 USD"]
    with pytest.raises(ConservationError, match="this run cannot be"), Pass() as now:
        now.remember(ConservationError(["the run lacks 3 USD"]))


def _beside(part: Any, given: object = "rain", **options: Any) -> tuple[set[str], set[str]]:
    """Of the catalogue: whose seams a run comes to, and which of those say there what the laws say."""
    beside = Beside(FAULTS.values())
    with Watched().in_force(beside.laws), Pass():
        Flujo(part, **{"cost_model": default_cost_model(), **options}).run(given)
    asked = {name for name, fault in FAULTS.items() if beside.is_asked(fault)}
    return asked, {name for name in asked if beside.is_silent(FAULTS[name])}


def test_laws_that_are_asked_are_noted() -> None:
    asked, _ = _beside(Step("write", EchoAgent()))
    assert "share_context" in asked
    assert asked.isdisjoint({"redirect_loop_unchecked", "failed_branch_merged"})


def test_a_lie_that_says_what_the_law_says_is_silent() -> None:
    agent = EchoAgent(model="test:writer", usage=Usage(input_tokens=100))
    _, silent = _beside(Step("write", agent), usage_limits=UsageLimits(total_cost_usd_limit="1"))
    assert {"input_aliased", "failed_attempt_kept", "add_only_merge", "zero_limit_is_none"} <= silent
    assert {"misprice_cached_tokens", "drop_failed_attempt_cost", "accumulate_over_runs"} <= silent
    assert silent.isdisjoint({"share_context", "shallow_copy", "input_not_forwarded", "event_twice"})


def test_a_lie_that_would_be_heard_is_not_silent() -> None:
    failure = AgentError("overloaded", usage=Usage(cache_read_tokens=90, input_tokens=100), model="test:writer")
    _, silent = _beside(Step("write", ScriptedAgent(failure, ["snow"])), ["rain"])
    assert silent.isdisjoint({"input_aliased", "failed_attempt_kept", "drop_failed_attempt_cost"})
    assert "misprice_cached_tokens" not in silent
    assert "retry_any_error" in silent


@dataclass
class Counting:
    """Prices that count how often they are asked."""

    asked: int = 0
    table_id: str = "counting"

    def quote(self, model: str, usage: Usage, at: datetime, context: str | None = None) -> Quote:
        self.asked += 1
        return default_cost_model().quote(model, usage, at, context)

    def max_cost(self, *args: Any) -> Decimal:
        return default_cost_model().max_cost(*args)


def test_lies_ask_the_users_prices_no_second_time() -> None:
    prices, writer = Counting(), ScriptedAgent("snow", model="test:writer", usage=Usage(input_tokens=100))
    _, silent = _beside(Step("write", writer), cost_model=prices)
    assert ("misprice_cached_tokens" in silent, prices.asked) == (True, 1)


def _run(*answers: object) -> PipelineResult:
    with Pass():
        return Flujo(Step("write", ScriptedAgent(*answers))).run("rain")


def test_the_first_claim_that_differs_is_written_with_the_right_value() -> None:
    usual = "assert agent.calls == [...]"
    assert would_notice([_run("snow")], [_run("hail")], usual) == "assert result.output == 'snow'"
    retried = _run(ValueError("no"), "snow")
    assert would_notice([_run("snow")], [retried], usual) == (
        "assert [step.attempts for step in result.step_history] == [1]"
    )
    assert would_notice([_run("snow")], [_run("snow")], usual) == f"golden.check(result), or {usual}"
    assert would_notice([], [], "golden.check(result)") == "golden.check(result)"


def test_a_value_that_no_source_can_hold_is_not_asserted() -> None:
    assert would_notice([_run(object())], [_run(object())], "golden.check(result)") == "golden.check(result)"
    assert would_notice([_run(Decimal("1.0"))], [_run("x")], "") == "assert result.output == Decimal('1.0')"


def test_runs_that_cannot_be_told_differ_from_those_that_can() -> None:
    assert told_otherwise([None, {}], [None, {}]) == []
    assert told_otherwise([{}], [None]) == ["can no longer be told"]
    assert told_otherwise([{}, None], [{}, {}]) == ["run 2: can now be told"]
    assert told_otherwise([{}], []) == ["the test tells 0 runs instead of 1"]


# Files --------------------------------------------------------------------------------------------------


def test_a_waiver_has_a_fault_a_reason_and_a_day(tmp_path: Path) -> None:
    file = tmp_path / "waivers.toml"
    assert waivers_of(None, {"a"}, TODAY).problems == ()
    file.write_text('[a]\nreason = "soon"\nexpires = 2026-03-02\n')
    assert waivers_of(file, {"a"}, TODAY).valid == {"a": Waiver("a", "soon", date(2026, 3, 2))}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[b]\nreason = "soon"\nexpires = 2026-03-02', "waivers.toml waives 'b', which is no fault of the catalogue"),
        ('[a]\nreason = " "\nexpires = 2026-03-02', "waivers.toml: the waiver of 'a' needs a reason and a day, *"),
        ('[a]\nreason = "soon"', "waivers.toml: the waiver of 'a' needs a reason and a day, *"),
        ("a = 1", "waivers.toml: the waiver of 'a' needs a reason and a day, *"),
        ('[a]\nreason = "soon"\nexpires = "later"', "waivers.toml: the waiver of 'a' expires on 'later', *"),
        ('[a]\nreason = "soon"\nexpires = 2026-03-02T00:00:00', "waivers.toml: the waiver of 'a' expires on datetime*"),
        ('[a]\nreason = "soon"\nexpires = 2026-03-01', "waivers.toml: the waiver of 'a' has expired on 2026-03-01: *"),
        ("[a", "waivers.toml cannot be read: *"),
    ],
)
def test_a_waiver_that_is_none_waives_nothing(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    read = waivers_of(file, {"a"}, TODAY)
    assert read.valid == {}
    pytest.LineMatcher(list(read.problems)).fnmatch_lines([problem])
    assert len(read.problems) == 1


def test_a_waivers_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = waivers_of(tmp_path / "none.toml", {"a"}, TODAY).problems
    assert problem.startswith("none.toml cannot be read: ")


def test_a_matrix_is_read_as_it_was_written() -> None:
    matrix = {'tests/a.py::test["x"]\n': {"share_context": "KILLED by golden", "ignore_limit": "SURVIVED"}, "b": {}}
    assert plain_data(rendered(matrix)) == {"format": "flujo-audit/1", "tests": matrix}
    assert plain_data(rendered({})) == {"format": "flujo-audit/1", "tests": {}}


def test_what_has_changed_in_a_matrix_is_told_line_by_line() -> None:
    before = {"a": {"v": "KILLED by golden", "x": "KILLED by golden", "y": "SURVIVED"}, "b": {}}
    after = {"a": {"v": "CRASH", "x": "SURVIVED", "z": "TIMEOUT"}, "c": {"x": "KILLED by golden"}}
    assert list(changed(before, after)) == [
        "a: v: KILLED by golden -> CRASH; no test notices it now",
        "a: x: KILLED by golden -> SURVIVED; still noticed by c",
        "a: y: SURVIVED -> not infected",
        "a: z: not infected -> TIMEOUT",
        "b: is gone",
        "c: is new",
    ]
