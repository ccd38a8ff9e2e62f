"""The example, run as it is shown, and changed in three ways of which each must be told in words."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import takewhile

import anyio.to_thread
import pytest
from openai import AsyncOpenAI
from rich.console import Console

from examples.support_triage.__main__ import main
from examples.support_triage.comparison import ANSWERS, GOLDEN, ROOT, UPDATE, tell_changes
from examples.support_triage.pipeline import PRICES, SMALL, Setup, build, max_words, no_promises
from examples.support_triage.prompts import Prompts
from examples.support_triage.tickets import EXAMPLE
from flujo import Price, PriceTable
from flujo_testing import FlujoRun
from flujo_testing.clock import VirtualClock
from flujo_testing.golden.assertion import Golden
from flujo_testing.recordings import Replay
from flujo_testing.server import LLMServer

on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # as the demonstration itself

COLOURS = {"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"}
"""With these, rich draws for a terminal where there is none, or for another width."""


WIDTH = 200
"""Columns of a line, in which a line about a branch fits."""


def console_of(text: io.StringIO, width: int = WIDTH, *, terminal: bool = False) -> Console:
    return Console(file=text, width=width, highlight=False, force_terminal=terminal, legacy_windows=False, _environ={})


async def demonstrated(setup: Setup) -> tuple[int, str]:
    """Exit code and what is printed after the progress."""
    text = io.StringIO()
    code = await main(console_of(text), setup)
    *_, told = text.getvalue().partition("\n\n")[2].partition("\n\n")
    return code, told


async def test_the_example_ticket_is_answered(
    flujo_run: FlujoRun, golden: Golden, llm_server: LLMServer, virtual_clock: VirtualClock
) -> None:
    llm_server.answer_from(ANSWERS)
    async with AsyncOpenAI(base_url=llm_server.url, api_key="none") as client:
        result = await flujo_run(build(client, Setup()), EXAMPLE, context_data={"ticket": EXAMPLE})
    golden.check(result)


@on_asyncio
async def test_a_run_as_in_its_golden_is_told_with_what_it_cost(virtual_clock: VirtualClock) -> None:
    code, told = await demonstrated(Setup())
    lines = [line.rstrip() for line in told.splitlines()]
    assert code == 0
    assert lines[0] == "Reply (team billing): send it"
    assert lines[-1] == f"  {GOLDEN}"
    rows = [line.split() for line in lines]
    assert ["classify", "1", "268", "0", "43", "0.0001760"] in rows
    assert ["draft/draft_small", "1", "229", "128", "83", "0.0001860"] in rows
    assert ["review/policy/read", "1", "316", "128", "21", "0.0001216"] in rows
    assert [f"openai:{SMALL}", "5", "1436", "512", "186", "0.0007184"] in rows


@on_asyncio
async def test_a_changed_price_is_told(virtual_clock: VirtualClock) -> None:
    dearer = Price(input="0.80", cache_read="0.10", output="1.60")
    prices = PriceTable({**PRICES.rows, f"openai:{SMALL}": dearer})
    code, told = await demonstrated(replace(Setup(), prices=prices))
    assert code == 1
    assert told.splitlines()[:3] == [
        f"This run tells another story than {GOLDEN}:",
        "  paid usd of classify/attempt:1: 0.000176 -> 0.0002832",
        "  paid usd of draft/fallback:draft_small/attempt:1: 0.000186 -> 0.0002264",
    ]
    assert told.endswith(f"\nIf that is what you want, accept it and read the diff of the golden:\n  {UPDATE}\n")


@on_asyncio
@pytest.mark.flujo_schedules(0, reason="the run stops at the changed prompt: how far others came depends")
async def test_a_changed_prompt_is_told_with_what_to_do(virtual_clock: VirtualClock) -> None:
    prompts = replace(Prompts(), policy="You review an answer. Does it promise anything?")
    code, told = await demonstrated(replace(Setup(), prompts=prompts))
    assert code == 1
    assert told == (
        f"This run tells another story than {GOLDEN}:\n"
        "  prompt changed: input[0].content of review/branch:policy/read/attempt:1:"
        " ...You review an answer before it is sent. Only billing may grant money or dates. D..."
        ' -> ...You review an answer. Does it promise anything?"\n'
        "  ... and what follows from it, because the run stopped there\n"
        "\n"
        "A prompt changed, and examples/support_triage/answers.yaml has no answer to the new one:\n"
        "  the first request there that was not made is in line 488 (exchange 8)\n"
        "\n"
        "If that is what you want:\n"
        "  1. put the new prompt into each request of examples/support_triage/answers.yaml that has\n"
        "     the old one, and below it what the model answers to it;\n"
        "  2. run this again until every request is answered;\n"
        "  3. accept the new story, and read the diff of the golden:\n"
        f"     {UPDATE}\n"
    )


@on_asyncio
async def test_a_dropped_plugin_is_told(virtual_clock: VirtualClock) -> None:
    """The draft that it no longer rejects is one that the reviewers were never asked about."""
    code, told = await demonstrated(replace(Setup(), rules=(max_words,)))
    assert code == 1
    lines = told.splitlines()
    assert lines[:4] == [
        f"This run tells another story than {GOLDEN}:",
        "  plugin no_promises no longer runs in draft/attempt:1",
        "  plugin max_words now runs in draft/attempt:1",
        "  backoff 1 of draft: {delay_s: 0.25} -> nothing",
    ]
    assert lines[10].startswith("  prompt changed: input[1].content of review/branch:tone/read/attempt:1: ")
    assert lines[11:15] == [
        "  ... and what follows from it, because the run stopped there",
        "",
        "A prompt changed, and examples/support_triage/answers.yaml has no answer to the new one:",
        "  the first request there that was not made is in line 156 (exchange 3)",
    ]


@on_asyncio
async def test_the_other_dropped_plugin_is_told(virtual_clock: VirtualClock) -> None:
    code, told = await demonstrated(replace(Setup(), rules=(no_promises,)))
    assert code == 1
    assert told.splitlines()[1:3] == [
        "  plugin max_words no longer runs in draft/attempt:3",
        "  draft/fallback:draft_small is gone",
    ]


def test_a_missing_golden_is_told_with_how_to_write_it() -> None:
    text = io.StringIO()
    tell_changes(console_of(text), None, Replay())
    assert text.getvalue() == f"\n{GOLDEN} does not exist. To write it:\n  {UPDATE}\n"


RUNNING_TOTAL = re.compile(r"paid (\S+) USD: (\S+) spent, (\S+) left$")


def told_in_order(text: str) -> list[str]:
    """The lines as they stand, but one branch after the other where they run at once, and come as answers arrive.

    The running totals, which tell that order, are checked here against what was paid up to each line, and left out.
    """
    spent, lines = Decimal(0), list[str]()
    limit = Setup().budget.total_cost_usd_limit or Decimal(0)
    for line in text.splitlines():
        if found := RUNNING_TOTAL.search(line):
            spent += Decimal(found[1])
            assert (Decimal(found[2]), Decimal(found[3])) == (spent, limit - spent)
            line = RUNNING_TOTAL.sub(r"paid \1 USD", line)
        lines.append(line)
    begun = 1 + next(at for at, line in enumerate(lines) if line.endswith("starts its branches at once"))
    of_branches = list(takewhile(lambda line: line.startswith("review/"), lines[begun:]))
    lines[begun : begun + len(of_branches)] = sorted(of_branches, key=lambda line: line.split("/")[1])
    return lines


@on_asyncio
@pytest.mark.flujo_schedules(0, reason="it is compared with a process of its own, which runs in an order of its own")
async def test_the_same_is_told_on_a_terminal_and_in_a_pipe(virtual_clock: VirtualClock) -> None:
    """In a pipe there is no control character; the command, run as it is written, prints the same."""
    piped, terminal = io.StringIO(), io.StringIO()
    assert await main(console_of(piped), Setup()) == 0
    assert await main(console_of(terminal, 80, terminal=True), Setup()) == 0
    assert [c for c in piped.getvalue() if c != "\n" and not c.isprintable()] == []
    assert "\x1b[" in terminal.getvalue()
    done = await anyio.to_thread.run_sync(as_command)
    assert (done.returncode, done.stderr) == (0, "")
    assert told_in_order(done.stdout) == told_in_order(piped.getvalue())


def as_command() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.support_triage"]
    environ = {name: value for name, value in os.environ.items() if name not in COLOURS} | {"COLUMNS": str(WIDTH)}
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, encoding="utf-8", check=False, timeout=120
    )
