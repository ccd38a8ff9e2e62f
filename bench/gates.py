"""What the figures have to be. A figure that is missing, or is no positive number, is red. Measures nothing itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

PEER_OVER_OURS = "CPU of {peer} over ours, {workload}"
GROWTH = "us per unit at the largest size over a tenth of it, {workload}"
KEPT = "bytes kept per step, {workload}"
UNKEPT = "most bytes per step of a run without transcript, {workload}"
IMPORT = "import flujo over import pydantic, anyio"
PER_TEST = "CPU of a test with flujo_run and golden over syrupy"
IDLE = "CPU with the plugin unused over that without it and 15 ms"
AUDIT = "CPU of a suite of 200 tests with a fast fault audit over without"
DURABLE = "CPU ms of a step on a SQLite store"
DURABLE_RATIO = "CPU of a step on SQLite over a line that is appended and synced"
RESUMED = "CPU per step to go on after 2,000 steps over 1,000"
BIG_CONTEXT = "a step in a context of 10 MB over one of 1 kB"


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure has to be on this side of ``gate``; ``goal`` is where it should get to."""

    name: str
    side: Literal[">=", "<="]
    gate: float
    goal: float

    def holds(self, figure: float | None) -> bool:
        if figure is None or not math.isfinite(figure) or figure <= 0:
            return False
        return figure >= self.gate if self.side == ">=" else figure <= self.gate


@dataclass(frozen=True, slots=True)
class Verdict:
    """``figure`` is None for what was not measured."""

    gate: Gate
    figure: float | None

    @property
    def passed(self) -> bool:
        return self.gate.holds(self.figure)


def peer_gate(peer: str, workload: str, gate: float, goal: float) -> Gate:
    return Gate(PEER_OVER_OURS.format(peer=peer, workload=workload), ">=", gate, goal)


GATES = (
    peer_gate("burr", "W1", 10, 25),
    peer_gate("haystack", "W2", 5, 10),
    peer_gate("burr", "W3", 5, 25),
    peer_gate("burr", "W4", 10, 25),
    peer_gate("burr", "W5", 10, 25),
    *(Gate(KEPT.format(workload=workload), "<=", 400, 200) for workload in ("W1", "W3")),
    *(Gate(UNKEPT.format(workload=workload), "<=", 4, 1) for workload in ("W1", "W3")),
    *(Gate(GROWTH.format(workload=workload), "<=", 2, 1.2) for workload in ("W1", "W2", "W3", "nested")),
    Gate(DURABLE, "<=", 0.5, 0.3),
    Gate(DURABLE_RATIO, "<=", 3, 2),
    Gate(RESUMED, "<=", 1.5, 1),
    Gate(BIG_CONTEXT, "<=", 1.1, 1),
    Gate(IMPORT, "<=", 1.5, 1),
    Gate(PER_TEST, "<=", 1.2, 1.1),
    Gate(IDLE, "<=", 1, 0.95),
    Gate(AUDIT, "<=", 5, 3),
)


def judged(gates: Sequence[Gate], figures: Mapping[str, float | None]) -> list[Verdict]:
    return [Verdict(gate, figures.get(gate.name)) for gate in gates]


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 if there are gates and every one holds."""
    return 0 if verdicts and all(verdict.passed for verdict in verdicts) else 1


def table(verdicts: Sequence[Verdict]) -> str:
    lines = [f"{'':60} {'goal':>9} {'gate':>9} {'measured':>12}"]
    for verdict in verdicts:
        gate = verdict.gate
        told = "not measured" if verdict.figure is None else f"{verdict.figure:.2f}"
        wanted = f"{gate.side} {gate.goal:g}", f"{gate.side} {gate.gate:g}"
        lines.append(f"{gate.name:60} {wanted[0]:>9} {wanted[1]:>9} {told:>12}  {'pass' if verdict.passed else 'FAIL'}")
    red = sum(not verdict.passed for verdict in verdicts)
    return "\n".join([*lines, f"{len(verdicts)} gates, {red} red"])
