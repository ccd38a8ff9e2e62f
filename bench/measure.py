"""One measurement in the environment of one peer: bare awaits and the peer by turns, CPU time, results checked first.

Prints one line of JSON. Started by ``run.py``; CPU time and the ratio over bare are worth quoting, wall time is not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import resource
import statistics
import time
from typing import Any

import workloads

MODULES = {"bare": "workloads", "burr": "burr_peer", "haystack": "haystack_peer", "ours": "ours"}


async def cpu_s(run: workloads.Runner, times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        await run()
    return (time.process_time() - started) / times


async def overhead(peer: str, workload: str, n: int, rounds: int) -> dict[str, Any]:
    """CPU microseconds per unit of the peer and of bare awaits, medians of rounds that alternate."""
    module: Any = importlib.import_module(MODULES[peer])
    bare = workloads.bare(workload, n)
    run = bare if peer == "bare" else module.make(workload, n)
    if run is None:
        return {"unsupported": True}
    wanted = workloads.expected(workload, n)
    for one in (bare, run):
        if (got := await one()) != wanted:
            raise SystemExit(f"{peer} {workload}: got {got!r}, expected {wanted!r}")
    bare_times = max(1, int(0.02 / max(await cpu_s(bare, 3), 1e-7)))
    peer_times = max(1, int(0.05 / max(await cpu_s(run, 1), 1e-7)))
    rows = []
    gc.collect()
    for _ in range(rounds):
        rows.append((await cpu_s(bare, bare_times), await cpu_s(run, peer_times)))
    return {
        "bare_us": statistics.median(bare for bare, _ in rows) / n * 1e6,
        "us": statistics.median(peer for _, peer in rows) / n * 1e6,
        "ratio": statistics.median(peer / bare for bare, peer in rows),
    }


async def memory(peer: str, workload: str, n: int) -> dict[str, Any]:
    """How much the process grows per unit while one large run is made, in bytes."""
    module: Any = importlib.import_module(MODULES[peer])
    await module.make(workload, 10)()
    run = module.make(workload, n)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await run()
    return {"bytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / n}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["overhead", "memory"])
    parser.add_argument("peer", choices=list(MODULES))
    parser.add_argument("workload", choices=list(workloads.SIZES))
    parser.add_argument("n", type=int)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    if asked.what == "memory":
        print(json.dumps(asyncio.run(memory(asked.peer, asked.workload, asked.n))))
    else:
        print(json.dumps(asyncio.run(overhead(asked.peer, asked.workload, asked.n, asked.rounds))))


if __name__ == "__main__":
    main()
