"""The benchmark: engine overhead beside the peers, other shapes, growth, memory, imports, tests, audits; the gates.

``python -m nox -s bench``, with ``-- --quick`` for a short sample. Every figure is CPU time, or a ratio of CPU times
measured in turns: these machines are shared. Peers whose environment is missing below ``BENCH_VENVS`` are named as
missing, and their gates are red. Exit code 1 if a gate is red.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import audit_time
import gates
import import_time
import pertest
import workloads
from turns import HERE, Contender, Rounds, by_turns

PEERS = ("bare", "ours", "burr", "haystack")
SHAPES = ("plain", "paid", "timeout", "context", "listened", "streamed")
SHAPE_STEPS = 100
GROWTH = {
    "W1": ("ours", (1_000, 10_000, 100_000)),
    "W2": ("ours", (10, 100, 1_000, 10_000)),
    "W3": ("ours", (1_000, 10_000, 100_000)),
    "nested": ("shapes", (10, 100)),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured; sizes of workloads are divided by ``smaller``."""

    rounds: int
    smaller: int


@dataclass(frozen=True, slots=True)
class Report:
    """``figures`` are what the gates judge, ``raw`` is everything, for ``--json``."""

    figures: dict[str, float | None] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)


def compare(extent: Extent, report: Report) -> None:
    print("CPU microseconds per unit, and how many times bare awaits / ours (medians of rounds in turns)")
    print(f"{'':16}" + "".join(f"{peer:>26}" for peer in PEERS))
    for workload, size in workloads.SIZES.items():
        n = size if size <= 100 else size // extent.smaller
        rounds = by_turns([Contender(peer, peer, workload, n) for peer in PEERS], extent.rounds)
        report.raw[workload] = asdict(rounds)
        for peer in PEERS[2:]:
            name = gates.PEER_OVER_OURS.format(peer=peer, workload=workload)
            report.figures[name] = rounds.ratio(peer, "ours")
        unit = f"{workload} per {workloads.UNITS[workload]}"
        print(f"{unit:16}" + "".join(f"{_beside(rounds, peer):>26}" for peer in PEERS), flush=True)


def _beside(rounds: Rounds, peer: str) -> str:
    if peer in rounds.missing:
        return rounds.missing[peer][:25]
    over = [rounds.ratio(peer, other) for other in ("bare", "ours")]
    return f"{rounds.median(peer):.2f} " + " / ".join("?" if ratio is None else f"{ratio:.1f}x" for ratio in over)


def shapes(extent: Extent, report: Report) -> None:
    print(f"\nOurs in other shapes, a run of {SHAPE_STEPS} steps: CPU microseconds per step, times the plain ones")
    rounds = by_turns([Contender(shape, "shapes", shape, SHAPE_STEPS) for shape in SHAPES], extent.rounds)
    report.raw["shapes"] = asdict(rounds)
    for shape in SHAPES:
        ratio = rounds.ratio(shape, "plain")
        told = rounds.missing.get(shape) if ratio is None else f"{rounds.median(shape):8.2f} us {ratio:6.2f}x"
        print(f"{shape:16}{told}", flush=True)


