"""The benchmark: engine overhead beside the peers, growth with size, import time. ``python -m nox -s bench``.

Every figure is CPU time, or a ratio of CPU times measured in turns: these machines are shared. Peers whose environment
is missing below ``BENCH_VENVS`` are named as missing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import workloads

HERE = Path(__file__).parent
PEERS = ("bare", "ours", "burr", "haystack")
GROWTH = {"W1": (10, 1_000, 10_000, 100_000), "W2": (10, 100, 1_000, 10_000)}


def python_of(peer: str) -> Path:
    """The interpreter with the peer installed; ours, and bare, run in this one."""
    if peer in ("bare", "ours"):
        return Path(sys.executable)
    scripts = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return Path(os.environ.get("BENCH_VENVS", ".")) / peer / scripts


def measured(peer: str, *words: str) -> dict[str, Any]:
    """What ``measure.py`` printed, or why it did not."""
    python = python_of(peer)
    if not python.exists():
        return {"error": f"no environment at {python}"}
    quiet = {"PYTHONHASHSEED": "0", "HAYSTACK_TELEMETRY_ENABLED": "False", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [str(python), str(HERE / "measure.py"), *words],
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def compare(rounds: int) -> None:
    print("CPU microseconds per step or branch, and how many times bare awaits (medians over rounds in turns)")
    print(f"{'':10}" + "".join(f"{w + ' per ' + workloads.UNITS[w]:>26}" for w in workloads.SIZES))
    for peer in PEERS:
        cells = []
        for workload, n in workloads.SIZES.items():
            got = measured(peer, "overhead", peer, workload, str(n), "--rounds", str(rounds))
            cells.append(
                got.get("error") or ("n/a" if "unsupported" in got else f"{got['us']:.2f} ({got['ratio']:.0f}x)")
            )
        print(f"{peer:10}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


def grow(rounds: int) -> None:
    print("\nGrowth: microseconds and bytes per unit of one run as it gets larger")
    for workload, sizes in GROWTH.items():
        for n in sizes:
            time = measured("ours", "overhead", "ours", workload, str(n), "--rounds", str(rounds))
            space = measured("ours", "memory", "ours", workload, str(n))
            told = " ".join(
                [f"{time['us']:8.2f} us" if "us" in time else time["error"],
                 f"{space['bytes']:8.0f} bytes" if "bytes" in space else space["error"]]
            )  # fmt: skip
            print(f"{workload} n={n:<8} {told}", flush=True)


def import_cpu_s(statement: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def imports(rounds: int) -> None:
    rows = [[import_cpu_s(f"import {names}") for names in ("sys", "pydantic, anyio", "flujo")] for _ in range(rounds)]
    empty, floor, ours = (statistics.median(column) for column in zip(*rows, strict=True))
    print(
        f"\nImport, CPU ms beyond an empty interpreter: pydantic, anyio {1000 * (floor - empty):.0f}; ",
        end="",
    )
    print(f"flujo {1000 * (ours - empty):.0f}; ratio {(ours - empty) / (floor - empty):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    compare(rounds)
    grow(max(2, rounds // 5))
    imports(rounds)


if __name__ == "__main__":
    main()
