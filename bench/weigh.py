"""How much memory one run of ours keeps and takes, per unit, in bytes. A process of its own for every figure.

``kept`` is what the result holds on to (transcript, ledger, context, the outputs of the workload), ``peak`` the most
there was at any moment: both counted exactly by tracemalloc. ``unkept`` is the most that a run took at any moment that
keeps no transcript and tells a listener all. ``grown`` is how much the process grew, as the system sees it, without
tracing: coarser, and it includes what the allocator did not give back.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import tracemalloc
from typing import Any

import ours
import workloads


async def traced(workload: str, n: int, **options: Any) -> dict[str, float]:
    run: Any = ours.results(workload, n, **options)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    result = await run()
    gc.collect()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    check(workload, n, result)
    units = workloads.units(workload, n)
    return {"kept": (after - before) / units, "peak": (peak - before) / units}


async def unkept(workload: str, n: int) -> dict[str, float]:
    return {"unkept": (await traced(workload, n, keep_transcript=False, listeners=[lambda event: None]))["peak"]}


async def grown(workload: str, n: int) -> dict[str, float]:
    run: Any = ours.results(workload, n)
    gc.collect()
    before = most_resident_bytes()
    result = await run()
    after = most_resident_bytes()
    check(workload, n, result)
    return {"grown": (after - before) / workloads.units(workload, n)}


def most_resident_bytes() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def check(workload: str, n: int, result: Any) -> None:
    if result.output != workloads.expected(workload, n):
        raise SystemExit(f"{workload}: got {result.output!r}: {result.error}")


async def weighed(what: str, workload: str, n: int) -> dict[str, float]:
    weigh = {"traced": traced, "unkept": unkept, "grown": grown}[what]
    await weigh(workload, 10)  # what is made once per process is made now
    return await weigh(workload, n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["traced", "unkept", "grown"])
    parser.add_argument("workload")
    parser.add_argument("n", type=int)
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(weighed(asked.what, asked.workload, asked.n))))


if __name__ == "__main__":
    main()
