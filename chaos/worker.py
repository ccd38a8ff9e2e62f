"""One process of a run that is killed: it goes on with the run, answers its question, and prints how it ended.

Agents write down what they are asked in a file of their own, on the disk before they answer: what was asked how often
is known without the store.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flujo import (
    AgentOutput,
    Draft,
    Flujo,
    MergeStrategy,
    PipelineContext,
    PluginOutcome,
    Price,
    PriceTable,
    Rejection,
    Step,
    Usage,
    UsageLimits,
)

PRICES = PriceTable({"test:writer": Price(input="3", output="17")})
LIMITS = UsageLimits(total_cost_usd_limit="1")
QUESTION = "approve"


class Notes(PipelineContext):
    notes: list[str] = []


class Writer:
    """Answers after ``delay_s`` from its input alone; ``path`` is that of its step."""

    name, model, max_output_tokens = "writer", "test:writer", 40

    def __init__(self, path: str, log: str, delay_s: float) -> None:
        self.path, self.log, self.delay_s = path, log, delay_s

    def estimate_input(self, text: str) -> int:
        return 500

    async def run(self, text: str, *, feedback: Sequence[Rejection], context: Notes) -> AgentOutput[str]:
        attempt = f"{self.path}/attempt:{len(feedback) + 1}"
        self._note(attempt)
        await asyncio.sleep(self.delay_s)
        context.notes.append(attempt)
        usage = Usage(input_tokens=len(text), output_tokens=len(attempt))
        return AgentOutput(f"{text}{len(feedback)}", usage=usage, model=self.model)

    def _note(self, attempt: str) -> None:
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(f"{attempt}\n")
            file.flush()
            os.fsync(file.fileno())


class Once:
    """Rejects first drafts."""

    name, priority = "once", 0

    async def validate(self, draft: Draft) -> PluginOutcome:
        return PluginOutcome(draft["attempt"] > 1, "again")


def pipeline(log: str) -> Any:
    def step(path: str, delay_s: float, **options: Any) -> Any:
        return Step(path.rpartition("/")[2], Writer(path, log, delay_s), **options)

    branches = {
        "legal": step("fan/branch:legal/check", 0.1, plugins=[Once()]) >> step("fan/branch:legal/mend", 0.05),
        "facts": step("fan/branch:facts/check", 0.12) >> step("fan/branch:facts/mend", 0.1),
        "tone": step("fan/branch:tone/check", 0.03) >> step("fan/branch:tone/mend", 0.2),
    }
    fan = Step.parallel("fan", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)
    joined = Step("join", lambda outputs: "+".join(outputs.values()))
    ask: Any = Step.human_in_the_loop(QUESTION, "Publish it?", input_schema=bool)
    said = Step("said", lambda answer: str(answer))
    return step("write", 0.05, plugins=[Once()]) >> fan >> joined >> ask >> said >> step("publish", 0.1)


async def main(database: str, log: str, run_id: str) -> None:
    flow = Flujo(
        pipeline(log), store=f"sqlite:///{database}", context_model=Notes, cost_model=PRICES, usage_limits=LIMITS
    )
    print("ready", flush=True)
    result = await flow.run_async("rain", run_id=run_id)
    if result.status == "paused":
        result = await flow.resume_async(run_id, {QUESTION: "yes"})
    entries = [
        [entry.path, entry.outcome, str(entry.cost_usd if entry.cost_usd is not None else Decimal(-1))]
        for entry in result.ledger.entries
    ]
    notes = sorted(result.context.notes)
    print(json.dumps({"status": result.status, "output": result.output, "entries": entries, "notes": notes}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
