"""Prices in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flujo.cli.inert import inert
from flujo.price_list.cost_model import KINDS

UNITS = [*KINDS]


def table(rows: Sequence[Mapping[str, Any]], source: str) -> None:
    """A line per price. Of a context only those prices are shown that differ from the standard ones above it."""
    console = Console(highlight=False)
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model, context", "unit", "USD"):
        grid.add_column(name, overflow="fold")
    standard: Mapping[str, str] = {}
    for row in rows:
        context = row["context"]
        standard = {} if context is None else standard
        prices = {unit: usd for unit, usd in row["usd"].items() if standard.get(unit) != usd}
        standard = standard or prices
        head = row["model"] if context is None else f"  {context}"
        nothing = "no price" if context is None else "the same"
        for unit in sorted(prices, key=_place) or [""]:
            grid.add_row(*(Text(inert(cell)) for cell in (head, unit.removesuffix("_mtok"), prices.get(unit, nothing))))
            head = ""
    console.print(grid)
    models = {row["model"] for row in rows}
    console.print(f"{len(models)} models, USD per million tokens or per unit as named", style="dim")
    console.print(Text(inert(source), style="dim"))


def _place(unit: str) -> tuple[int, str]:
    """Kinds of tokens in the order of every bill, then the other units."""
    return (UNITS.index(unit) if unit in UNITS else len(UNITS)), unit
