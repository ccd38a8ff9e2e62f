"""Pipelines that workers serve here and in tests. Each call of an agent leaves a line in the file that CALLS names."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import anyio

from flujo import AgentOutput, Flujo, PriceTable, Step, Usage
from flujo.prices import Price

CALLS = "FLUJO_TEST_CALLS"
PAUSE_S = "FLUJO_TEST_PAUSE_S"
PRICES = PriceTable({"test:writer": Price(input="3", output="17")})
HERE = "chaos.workers.flows"


class Caller:
    """Is paid for every call. Answers ``RUN WHAT#TIME TOKEN``: of which run, what, the how-manieth, which call."""

    model = "test:writer"

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, given: Any) -> AgentOutput[str]:
        run, *before = str(next(iter(given.values())) if isinstance(given, dict) else given).split()
        name, _, time = before[0].partition("#") if before else ("", "", "")
        number = int(time) + 1 if time and name == self.name else 1  # it was the answer to the round before
        what = f"{self.name}#{number}" if time else f"{self.name}{name}#1"
        token = uuid.uuid4().hex[:12]
        note(f"{run} {what} {token} {os.getpid()}\n")
        await anyio.sleep(float(os.environ.get(PAUSE_S, "0")))
        return AgentOutput(f"{run} {what} {token}", usage=Usage(input_tokens=11, output_tokens=7))


def note(line: str) -> None:
    """At once: who is killed leaves whole lines."""
    if (file := os.environ.get(CALLS)) is not None:
        with Path(file).open("ab", buffering=0) as calls:
            calls.write(line.encode())


def call(name: str) -> Step[Any, str]:
    return Step(name, Caller(name))


def is_third(text: str) -> bool:
    return "#3 " in text


def halves(text: str) -> list[str]:
    return [f"{text.split()[0]} {half}" for half in ("left", "right")]


short = Flujo(call("a") >> call("b"), cost_model=PRICES, name="short")
long = Flujo(
    call("begin")
    >> Step.parallel("fan", {name: call(name) for name in ("x", "y", "z")})
    >> call("join")
    >> Step.loop_until("rounds", call("round"), is_third, max_loops=4)
    >> Step.map_over("each", call("item"), halves)
    >> call("end"),
    cost_model=PRICES,
    name="long",
)
asking = Flujo(
    call("draft") >> Step.human_in_the_loop("ask", "Publish?") >> call("publish"), cost_model=PRICES, name="asking"
)
changed = Flujo(call("a") >> call("c"), cost_model=PRICES, name="short")
