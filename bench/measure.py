"""One peer at one workload, in the environment of that peer: measures a round whenever a line comes in.

Checks the result first, then answers each line with one line of JSON: CPU microseconds per unit. Whoever starts it
(``turns.py``) gives the peers their turns; nothing is compared here.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import sys
import time
from typing import Any

import workloads

MODULES = {"bare": "workloads", "burr": "burr_peer", "haystack": "haystack_peer", "ours": "ours", "shapes": "shapes"}


async def cpu_s(run: workloads.Runner, times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        await run()
    return (time.process_time() - started) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=list(MODULES))
    parser.add_argument("workload")
    parser.add_argument("n", type=int)
    parser.add_argument("--turn-s", type=float, default=0.05, help="CPU seconds that a round takes at least")
    asked = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr  # what a peer prints is no answer
    module: Any = importlib.import_module(MODULES[asked.peer])
    run = module.make(asked.workload, asked.n)
    if run is None:
        print(json.dumps({"unsupported": True}), file=answers, flush=True)
        return
    with asyncio.Runner() as loop:
        wanted = workloads.expected(asked.workload, asked.n)
        if (got := loop.run(run())) != wanted:
            raise SystemExit(f"{asked.peer} {asked.workload}: got {got!r}, expected {wanted!r}")
        times = max(1, round(asked.turn_s / max(loop.run(cpu_s(run, 1)), 1e-6)))
        gc.collect()
        print(json.dumps({"times": times}), file=answers, flush=True)
        for _ in sys.stdin:
            cpu = loop.run(cpu_s(run, times))
            print(json.dumps(cpu / workloads.units(asked.workload, asked.n) * 1e6), file=answers, flush=True)


if __name__ == "__main__":
    main()
