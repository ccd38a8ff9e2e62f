"""Stored runs as a table and as JSON data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table
from rich.text import Text

from flujo.cli.console import Page
from flujo.cli.drawing import OF_STATUS, mark_of
from flujo.cli.facts import Facts, data_of, usd_data
from flujo.cli.known import failure
from flujo.cli.tree import counted
from flujo.cli.wording import column, moment, one_line, short_id, span
from flujo.money import show_usd, total

if TYPE_CHECKING:
    from flujo.stores.records import RunSummary, StoredAsk, StoredRun


GAP = 2
FIGURES = ("took", "answers", "in doubt", "USD")
FIRST_TO_GO = ("answers", "took", "started (UTC)", "in doubt", "pipeline")
"""The columns that a narrow terminal goes without, the first of them first."""


def say_runs(runs: Sequence[RunSummary], waiting: Sequence[str] = ()) -> None:
    """One line per run, then how many there are of each status, what they cost, and what some of them wait for."""
    page = Page()
    if not runs:
        page.print(Text("no runs", style="dim"))
        return
    columns = {name: cells for name, cells in _columns(runs).items() if any(cell.plain for cell in cells)}
    for name in FIRST_TO_GO:
        if sum(_width(name, cells) + GAP for name, cells in columns.items()) - GAP > page.width:
            columns.pop(name, None)
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, GAP, 0, 0))
    for name, cells in columns.items():
        least = None if name == "pipeline" else _width(name, cells)  # what a pipeline is called may be cut, no figure
        side: Literal["left", "right"] = "right" if name in FIGURES else "left"
        table.add_column(name, justify=side, no_wrap=True, overflow="ellipsis", min_width=least)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    page.print(table)
    kinds = ", ".join(f"{number} {status}" for status, number in Counter(run.status for run in runs).items())
    known = total(run.cost_usd for run in runs if run.cost_usd is not None)
    page.print(Text(f"{counted(len(runs), 'run')}: {kinds}; {show_usd(known)} USD", style="dim"), soft_wrap=True)
    for line in waiting:
        page.print(Text(one_line(line), style="yellow"), soft_wrap=True)


def _columns(runs: Sequence[RunSummary]) -> dict[str, list[Text]]:
    """The cells of each column, by its name."""
    costs = column([run.cost_usd for run in runs if run.cost_usd is not None])
    columns: dict[str, list[Text]] = {}
    for run in runs:
        style = OF_STATUS.get(run.status, ("", ""))[1]
        took = "" if run.ended_at is None else span((run.ended_at - run.started_at).total_seconds())
        cells = {
            "run": Text(short_id(run.run_id), style="bold"),
            "status": Text.assemble(mark_of(run.status), (f" {one_line(run.status)}", style)),
            "pipeline": Text(one_line(run.pipeline)),
            "started (UTC)": Text(moment(run.started_at), style="dim"),
            "took": Text(took, style="dim"),
            "answers": Text(str(run.asks)),
            "in doubt": Text(str(run.in_doubt) if run.in_doubt else "", style="yellow"),
            "USD": Text("" if run.cost_usd is None else costs[run.cost_usd]),
        }
        for name, cell in cells.items():
            columns.setdefault(name, []).append(cell)
    return columns


def _width(name: str, cells: Sequence[Text]) -> int:
    return max(len(name), *(cell.cell_len for cell in cells))


def summary_data(run: RunSummary) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "pipeline": run.pipeline,
        "reference": run.reference,
        "started_at": run.started_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
        "known_cost_usd": usd_data(run.cost_usd),
        "answers": run.asks,
        "in_doubt": run.in_doubt,
    }


def run_data(run: StoredRun) -> dict[str, Any]:
    """All that is kept of a run, its events included."""
    facts = Facts()
    return {
        **summary_data(run.summary),
        "fingerprint": run.fingerprint,
        "input": data_of(run.input),
        "context": data_of(run.context_data),
        "limits": data_of(run.limits),
        "output": data_of(run.output),
        "error": run.error,
        "doubts": [data_of(doubt) for doubt in run.doubts],
        "resumes": [data_of(resume) for resume in run.resumes],
        "stored_answers": [ask_data(ask) for ask in run.asks],
        "events": None if run.events is None else [facts.of(event) for event in run.events],
    }


def ask_data(ask: StoredAsk) -> dict[str, Any]:
    """One answer as the store keeps it."""
    answer = ask.answer
    return {
        "path": ask.path,
        "number": ask.number,
        "at": ask.at.isoformat(),
        "value": data_of(answer.value),
        "error": None if answer.error is None else failure(answer.error)[1],
        "context_change": data_of(answer.context_change),
        "entries": data_of(answer.entries),
    }


def exported(run: StoredRun) -> Iterator[dict[str, Any]]:
    """Lines of one run: the run, then its events, or its answers so far if it has not ended."""
    run_id = run.summary.run_id
    yield {"event": "run", **summary_data(run.summary), "fingerprint": run.fingerprint}
    facts = Facts()
    for event in run.events or ():
        yield {"run_id": run_id, **facts.of(event)}
    if run.events is None:
        for ask in run.asks:
            yield {"run_id": run_id, "event": "stored_answer", **ask_data(ask)}
        for doubt in run.doubts:
            yield {"run_id": run_id, "event": "doubt", **data_of(doubt)}
