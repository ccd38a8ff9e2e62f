"""``python -m examples.support_triage``: answers one ticket, and tells whether the run is as in its golden.

The OpenAI SDK is the real one; a server in the same process answers it from ``answers.yaml``, over loopback. No
key is needed and nothing leaves the machine. Exits with 1 if the run tells another story than its golden.
"""

from __future__ import annotations

import sys
from decimal import Decimal

import anyio
from openai import AsyncOpenAI
from rich.console import Console

from examples.support_triage.comparison import ANSWERS, GOLDEN, changes, stop_at_a_miss, tell_changes
from examples.support_triage.lines import say
from examples.support_triage.pipeline import Setup, build
from examples.support_triage.progress import Progress
from examples.support_triage.report import tell_costs, tell_reply
from examples.support_triage.tickets import EXAMPLE
from flujo_testing.golden import GoldenError
from flujo_testing.server import LLMServer


async def main(console: Console, setup: Setup) -> int:
    """Answer the example ticket; returns the exit code."""
    server = LLMServer()
    replay = server.answer_from(ANSWERS)
    progress = Progress(console, setup.budget.total_cost_usd_limit or Decimal(0))
    listeners = (progress.told, stop_at_a_miss(replay))
    say(console, f'Ticket {EXAMPLE.number} from {EXAMPLE.customer}: "{EXAMPLE.subject}"\n', "bold")
    async with server.serving(), AsyncOpenAI(base_url=server.url, api_key="no key needed") as client:
        runner = build(client, setup, listeners)
        with progress.shown():
            result = await runner.run_async(EXAMPLE, context_data={"ticket": EXAMPLE})
    try:
        found = changes(result)
    except GoldenError as error:
        say(console, f"\n{error}", "bold red")
        return 1
    if found is None or found:
        tell_changes(console, found, replay)
        return 1
    tell_reply(console, result.output)
    tell_costs(console, result)
    say(console, f"\nThe run is as in its golden transcript:\n  {GOLDEN}", "bold green")
    return 0


if __name__ == "__main__":
    sys.exit(anyio.run(main, Console(highlight=False), Setup()))