def growth(extent: Extent, report: Report) -> None:
    print("\nGrowth of one run: CPU microseconds per unit; bytes per unit (kept by the result, peak, process growth)")
    for workload, (peer, sizes) in GROWTH.items():
        chosen = [size for size in sizes if size <= sizes[-1] // extent.smaller or sizes[-1] <= 100]
        contenders = [Contender(str(size), peer, workload, size) for size in chosen]
        rounds = by_turns(contenders, max(2, extent.rounds // 3))
        report.raw[f"growth {workload}"] = asdict(rounds)
        name = gates.GROWTH.format(workload=workload)
        report.figures[name] = rounds.ratio(str(chosen[-1]), str(chosen[-2]))
        for size in chosen:
            us = rounds.median(str(size))
            told = rounds.missing.get(str(size)) if us is None else f"{us:8.2f} us"
            print(f"{workload} n={size:<10}{told}{_weight(workload, size, report)}", flush=True)


def _weight(workload: str, size: int, report: Report) -> str:
    """Weighed for single runs of ours; the largest size is what the gate on memory judges."""
    if workload not in workloads.SIZES:
        return ""
    weights: dict[str, Any] = {}
    for what in ("traced", "grown", "unkept"):
        weights |= script("weigh.py", what, workload, str(size))
    report.raw[f"bytes {workload} {size}"] = weights
    if "error" in weights:
        return f"  {weights['error']}"
    report.figures[gates.KEPT.format(workload=workload)] = weights["kept"]
    report.figures[gates.UNKEPT.format(workload=workload)] = weights["unkept"]
    told = f"{weights['kept']:8.0f} kept {weights['peak']:8.0f} peak {weights['grown']:8.0f} grown"
    return f"{told} {weights['unkept']:8.1f} at most without transcript"


def big_context(extent: Extent, report: Report) -> None:
    got = script("big_context.py", "--rounds", str(extent.rounds))
    report.raw["big context"] = got
    report.figures[gates.BIG_CONTEXT] = got.get("ratio")
    print("\nA step that counts in a context of 1 kB, of 10 MB: ", end="")
    print(got.get("error") or f"{got['small_us']:.2f}, {got['big_us']:.2f} us; ratio {got['ratio']:.3f}", flush=True)


def durable(extent: Extent, report: Report) -> None:
    got = script("durable.py", "--rounds", str(extent.rounds))
    report.raw["durable"] = got
    report.figures[gates.DURABLE] = got["us"] / 1000 if "us" in got else None
    report.figures[gates.DURABLE_RATIO] = got.get("ratio")
    report.figures[gates.RESUMED] = got.get("resume_2000_over_1000")
    print("\nA step on a SQLite store, a line appended and synced in a thread, and one that holds up the loop: CPU us")
    if "error" in got:
        print(got["error"], flush=True)
        return
    over = f"{got['ratio']:.2f}x, {got['blocking_ratio']:.2f}x"
    print(f"{got['us']:.0f}, {got['log_us']:.0f}, {got['blocking_us']:.0f}; {over}")
    grows = f"{got['resume_1000_over_500']:.2f} times 500 steps, {got['resume_2000_over_1000']:.2f} for 2,000"
    print(f"going on after 1,000 steps without a call: {got['resume_us']:.0f} us per step, {grows}", flush=True)


def imports(extent: Extent, report: Report) -> None:
    got = import_time.measured(2 * extent.rounds)
    report.raw["imports"] = got
    report.figures[gates.IMPORT] = got["ratio"]
    print("\nImport, CPU ms beyond an empty interpreter (of the libraries; of flujo; ratio)")
    for which in ("", " in use"):
        ours, libraries = f"flujo{which}", f"libraries{which}"
        told = f"{import_time.STATEMENTS[libraries]:50}{import_time.STATEMENTS[ours]:32}"
        print(f"{told}{got[libraries]:8.1f}{got[ours]:8.1f}{got[f'ratio{which}']:8.2f}")


def per_test(extent: Extent, report: Report) -> None:
    got = pertest.measured(*((300, 5) if extent.smaller == 1 else (100, 3)))
    report.raw["per test"] = got
    report.figures[gates.PER_TEST] = got["flujo over syrupy"]
    report.figures[gates.IDLE] = got["idle over allowed"]
    print("\nOne test of a run of 100 events, CPU ms, and without start and collection; how many times the others")
    for name in ("flujo", "syrupy", "made before"):
        told = [got[f"{name}{what} ms per test"] for what in ("", " alone")]
        over = [got.get(f"flujo{what} over {name}", 1) for what in ("", " alone")]
        print(f"{name:16}{told[0]:8.2f}{told[1]:8.2f}{over[0]:8.2f}x{over[1]:7.2f}x")
    print(f"starting with the plugin where nobody uses it: {got['idle ms more']:.1f} ms more", flush=True)


def audit(extent: Extent, report: Report) -> None:
    got = audit_time.measured(200, 3 if extent.smaller == 1 else 1)
    report.raw["audit"] = got
    report.figures[gates.AUDIT] = got["ratio"]
    print("\nA suite of 200 tests, CPU ms, and with a fast fault audit; ratio, and without start and collection")
    told = f"{got['clean ms']:.0f}, {got['audit ms']:.0f}; ratio {got['ratio']:.2f}, {got['ratio alone']:.2f}"
    noticed = f"{got['noticed']:.0f} of {got['infected']:.0f} faults noticed"
    print(f"{told}; {got['passes per test']:.2f} passes per test, {noticed}", flush=True)


def script(name: str, *words: str) -> dict[str, Any]:
    """What one of the scripts here printed, or why it did not."""
    done = subprocess.run([sys.executable, str(HERE / name), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="15; at least 2")
    parser.add_argument("--quick", action="store_true", help="5 rounds of workloads a tenth as large")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    asked = parser.parse_args()
    extent = Extent(rounds=5, smaller=10) if asked.quick else Extent(rounds=max(2, asked.rounds), smaller=1)
    report = Report()
    for part in (compare, shapes, growth, big_context, durable, imports, per_test, audit):
        part(extent, report)
    verdicts = gates.judged(gates.GATES, report.figures)
    print(f"\n{gates.table(verdicts)}")
    if asked.json:
        told = [{**asdict(verdict), "passed": verdict.passed} for verdict in verdicts]
        asked.json.write_text(json.dumps({"gates": told, **report.raw}, indent=1), encoding="utf-8")
    return gates.exit_code(verdicts)


if __name__ == "__main__":
    sys.exit(main())
