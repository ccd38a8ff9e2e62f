"""What a step costs on a SQLite store, and what going on with a run does. Prints one line of JSON.

A run of 500 steps that count, on a store, by turns with the plainest durable log there is that does not hold up the
event loop either: one line appended and synced for each answer, in a thread. CPU time of the process, all threads. Then
runs of 500, 1,000 and 2,000 steps whose end is taken out of the store go on: nobody is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flujo import Flujo, Pipeline, Step
from flujo.stores.sqlite import SQLiteStore

STEPS = 500
FORGET = "UPDATE runs SET status = NULL, last_status = NULL, log = NULL"
RESUMED = (500, 1_000, 2_000)


class Counts:
    """An agent that counts its calls."""

    name = "counts"

    def __init__(self) -> None:
        self.calls = 0

    async def run(self, x: int) -> int:
        self.calls += 1
        return x + 1


def row(agent: Counts, steps: int) -> Pipeline:
    return Pipeline(tuple(Step(f"s{number}", agent) for number in range(steps)))


async def us_on_a_store(runner: Flujo, run_id: str) -> float:
    gc.collect()
    started = time.process_time()
    result = await runner.run_async(0, run_id=run_id)
    took = time.process_time() - started
    if result.output != STEPS:
        raise SystemExit(f"got {result.output!r}, not {STEPS}: {result.error}")
    return took / STEPS * 1e6


async def us_on_a_log(file: Path, run_id: str, *, in_thread: bool = True) -> float:
    """One line for each answer, written and synced one by one."""
    loop = asyncio.get_running_loop()

    def append(line: bytes) -> None:
        log.write(line)
        os.fsync(log.fileno())

    gc.collect()
    with file.open("ab", buffering=0) as log, ThreadPoolExecutor(1) as thread:
        started = time.process_time()
        for number in range(STEPS):
            line = json.dumps([run_id, f"s{number}/attempt:1", number + 1]).encode() + b"\n"
            if in_thread:
                await loop.run_in_executor(thread, append, line)
            else:
                append(line)
        return (time.process_time() - started) / STEPS * 1e6


async def us_to_go_on(folder: Path, steps: int) -> float:
    """CPU microseconds per step of a run that goes on after all of its steps, without its end."""
    agent = Counts()
    store = SQLiteStore(folder / f"resumed-{steps}.db")
    runner = Flujo(row(agent, steps), store=store)
    await runner.run_async(0, run_id="r")
    took = []
    for _ in range(3):
        store._database.write_now(lambda db: db.execute(FORGET))
        gc.collect()
        started = time.process_time()
        result = await runner.run_async(0, run_id="r")
        took.append((time.process_time() - started) / steps * 1e6)
        if (result.output, agent.calls) != (steps, steps):
            raise SystemExit(f"went on to {result.output!r} after {agent.calls} calls for {steps} steps")
    store.close()
    return min(took)


async def measured(rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DISK")) as name:
        folder = Path(name)
        store = SQLiteStore(folder / "runs.db")
        runner = Flujo(row(Counts(), STEPS), store=store)
        await us_on_a_store(runner, "first")
        turns = []
        for number in range(rounds):
            ours = await us_on_a_store(runner, f"run-{number}")
            log = await us_on_a_log(folder / "log", f"run-{number}")
            blocking = await us_on_a_log(folder / "log", f"run-{number}", in_thread=False)
            turns.append((ours, log, blocking))
        store.close()
        going_on = {steps: await us_to_go_on(folder, steps) for steps in RESUMED}
    few, some, many = (going_on[steps] for steps in RESUMED)
    return {
        "us": statistics.median(ours for ours, _, _ in turns),
        "log_us": statistics.median(log for _, log, _ in turns),
        "blocking_us": statistics.median(blocking for _, _, blocking in turns),
        "ratio": statistics.median(ours / log for ours, log, _ in turns),
        "blocking_ratio": statistics.median(ours / blocking for ours, _, blocking in turns),
        "resume_us": some,
        "resume_1000_over_500": some / few,
        "resume_2000_over_1000": many / some,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    print(json.dumps(asyncio.run(measured(parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
