"""Cassettes in a terminal: a table, one of them told, and what a scan found. Everything shown is inert."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flujo_testing.cassette.exchange import Data, Exchange
from flujo_testing.golden.inert import inert

MAX_SHOWN = 600
"""Characters of one value that are shown."""


def table(summaries: Sequence[Mapping[str, Any]]) -> None:
    """One line per cassette."""
    console = _console()
    if not summaries:
        console.print("no cassettes: record one with the fixture 'cassette' and --flujo-record=once")
        return
    rows = Table(box=None, header_style="bold", pad_edge=False)
    rows.add_column("test", overflow="fold")
    for name in ("answers", "tokens"):
        rows.add_column(name, justify="right")
    rows.add_column("models")
    for one in summaries:
        models = ", ".join(f"{model} x{times}" if times > 1 else model for model, times in one["models"].items())
        cells = (one["test"], one["answers"], one["tokens"], models)
        rows.add_row(*(Text(inert(str(cell))) for cell in cells))
    console.print(rows)
    console.print(f"{len(summaries)} cassettes, {sum(one['answers'] for one in summaries)} answers", style="dim")


def story(summary: Mapping[str, Any], exchanges: Sequence[Exchange]) -> None:
    """One cassette, exchange by exchange."""
    console = _console()
    console.print(Text(inert(summary["path"]), style="bold underline"))
    console.print(Text(inert(f"{summary['test']}: {summary['answers']} answers, {summary['tokens']} tokens")))
    for exchange in exchanges:
        console.print()
        console.print(Text.assemble((f"line {exchange.line}  ", "dim"), (inert(exchange.at), "bold cyan")))
        _lines(console, "asked", exchange.request)
        _lines(console, "answered", exchange.answer)


def findings(files: int, secrets: Sequence[str], corrupt: Sequence[str]) -> None:
    """What a scan found, and how much it looked at."""
    console = _console()
    for found in (*secrets, *corrupt):
        console.print(Text(inert(found), style="red"))
    style = "bold red" if secrets or corrupt else "bold green"
    console.print(f"{files} cassettes, {len(secrets)} with a secret, {len(corrupt)} that cannot be read", style=style)


def _lines(console: Console, head: str, data: Data) -> None:
    for name, value in data.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
        console.print(Text.assemble((f"  {head:9}", "dim"), (f"{inert(name)}: ", "yellow"), inert(shown)))
        head = ""


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
