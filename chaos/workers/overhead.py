"""``python -m chaos.workers.overhead``: what a step costs on this store beside a step of DBOS, in one process and run.

Both are a workflow of DBOS, of so many steps that do the same nothing. A step of ours is an agent that is paid: its
intention is kept before the call, and its answer behind it. The ratio is the median of rounds.
"""

from __future__ import annotations

import statistics
import sys
import time

import anyio
from dbos import DBOS

from chaos.workers import flows
from flujo import AgentOutput, Flujo, Pipeline, Step, Usage
from flujo.distributed.worker import Worker, on_store
from tests.dbos.postgres import new_database

STEPS, ROUNDS, MOST = 60, 7, 1.5


class Nothing:
    model = "test:writer"

    async def run(self, text: str) -> AgentOutput[str]:
        return AgentOutput(text, usage=Usage(input_tokens=11, output_tokens=7))


@DBOS.step()
async def nothing(text: str) -> dict[str, object]:
    return {"output": text, "model": "test:writer", "input_tokens": 11, "output_tokens": 7}


@DBOS.workflow()
async def theirs() -> float:
    began = time.perf_counter()
    for _ in range(STEPS):
        await nothing("rain")
    return time.perf_counter() - began


async def both(worker: Worker, ours: Flujo[str, str]) -> tuple[float, float]:
    began = time.perf_counter()
    result = await ours.run_async("rain")
    took = time.perf_counter() - began
    assert (result.status, len(result.ledger.entries)) == ("completed", STEPS)
    return took, await theirs()


def main() -> int:
    pipeline: Pipeline[str, str] = Pipeline(tuple(Step(f"s{number}", Nothing()) for number in range(STEPS)))
    runner: Flujo[str, str] = Flujo(pipeline, cost_model=flows.PRICES)
    with new_database() as url, Worker(url, {"bench:none": runner}, poll_s=5.0) as worker:
        ours = on_store(runner, worker.store, "bench:none")
        rounds = [anyio.run(both, worker, ours) for _ in range(ROUNDS + 1)][1:]
    ratio = statistics.median(mine / plain for mine, plain in rounds)
    mine, plain = (1000 / STEPS * statistics.median(times) for times in zip(*rounds, strict=True))
    print(
        f"a step costs {mine:.2f} ms, a step of plain DBOS {plain:.2f} ms: {ratio:.2f} times, at most {MOST} "
        f"({ROUNDS} rounds of {STEPS} steps)"
    )
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
