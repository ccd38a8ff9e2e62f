"""What is printed of a run that went as expected: the reply, and what it cost by step and by model."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table

from examples.support_triage.lines import say
from examples.support_triage.progress import place_of
from examples.support_triage.tickets import Reply
from flujo import PipelineResult, Usage
from flujo.entries import LedgerEntry
from flujo.execution.ledger import Ledger
from flujo.money import show_usd


def tell_reply(console: Console, reply: Reply) -> None:
    """The decision, what the reviewers said, and the text for the customer."""
    decision = "send it" if reply.send else f"hold it for a person of team {reply.queue}"
    say(console, f"\nReply (team {reply.queue}): {decision}", "bold")
    for reviewer, note in reply.notes.items():
        say(console, f"  {reviewer + ':':<8} {note}", indent=11)
    say(console, f"\n  {reply.text}\n", indent=2)


def tell_costs(console: Console, result: PipelineResult) -> None:
    """A table by step, one by model, and the ledger's total."""
    ledger = result.ledger
    console.print(costs("step", ledger, lambda entry: place_of(entry.step)))
    console.print(costs("model", ledger, lambda entry: entry.model or "unknown"))
    rejected = show_usd(result.cost_by("outcome").get("rejected", Decimal(0)))
    say(console, f"Total of the ledger: {total_of(ledger)}, of which {rejected} for rejected drafts", "bold")


def costs(what: str, ledger: Ledger, group: Callable[[LedgerEntry], str]) -> Table:
    """Calls, tokens and USD by group, and their sum; all tokens that went in include the cached ones."""
    table = Table(title=f"Cost by {what}", title_justify="left", title_style="bold")
    table.box, table.show_edge, table.pad_edge = box.SIMPLE_HEAD, False, False
    table.add_column(what, no_wrap=True)
    for column in ("calls", "input", "cached", "output", "USD"):
        table.add_column(column, justify="right", no_wrap=True)
    groups: dict[str, list[LedgerEntry]] = {}
    for entry in ledger.entries:
        groups.setdefault(group(entry), []).append(entry)
    for name, entries in groups.items():
        table.add_row(name, *figures(Ledger(tuple(entries))))
    table.add_section()
    table.add_row("all", *figures(ledger))
    return table


def figures(ledger: Ledger) -> list[str]:
    usage: Usage = ledger.usage
    known = f"{ledger.known_cost_usd:.7f}"
    counts = (len(ledger.entries), usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)
    return [*map(str, counts), f">= {known}" if ledger.unpriced_requests else known]


def total_of(ledger: Ledger) -> str:
    """The exact total, or the bounds of one that nobody knows."""
    if ledger.total_cost_usd is not None:
        return f"{show_usd(ledger.total_cost_usd)} USD"
    most = ledger.possible_cost_usd
    upper = "no upper bound" if most is None else f"at most {show_usd(most)}"
    return f"at least {show_usd(ledger.known_cost_usd)} USD, {upper}"
