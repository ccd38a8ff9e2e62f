"""The gates of the benchmark turn red on slow, missing and impossible figures. Nothing is measured here."""

from __future__ import annotations

import math

import pytest

from bench.gates import GATES, Gate, Verdict, exit_code, judged, table

FASTER = Gate("peer over ours", ">=", 10, 25)
LIGHTER = Gate("bytes per step", "<=", 400, 200)
JUST_GOOD = {gate.name: gate.gate for gate in GATES}


@pytest.mark.parametrize(
    ("gate", "figure", "passed"),
    [
        (FASTER, 25.0, True),
        (FASTER, 10.0, True),
        (FASTER, 9.99, False),
        (LIGHTER, 200.0, True),
        (LIGHTER, 400.0, True),
        (LIGHTER, 400.01, False),
    ],
)
def test_a_figure_on_the_wrong_side_of_its_gate_is_red(gate: Gate, figure: float, passed: bool) -> None:
    assert Verdict(gate, figure).passed == passed


@pytest.mark.parametrize("gate", [FASTER, LIGHTER], ids=lambda gate: gate.side)
@pytest.mark.parametrize("figure", [None, 0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_figure_that_nobody_can_have_measured_is_red(gate: Gate, figure: float | None) -> None:
    assert Verdict(gate, figure).passed is False


def test_figures_at_their_gates_are_green() -> None:
    verdicts = judged(GATES, JUST_GOOD)
    assert [verdict.gate.name for verdict in verdicts if not verdict.passed] == []
    assert exit_code(verdicts) == 0


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_one_slow_figure_fails_the_benchmark(gate: Gate) -> None:
    slow = gate.gate * (0.9 if gate.side == ">=" else 1.1)
    verdicts = judged(GATES, {**JUST_GOOD, gate.name: slow})
    assert [verdict.gate.name for verdict in verdicts if not verdict.passed] == [gate.name]
    assert exit_code(verdicts) == 1


def test_what_was_not_measured_fails_the_benchmark() -> None:
    figures = {name: figure for name, figure in JUST_GOOD.items() if name != GATES[0].name}
    verdicts = judged(GATES, figures)
    assert verdicts[0] == Verdict(GATES[0], None)
    assert exit_code(verdicts) == 1


def test_a_benchmark_without_gates_fails() -> None:
    assert exit_code([]) == 1


def test_every_gate_judges_another_figure_and_has_its_goal_on_the_good_side() -> None:
    assert len({gate.name for gate in GATES}) == len(GATES)
    assert [gate.name for gate in GATES if not gate.holds(gate.goal)] == []


def test_the_table_tells_goal_gate_figure_and_how_many_are_red() -> None:
    told = table([Verdict(FASTER, 12.345), Verdict(LIGHTER, 401.0), Verdict(FASTER, None)])
    assert [line.split() for line in told.splitlines()] == [
        ["goal", "gate", "measured"],
        ["peer", "over", "ours", ">=", "25", ">=", "10", "12.35", "pass"],
        ["bytes", "per", "step", "<=", "200", "<=", "400", "401.00", "FAIL"],
        ["peer", "over", "ours", ">=", "25", ">=", "10", "not", "measured", "FAIL"],
        ["3", "gates,", "2", "red"],
    ]
