"""What a fast fault audit costs: a generated suite with it and without it, in CPU time of whole pytest processes.

The tests take turns through six shapes of pipelines: retries after a verdict, a fallback, branches, a loop, a map, and
a nested pipeline under a limit. Each is small, and makes exact claims of its run; one in five has a golden.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from pertest import ANYIO, COLLECT, Project, cpu_ms, write

PIPELINES = """
from decimal import Decimal
from flujo import AgentError, Flujo, MergeStrategy, Pipeline, PipelineContext, Step, Usage, UsageLimits
from flujo_testing import EchoAgent, ScriptedAgent, ScriptedPlugin

class Notes(PipelineContext):
    drafts: list[str] = []

SPENT = Usage(input_tokens=120, output_tokens=40)
ONE = Decimal("0.00104")

def writer(*answers):
    return ScriptedAgent(*answers, model="test:writer", usage=SPENT, max_output_tokens=40, estimate_input=120)

def judged(i):
    plugin = ScriptedPlugin("fewer words", True, name="short")
    return Step("write", writer(f"grey {i}", f"rain {i}"), plugins=[plugin]) >> Step("echo", EchoAgent())

def saved(i):
    failure = AgentError("overloaded", usage=SPENT, model="test:writer")
    return Step("write", writer(failure), max_retries=0, fallback=Step("saved", writer(f"rain {i}")))

def noting(name, i):
    async def note(x, *, context):
        context.drafts.append(f"{name} {i}")
        return f"{x}, {name}"
    return note

def beside(i):
    branches = {name: Step("note", noting(name, i)) >> Step("write", writer(f"{name} {i}")) for name in "abc"}
    return Step.parallel("fan", branches, merge_strategy=MergeStrategy.CONTEXT_UPDATE)

def refined(i):
    return Step.loop_until("refine", Step("write", writer("grey", "rain")), lambda text: text == "rain", max_loops=3)

def each(i):
    return Step.map_over("each", Step("write", writer("grey", "rain")), lambda text: text.split())

def nested(i):
    inner = Pipeline((Step("one", writer("grey")), Step("two", writer("rain")), Step("three", writer())))
    return inner.as_step("inner", usage_limits=UsageLimits(total_cost_usd_limit=2 * ONE))

SHAPES = (judged, saved, beside, refined, each, nested)

def pipeline(i):
    return SHAPES[i % len(SHAPES)](i)

def claims(result):
    attempts = [step.attempts for step in result.step_history]
    return result.status, result.output, result.total_cost_usd, attempts, result.context.drafts

def expected(i):
    return (
        ("completed", f"rain {i}", 2 * ONE, [2, 1], []),
        ("completed", f"rain {i}", 2 * ONE, [1], []),
        ("completed", {name: f"{name} {i}" for name in "abc"}, 3 * ONE, [0], [f"{name} {i}" for name in "abc"]),
        ("completed", "rain", 2 * ONE, [0], []),
        ("completed", ["grey", "rain"], 2 * ONE, [0], []),
        ("failed", None, 2 * ONE, [0], []),
    )[i % len(SHAPES)]
"""
SUITE = Project(
    "audited",
    f"{ANYIO}from pipelines import Notes, claims, expected, pipeline\n",
    "async def test_{i}(flujo_run, golden):\n"
    "    result = await flujo_run(pipeline({i}), 'rain {i}', context_model=Notes)\n"
    "    assert claims(result) == expected({i})\n"
    "    if {i} % 30 < 6:\n"
    "        golden.check(result)\n",
    ("anyio", "syrupy", "ours"),
    ("--flujo-lint=off", "--golden=update"),
    ("--flujo-lint=off", "--golden=check"),
    PIPELINES,
)
AUDIT = (*SUITE.check, "--flujo-audit=fast")


def measured(tests: int, rounds: int) -> dict[str, float]:
    """Medians over rounds; ``alone``: without what starting and collecting took."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "audited")
        write(SUITE, folder, tests)
        cpu_ms(SUITE, folder, *SUITE.record)
        turns = ((COLLECT, *SUITE.check), SUITE.check, AUDIT)
        rows = [[cpu_ms(SUITE, folder, *options) for options in turns] for _ in range(rounds)]
        facts = folder / "audit.json"
        cpu_ms(SUITE, folder, *AUDIT, f"--flujo-audit-json={facts}")
        told = json.loads(facts.read_text(encoding="utf-8"))
    return {
        "clean ms": statistics.median(clean for _, clean, _ in rows),
        "audit ms": statistics.median(audit for _, _, audit in rows),
        "ratio": statistics.median(audit / clean for _, clean, audit in rows),
        "ratio alone": statistics.median((audit - start) / (clean - start) for start, clean, audit in rows),
        "passes per test": told["passes"] / tests,
        "noticed": told["score"]["noticed"],
        "infected": told["score"]["infected"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(json.dumps(measured(asked.tests, asked.rounds), indent=1))


if __name__ == "__main__":
    main()
