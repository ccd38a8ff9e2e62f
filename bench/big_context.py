"""What a step costs that counts in a context of 10 MB, over what it costs in one of 1 kB. Prints one line of JSON.

The steps time themselves: the first of a run notes the CPU time, the last one takes the difference. So the loading
of the context, which grows with it and happens once per run, is left out. Rounds of both alternate in one process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import time
from typing import Any

from flujo import Flujo, Pipeline, PipelineContext, Step

STEPS = 2_000
SIZES = {"small": 1_000, "big": 10_000_000}


class Context(PipelineContext):
    count: int = 0
    rows: list[dict[str, Any]] = []


class Stopwatch:
    """CPU seconds between its two steps."""

    def __init__(self) -> None:
        self.started = self.took = 0.0

    async def start(self, x: int) -> int:
        self.started = time.process_time()
        return x

    async def stop(self, x: int) -> int:
        self.took = time.process_time() - self.started
        return x


async def touch(x: int, *, context: Context) -> int:
    context.count += 1
    return x


def rows(size: int) -> list[dict[str, Any]]:
    """About so many bytes as JSON, in small objects: what is hardest to copy."""
    row = {"id": 0, "name": "item0", "scores": [0.1, 0.2, 0.3]}
    return [{**row, "id": i, "scores": [0.1, 0.2, 0.3]} for i in range(size // len(json.dumps(row)))]


async def us_per_step(runner: Flujo, watch: Stopwatch, data: list[dict[str, Any]]) -> float:
    gc.collect()
    result = await runner.run_async(0, context_data={"rows": data})
    if result.context.count != STEPS:
        raise SystemExit(f"the steps counted to {result.context.count}, not to {STEPS}: {result.error}")
    return watch.took / STEPS * 1e6


async def measured(rounds: int) -> dict[str, float]:
    watch = Stopwatch()
    steps = [Step("start", watch.start), *(Step(f"s{i}", touch) for i in range(STEPS)), Step("stop", watch.stop)]
    runner = Flujo(Pipeline(tuple(steps)), context_model=Context)
    data = {name: rows(size) for name, size in SIZES.items()}
    await us_per_step(runner, watch, data["small"])
    pairs = [[await us_per_step(runner, watch, data[name]) for name in SIZES] for _ in range(rounds)]
    return {
        "small_us": statistics.median(small for small, _ in pairs),
        "big_us": statistics.median(big for _, big in pairs),
        "ratio": statistics.median(big / small for small, big in pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    print(json.dumps(asyncio.run(measured(parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
